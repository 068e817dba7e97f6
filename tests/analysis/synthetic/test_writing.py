"""The synthetic sample: reproducible, labelled, in a real file's layout, with a real peak."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from analysis.catalogue import Binning, BTag, Selection
from analysis.errors import AnalysisError
from analysis.reading import open_events
from analysis.scaling import scale_factor, to_luminosity
from analysis.schema import SYNTHETIC
from analysis.skimming import Skim, skim
from analysis.synthetic import write_synthetic_file

SEED, N_EVENTS = 345055, 20_000
TAG = BTag("DL1dv01", "discriminant", 2.456, {"c": 0.018})


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("synthetic") / "zh.root"
    write_synthetic_file(path, seed=SEED, index=0, n_events=N_EVENTS)
    return str(path)


def content(path: Path | str) -> dict[str, list[object]]:
    with uproot.open(path) as file:
        trees = [file["EventData"].arrays(), file["MetaData"].arrays()]
    return {name: tree[name].tolist() for tree in trees for name in tree.fields}


def test_seed_and_index_fix_every_bit(tmp_path):
    first, again, other_index, other_seed = (tmp_path / f"{i}.root" for i in range(4))
    write_synthetic_file(first, seed=1, index=2, n_events=300)
    write_synthetic_file(again, seed=1, index=2, n_events=300)
    write_synthetic_file(other_index, seed=1, index=3, n_events=300)
    write_synthetic_file(other_seed, seed=2, index=2, n_events=300)
    assert content(first) == content(again)
    assert content(first) != content(other_index)
    assert content(first) != content(other_seed)


def test_the_values_of_a_seed_stay_what_they_are(tmp_path):
    """Other numbers are another sample: say so in the change log."""
    write_synthetic_file(tmp_path / "zh.root", seed=1, index=0, n_events=1000)
    values = content(tmp_path / "zh.root")
    assert values["CutBookkeepersAux:nAcceptedEvents"] == [[948, 1000]]
    assert values["CutBookkeepersAux:sumOfEventWeights"][0][1] == pytest.approx(936.99514, abs=1e-4)


def test_the_file_says_that_it_is_synthetic_and_claims_no_dataset(sample):
    with uproot.open(sample) as file:
        assert file[SYNTHETIC].startswith("Synthetic toy ZH -> llbb events")
        numbers = file["EventData"].arrays(["EventInfoAuxDyn:mcChannelNumber"])
    assert ak.all(numbers["EventInfoAuxDyn:mcChannelNumber"] == 0)


def test_the_file_is_read_as_physlite(sample):
    with open_events(sample) as file:
        assert file.format == "physlite-rntuple"
        assert not file.is_data
        assert N_EVENTS * 0.9 < file.n_events < N_EVENTS


def test_the_sum_of_weights_is_of_all_generated_events_not_of_the_written_ones(sample):
    with open_events(sample) as file:
        total = file.sum_of_weights()
        written = sum(chunk.weights.sum() for chunk in file.chunks())
    assert written < total
    assert total == pytest.approx(0.945 * N_EVENTS, rel=0.01)


def test_several_batches_make_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.synthetic.writing.BATCH", 400)
    write_synthetic_file(tmp_path / "zh.root", seed=1, index=0, n_events=1000)
    values = content(tmp_path / "zh.root")
    numbers = values["EventInfoAuxDyn:eventNumber"]
    assert len(set(numbers)) == len(numbers) == values["CutBookkeepersAux:nAcceptedEvents"][0][0]
    assert values["CutBookkeepersAux:nAcceptedEvents"][0][1] == 1000


def scaled(found: Skim) -> np.ndarray:
    assert found.sum_of_weights is not None
    factor = scale_factor(44.837, 1.0, 1.0, 140.1, found.sum_of_weights)
    return to_luminosity(found.histograms["h_mjj"], factor).values(flow=True)


def test_as_many_events_are_selected_as_in_the_tutorial_with_the_peak_in_its_place(sample):
    contents = scaled(skim([sample], Selection("vhbb")))
    assert contents.sum() == pytest.approx(1618, rel=0.1)
    assert contents.argmax() == 5  # 100-125 GeV, after the underflow
    assert contents[5:7].sum() > 0.4 * contents.sum()
    assert contents[7:].sum() > 0.2 * contents.sum()


def test_b_tagged_pairs_peak_at_the_higgs_mass_with_the_width_of_a_calorimeter(sample):
    fine = Selection("fine", b_tag=TAG, event_cleaning=True, jvt=True, m_jj=Binning(500, 0, 500))
    histogram = skim([sample], fine).histograms["h_mjj"]
    cumulative = np.cumsum(histogram.values()) / histogram.values().sum()
    low, median, high = np.searchsorted(cumulative, [0.16, 0.5, 0.84])
    assert 115 < median < 125
    assert 11 < (high - low) / 2 < 18


def test_gn2_rejects_more_light_jets_at_the_same_efficiency(sample):
    light = {"c": 0.2, "tau": 0.01}
    gn2 = Selection("gn2", b_tag=BTag("GN2v01", "discriminant", 1.9, light))
    assert skim([sample], gn2).cutflow.counts[-1] > 0


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"index": -1}, {"n_events": 0}])
def test_a_sample_that_cannot_be_is_refused_and_not_written(tmp_path, wrong):
    arguments = {"seed": 1, "index": 0, "n_events": 10, **wrong}
    with pytest.raises(AnalysisError, match="cannot make"):
        write_synthetic_file(tmp_path / "zh.root", **arguments)
    assert not list(tmp_path.iterdir())
