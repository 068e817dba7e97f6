"""What open_events promises, for every format."""

import struct
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from analysis.errors import AnalysisError
from analysis.events import EventChunk
from analysis.reading import open_events

from .conftest import COUNTS, WriteEvents, bookkeepers, jagged, physlite_columns

BOOKS = [[("PHYSKernel", 0, "StreamAOD", 1.0), ("AllExecutedEvents", 0, "StreamAOD", 7.0)]]
JETS = sum(COUNTS)


def write_physlite(write: WriteEvents, **changes: Any) -> Path:
    columns = physlite_columns() | {name.replace("__", ":"): v for name, v in changes.items()}
    kept = {name: value for name, value in columns.items() if value is not None}
    return write(ntuples={"EventData": kept, "MetaData": bookkeepers(BOOKS)})


def only_chunk(path: Path, *args: Any, **options: Any) -> EventChunk:
    with open_events(str(path)) as file:
        (chunk,) = file.chunks(*args, **options)
    return chunk


def test_an_rntuple_gives_canonical_columns(write_events: WriteEvents) -> None:
    path = write_physlite(write_events)
    with open_events(str(path)) as file:
        assert (file.format, file.n_events, file.is_data) == ("physlite-rntuple", 5, False)
        assert file.sum_of_weights() == 7.0
        (chunk,) = file.chunks(["jvt", "DL1dv01_pb", "hadron_flavour"], ["event_clean"])
    assert len(chunk) == 5
    np.testing.assert_array_equal(np.diff(chunk.jets.offsets), COUNTS)
    np.testing.assert_array_equal(chunk.jets.pt, 60e3 + np.arange(JETS, dtype="f4"))
    assert chunk.jets.gev == 0.001
    np.testing.assert_array_equal(chunk.jets.extra["jvt"], np.arange(JETS) % 2 == 1)
    np.testing.assert_array_equal(chunk.jets.extra["DL1dv01_pb"], np.arange(JETS))
    np.testing.assert_array_equal(chunk.extra["event_clean"], [False, True, False, True, False])
    assert chunk.extra["event_clean"].dtype == bool


def test_the_nominal_weight_is_the_first_and_in_float64(write_events: WriteEvents) -> None:
    chunk = only_chunk(write_physlite(write_events))
    np.testing.assert_array_equal(chunk.weights, [1.5, 2.5, 3.5, 4.5, 5.5])
    assert chunk.weights.dtype == np.float64


@pytest.mark.parametrize(
    ("container", "format_name"),
    [("AnalysisJets", "physlite-ttree"), ("AntiKt4EMPFlowJets", "daod_phys")],
)
def test_a_ttree_gives_the_same_as_an_rntuple(
    write_events: WriteEvents, container: str, format_name: str
) -> None:
    columns = {
        name.replace("AnalysisJets", container): column
        for name, column in physlite_columns(separator=".").items()
    }
    tree = write_events({"CollectionTree": columns}, name="tree.root")
    ntuple = only_chunk(write_physlite(write_events), ["jvt"], ["event_clean"])
    with open_events(str(tree)) as file:
        assert file.format == format_name
        (chunk,) = file.chunks(["jvt"], ["event_clean"])
    for name in ("pt", "eta", "phi", "m", "offsets"):
        np.testing.assert_array_equal(getattr(chunk.jets, name), getattr(ntuple.jets, name))
    np.testing.assert_array_equal(chunk.weights, ntuple.weights)
    np.testing.assert_array_equal(chunk.jets.extra["jvt"], ntuple.jets.extra["jvt"])


def nanoaod_columns() -> dict[str, Any]:
    return {
        **{f"Jet_{name}": jagged(30.0) for name in ("pt", "eta", "phi", "mass", "btagDeepFlavB")},
        "genWeight": np.arange(5, dtype="f4"),
    }


