"""Which entries make a chunk, and chunks that are read while earlier ones are computed with."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np

from analysis.errors import AnalysisError
from analysis.events import IntArray

Result = TypeVar("Result")
Range = tuple[int, int]

CORES = "VHBB_CORES"
"""Environment variable with the number of cores to use; all that the job may use when unset."""


LARGEST_BLOCK = 32 * 1024**2 - 8192
"""Bytes of the largest block that counts, without what glibc adds to it."""


def split(boundaries: IntArray, start: int, stop: int, limit: int) -> list[Range]:
    """Divide entries into chunks of at most `limit` that end at boundaries where they can.

    Args:
        boundaries: entries that are cheap to begin a chunk with, ascending.
        start: first entry.
        stop: entry to stop before.
        limit: entries in a chunk at most.

    Returns:
        First entry of each chunk and the one to stop before, without gaps.

    >>> split(np.array([0, 4, 8, 12]), 0, 12, 9)
    [(0, 8), (8, 12)]
    >>> split(np.array([0, 12]), 0, 12, 5)
    [(0, 5), (5, 10), (10, 12)]
    """
    chunks = []
    while start < stop:
        end = min(start + limit, stop)
        if end < stop:
            at = int(np.searchsorted(boundaries, end, side="right")) - 1
            if at >= 0 and boundaries[at] > start:
                end = int(boundaries[at])
        chunks.append((start, end))
        start = end
    return chunks


def available_cores() -> int:
    """Cores this process may use: `CORES` if set, else those the scheduler lets it run on.

    Raises:
        AnalysisError: the variable is not a positive number.
    """
    wanted = os.environ.get(CORES)
    if wanted is None:
        return len(os.sched_getaffinity(0))
    if not wanted.isdecimal() or int(wanted) < 1:
        raise AnalysisError(f"{CORES}={wanted!r} is not a number of cores; set it to 1 or more")
    return int(wanted)


@cache
def keep_freed_memory() -> None:
    """Let the process use the memory of one chunk for the next.

    Glibc returns freed memory beyond twice the largest mapped block that was freed so far, and
    takes it again page by page: 25,000 times for a million events. A block of the largest size
    that counts, 32 MB (see M_MMAP_THRESHOLD in mallopt(3)), makes it keep up to 64 MB a thread,
    for as long as the process lives. The block itself is never touched and takes no memory.
    """
    np.empty(LARGEST_BLOCK, np.uint8)


def ahead(
    work: Callable[[Range], Result], ranges: Sequence[Range], threads: int
) -> Iterator[Result]:
    """Results of `work` for each range in order, made by threads ahead of their use.

    As many as there are threads are made while the caller computes with one; with one thread,
    each is made when it is asked for. More threads than cores help where the work is to wait.
    """
    if threads == 1 or len(ranges) == 1:
        yield from map(work, ranges)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reading")
    pending: deque[Future[Result]] = deque()
    try:
        for each in ranges:
            pending.append(pool.submit(work, each))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
