"""Event files read where they are: the baskets that are needed and no more."""

import shutil
import time

import pytest
import uproot

from analysis.catalogue import load_catalogue
from analysis.errors import AnalysisError
from analysis.reading import open_events
from analysis.reading.event_file import REMOTE_CHUNKS
from analysis.skimming import skim
from analysis.synthetic import write_synthetic_file
from tests.services.xrootd_server import eventually

N_EVENTS = 100_000


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.root"
    write_synthetic_file(str(path), seed=1, index=0, n_events=N_EVENTS)
    return path


@pytest.fixture
def selection():
    catalogue = load_catalogue()
    return catalogue.selection(catalogue.default_selection)


@pytest.fixture
def served(server, events):
    shutil.copy(events, server.files / "events.root")
    (server.files / "events.root").chmod(0o644)
    return "events.root"


def test_a_remote_skim_is_the_local_one(wire, served, events, selection):
    local, remote = skim([str(events)], selection), skim([f"{wire.url}/{served}"], selection)
    assert remote.n_events == local.n_events > N_EVENTS / 2
    for name, histogram in local.histograms.items():
        assert (remote.histograms[name].view(flow=True) == histogram.view(flow=True)).all()


def test_a_part_of_the_file_crosses_the_wire_in_few_requests(wire, served, events, selection):
    skim([f"{wire.url}/{served}"], selection)
    assert sum(wire.requests.values()) < 100
    assert wire.bytes_down < 0.5 * events.stat().st_size


def test_on_one_core_too_chunks_are_asked_for_before_they_are_needed(wire, served, monkeypatch):
    monkeypatch.setenv("VHBB_CORES", "1")
    with open_events(f"{wire.url}/{served}") as file:
        wire.forget()
        chunks = file.chunks((), (), 1000)
        next(chunks)
        assert eventually(lambda: sum(wire.requests.values()) > REMOTE_CHUNKS, seconds=30)
        chunks.close()


@pytest.mark.realdata
def test_columns_of_a_real_file_come_by_vector_reads(server, wire, test_data, selection):
    source = test_data / "physlite/uproot-issue-123b.root"
    shutil.copy(source, server.files / "real.root")
    (server.files / "real.root").chmod(0o644)
    remote = skim([f"{wire.url}/real.root"], selection)
    assert remote.n_events == skim([str(source)], selection).n_events
    assert wire.requests["readv"] >= 1
    assert sum(wire.requests.values()) < 40
    assert wire.bytes_down < 0.2 * source.stat().st_size


def test_a_connection_cut_while_reading_does_not_change_the_result(wire, served, events, selection):
    wire.cut(after=200_000)
    local, remote = skim([str(events)], selection), skim([f"{wire.url}/{served}"], selection)
    assert wire.struck.is_set()
    assert remote.cutflow.counts.tolist() == local.cutflow.counts.tolist()


def test_a_missing_remote_file_is_one_line(wire, selection):
    with pytest.raises(AnalysisError, match=r"none\.root: cannot be reached or read"):
        skim([f"{wire.url}/none.root"], selection)


def test_a_server_that_never_answers_is_an_error_not_a_hang(wire, served, selection, monkeypatch):
    monkeypatch.setitem(uproot.reading.open.defaults, "timeout", 2)
    wire.silent = True
    start = time.monotonic()
    with pytest.raises(AnalysisError, match="cannot be reached or read"):
        skim([f"{wire.url}/{served}"], selection)
    assert time.monotonic() - start < 60


def test_a_server_that_falls_silent_while_reading_is_an_error(wire, served, monkeypatch):
    monkeypatch.setitem(uproot.reading.open.defaults, "timeout", 2)
    with open_events(f"{wire.url}/{served}") as file:
        chunks = file.chunks((), (), 1000)
        next(chunks)
        wire.silent = True
        with pytest.raises(AnalysisError):
            list(chunks)
