"""The fast readers give what uproot gives, for every file and any range of its entries."""

import fcntl
import itertools
import logging
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uproot.compression import LZ4, LZMA, ZLIB, ZSTD

from analysis.reading import bulk
from analysis.reading.baskets import BasketTable
from analysis.reading.bulk import BulkReader
from analysis.reading.chunking import split
from analysis.reading.clusters import ClusterReader
from analysis.reading.columns import ColumnReader, PlainReader, UnknownLayoutError
from analysis.reading.compiled import jagged_values
from analysis.reading.layouts import NumpyValues
from analysis.reading.opening import open_root
from analysis.reading.ranges import LocalFile
from analysis.reading.readers import Hedged, open_reader

WRITER = Path(__file__).parents[3] / "benchmarks" / "root_files.py"
ENTRY_RANGES = 12


def assert_same(
    reader: ColumnReader, plain: PlainReader, names: Sequence[str], *entries: int
) -> None:
    expected = plain.read(names, *entries)
    for way in (jagged_values, NumpyValues):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk, "jagged_values", way)
            found = reader.read(names, *entries)
        for name in names:
            assert found[name].values.dtype == expected[name].values.dtype
            np.testing.assert_array_equal(found[name].values, expected[name].values)
            if expected[name].offsets is None:
                assert found[name].offsets is None
            else:
                np.testing.assert_array_equal(found[name].offsets, expected[name].offsets)


def check_file(path: Path, tree_name: str, names: Sequence[str], *, fast: bool = True) -> None:
    """Compare readers on a file, over all entries, random ranges, and the reader's own chunks."""
    root = open_root(str(path))
    tree, source = root[tree_name], LocalFile(path)
    reader = open_reader(str(path), tree, source, names)
    assert isinstance(reader, Hedged) == fast
    plain = PlainReader(tree, names)
    n = int(tree.num_entries)
    ranges = [(0, n)] if n else []
    rng = np.random.default_rng(1)
    ranges += [tuple(sorted(rng.integers(0, n + 1, 2))) for _ in range(ENTRY_RANGES if n else 0)]
    ranges += [(n - 1, n), (0, 1)] if n else []
    for start, stop in ranges:
        if start < stop:
            assert_same(reader, plain, names, int(start), int(stop))
    bounds = reader.boundaries()
    assert np.all(np.diff(bounds) >= 0)  # an empty cluster begins where the next one does
    for start, stop in split(bounds, 0, n, max(1, n // 3)):
        assert_same(reader, plain, names, start, stop)
    root.close()
    source.close()


def known_columns(tree: Any) -> list[str]:
    """All columns of a tree that the fast reader takes, alone."""
    kind = ClusterReader if isinstance(tree, uproot.behaviors.RNTuple.RNTuple) else BulkReader
    known = []
    for name in tree.keys(recursive=True, full_paths=False):
        if "/" in name:
            continue
        try:
            kind(tree, None, [name])
        except (UnknownLayoutError, NotImplementedError, ValueError):
            continue
        except uproot.KeyInFileError:
            continue
        known.append(name)
    return known


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("physlite/PHYSLITE_example.root", "CollectionTree"),
        ("physlite/uproot-issue-123a.root", "CollectionTree"),
        ("physlite/uproot-issue-123b.root", "CollectionTree"),
        ("physlite/uproot-physlite-rntuple_v1-0-0-0.root", "EventData"),
        ("nanoaod/nano_tt_v12.root", "Events"),
        ("nanoaod/nanoAOD_2015_CMS_Open_Data_ttbar.root", "Events"),
    ],
)
def test_every_known_column_of_the_public_files_is_as_uproot_reads_it(
    real_data: Path, name: str, tree: str
) -> None:
    path = real_data / name
    with uproot.open(path) as root:
        columns = known_columns(root[tree])
    assert columns or "2015" in name  # all of that file's baskets are in the tree's metadata
    root, source = open_root(str(path)), LocalFile(path)
    plain = PlainReader(root[tree], columns)
    kind = ClusterReader if "rntuple" in name else BulkReader
    if columns:
        reader = kind(root[tree], source, columns)
        for entries in ((0, root[tree].num_entries), (3, 7), (41, 42)):
            assert_same(reader, plain, columns, *entries)
    root.close()
    source.close()


