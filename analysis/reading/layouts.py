"""Where the values of a jagged branch lie in the decompressed bytes of its baskets.

A basket holds its entries one after another, each with a header of some bytes before its values
(10 for a ``std::vector``: byte count, version, size; none for an array with a counter), and then
the position of each entry.

Here they are found and gathered by numpy, in a pass for each step; `compiled` does it in one where
a C compiler was at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from analysis.events import IntArray
from analysis.reading.baskets import Keys
from analysis.reading.columns import UnknownLayoutError
from analysis.reading.decompression import Unpacked, views

OFFSET = 4
"""Bytes of an entry's position."""


class Baskets(NamedTuple):
    """Some baskets of a jagged branch.

    Attributes:
        parts: decompressed baskets.
        keys: of the baskets.
        entries: number of entries of each basket.
        dtype: of the values as stored, big-endian.
        header: bytes before the values of each entry.
    """

    parts: Sequence[Unpacked]
    keys: Keys
    entries: IntArray
    dtype: np.dtype[np.generic]
    header: int


class JaggedValues(Protocol):
    """Takes the values of jagged branches of the same entries out of their baskets, in turn."""

    def of(self, baskets: Baskets) -> tuple[npt.NDArray[np.generic], IntArray]:
        """The values of one branch.

        Returns:
            The values in native byte order, and the offsets: values of entry i are
            ``offsets[i]:offsets[i + 1]``. The same object as for the branch before, where they are
            the same.

        Raises:
            UnknownLayoutError: the baskets are not laid out as expected.
        """


class NumpyValues:
    """By numpy. Branches that are laid out alike share the work on their layout."""

    def __init__(self) -> None:
        """None seen so far."""
        self._layout: Layout | None = None

    def of(self, baskets: Baskets) -> tuple[npt.NDArray[np.generic], IntArray]:
        """See `JaggedValues`."""
        _, keys, entries, dtype, header = baskets
        check_positions(keys, entries)
        parts = views(baskets.parts)
        begins = entry_begins(parts, keys, entries)
        layout, size = self._layout, dtype.itemsize
        if layout is None or not layout.is_that_of(begins, keys, header, size):
            layout = self._layout = find_layout(begins, keys, entries, header, size)
        return layout.values(parts, dtype), layout.offsets