def test_nanoaod_is_in_gev_and_sums_weights_over_runs(write_events: WriteEvents) -> None:
    runs = {"genEventSumw": np.array([3.0, 4.0])}
    path = write_events({"Events": nanoaod_columns(), "Runs": runs})
    with open_events(str(path)) as file:
        assert (file.format, file.sum_of_weights()) == ("nanoaod", 7.0)
        (chunk,) = file.chunks(["btagDeepFlavB"])
    assert chunk.jets.gev == 1
    np.testing.assert_array_equal(chunk.jets.m, 30 + np.arange(JETS))
    np.testing.assert_array_equal(chunk.weights, np.arange(5))


def test_a_file_without_weights_is_data_with_unit_weights(write_events: WriteEvents) -> None:
    columns = nanoaod_columns()
    del columns["genWeight"]
    path = write_events({"Events": columns})
    with open_events(str(path)) as file:
        assert file.is_data
        (chunk,) = file.chunks()
        np.testing.assert_array_equal(chunk.weights, np.ones(5))
        with pytest.raises(AnalysisError, match="is data"):
            file.sum_of_weights()


@pytest.mark.parametrize("entries", [1, 2, 3, 5, 100])
def test_chunks_partition_the_events(write_events: WriteEvents, entries: int) -> None:
    path = write_physlite(write_events)
    whole = only_chunk(path, ["DL1dv01_pb"])
    with open_events(str(path)) as file:
        chunks = list(file.chunks(["DL1dv01_pb"], chunk_entries=entries))
    assert [chunk.start for chunk in chunks] == list(np.cumsum([0, *map(len, chunks)])[:-1])
    assert max(map(len, chunks)) <= entries
    np.testing.assert_array_equal(np.concatenate([c.jets.pt for c in chunks]), whole.jets.pt)
    np.testing.assert_array_equal(np.concatenate([c.weights for c in chunks]), whole.weights)
    counts = np.concatenate([np.diff(c.jets.offsets) for c in chunks])
    np.testing.assert_array_equal(counts, COUNTS)


@pytest.mark.parametrize("cores", ["1", "4"])
def test_a_function_of_each_chunk_is_given_in_order(
    write_events: WriteEvents, monkeypatch: pytest.MonkeyPatch, cores: str
) -> None:
    monkeypatch.setenv("VHBB_CORES", cores)

    def use(chunk: EventChunk) -> int:
        if chunk.start == 3:
            raise ZeroDivisionError
        return chunk.start

    with open_events(str(write_physlite(write_events))) as file:
        results = file.each(use, chunk_entries=1)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_a_range_of_events_can_be_read(write_events: WriteEvents) -> None:
    chunk = only_chunk(write_physlite(write_events), start=2, stop=4)
    assert (len(chunk), chunk.start) == (2, 2)
    np.testing.assert_array_equal(chunk.jets.pt, 60002 + np.arange(4))


def test_b_tags_follow_the_links_of_the_jets(write_events: WriteEvents) -> None:
    order = ak.Array([[1, 0], [], [2, 0, 1], [0], [3, 2, 1, 0]])
    links = ak.zip({"m_persKey": order, "m_persIndex": ak.values_astype(order, "uint32")})
    path = write_physlite(write_events, AnalysisJetsAuxDyn__btaggingLink=links)
    chunk = only_chunk(path, ["DL1dv01_pb"])
    np.testing.assert_array_equal(chunk.jets.extra["DL1dv01_pb"], [1, 0, 4, 2, 3, 5, 9, 8, 7, 6])


def test_a_link_to_nowhere_is_an_error(write_events: WriteEvents) -> None:
    order = ak.Array([[1, 0], [], [2, 0, 1], [4294967295], [3, 2, 1, 0]])
    links = ak.zip({"m_persKey": order, "m_persIndex": ak.values_astype(order, "uint32")})
    path = write_physlite(write_events, AnalysisJetsAuxDyn__btaggingLink=links)
    with pytest.raises(AnalysisError, match=r"btaggingLink.m_persIndex.*without b-tag"):
        only_chunk(path, ["DL1dv01_pb"])