counts = st.lists(st.integers(0, 5), max_size=40)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(
    baskets=st.lists(counts, min_size=1, max_size=4),
    dtype=st.sampled_from(["f4", "f8", "i4", "u4", "i8", "i2", "u2", "i1", "u1"]),
    compression=st.sampled_from([ZSTD(5), LZ4(4), LZMA(1), ZLIB(1), None]),
    layout=st.sampled_from(["ttree", "rntuple"]),
)
def test_files_that_uproot_writes_are_as_uproot_reads_them(
    tmp_path: Path, baskets: list[list[int]], dtype: str, compression: Any, layout: str
) -> None:
    path = tmp_path / "generated.root"
    rng = np.random.default_rng(1)
    chunks = []
    for number in baskets:
        values = rng.integers(0, 100, sum(number)).astype(dtype)
        chunks.append(
            {
                "jets": ak.unflatten(values, np.array(number, np.int64)),
                "flat": np.array(number, dtype),
            }
        )
    with uproot.recreate(path, compression=compression) as file:
        if layout == "ttree":
            file.mktree("tree", {"jets": f"var * {np.dtype(dtype).name}", "flat": np.dtype(dtype)})
            for chunk in chunks:
                file["tree"].extend(chunk)
        else:
            ntuple = file.mkrntuple("tree", ak.Array(chunks[0]).layout.form)
            for chunk in chunks:
                ntuple.extend(ak.Array(chunk))
    check_file(path, "tree", ["jets", "flat"])


def test_an_unknown_layout_is_read_by_uproot_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "vectors.root"
    with uproot.recreate(path) as file:
        file.mktree("tree", {"x": ("f4", (3,)), "y": "f4"})
        file["tree"].extend({"x": np.ones((5, 3), "f4"), "y": np.ones(5, "f4")})
    with caplog.at_level(logging.DEBUG, "analysis.reading.readers"):
        check_file(path, "tree", ["y"])
        assert "read by BulkReader" in caplog.text
        root, source = open_root(str(path)), LocalFile(path)
        reader = open_reader(str(path), root["tree"], source, ["x", "y"])
        assert isinstance(reader, PlainReader)
        assert "vectors.root: read by uproot, since x is stored as" in caplog.text
    root.close()
    source.close()


def write_baskets(path: Path, counts: Sequence[int], bounds: Sequence[int]) -> BasketTable:
    """Append the baskets of a branch whose entries have so many values, all different."""
    values = np.arange(sum(counts), dtype=">f4")
    offsets = np.concatenate([[0], np.cumsum(counts)])
    seeks, sizes = [], []
    with path.open("ab") as file:
        for first, last in itertools.pairwise(bounds):
            own = [values[offsets[i] : offsets[i + 1]].tobytes() for i in range(first, last)]
            content = b"".join(own)
            positions = 40 + np.cumsum([0, *map(len, own)])[:-1]
            table = np.array([last - first + 1, *positions, 0], ">i4").tobytes()
            size = 40 + len(content) + len(table)
            key = np.zeros(40, np.uint8)
            key[0:4] = np.frombuffer(np.array(size, ">i4").tobytes(), np.uint8)
            key[6:10] = np.frombuffer(np.array(size - 40, ">i4").tobytes(), np.uint8)
            key[14:16] = np.frombuffer(np.array(40, ">i2").tobytes(), np.uint8)
            tail = np.array([last - first, 40 + len(content)], ">i4").tobytes()
            key[31:39] = np.frombuffer(tail, np.uint8)
            seeks.append(file.tell())
            sizes.append(size)
            file.write(key.tobytes() + content + table)
    return BasketTable(
        "branch", values.dtype, 0, np.array(seeks), np.array(sizes), np.array(bounds), 8.0
    )


@pytest.mark.parametrize("way", [jagged_values, NumpyValues])
def test_branches_whose_baskets_look_alike_but_begin_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    """What is read for entries 2 to 3 has one and two values an entry in both branches."""
    path = tmp_path / "baskets"
    counts = {"a": [3, 0, 1, 2], "b": [3, 1, 2, 3]}
    bounds = {"a": [0, 2, 4], "b": [0, 1, 3, 4]}
    tables = {name: write_baskets(path, counts[name], bounds[name]) for name in counts}
    monkeypatch.setattr(bulk, "basket_table", lambda table: table)
    monkeypatch.setattr(bulk, "jagged_values", way)
    source = LocalFile(path)
    reader = BulkReader(tables, source, ["a", "b"])
    for start, stop in itertools.combinations(range(5), 2):
        found = reader.read(["a", "b"], start, stop)
        for name, own in counts.items():
            offsets = found[name].offsets
            assert offsets is not None
            assert np.diff(offsets).tolist() == own[start:stop]
            first = sum(own[:start])
            expected = np.arange(first, first + sum(own[start:stop]))
            assert found[name].values.tolist() == expected.tolist()
    source.close()


