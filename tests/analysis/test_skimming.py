"""Skims of files: completeness, bounded memory, merging, the way to a file and back."""

import itertools
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from analysis.catalogue import BTag, Selection
from analysis.errors import AnalysisError
from analysis.reading import columns as columns_module
from analysis.skim_files import read_skim, write_skim
from analysis.skimming import Skim, merge_skims, skim

SELECTION = Selection("x")
TAGGED = Selection(
    "tagged",
    b_tag=BTag("DL1dv01", "discriminant", 0.5, {"c": 0.018}),
    event_cleaning=True,
    jvt=True,
)
JETS, TAGS, INFO = "AnalysisJetsAuxDyn", "BTagging_AntiKt4EMPFlowAuxDyn", "EventInfoAuxDyn"


def columns(n_events: int, seed: int, separator: str) -> dict[str, ak.Array]:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3.0, n_events)
    n = int(counts.sum())

    def jets(values: np.ndarray, kind: type = np.float32) -> ak.Array:
        return ak.unflatten(values.astype(kind), counts)

    p = rng.dirichlet([1, 1, 1], n)
    s = separator
    return {
        f"{JETS}{s}pt": jets(20e3 + rng.exponential(40e3, n)),
        f"{JETS}{s}eta": jets(rng.normal(0, 1.5, n)),
        f"{JETS}{s}phi": jets(rng.uniform(-3.1, 3.1, n)),
        f"{JETS}{s}m": jets(rng.uniform(1e3, 2e4, n)),
        f"{JETS}{s}NNJvtPass": jets(rng.integers(0, 2, n), np.int8),
        **{f"{TAGS}{s}DL1dv01_p{f}": jets(p[:, i]) for i, f in enumerate("bcu")},
        f"{INFO}{s}mcEventWeights": ak.unflatten(
            rng.normal(0.7, 1, 2 * n_events).astype(np.float32), np.full(n_events, 2)
        ),
        f"{INFO}{s}DFCommonJets_eventClean_LooseBad": ak.Array(
            rng.integers(0, 2, n_events).astype(np.int8)
        ),
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a PHYSLITE file, as RNTuple or TTree; the RNTuple with a sum of weights."""

    def write(n_events: int = 200, seed: int = 1, *, tree: bool = False, mc: bool = True) -> str:
        path = tmp_path / f"events_{n_events}_{seed}_{tree}_{mc}.root"
        made = columns(n_events, seed, "." if tree else ":")
        if not mc:
            made = {name: values for name, values in made.items() if "Weights" not in name}
        with uproot.recreate(path) as file:
            if tree:
                file.mktree("CollectionTree", {k: v.type.content for k, v in made.items()})
                file["CollectionTree"].extend(made)
            else:
                file.mkrntuple("EventData", made)
                file.mkrntuple("MetaData", bookkeepers(100.5 + seed))
        return str(path)

    return write


def bookkeepers(total: float) -> dict[str, ak.Array]:
    return {
        "CutBookkeepersAux:name": ak.Array([["AllExecutedEvents"]]),
        "CutBookkeepersAux:cycle": ak.Array([[0]]),
        "CutBookkeepersAux:inputStream": ak.Array([["StreamAOD"]]),
        "CutBookkeepersAux:sumOfEventWeights": ak.Array([[total]]),
    }


def assert_same(first: Skim, second: Skim) -> None:
    assert dict(first.histograms) == dict(second.histograms)
    assert first.cutflow.cuts == second.cutflow.cuts
    for name in ("counts", "sum_of_weights", "variance"):
        np.testing.assert_array_equal(
            getattr(first.cutflow, name), getattr(second.cutflow, name)
        )  # fmt: skip
    assert first.sum_of_weights == second.sum_of_weights
    assert first.n_events == second.n_events


def test_histograms_hold_exactly_the_events_of_the_last_cut(write):
    found = skim([write()], SELECTION)
    assert found.n_events == 200
    for name in ("h_mjj", "h_njets", "h_jet1_pt"):
        total = found.histograms[name].sum(flow=True)
        assert total.value == pytest.approx(found.cutflow.sum_of_weights[-1], rel=1e-12)
        assert total.variance == pytest.approx(found.cutflow.variance[-1], rel=1e-12)


@pytest.mark.parametrize("selection", [SELECTION, TAGGED])
def test_ttree_and_rntuple_of_the_same_events_agree(write, selection):
    as_tree = skim([write(tree=True)], selection, with_sum_of_weights=False)
    as_ntuple = skim([write(tree=False)], selection, with_sum_of_weights=False)
    assert_same(as_tree, as_ntuple)
    assert as_tree.cutflow.counts[-1] > 0


@pytest.mark.parametrize("chunk_entries", [1, 7, 200, 10_000])
def test_the_size_of_chunks_does_not_matter(write, chunk_entries):
    whole = skim([write()], TAGGED)
    chunked = skim([write()], TAGGED, chunk_entries=chunk_entries)
    np.testing.assert_array_equal(chunked.cutflow.counts, whole.cutflow.counts)
    for name, histogram in whole.histograms.items():
        other = chunked.histograms[name].view(flow=True)
        for moment in ("value", "variance"):
            np.testing.assert_allclose(
                other[moment], histogram.view(flow=True)[moment], rtol=1e-12, atol=1e-12
            )


def test_merging_does_not_depend_on_the_order(write):
    parts = [skim([write(seed=seed)], SELECTION) for seed in range(4)]
    merged = merge_skims(parts)
    for order in itertools.permutations(parts):
        assert_same(merge_skims(order), merged)


def test_a_skim_of_several_files_is_the_merger_of_theirs(write):
    files = [write(seed=seed) for seed in range(3)]
    together = skim(files, SELECTION)
    assert_same(together, merge_skims([skim([path], SELECTION) for path in files]))
    assert together.sum_of_weights == 100.5 + 101.5 + 102.5


@pytest.mark.parametrize("selection", [SELECTION, TAGGED])
def test_a_round_trip_keeps_every_bit(write, tmp_path, selection):
    found = skim([write()], selection)
    write_skim(tmp_path / "skim.root", found)
    assert_same(read_skim(tmp_path / "skim.root"), found)


def test_a_file_without_events_gives_an_empty_skim(write, tmp_path):
    with uproot.recreate(tmp_path / "empty.root") as file:
        file.mkrntuple("EventData", {k: v[:0] for k, v in columns(3, 1, ":").items()})
        file.mkrntuple("MetaData", bookkeepers(4.0))
    empty = skim([str(tmp_path / "empty.root")], TAGGED, keep_events=tmp_path / "kept.parquet")
    assert empty.n_events == 0
    assert empty.cutflow.counts.tolist() == [0, 0, 0, 0]
    assert empty.sum_of_weights == 4.0
    assert len(ak.from_parquet(tmp_path / "kept.parquet")) == 0
    full = skim([write()], TAGGED)
    assert merge_skims([full, empty]).n_events == full.n_events


def test_a_missing_sum_of_weights_is_an_error_before_any_event_is_read(write):
    read: list[int] = []
    with pytest.raises(AnalysisError, match="sum of weights; give `sum_of_weights`"):
        skim([write(tree=True)], SELECTION, progress=read.append)
    assert read == []


def test_the_sum_of_weights_is_not_asked_for_when_given(write):
    assert skim([write(tree=True)], SELECTION, with_sum_of_weights=False).sum_of_weights is None


def test_data_have_no_sum_of_weights_and_count_as_they_are(write, tmp_path):
    found = skim([write(mc=False)], SELECTION)
    assert found.sum_of_weights is None
    np.testing.assert_array_equal(found.cutflow.counts, found.cutflow.sum_of_weights)
    write_skim(tmp_path / "data.root", found)
    assert read_skim(tmp_path / "data.root").sum_of_weights is None


@pytest.mark.parametrize("simulated", [True, False])
def test_a_file_that_is_not_what_the_catalogue_says_is_refused(write, simulated):
    files = [write(mc=simulated)]
    found, given = ("simulation", "data") if simulated else ("data", "simulation")
    with pytest.raises(AnalysisError, match=f"it is {found}, not {given}; correct `is_data`"):
        skim(files, SELECTION, is_data=simulated)
    assert skim(files, SELECTION, is_data=not simulated).n_events == 200


def test_data_and_simulation_cannot_be_merged(write):
    with pytest.raises(AnalysisError, match="1 of 2 skims have no sum of weights"):
        skim([write(mc=False), write()], SELECTION)


def test_nothing_to_skim_is_an_error():
    with pytest.raises(AnalysisError, match="no files to skim"):
        skim([], SELECTION)
    with pytest.raises(AnalysisError, match="no skims to merge"):
        merge_skims([])


def test_progress_counts_every_event_once(write):
    steps: list[int] = []
    skim([write(), write(seed=2)], SELECTION, chunk_entries=64, progress=steps.append)
    assert sum(steps) == 400
    assert max(steps) <= 64


def test_a_file_that_is_no_skim_is_named(write):
    path = write()
    with pytest.raises(AnalysisError, match="is not a skim"):
        read_skim(path)
    with pytest.raises(AnalysisError, match="no such file"):
        read_skim(path + "x")


def test_kept_events_are_those_of_the_histograms(write, tmp_path):
    files = [write(), write(seed=2)]
    place = tmp_path / "kept.parquet"
    found = skim(files, SELECTION, keep_events=place, chunk_entries=33)
    kept = ak.from_parquet(place)
    assert len(kept) == found.cutflow.counts[-1]
    assert found.histograms["h_mjj"].sum(flow=True).value == pytest.approx(ak.sum(kept.weight))
    histogram = found.histograms["h_mjj"].copy().reset()
    histogram.fill(ak.to_numpy(kept.m_jj), weight=ak.to_numpy(kept.weight))
    np.testing.assert_allclose(
        histogram.values(flow=True), found.histograms["h_mjj"].values(flow=True), atol=1e-12
    )
    first, second = (
        kept.jets[ak.local_index(kept.jets.pt) == kept[name]][:, 0]
        for name in ("leading", "subleading")
    )
    assert ak.all(first.pt >= second.pt)
    assert ak.all(kept.jets.pt > 50)
    mass = np.sqrt(np.maximum(invariant_mass_squared(first, second), 0))
    np.testing.assert_allclose(kept.m_jj, mass, rtol=1e-4)
    for number, path in enumerate(files):
        weights = uproot.open(path)["EventData"][f"{INFO}:mcEventWeights"].array()[:, 0]
        of_file = kept[kept.file == number]
        np.testing.assert_array_equal(weights[of_file.entry], of_file.weight)


def invariant_mass_squared(a: ak.Array, b: ak.Array) -> ak.Array:
    energies = [np.sqrt((j.pt * np.cosh(j.eta)) ** 2 + j.m**2) for j in (a, b)]
    momenta = [(j.pt * np.cos(j.phi), j.pt * np.sin(j.phi), j.pt * np.sinh(j.eta)) for j in (a, b)]
    return sum(energies) ** 2 - sum((p + q) ** 2 for p, q in zip(*momenta, strict=True))


def test_an_error_on_the_way_leaves_no_kept_events(write, tmp_path):
    place = tmp_path / "kept.parquet"
    with pytest.raises(AnalysisError, match="no such file"):
        skim([write(), str(tmp_path / "none.root")], SELECTION, keep_events=place)
    assert not place.exists()


def test_memory_does_not_grow_with_the_number_of_files(write, tmp_path, monkeypatch):
    path = write(2000)
    monkeypatch.setenv("VHBB_CORES", "1")  # how many chunks threads hold is their luck

    def peak(files: list[str]) -> int:
        tracemalloc.start()
        skim(files, SELECTION, chunk_entries=500, keep_events=tmp_path / "kept.parquet")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak([path])
    assert peak([path] * 12) < 1.1 * peak([path] * 3)


def test_the_number_of_cores_does_not_matter(write, tmp_path, monkeypatch):
    path = write(2000)

    def kept(cores: str) -> tuple[Skim, ak.Array]:
        monkeypatch.setenv("VHBB_CORES", cores)
        file = tmp_path / f"{cores}.parquet"
        return skim([path], TAGGED, chunk_entries=64, keep_events=file), ak.from_parquet(file)

    one, many = kept("1"), kept("5")
    assert_same(one[0], many[0])
    assert one[1].to_list() == many[1].to_list()


@pytest.mark.parametrize("tree", [True, False])
def test_memory_does_not_grow_with_the_number_of_events(tmp_path, monkeypatch, tree):
    monkeypatch.setenv("VHBB_CORES", "1")
    part = columns(20_000, 1, "." if tree else ":")  # where a cluster ends is kept for each

    def written(n_parts: int) -> str:
        path = tmp_path / f"{n_parts}.root"
        with uproot.recreate(path) as file:
            if tree:
                file.mktree("CollectionTree", {k: v.type.content for k, v in part.items()})
            else:
                file.mkrntuple("EventData", {k: v[:0] for k, v in part.items()})
            for _ in range(n_parts):
                file["CollectionTree" if tree else "EventData"].extend(part)
        return str(path)

    def peak(path: str, n_events: int) -> int:
        tracemalloc.start()
        found = skim([path], SELECTION, chunk_entries=20_000, with_sum_of_weights=False)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found.n_events == n_events
        return peak

    short, long = written(3), written(15)
    peak(short, 60_000)
    assert peak(long, 300_000) < 1.1 * peak(short, 60_000)


@pytest.mark.parametrize("tree", [True, False])
def test_cores_do_not_multiply_the_memory_of_a_file_in_one_piece(write, monkeypatch, tree):
    """As uproot writes it: every column one basket or page, which each thread would decode."""
    path = write(60_000, tree=tree)
    expected = skim([path], SELECTION, with_sum_of_weights=False)
    monkeypatch.setattr(columns_module, "READ_BYTES", 1024**2)
    assert_same(skim([path], SELECTION, with_sum_of_weights=False), expected)

    def peak(cores: int) -> int:
        monkeypatch.setenv("VHBB_CORES", str(cores))
        tracemalloc.start()
        skim([path], SELECTION, chunk_entries=5000, with_sum_of_weights=False)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(1)
    assert peak(8) < 1.1 * peak(1)


def test_weights_are_summed_in_float64(tmp_path):
    weights = np.array([2.0**25, 1.0, 1.0, 1.0], np.float32)
    jet = {"pt": 60e3, "eta": 0.1, "phi": 0.5, "m": 5e3}
    made = {
        f"{JETS}:{name}": ak.values_astype(ak.Array([[value] * 2] * 4), np.float32)
        for name, value in jet.items()
    }
    with uproot.recreate(tmp_path / "w.root") as file:
        file.mkrntuple("EventData", {**made, f"{INFO}:mcEventWeights": ak.unflatten(weights, 1)})
    found = skim([str(tmp_path / "w.root")], SELECTION, with_sum_of_weights=False)
    assert found.cutflow.sum_of_weights.tolist() == [2.0**25 + 3] * 2
    assert math.isclose(found.histograms["h_mjj"].sum(flow=True).value, 2.0**25 + 3, rel_tol=0)
