"""Compiled code gives what numpy gives, of whole and of damaged baskets."""

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import compilation
from analysis.events import IntArray
from analysis.reading import compiled
from analysis.reading.baskets import Keys
from analysis.reading.columns import UnknownLayoutError
from analysis.reading.compiled import CompiledValues, jagged_values
from analysis.reading.decompression import Unpacked
from analysis.reading.layouts import Baskets, JaggedValues, NumpyValues

KEY_LENGTH = 70
TYPES = ["i1", "u1", ">i2", ">u2", ">i4", ">f4", ">u4", ">i8", ">f8"]

COMPILER = shutil.which("cc")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def code() -> Any:
    """The compiled code, which set-up has built where there is a compiler."""
    found = compilation.compiled()
    assert found is not None, f"{compilation.library()} is not there: source setup.sh"
    return found


def make_basket(counts: list[int], dtype: str, header: int) -> tuple[bytes, int]:
    """A basket whose entries have so many values, and its border."""
    rng = np.random.default_rng(len(counts))
    entries = [b"\x07" * header + rng.bytes(n * np.dtype(dtype).itemsize) for n in counts]
    begins = np.cumsum([KEY_LENGTH, *map(len, entries)])[: len(counts)]
    values = b"".join(entries)
    table = np.array([len(counts) + 1, *begins, 0], ">i4").tobytes()
    return values + table, len(values)


def attempt(
    values: JaggedValues,
    parts: list[Unpacked],
    border: list[int],
    entries: list[int],
    dtype: str,
    header: int,
) -> tuple[bytes, np.dtype[Any], IntArray] | None:
    """What these baskets hold, None if they are refused."""
    keys = Keys(
        np.full(len(parts), KEY_LENGTH), np.array([len(part) for part in parts]), np.array(border)
    )
    try:
        found, offsets = values.of(Baskets(parts, keys, np.array(entries), np.dtype(dtype), header))
    except UnknownLayoutError:
        return None
    return found.tobytes(), found.dtype, offsets


@needs_compiler
@given(
    baskets=st.lists(st.lists(st.integers(0, 40), max_size=12), min_size=1, max_size=4),
    dtype=st.sampled_from(TYPES),
    header=st.sampled_from([0, 10]),
)
def test_whole_baskets(code: Any, baskets: list[list[int]], dtype: str, header: int) -> None:
    made = [make_basket(counts, dtype, header) for counts in baskets]
    arguments = (
        [part for part, _ in made],
        [border for _, border in made],
        [len(counts) for counts in baskets],
        dtype,
        header,
    )
    found = attempt(CompiledValues(code), *arguments)
    expected = attempt(NumpyValues(), *arguments)
    assert found is not None
    assert expected is not None
    assert found[:2] == expected[:2]
    np.testing.assert_array_equal(found[2], expected[2])
    np.testing.assert_array_equal(np.diff(found[2]), [n for counts in baskets for n in counts])


@needs_compiler
@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=8),
    which=st.integers(0, 7),
    position=st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(KEY_LENGTH - 8, 400)),
    dtype=st.sampled_from(TYPES),
    header=st.sampled_from([0, 10]),
)
def test_a_wrong_position_is_refused_or_means_the_same(
    code: Any, counts: list[int], which: int, position: int, dtype: str, header: int
) -> None:
    basket, border = make_basket(counts, dtype, header)
    at = border + 4 * (1 + which % len(counts))
    damaged = basket[:at] + np.array(position, ">i4").tobytes() + basket[at + 4 :]
    arguments = ([damaged], [border], [len(counts)], dtype, header)
    found = attempt(CompiledValues(code), *arguments)
    expected = attempt(NumpyValues(), *arguments)
    if expected is None or found is None:
        # only compiled code can gather what lies at odd positions
        assert expected is None
    else:
        assert found[:2] == expected[:2]
        np.testing.assert_array_equal(found[2], expected[2])


