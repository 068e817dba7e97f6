"""Where the pages of an RNTuple's field lie, and how a page is decoded.

The format: https://github.com/root-project/root, tree/ntuple/doc/BinaryFormatSpecification.md,
version 1.0; its sections are named below.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from uproot.const import RNTupleFieldRole

from analysis.events import IntArray
from analysis.reading.columns import UnknownLayoutError
from analysis.reading.decompression import Bytes

NUMBERS = {
    0x01: "u1", 0x02: "u1", 0x03: "i1", 0x04: "u1",
    0x05: "<i2", 0x06: "<u2", 0x07: "<i4", 0x08: "<u4", 0x09: "<i8", 0x0A: "<u8",
    0x0C: "<f4", 0x0D: "<f8",
    0x12: "<u2", 0x14: "<u4", 0x16: "<u8", 0x18: "<f4", 0x19: "<f8",
    0x11: "<i2", 0x13: "<i4", 0x15: "<i8",
    0x0E: "<u4", 0x0F: "<u8", 0x1A: "<u4", 0x1B: "<u8",
}  # fmt: skip
"""Type of an element in memory, by type of the column (section "Column Description")."""

SPLIT = frozenset({0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x18, 0x19, 0x1A, 0x1B})
"""Column types whose pages have all first bytes of the elements, then all second ones."""

ZIGZAG = frozenset({0x11, 0x13, 0x15})
"""Column types with the sign in the last bit."""

DELTA = frozenset({0x1A, 0x1B})
"""Column types with the difference to the element before in the page."""


@dataclass(frozen=True)
class PageTable:
    """The pages of one column over all clusters.

    Attributes:
        type: of the column.
        seeks: position of each page in the file, shape (n_pages,).
        sizes: its bytes in the file.
        bounds: elements of page i are ``bounds[i]`` to ``bounds[i + 1]``, counted over the whole
            ntuple, shape (n_pages + 1,).
        clusters: first element of each cluster, and the number of all, shape (n_clusters + 1,).
    """

    type: int
    seeks: IntArray
    sizes: IntArray
    bounds: IntArray
    clusters: IntArray

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of an element in memory."""
        return np.dtype(NUMBERS[self.type])

    def covering(self, first: int, last: int) -> slice:
        """The pages that hold the elements from first up to and without last."""
        if first >= last:
            return slice(0, 0)
        start = int(np.searchsorted(self.bounds, first, side="right")) - 1
        return slice(start, int(np.searchsorted(self.bounds, last, side="left")))


@dataclass(frozen=True)
class FieldTable:
    """The pages of a number, or of a list of numbers.

    Attributes:
        values: of the numbers.
        ends: for a list, where the numbers of each entry end in their cluster.
    """

    values: PageTable
    ends: PageTable | None


def field_table(ntuple: Any, name: str) -> FieldTable:
    """The pages of a field, if it is one that the fast reader knows.

    Args:
        ntuple: uproot's RNTuple.
        name: of a number, of a list of numbers, or of a member of the structures in a list.

    Raises:
        UnknownLayoutError: other fields; columns in several encodings or added later.
    """
    records = ntuple.field_records
    columns: dict[int, list[Any]] = {}
    for column in ntuple.column_records:
        columns.setdefault(column.field_id, []).append(column)
    leaf = int(ntuple[name].field_id)
    if records[leaf].struct_role == RNTupleFieldRole.COLLECTION:
        children = [
            i for i, record in enumerate(records) if record.parent_field_id == leaf and i != leaf
        ]
        if len(children) != 1:
            raise UnknownLayoutError(f"{name} is a list of structures")
        leaf = children[0]
    lists = []
    field = leaf
    while records[field].parent_field_id != field:
        field = records[field].parent_field_id
        if records[field].struct_role == RNTupleFieldRole.COLLECTION:
            lists.append(field)
        elif records[field].struct_role != RNTupleFieldRole.RECORD:
            raise UnknownLayoutError(f"{name} is part of a {records[field].type_name}")
    plain = (
        records[leaf].struct_role == RNTupleFieldRole.LEAF
        and records[leaf].repetition == 0
        and "RNTupleCardinality" not in records[leaf].type_name
    )
    if len(lists) > 1 or not plain:
        raise UnknownLayoutError(f"{name} is a {records[leaf].type_name} in {len(lists)} lists")
    return FieldTable(
        _page_table(ntuple, columns.get(leaf, []), name),
        _page_table(ntuple, columns.get(lists[0], []), name) if lists else None,
    )


def _page_table(ntuple: Any, columns: list[Any], name: str) -> PageTable:
    """The pages of a field's only column."""
    if len(columns) != 1 or columns[0].type not in NUMBERS or columns[0].first_element_index:
        raise UnknownLayoutError(f"{name} has columns {[column.type for column in columns]}")
    index = columns[0].idx
    pages: list[tuple[int, int, int]] = []
    per_cluster = []
    for cluster in ntuple.page_link_list:
        if index >= len(cluster) or cluster[index].suppressed:
            raise UnknownLayoutError(f"{name} is not in all clusters")
        own = [
            (page.locator.offset, page.locator.num_bytes, page.num_elements)
            for page in cluster[index].pages
        ]
        pages += own
        per_cluster.append(sum(elements for _, _, elements in own))
    table = np.array(pages, np.int64).reshape(-1, 3)
    return PageTable(
        type=columns[0].type,
        seeks=table[:, 0],
        sizes=table[:, 1],
        bounds=np.concatenate([[0], np.cumsum(table[:, 2])]).astype(np.int64),
        clusters=np.concatenate([[0], np.cumsum(per_cluster)]).astype(np.int64),
    )


def decode(page: Bytes, kind: int) -> npt.NDArray[np.generic]:
    """The elements of a decompressed page (section "Encodings").

    Args:
        page: its bytes.
        kind: type of the column.
    """
    dtype = np.dtype(NUMBERS[kind])
    if kind not in SPLIT:
        return np.frombuffer(page, dtype)
    size = dtype.itemsize
    parts = np.frombuffer(page, np.uint8).reshape(size, -1)
    words: npt.NDArray[Any] = parts[-1].astype(f"<u{size}")
    for part in parts[-2::-1]:
        words <<= 8
        words |= part
    if kind in ZIGZAG:
        words = np.bitwise_xor(words >> 1, np.negative(words & 1), dtype=words.dtype)
    if kind in DELTA:
        np.cumsum(words, out=words)
    return words.view(dtype)
