"""Columns of a file as flat arrays, by plain uproot: every layout, at uproot's pace."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import awkward as ak
import numpy as np
import numpy.typing as npt

from analysis.events import IntArray

CHUNK_ENTRIES = 100_000
"""Events in a chunk at most, unless asked otherwise."""

CACHED_BYTES = 8 * 1024**2
"""Uncompressed bytes of a chunk of the fast readers: the processor's cache has them from one step
to the next."""

CHUNK_BYTES = 32 * 1024**2
"""Uncompressed bytes of a chunk at most, where events are large."""


READ_BYTES = 256 * 1024**2
"""Bytes that all threads together may read and decode at a time. A chunk that takes more, since its
columns are stored in few large pieces, is read column by column, and no piece is kept."""


class Column(NamedTuple):
    """Values of consecutive entries, one after another.

    Attributes:
        values: all values, native byte order, shape (n_values,).
        offsets: values of entry i are ``offsets[i]:offsets[i + 1]``, shape (n_entries + 1,); None
            where each entry has exactly one value.
    """

    values: npt.NDArray[np.generic]
    offsets: IntArray | None


class UnknownLayoutError(Exception):
    """The fast reader does not know how these bytes are laid out; uproot shall read them."""


class ColumnReader(Protocol):
    """Something that reads columns of one tree."""

    @property
    def chunk_entries(self) -> int:
        """Entries of a chunk that keep memory small, and the work on each chunk worthwhile."""

    @property
    def read_bytes(self) -> int:
        """Bytes in memory while one chunk is read, where the file is stored in large pieces."""

    def boundaries(self) -> IntArray:
        """Entries that are cheap to begin a chunk with, ascending."""

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by branch name."""


class PlainReader:
    """Reads through uproot's own arrays."""

    def __init__(self, tree: Any, names: Sequence[str]) -> None:
        """Remember the tree.

        Args:
            tree: uproot's TTree or RNTuple.
            names: branches or fields that will be asked for.
        """
        self._tree = tree
        self._names = names

    @property
    def chunk_entries(self) -> int:
        """Entries of a chunk that keep memory small."""
        n_entries = int(self._tree.num_entries)
        size = sum(getattr(self._tree[name], "uncompressed_bytes", 0) for name in self._names)
        return max(1, min(CHUNK_ENTRIES, CHUNK_BYTES * n_entries // max(int(size), 1)))

    @property
    def read_bytes(self) -> int:
        """All that may be: uproot does not say, so that one thread at a time shall use it."""
        return sys.maxsize

    def boundaries(self) -> IntArray:
        """Entries that are cheap to begin a chunk with: uproot does not say."""
        return np.zeros(0, np.int64)

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by branch name."""
        return {
            name: to_column(self._tree[name].array(entry_start=start, entry_stop=stop))
            for name in names
        }


def to_column(array: ak.Array) -> Column:
    """Flat values and offsets of an awkward array with at most one jagged axis.

    Raises:
        ValueError: the array is nested deeper, or is not one of numbers.

    >>> to_column(ak.Array([[1, 2], [], [3]]))
    Column(values=array([1, 2, 3]), offsets=array([0, 2, 2, 3]))
    """
    layout = ak.to_packed(array).layout
    offsets = None
    if isinstance(layout, ak.contents.RegularArray):
        layout = layout.to_ListOffsetArray64(start_at_zero=True)
    if isinstance(layout, ak.contents.ListOffsetArray):
        offsets = np.asarray(layout.offsets.data, dtype=np.int64)
        layout = layout.content
    if not isinstance(layout, ak.contents.NumpyArray) or layout.data.ndim != 1:
        raise ValueError(f"is of type {ak.type(array)}, not a number or a list of numbers an event")
    return Column(np.asarray(layout.data), offsets)