class Broken:
    """A fast reader that finds out late that it does not know the layout."""

    chunk_entries = 7
    read_bytes = 5

    def boundaries(self) -> np.ndarray:
        return np.array([0, 3])

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Any]:
        raise UnknownLayoutError("something new")


def test_entries_the_fast_reader_gives_up_on_are_read_by_uproot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "flat.root"
    with uproot.recreate(path) as file:
        file.mktree("tree", {"y": "f4"})
        file["tree"].extend({"y": np.arange(5, dtype="f4")})
    with uproot.open(path) as root, caplog.at_level(logging.DEBUG, "analysis.reading.readers"):
        reader = Hedged("flat.root", Broken(), PlainReader(root["tree"], ["y"]))
        np.testing.assert_array_equal(reader.read(["y"], 1, 4)["y"].values, [1, 2, 3])
    assert "entries 1 to 4 read by uproot, since something new" in caplog.text
    assert (reader.chunk_entries, reader.read_bytes) == (7, 5)
    assert list(reader.boundaries()) == [0, 3]


@pytest.fixture(scope="session")
def root_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with ROOT: VHBB_ROOT_PYTHON, or the wheel in an environment made for the tests."""
    given = os.environ.get("VHBB_ROOT_PYTHON")
    if given:
        return Path(given)
    folder = Path(__file__).parents[3] / ".venv-root"
    python, done = folder / "bin" / "python", folder / "complete"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes of the same tests wait
        if not done.exists():
            try:
                venv.create(folder, with_pip=True, clear=True)
                install = [python, "-m", "pip", "install", "--quiet", "root"]
                subprocess.run(install, check=True, capture_output=True, timeout=900)
            except (OSError, subprocess.SubprocessError) as error:
                if os.environ.get("CI"):
                    raise
                pytest.skip(f"no ROOT: set VHBB_ROOT_PYTHON ({error})")
            done.touch()
    return python


@pytest.fixture(scope="session")
def root_files(root_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files written by ROOT: every compression and awkward shape."""
    folder = tmp_path_factory.mktemp("root_files")
    subprocess.run([root_python, WRITER, "--samples", folder], check=True, capture_output=True)
    return folder


ATLAS = ["pt", "eta", "phi", "m", "NNJvtPass", "other0"]
SHAPES = ["zstd", "lz4", "lzma", "zlib", "none", "no-event", "one-event", "no-jets", "few-jets"]
SHAPES += ["unaligned", "many-blocks", "far", "recovered"]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["xaod", "nanoaod", "rntuple"])
def test_files_that_root_writes_are_as_uproot_reads_them(
    root_files: Path, layout: str, shape: str
) -> None:
    path = root_files / f"{layout}-{shape}.root"
    fast = shape != "recovered" or layout == "rntuple"
    if layout == "nanoaod":
        columns = [f"Jet_{name}" for name in ("pt", "eta", "phi", "mass", "other0")]
        check_file(path, "Events", [*columns, "genWeight", "nJet"], fast=fast)
        return
    mark = ":" if layout == "rntuple" else "."
    names = [f"AnalysisJetsAuxDyn{mark}{name}" for name in ATLAS]
    names.append(f"EventInfoAuxDyn{mark}mcEventWeights")
    check_file(path, "EventData" if layout == "rntuple" else "CollectionTree", names, fast=fast)


@pytest.mark.slow
def test_opening_needs_no_compiler(root_files: Path) -> None:
    script = (
        "import sys; from analysis.reading import open_events\n"
        "with open_events(sys.argv[1]) as file:\n"
        "    list(file.chunks())\n"
        "assert 'numba' not in sys.modules and 'ROOT' not in sys.modules\n"
    )
    path = root_files / "xaod-zstd.root"
    subprocess.run([sys.executable, "-c", script, path], check=True, cwd=WRITER.parents[1])
