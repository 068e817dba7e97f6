"""Where the baskets of a TTree's branch lie, and how their entries are laid out in them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from uproot.behaviors.TBranch import TBranch
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import AsDtype

from analysis.events import IntArray
from analysis.reading.columns import UnknownLayoutError

KEY_HEAD = 18
"""Bytes of a basket's key up to its cycle: the same for short and long file positions."""

KEY_TAIL = 9
"""Bytes at the end of a basket's key: entries, end of data, and a flag."""


@dataclass(frozen=True)
class BasketTable:
    """The baskets of one branch.

    Attributes:
        name: of the branch.
        dtype: of its values, as stored (big-endian).
        header: bytes before the values of each entry, 10 for a ``std::vector``; None where each
            entry is exactly one value.
        seeks: position of each basket in the file, shape (n_baskets,).
        sizes: its bytes in the file, key included, shape (n_baskets,).
        bounds: entries of basket i are ``bounds[i]`` to ``bounds[i + 1]``, shape
            (n_baskets + 1,).
        entry_bytes: uncompressed bytes an entry, on average.
    """

    name: str
    dtype: np.dtype[np.generic]
    header: int | None
    seeks: IntArray
    sizes: IntArray
    bounds: IntArray
    entry_bytes: float

    def entries(self, baskets: slice) -> IntArray:
        """Number of entries of each of some of the baskets."""
        return np.diff(self.bounds[baskets.start : baskets.stop + 1])

    def covering(self, start: int, stop: int) -> slice:
        """The baskets that hold the entries from start to stop."""
        first = int(np.searchsorted(self.bounds, start, side="right")) - 1
        last = int(np.searchsorted(self.bounds, stop, side="left"))
        return slice(max(first, 0), last)


class Keys(NamedTuple):
    """What the keys of baskets say, each of shape (n_baskets,).

    Attributes:
        length: bytes of the key itself; the compressed data follow.
        data: uncompressed bytes of values, entry headers and the offset table after them.
        border: where in these bytes the offset table begins.
    """

    length: IntArray
    data: IntArray
    border: IntArray

    def of(self, baskets: slice) -> "Keys":
        """Those of some of the baskets."""
        return Keys(self.length[baskets], self.data[baskets], self.border[baskets])


def basket_table(branch: Any) -> BasketTable:
    """The baskets of a branch, if it is one that the fast reader knows.

    Raises:
        UnknownLayoutError: other types than numbers and lists of them; baskets that are part of
            the tree's metadata, as ROOT leaves them when it recovers a file that was not closed.
    """
    if not isinstance(branch, TBranch):
        raise UnknownLayoutError(f"{branch} is no branch of a TTree")
    dtype, header = _values(branch)
    bounds = np.asarray(branch.entry_offsets, np.int64)
    n_baskets = len(bounds) - 1
    if branch.embedded_baskets or n_baskets != branch.num_baskets:
        raise UnknownLayoutError(f"{branch.name} has baskets in the tree's metadata")
    if bounds[0] != 0 or np.any(np.diff(bounds) < 0):
        raise UnknownLayoutError(f"{branch.name} has baskets that do not follow one another")
    entries = max(int(branch.num_entries), 1)
    return BasketTable(
        name=branch.name,
        dtype=dtype,
        header=header,
        seeks=np.asarray(branch.member("fBasketSeek")[:n_baskets], np.int64),
        sizes=np.asarray(branch.member("fBasketBytes")[:n_baskets], np.int64),
        bounds=bounds,
        entry_bytes=float(branch.uncompressed_bytes) / entries,
    )


def _values(branch: Any) -> tuple[np.dtype[np.generic], int | None]:
    """Type of a branch's values, and bytes of the header of an entry."""
    kind = branch.interpretation
    jagged = type(kind) is AsJagged
    content = kind.content if jagged else kind
    # Exactly this class: those derived from it unpack bits or leave out elements.
    if type(content) is not AsDtype or content.from_dtype.shape or content.from_dtype.fields:
        raise UnknownLayoutError(f"{branch.name} is stored as {kind}")
    dtype: np.dtype[np.generic] = content.from_dtype
    if dtype.kind not in "biuf" or content.to_dtype != dtype.newbyteorder("="):
        raise UnknownLayoutError(f"{branch.name} is stored as {kind}")
    return dtype, int(kind.header_bytes) if jagged else None


def read_keys(
    data: npt.NDArray[np.uint8], positions: IntArray, sizes: IntArray, entries: IntArray
) -> Keys:
    """Read the keys of some baskets, of one branch or of several.

    A key is fNbytes (4 bytes), version (2), fObjlen (4), date (4), fKeylen (2), cycle (2), file
    positions and names of any length, then for baskets version (2), fBufferSize (4), fNevBufSize
    (4), fNevBuf (4), fLast (4) and a flag (1); see TKey::Streamer and TBasket::Streamer.

    Args:
        data: bytes read.
        positions: where in them each basket begins, shape (n_baskets,).
        sizes: bytes of each, as the tree's metadata say.
        entries: number of entries of each, as the tree's metadata say.

    Raises:
        UnknownLayoutError: a key contradicts the tree's metadata.
    """
    head = data[positions[:, None] + np.arange(KEY_HEAD)]
    n_bytes = _integers(head[:, 0:4], ">i4")
    size = _integers(head[:, 6:10], ">i4")
    length = _integers(head[:, 14:16], ">i2")
    wrong = (n_bytes != sizes) | (length < KEY_HEAD + KEY_TAIL) | (length > sizes)
    if wrong.any():
        raise UnknownLayoutError(f"{wrong.sum()} baskets do not begin with their key")
    tail = data[(positions + length)[:, None] + np.arange(-KEY_TAIL, -1)]
    found = _integers(tail[:, 0:4], ">i4")
    border = _integers(tail[:, 4:8], ">i4") - length
    wrong = (found != entries) | (border < 0) | (border > size)
    if wrong.any():
        raise UnknownLayoutError(f"{wrong.sum()} keys of baskets contradict the tree's metadata")
    return Keys(length, size, border)


def _integers(columns: npt.NDArray[np.uint8], dtype: str) -> IntArray:
    return np.ascontiguousarray(columns).view(dtype)[:, 0].astype(np.int64)