def test_b_tags_of_other_jets_are_an_error(write_events: WriteEvents) -> None:
    other = jagged(0.0, (2, 1, 2, 1, 4))
    path = write_physlite(write_events, BTagging_AntiKt4EMPFlowAuxDyn__DL1dv01_pb=other)
    with pytest.raises(AnalysisError, match=r"DL1dv01_pb does not have one value for each jet"):
        only_chunk(path, ["DL1dv01_pb"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_names_branch_and_entry(
    write_events: WriteEvents, bad: float
) -> None:
    eta = ak.unflatten(np.where(np.arange(JETS) == 5, bad, 0).astype("f4"), COUNTS)
    path = write_physlite(write_events, AnalysisJetsAuxDyn__eta=eta)
    with pytest.raises(AnalysisError, match=r"AnalysisJetsAuxDyn:eta is -?(nan|inf) in entry 3"):
        only_chunk(path)
    with (
        open_events(str(path)) as file,
        pytest.raises(AnalysisError, match=r"AnalysisJetsAuxDyn:eta is -?(nan|inf) in entry 3"),
    ):
        list(file.chunks(chunk_entries=2))


def test_large_finite_values_are_fine(write_events: WriteEvents) -> None:
    big = ak.unflatten(np.full(JETS, 3e38, "f4"), COUNTS)
    assert len(only_chunk(write_physlite(write_events, AnalysisJetsAuxDyn__m=big))) == 5


def test_an_event_without_weights_is_an_error(write_events: WriteEvents) -> None:
    weights = ak.Array([[1.0], [2.0], [], [1.0], [1.0]])
    path = write_physlite(write_events, EventInfoAuxDyn__mcEventWeights=weights)
    with pytest.raises(AnalysisError, match=r"mcEventWeights is empty in entry 2"):
        only_chunk(path)


def test_a_missing_branch_names_similar_ones(write_events: WriteEvents) -> None:
    path = write_physlite(write_events, AnalysisJetsAuxDyn__NNJvtPass=None)
    with pytest.raises(AnalysisError, match=r"no branch AnalysisJetsAuxDyn:NNJvtPass in EventData"):
        only_chunk(path, ["jvt"])
    with pytest.raises(AnalysisError, match=r"DL1dv00_pb.*similar: .*DL1dv01_pb"):
        only_chunk(path, ["DL1dv00_pb"])


def test_an_empty_tree_has_no_chunks_and_its_sum_of_weights(write_events: WriteEvents) -> None:
    columns = {name: column[:0] for name, column in physlite_columns().items()}
    path = write_events(ntuples={"EventData": columns, "MetaData": bookkeepers(BOOKS)})
    with open_events(str(path)) as file:
        assert (file.n_events, list(file.chunks())) == (0, [])
        assert not file.is_data
        assert file.sum_of_weights() == 7.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", r"is empty \(0 bytes\)"),
        (b"\x89PNG" + bytes(100), "is not a ROOT file"),
        (b"root", "is not a ROOT file"),
        (b"root" + struct.pack(">iii", 62400, 100, 5000) + bytes(50), r"truncated \(66 of 5000"),
        (b"root" + struct.pack(">iiq", 1062400, 100, 2**33) + bytes(50), "truncated .70 of 85899"),
        (b"root" + struct.pack(">iii", 62400, 100, 50) + bytes(500), "but no tree"),
    ],
)
def test_a_file_that_cannot_be_opened_says_why_in_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "events.root"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AnalysisError, match=message) as error:
        open_events(str(path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="is a folder"):
        open_events(str(tmp_path))


def test_a_truncated_copy_is_an_error_at_any_length(
    write_events: WriteEvents, tmp_path: Path
) -> None:
    whole = write_physlite(write_events).read_bytes()
    for length in range(0, len(whole), 97):
        path = tmp_path / f"cut{length}.root"
        path.write_bytes(whole[:length])
        with pytest.raises(AnalysisError, match=r"truncated|0 bytes|not a ROOT file"):
            open_events(str(path))


@pytest.mark.parametrize("layout", ["ttree", "rntuple"])
def test_damaged_bytes_never_give_another_error(
    write_events: WriteEvents, tmp_path: Path, layout: str
) -> None:
    if layout == "ttree":
        whole = write_events({"CollectionTree": physlite_columns(separator=".")}).read_bytes()
    else:
        whole = write_physlite(write_events).read_bytes()
    path = tmp_path / "damaged.root"
    rng = np.random.default_rng(1)
    for _ in range(50):
        damaged = bytearray(whole)
        position = int(rng.integers(len(whole)))
        damaged[position : position + 4] = rng.bytes(4)
        path.write_bytes(damaged)
        try:
            with open_events(str(path)) as file:
                list(file.chunks())
        except AnalysisError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_a_file_without_events_lists_its_trees(write_events: WriteEvents) -> None:
    path = write_events({"tree": {"x": np.arange(3.0)}})
    with pytest.raises(AnalysisError, match=r"no event tree CollectionTree.*but tree \(TTree\)"):
        open_events(str(path))


def test_a_given_format_is_held_to(write_events: WriteEvents) -> None:
    path = str(write_physlite(write_events))
    with pytest.raises(AnalysisError, match=r"no event tree Events \(TTree\), but EventData"):
        open_events(path, "nanoaod")
    with pytest.raises(AnalysisError, match=r"unknown format 'xaod'.*physlite-ttree"):
        open_events(path, "xaod")
    with open_events(path, "physlite-rntuple") as file:
        assert file.n_events == 5


def test_a_chunk_needs_at_least_one_event(write_events: WriteEvents) -> None:
    with pytest.raises(AnalysisError, match="chunks of 0 events"):
        only_chunk(write_physlite(write_events), chunk_entries=0)


def test_the_newest_cycle_of_a_tree_counts(tmp_path: Path) -> None:
    path = tmp_path / "cycles.root"
    with uproot.recreate(path) as file:
        for n in (3, 5):
            file.mktree("Events", {"Jet_pt": "var * float32"})
            file["Events"].extend({"Jet_pt": ak.unflatten(np.ones(n, "f4"), n * [1])})
    with open_events(str(path)) as file:
        assert file.n_events == 5


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "format_name", "n_jets", "sum_of_weights"),
    [
        ("physlite/PHYSLITE_example.root", "physlite-ttree", 881, None),
        ("physlite/uproot-issue-123b.root", "physlite-ttree", 1005, 73668.0625),
        ("physlite/uproot-issue-123a.root", "physlite-ttree", 1005, None),
        (
            "physlite/uproot-physlite-rntuple_v1-0-0-0.root",
            "physlite-rntuple",
            881,
            pytest.approx(81567.2639, abs=1e-4),
        ),
        ("nanoaod/nano_tt_v12.root", "nanoaod", 1504, None),
    ],
)
def test_public_files_give_the_reference_numbers(
    real_data: Path, name: str, format_name: str, n_jets: int, sum_of_weights: float | None
) -> None:
    with open_events(str(real_data / name)) as file:
        assert (file.format, file.is_data) == (format_name, False)
        assert sum(len(chunk.jets.pt) for chunk in file.chunks(chunk_entries=33)) == n_jets
        if sum_of_weights is None:
            with pytest.raises(AnalysisError, match="no sum of weights; give `sum_of_weights`"):
                file.sum_of_weights()
        else:
            assert file.sum_of_weights() == sum_of_weights


@pytest.mark.realdata
def test_b_tags_of_run_3_ntuples_pick_b_jets_only_when_links_are_followed(real_data: Path) -> None:
    path = real_data / "physlite/uproot-physlite-rntuple_v1-0-0-0.root"
    chunk = only_chunk(path, ["GN2v01_pb", "hadron_flavour"])
    tagged = chunk.jets.extra["GN2v01_pb"] > 0.7
    is_b = chunk.jets.extra["hadron_flavour"] == 5
    # By position in the container 2 % of the other jets would pass, and 52 % of the b jets.
    assert np.mean(tagged[~is_b]) < 0.005
    assert np.mean(tagged[is_b]) > 0.57
