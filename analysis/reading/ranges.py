"""Byte ranges of a file, all those of a chunk of events in one go."""

import os
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.events import IntArray

LOCAL_GAP = 4096
"""Bytes read for nothing rather than asking a local disk twice."""

REMOTE_GAP = 32 * 1024
"""The same for a server, which takes longer to answer."""


class Requested(NamedTuple):
    """The bytes of several ranges.

    Attributes:
        data: bytes of all ranges, and of gaps between them, shape (n_bytes,).
        positions: where in `data` each range begins, in the order asked for.
    """

    data: npt.NDArray[np.uint8]
    positions: IntArray


class LocalFile:
    """Positioned reads: no shared cursor, so any number of threads may read at once.

    Not a memory map: bytes that a file system cannot deliver are an error here, a dead process
    there, and mapped pages count as the job's memory.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def read(self, starts: IntArray, sizes: IntArray) -> Requested:
        """The bytes of these ranges.

        Raises:
            OSError: the file ends before a range does, or cannot be read.
        """
        first, last, positions = merged(starts, sizes, LOCAL_GAP)
        data = np.empty(int(np.sum(last - first)), np.uint8)
        view = memoryview(data)  # type: ignore[arg-type]
        done = 0
        for start, stop in zip(first.tolist(), last.tolist(), strict=True):
            while start < stop:
                n = os.preadv(self._descriptor, [view[done : done + stop - start]], start)
                if n == 0:
                    raise EOFError(f"the file ends before byte {stop}")
                start += n  # noqa: PLW2901 - a read may be cut short
                done += n
        return Requested(data, positions)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class RemoteFile:
    """Ranges from a server, in as few requests as its protocol knows: XRootD's vector reads."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def read(self, starts: IntArray, sizes: IntArray) -> Requested:
        """The bytes of these ranges.

        Raises:
            OSError: the server did not deliver.
        """
        first, last, positions = merged(starts, sizes, REMOTE_GAP)
        ranges = list(zip(first.tolist(), last.tolist(), strict=True))
        chunks = self._source.chunks(ranges, Queue())
        data = [np.frombuffer(chunk.raw_data, np.uint8) for chunk in chunks]
        return Requested(np.concatenate(data), positions)

    def close(self) -> None:
        """Nothing to do: uproot closes its source."""


def merged(starts: IntArray, sizes: IntArray, gap: int) -> tuple[IntArray, IntArray, IntArray]:
    """Join ranges with at most `gap` bytes between them.

    Args:
        starts: first byte of each range, in any order, shape (n_ranges,).
        sizes: bytes of each.
        gap: bytes between two ranges that may be read along.

    Returns:
        First byte of each joined range and the byte after its last, ascending; and where each of
        the given ranges begins in the joined bytes laid one after another, shape (n_ranges,).

    >>> first, last, positions = merged(np.array([50, 0, 10]), np.array([5, 10, 10]), gap=8)
    >>> first.tolist(), last.tolist(), positions.tolist()
    ([0, 50], [20, 55], [20, 0, 10])
    """
    order = np.argsort(starts, kind="stable")
    begin = starts[order]
    end = np.maximum.accumulate(begin + sizes[order])
    opens = np.ones(len(order), np.bool_)
    opens[1:] = begin[1:] > end[:-1] + gap
    first = begin[opens]
    last = end[np.append(np.flatnonzero(opens)[1:], len(end)) - 1]
    before = np.cumsum(last - first) - (last - first)
    run = np.cumsum(opens) - 1
    positions = np.empty(len(order), np.int64)
    positions[order] = begin - first[run] + before[run]
    return first, last, positions
