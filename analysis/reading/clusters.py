"""Columns of an RNTuple, all pages of a chunk of events in bulk.

The pages of a field may span many more entries than a chunk, so each field remembers the last page
it decoded: the next chunk begins in it.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.events import IntArray
from analysis.reading import columns
from analysis.reading.bulk import ByteSource
from analysis.reading.columns import CACHED_BYTES, CHUNK_ENTRIES, Column, UnknownLayoutError
from analysis.reading.decompression import decompress
from analysis.reading.pages import FieldTable, PageTable, decode, field_table

Span = tuple[PageTable, int, int]
"""A column, and its first and last element, the last not included."""


class ClusterReader:
    """Reads fields of one RNTuple; `read` may be called by several threads at once."""

    def __init__(self, ntuple: Any, source: ByteSource, names: Sequence[str]) -> None:
        """Look up the pages.

        Args:
            ntuple: uproot's RNTuple.
            source: of the file's bytes.
            names: fields that will be asked for.

        Raises:
            UnknownLayoutError: one of the fields is of a kind that this reader does not know.
        """
        self._source = source
        self._n_entries = int(ntuple.num_entries)
        self._fields: dict[str, FieldTable] = {name: field_table(ntuple, name) for name in names}
        for name, field in self._fields.items():
            column = field.ends or field.values
            if column.bounds[-1] != self._n_entries:
                raise UnknownLayoutError(f"{name} does not have all entries")
        self._last: dict[int, tuple[int, npt.NDArray[np.generic]]] = {}

    @property
    def chunk_entries(self) -> int:
        """Entries whose columns stay in the processor's cache from one step to the next."""
        if self.read_bytes > columns.READ_BYTES:
            return CHUNK_ENTRIES
        size = sum(int(table.bounds[-1]) * table.dtype.itemsize for table in self._tables())
        return max(1, min(CHUNK_ENTRIES, CACHED_BYTES * self._n_entries // max(size, 1)))

    @cached_property
    def read_bytes(self) -> int:
        """Bytes of the largest page of every column, as stored and decoded."""
        return sum(
            int(table.sizes.max()) + int(np.diff(table.bounds).max()) * table.dtype.itemsize
            for table in self._tables()
            if len(table.sizes)
        )

    def _tables(self) -> list[PageTable]:
        fields = self._fields.values()
        return [table for field in fields for table in (field.values, field.ends) if table]

    def boundaries(self) -> IntArray:
        """First entry of each cluster."""
        field = next(iter(self._fields.values()))
        return (field.ends or field.values).clusters

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by field name.

        Raises:
            UnknownLayoutError: the pages are not laid out as expected.
        """
        fields = [self._fields[name] for name in names]
        before = max(start - 1, 0)  # a list begins where the one before ends
        ends = self._elements([(f.ends, before, stop) for f in fields if f.ends is not None])
        offsets = iter(ends)
        spans: list[Span] = []
        per_field: list[IntArray | None] = []
        shared: IntArray | None = None
        for field in fields:
            if field.ends is None:
                spans.append((field.values, start, stop))
                per_field.append(None)
                continue
            own = _offsets(next(offsets), field.ends, field.values, start)
            if shared is not None and np.array_equal(own, shared):
                own = shared
            shared = own
            spans.append((field.values, int(own[0]), int(own[-1])))
            per_field.append(own)
        values = self._elements(spans)
        based = None if shared is None else shared - shared[0]
        return {
            name: Column(v, based if o is shared and o is not None else _from_zero(o))
            for name, v, o in zip(names, values, per_field, strict=True)
        }

    def _elements(self, spans: Sequence[Span]) -> list[npt.NDArray[np.generic]]:
        """Elements of some columns."""
        if self.read_bytes <= columns.READ_BYTES:
            return self._elements_at_once(spans)
        result = []
        for span in spans:
            result += [elements.copy() for elements in self._elements_at_once([span])]
            self._last.clear()
        return result

    def _elements_at_once(self, spans: Sequence[Span]) -> list[npt.NDArray[np.generic]]:
        pages = [table.covering(first, last) for table, first, last in spans]
        wanted: list[tuple[PageTable, int]] = []
        kept: dict[tuple[int, int], npt.NDArray[np.generic]] = {}
        for (table, _, _), which in zip(spans, pages, strict=True):
            number, elements = self._last.get(id(table), (-1, None))
            for page in range(which.start, which.stop):
                if page == number and elements is not None:
                    kept[id(table), page] = elements
                else:
                    wanted.append((table, page))
        if wanted:
            seeks = np.array([table.seeks[page] for table, page in wanted])
            sizes = np.array([table.sizes[page] for table, page in wanted])
            data, positions = self._source.read(seeks, sizes)
            view = memoryview(data)  # type: ignore[arg-type]
            stops = (positions + sizes).tolist()
            for (table, page), begin, end in zip(wanted, positions.tolist(), stops, strict=True):
                size = int(table.bounds[page + 1] - table.bounds[page]) * table.dtype.itemsize
                kept[id(table), page] = decode(decompress(view[begin:end], size), table.type)
        result = []
        for (table, first, last), which in zip(spans, pages, strict=True):
            parts = [kept[id(table), page] for page in range(which.start, which.stop)]
            if not parts:
                result.append(np.empty(0, table.dtype))
                continue
            self._last[id(table)] = which.stop - 1, parts[-1]
            skipped = int(table.bounds[which.start])
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            result.append(whole[first - skipped : last - skipped])
        return result


def _offsets(
    ends: npt.NDArray[np.generic], table: PageTable, values: PageTable, start: int
) -> IntArray:
    """Where the lists of entries begin and end among all elements of the ntuple.

    Args:
        ends: where each ends in its cluster, from the entry before the first on.
        table: their column.
        values: column of the elements.
        start: first entry.

    Returns:
        One more than there are entries.
    """
    first = max(start - 1, 0)
    bounds = np.clip(table.clusters - first, 0, len(ends))
    absolute = ends.astype(np.int64) + np.repeat(values.clusters[:-1], np.diff(bounds))
    return absolute if start else np.concatenate([[0], absolute])


def _from_zero(offsets: IntArray | None) -> IntArray | None:
    return None if offsets is None else offsets - offsets[0]
