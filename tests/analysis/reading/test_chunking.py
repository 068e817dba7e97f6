"""Chunks: complete, in order, and not more of them ahead than memory allows."""

import os
import platform
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import AnalysisError
from analysis.reading.chunking import CORES, Range, ahead, available_cores, split


@given(st.sets(st.integers(0, 1000)), st.integers(0, 500), st.integers(0, 500), st.integers(1, 400))
def test_chunks_are_complete_and_small_enough(
    boundaries: set[int], start: int, length: int, limit: int
) -> None:
    chunks = split(np.array(sorted(boundaries), np.int64), start, start + length, limit)
    ends = [start, *(stop for _, stop in chunks)]
    assert [first for first, _ in chunks] == ends[:-1]
    assert ends[-1] == start + length
    assert all(0 < stop - first <= limit for first, stop in chunks)


@given(st.integers(1, 50), st.integers(1, 50))
def test_chunks_end_at_boundaries_where_they_can(basket: int, n_baskets: int) -> None:
    boundaries = np.arange(n_baskets + 1) * basket
    chunks = split(boundaries, 0, int(boundaries[-1]), 3 * basket)
    assert all(stop % basket == 0 for _, stop in chunks)
    assert len(chunks) == -(-n_baskets // 3)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order_whatever_the_threads(threads: int) -> None:
    def work(entries: Range) -> int:
        time.sleep(0.001 * (entries[0] % 3))
        return entries[0]

    ranges = [(i, i + 1) for i in range(20)]
    assert list(ahead(work, ranges, threads)) == list(range(20))


def test_no_more_is_read_ahead_than_there_are_threads() -> None:
    started: list[Range] = []
    results = ahead(started.append, [(i, i + 1) for i in range(20)], 2)
    next(results)
    time.sleep(0.05)
    assert len(started) <= 3
    results.close()
    assert not [thread for thread in threading.enumerate() if "reading" in thread.name]


def test_an_error_reaches_the_caller_and_ends_the_threads() -> None:
    def work(entries: Range) -> int:
        if entries[0] == 3:
            raise AnalysisError("entry 3 is bad")
        return entries[0]

    with pytest.raises(AnalysisError, match="entry 3"):
        list(ahead(work, [(i, i + 1) for i in range(20)], 2))
    assert not [thread for thread in threading.enumerate() if "reading" in thread.name]


def test_cores_are_those_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CORES, raising=False)
    assert available_cores() == len(os.sched_getaffinity(0))
    monkeypatch.setenv(CORES, "3")
    assert available_cores() == 3
    for wrong in ("0", "-1", "many", ""):
        monkeypatch.setenv(CORES, wrong)
        with pytest.raises(AnalysisError, match=r"VHBB_CORES=.* is not a number of cores"):
            available_cores()


FAULTS = """
import resource
import numpy as np
from analysis.reading.chunking import keep_freed_memory

def chunk():
    columns = [np.ones(400_000) for _ in range(10)]

keep = {keep}
if keep:
    keep_freed_memory()
chunk()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    chunk()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc's allocator")
def test_memory_of_a_chunk_serves_the_next() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "LD_"))}
    pages = 20 * 10 * 400_000 * 8 // os.sysconf("SC_PAGE_SIZE")
    returned, kept = (
        int(
            subprocess.check_output(
                [sys.executable, "-c", FAULTS.format(keep=keep)], env=environment
            )
        )
        for keep in (False, True)
    )
    assert returned > pages / 2
    assert kept < pages / 20