@dataclass(frozen=True)
class Layout:
    """Where the values of the entries of some baskets are.

    Attributes:
        begins: where each entry begins in its basket, int32, shape (n_entries,).
        data: bytes of each basket.
        border: where in them its values end.
        header: bytes before the values of each entry.
        size: bytes of a value.
        offsets: values of entry i are ``offsets[i]:offsets[i + 1]``, shape (n_entries + 1,).
        index: position of each value, see `_positions`, shape (n_values,); None where the values
            lie one after another, or are as many in every entry.
    """

    begins: npt.NDArray[np.int32]
    data: IntArray
    border: IntArray
    header: int
    size: int
    offsets: IntArray
    index: IntArray | None

    def is_that_of(self, begins: npt.NDArray[np.int32], keys: Keys, header: int, size: int) -> bool:
        """Whether other baskets are laid out like these, in every entry."""
        return (
            (header, size) == (self.header, self.size)
            and np.array_equal(keys.data, self.data)
            and np.array_equal(keys.border, self.border)
            and np.array_equal(begins, self.begins)
        )

    def values(
        self, parts: Sequence[memoryview], dtype: np.dtype[np.generic]
    ) -> npt.NDArray[np.generic]:
        """The values of all entries, in native byte order.

        Args:
            parts: decompressed baskets.
            dtype: of the values as stored, big-endian.
        """
        if not self.header:
            return joined_values(parts, self.border, dtype)
        if self.index is None:
            data = _before(self.border, parts)
            shape = len(self.begins), int(self.offsets[1])
            strides = len(data) // shape[0], self.size
            regular = np.ndarray(shape, dtype, data, self.header, strides)
            return regular.astype(dtype.newbyteorder("=")).reshape(-1)
        n_bytes = int(np.sum(self.data))
        padding = bytes(_stride(n_bytes, self.size) - n_bytes)
        copies = max(1, self.size // 2)
        laid_down = b"".join([*parts, padding] * copies)
        words = np.frombuffer(laid_down, dtype, len(laid_down) // self.size)
        # Not byteswap, which keeps other threads waiting for the GIL.
        return words.take(self.index).astype(dtype.newbyteorder("="))


def check_positions(keys: Keys, entries: IntArray) -> None:
    """Make sure that baskets have a position for each entry, behind the values.

    Behind its values a basket has the number of positions that follow, and these, counted from the
    start of the key; there is one more than it has entries, since the last means nothing.

    Raises:
        UnknownLayoutError: a basket has another number of positions, or none.
    """
    if (
        np.any(entries < 0)
        or np.any(keys.border < 0)
        or not np.array_equal(keys.data - keys.border, OFFSET * (entries + 2))
    ):
        raise UnknownLayoutError("baskets without a position for each entry")


def entry_begins(
    parts: Sequence[memoryview], keys: Keys, entries: IntArray
) -> npt.NDArray[np.int32]:
    """Where each entry begins in its basket.

    Args:
        parts: decompressed baskets, which passed `check_positions`.
        keys: of the baskets.
        entries: number of entries of each basket.
    """
    borders = keys.border.tolist()
    table = b"".join(
        [part[border + OFFSET : -OFFSET] for part, border in zip(parts, borders, strict=True)]
    )
    begins = np.frombuffer(table, ">i4").astype(np.int32)
    begins -= np.repeat(keys.length.astype(np.int32), entries)
    return begins


def find_layout(
    begins: npt.NDArray[np.int32], keys: Keys, entries: IntArray, header: int, size: int
) -> Layout:
    """Work out where the values are.

    Args:
        begins: see `entry_begins`.
        keys: of the baskets.
        entries: number of entries of each basket.
        header: bytes before the values of each entry.
        size: bytes of a value.

    Raises:
        UnknownLayoutError: an entry is shorter than its header or has part of a value.
    """
    length = _common_length(begins, keys, entries)
    if length is not None and length >= header and (length - header) % size == 0:
        offsets = np.arange(len(begins) + 1, dtype=np.int64) * ((length - header) // size)
        return Layout(begins, keys.data, keys.border, header, size, offsets, None)
    base = np.cumsum(keys.data) - keys.data
    position = np.repeat(base, entries)
    position += begins
    counts: IntArray = np.empty_like(position)
    counts[:-1] = position[1:]
    filled = entries > 0
    ends = np.cumsum(entries)
    if np.any(begins[(ends - entries)[filled]]):
        raise UnknownLayoutError("baskets that do not begin with an entry")
    counts[ends[filled] - 1] = (base + keys.border)[filled]
    counts -= position
    counts -= header
    if np.any(counts & (size - 1)) or (len(counts) and counts.min() < 0):
        raise UnknownLayoutError("entries with a fraction of values")
    counts >>= size.bit_length() - 1
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    index = None
    if header:
        position += header
        index = _positions(position, counts, offsets, size, int(np.sum(keys.data)))
    return Layout(begins, keys.data, keys.border, header, size, offsets, index)


def _common_length(begins: npt.NDArray[np.int32], keys: Keys, entries: IntArray) -> int | None:
    """Bytes of an entry with its header if all have as many, as generator weights do."""
    n_entries = int(np.sum(entries))
    if not n_entries:
        return None
    length = int(np.sum(keys.border)) // n_entries
    if not np.array_equal(keys.border, entries * length):
        return None
    last = np.cumsum(entries)
    within = np.arange(n_entries, dtype=np.int32) - np.repeat(last - entries, entries)
    return length if np.array_equal(begins, within * length) else None


def joined_values(
    parts: Sequence[memoryview], border: IntArray, dtype: np.dtype[np.generic]
) -> npt.NDArray[np.generic]:
    """The values of baskets that hold nothing else before their border, in native byte order."""
    return np.frombuffer(_before(border, parts), dtype).astype(dtype.newbyteorder("="))


def _before(border: IntArray, parts: Sequence[memoryview]) -> bytes:
    return b"".join([part[:end] for part, end in zip(parts, border.tolist(), strict=True)])


def _positions(
    begins: IntArray, counts: IntArray, offsets: IntArray, size: int, n_bytes: int
) -> IntArray:
    """Where each value is, in units of its size.

    The header of an entry is no multiple of a value's size, so most values lie across words, and
    numpy gathers whole words only. Therefore the bytes are laid down several times, each time
    shifted by two bytes against the words, and a value is taken where it falls on a word.

    Args:
        begins: where the values of each entry begin in the baskets laid one after another.
        counts: number of values of each entry.
        offsets: see `Layout`.
        size: bytes of a value, a power of two.
        n_bytes: bytes of all baskets.
    """
    if size > 1:
        begins = begins + (begins >> 1 & (size // 2 - 1)) * _stride(n_bytes, size)
        if np.any(begins & (size - 1)):
            raise UnknownLayoutError("entries at odd positions")
        begins >>= size.bit_length() - 1
    # A running sum of steps of one, but for the steps from entry to entry: half the time of
    # repeating each entry's begin, as the counts are unpredictable.
    index = np.ones(int(offsets[-1]), np.int64)
    filled = np.flatnonzero(counts)
    first = begins[filled]
    last = first + counts[filled] - 1
    first[1:] -= last[:-1]
    index[offsets[filled]] = first
    return np.cumsum(index, out=index)


def _stride(n_bytes: int, size: int) -> int:
    """The least shift of at least `n_bytes` that is two bytes short of a multiple of `size`."""
    return n_bytes + (-2 - n_bytes) % size