@needs_compiler
@given(
    counts=st.lists(st.integers(0, 6), max_size=8),
    border=st.integers(-8, 200),
    entries=st.integers(-2, 12),
    header=st.sampled_from([0, 10]),
)
def test_a_wrong_border_or_number_of_entries_is_refused_or_means_the_same(
    code: Any, counts: list[int], border: int, entries: int, header: int
) -> None:
    basket, right = make_basket(counts, ">f4", header)
    arguments = ([basket] * 3, [right, border, right], [len(counts), entries], ">f4", header)
    arguments[2].append(len(counts))
    found = attempt(CompiledValues(code), *arguments)
    expected = attempt(NumpyValues(), *arguments)
    if found is None or expected is None:
        assert expected is None
        assert found is None
    else:
        assert found[0] == expected[0]


@needs_compiler
def test_negative_numbers_of_entries_are_refused(code: Any) -> None:
    """Numbers that add up to fewer entries than there are, and whose tables have the right size."""
    basket, border = make_basket([1, 2, 3], ">f4", 10)
    for values in (CompiledValues(code), NumpyValues()):
        for number in (-1, -2):
            nothing = bytes(4 * (number + 2))
            arguments = ([basket, nothing, basket], [border, 0, border], [3, number, 3], ">f4", 10)
            assert attempt(values, *arguments) is None


@needs_compiler
@pytest.mark.parametrize("dtype", TYPES)
def test_nothing_is_read_behind_a_basket(code: Any, dtype: str) -> None:
    """A basket at the end of a page, with none behind it that may be read."""
    page = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * page)
    start = np.frombuffer(pages, np.uint8).ctypes.data
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 0) == 0
    other, other_border = make_basket([30], dtype, 10)  # so that there is room behind the values
    for counts in ([3], [1, 0], [0, 7, 1], [40]):
        basket, border = make_basket(counts, dtype, 10)
        pages[page - len(basket) : page] = basket
        part = memoryview(pages)[page - len(basket) : page]
        arguments = ([border, other_border], [len(counts), 1], dtype, 10)
        found = attempt(CompiledValues(code), [part, other], *arguments)
        expected = attempt(NumpyValues(), [basket, other], *arguments)
        assert found is not None
        assert expected is not None
        assert found[:2] == expected[:2]


@needs_compiler
def test_branches_with_the_same_counts_share_their_offsets(code: Any) -> None:
    values = CompiledValues(code)
    first = attempt(values, *_one([1, 2, 0], ">f4"))
    second = attempt(values, *_one([1, 2, 0], ">f8"))
    other = attempt(values, *_one([1, 2, 1], ">f4"))
    assert first is not None
    assert second is not None
    assert other is not None
    assert first[2] is second[2]
    assert other[2].tolist() == [0, 1, 3, 4]


def _one(counts: list[int], dtype: str) -> tuple[list[Unpacked], list[int], list[int], str, int]:
    basket, border = make_basket(counts, dtype, 10)
    return [basket], [border], [len(counts)], dtype, 10


def test_without_compiled_code_numpy_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "compiled", lambda: None)
    assert isinstance(jagged_values(), NumpyValues)


def run_build(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build in an environment of its own."""
    python = tmp_path / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    return subprocess.run(
        [python, "-I", compilation.__file__],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "CC": COMPILER or "cc", **variables},
    )


@needs_compiler
def test_the_code_is_built_in_the_environment(tmp_path: Path) -> None:
    done = run_build(tmp_path)
    assert done.returncode == 0, done.stderr
    built = tmp_path / "lib" / "vhbb" / compilation.library().name
    assert done.stdout == f"compiled {built}\n"
    assert [path.name for path in built.parent.iterdir()] == [built.name]


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler", "true", "cc 'unbalanced"])
def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path: Path, compiler: str) -> None:
    done = run_build(tmp_path, CC=compiler)
    assert done.returncode == 1
    assert done.stderr.startswith("not compiled, numpy will do the work: ")
    assert list((tmp_path / "lib").rglob("*.so")) == []
