"""Shifted jets and weights: what a skim makes of them, against plain numpy."""

from collections.abc import Callable
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot

from analysis.catalogue import (
    FlavourTagging,
    GeneratorWeight,
    JetEnergyResolution,
    JetEnergyScale,
    ScaleFactor,
    Selection,
    Variation,
    WeightBranch,
)
from analysis.catalogue.shifts import variations
from analysis.errors import AnalysisError
from analysis.histograms import NOMINAL
from analysis.pairs import dijet_mass
from analysis.reading import open_events
from analysis.selection import select
from analysis.shifts import select_varied, shifted_jets, standard_normals
from analysis.skim_files import read_skims, write_skims
from analysis.skimming import merge_variations, skim, skim_variations
from analysis.weighting import weighted
from tests.analysis.corrections import flavour_correction

JETS, INFO = "AnalysisJetsAuxDyn:", "EventInfoAuxDyn:"
SELECTION = Selection("x")
JES = tuple(variations("jes", JetEnergyScale(0.05)))
JER = tuple(variations("jer", JetEnergyResolution(0.2)))
TAG = tuple(variations("tag", FlavourTagging(b=0.1, c=0.2, light=0.3)))
SCALE = tuple(variations("scale", GeneratorWeight(1, 2)))


class Sample:
    """A PHYSLITE file, and its events in plain numpy."""

    def __init__(self, path: str, n_events: int = 300, seed: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.path = path
        self.counts = rng.poisson(3.0, n_events)
        n = int(self.counts.sum())
        self.pt = (20e3 + rng.exponential(40e3, n)).astype(np.float32)
        self.eta = rng.normal(0, 1.5, n).astype(np.float32)
        self.phi = rng.uniform(-3.1, 3.1, n).astype(np.float32)
        self.m = rng.uniform(1e3, 2e4, n).astype(np.float32)
        self.flavour = rng.choice([0, 4, 5, 15], n).astype(np.int32)
        self.weights = rng.normal(0.7, 1, (n_events, 3)).astype(np.float32)
        self.pile_up = rng.uniform(0.5, 1.5, (n_events, 2)).astype(np.float32)
        lists = {name: ak.unflatten(getattr(self, name), self.counts) for name in ("pt", "eta")}
        with uproot.recreate(path) as file:
            file.mkrntuple(
                "EventData",
                {
                    **{JETS + name: values for name, values in lists.items()},
                    JETS + "phi": ak.unflatten(self.phi, self.counts),
                    JETS + "m": ak.unflatten(self.m, self.counts),
                    JETS + "HadronConeExclTruthLabelID": ak.unflatten(self.flavour, self.counts),
                    INFO + "mcEventWeights": ak.Array(self.weights.tolist()),
                    INFO + "pileUp": self.pile_up[:, 0],
                    INFO + "pileUp_up": self.pile_up[:, 1],
                },
            )
            names = ["AllExecutedEvents", *(_varied(index) for index in (1, 2))]
            columns = {
                "name": [names],
                "cycle": [[0, 0, 0]],
                "inputStream": [["StreamAOD"] * 3],
                "sumOfEventWeights": [[100.0, 110.0, 95.0]],
            }
            prefix = "CutBookkeepersAux:"
            file.mkrntuple("MetaData", {prefix + k: ak.Array(v) for k, v in columns.items()})

    def plain_counts(self, pt: np.ndarray, factors: np.ndarray | None = None) -> float:
        """Weight of the events with two jets above 50 GeV, by a loop over events."""
        total, first = 0.0, 0
        for event, n in enumerate(self.counts):
            jets = slice(first, first + n)
            passing = (pt[jets] > 50e3) & (abs(self.eta[jets]) < 2.5)
            if passing.sum() >= 2:
                product = 1.0 if factors is None else float(np.prod(factors[jets][passing]))
                total += float(self.weights[event, 0]) * product
            first += n
        return total


def _varied(index: int) -> str:
    return f"AllExecutedEvents_NonNominalMCWeight_{index}"


@pytest.fixture
def sample(tmp_path) -> Sample:
    return Sample(str(tmp_path / "events.root"))


def yields(skims) -> dict[str, float]:
    return {name: part.histograms["h_mjj"].sum(flow=True).value for name, part in skims.items()}


def test_the_energy_scale_changes_which_events_pass_and_their_mass(sample):
    skims = skim_variations([sample.path], SELECTION, variations=JES)
    found = yields(skims)
    for name, factor in (("jes_up", 1.05), ("jes_down", 0.95)):
        expected = sample.plain_counts(sample.pt * np.float32(factor))
        assert found[name] == pytest.approx(expected, rel=1e-9)
    assert found["jes_up"] > found[NOMINAL] > found["jes_down"]


def test_resolution_smears_by_its_width_whatever_the_chunks(sample, chunk_of):
    chunks = [skim_variations([sample.path], SELECTION, variations=JER, chunk_entries=n)
              for n in (7, 1000)]  # fmt: skip
    assert dict(chunks[0]["jer_up"].histograms) == dict(chunks[1]["jer_up"].histograms)
    assert yields(chunks[0])["jer_up"] != yields(chunks[0])[NOMINAL]
    rng = np.random.default_rng(0)
    jets = chunk_of([[(rng.uniform(20, 300), 1.0, float(i), 5.0)] for i in range(20000)]).jets
    normals = standard_normals(jets)
    assert abs(normals.mean()) < 0.03
    assert normals.std() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(normals) > 2) == pytest.approx(0.0455, abs=0.006)
    assert abs(np.corrcoef(normals[:-1], normals[1:])[0, 1]) < 0.03
    smeared = shifted_jets(jets, JER[0])
    np.testing.assert_allclose(smeared.pt / jets.pt, np.maximum(1 + 0.2 * normals, 0), rtol=1e-5)
    np.testing.assert_array_equal(smeared.eta, jets.eta)


def test_flavour_tagging_weights_each_accepted_jet(sample):
    found = yields(skim_variations([sample.path], SELECTION, variations=TAG))
    sizes = np.select([sample.flavour == 5, sample.flavour == 4], [0.1, 0.2], 0.3)
    assert found["tag_up"] == pytest.approx(sample.plain_counts(sample.pt, 1 + sizes), rel=1e-9)
    assert found["tag_down"] == pytest.approx(sample.plain_counts(sample.pt, 1 - sizes), rel=1e-9)


def test_generator_weights_come_with_their_own_sums(sample):
    skims = skim_variations([sample.path], SELECTION, variations=SCALE)
    assert [skims[n].sum_of_weights for n in (NOMINAL, "scale_up", "scale_down")] == [100, 110, 95]
    total = skims["scale_up"].cutflow.sum_of_weights[0]
    assert total == pytest.approx(sample.weights[:, 1].astype(np.float64).sum())
    nominal_sum = tuple(variations("scale", GeneratorWeight(1, own_sum=False)))
    skims = skim_variations([sample.path], SELECTION, variations=nominal_sum)
    assert skims["scale_up"].sum_of_weights == 100
    with pytest.raises(AnalysisError, match=r"mcEventWeights has no number 7 in entry 0"):
        missing = tuple(variations("scale", GeneratorWeight(7, own_sum=False)))
        skim_variations([sample.path], SELECTION, variations=missing)
    with pytest.raises(AnalysisError, match="'scale' is scaled with a sum of its own"):
        skim_variations([sample.path], SELECTION, variations=SCALE, with_sum_of_weights=False)
    with pytest.raises(AnalysisError, match="has no AllExecutedEvents_NonNominalMCWeight_7 of"):
        missing = tuple(variations("scale", GeneratorWeight(7)))
        skim_variations([sample.path], SELECTION, variations=missing)


def weighted_selection() -> Selection:
    inputs = {"systematic": "variation", "flavour": "jet.hadron_flavour", "pt": "jet.pt"}
    return Selection(
        "weighted",
        weights={
            "pile_up": WeightBranch(INFO + "pileUp", INFO + "pileUp_up"),
            "b_tag": ScaleFactor(flavour_correction(), "b_tag", inputs, "central", "up"),
        },
    )


def test_weights_of_a_selection_apply_to_the_nominal_and_vary_one_by_one(sample):
    selection = weighted_selection()
    varied = [v for name, w in selection.weights.items() for v in variations(name, w)]
    assert [v.name for v in varied] == ["pile_up_up", "b_tag_up"]
    found = yields(skim_variations([sample.path], selection, variations=varied))
    soft_b = (sample.flavour == 5) & (sample.pt < 100e3)
    central, up = np.where(soft_b, 0.9, 1.0), np.where(soft_b, 1.1, 1.0)
    generator = sample.weights[:, 0].copy()

    def expected(pile_up: int, factors: np.ndarray) -> float:
        sample.weights[:, 0] = 1
        sample.weights = sample.weights.astype(np.float64)
        sample.weights[:, 0] = generator.astype(np.float64) * sample.pile_up[:, pile_up]
        return sample.plain_counts(sample.pt, factors)

    assert found[NOMINAL] == pytest.approx(expected(0, central), rel=1e-9)
    assert found["pile_up_up"] == pytest.approx(expected(1, central), rel=1e-9)
    assert found["b_tag_up"] == pytest.approx(expected(0, up), rel=1e-9)


def test_weights_have_a_line_in_the_cut_flow_and_belong_to_the_shifted_jets(sample):
    skims = skim_variations([sample.path], weighted_selection(), variations=JES)
    for part in skims.values():
        assert part.cutflow.cuts[-1] == "weights"
        assert part.cutflow.counts[-1] == part.cutflow.counts[-2]
        total = part.histograms["h_mjj"].sum(flow=True).value
        assert part.cutflow.sum_of_weights[-1] == pytest.approx(total)


def test_shifts_leave_the_nominal_as_it_is_and_any_can_be_made_alone(sample):
    all_of = [*JES, *JER, *TAG, *SCALE]
    together = skim_variations([sample.path], SELECTION, variations=all_of, chunk_entries=64)
    assert dict(together[NOMINAL].histograms) == dict(skim([sample.path], SELECTION).histograms)
    for variation in all_of:
        alone = skim_variations([sample.path], SELECTION, variations=[variation], chunk_entries=64)[
            variation.name
        ]
        assert dict(alone.histograms) == dict(together[variation.name].histograms)


def test_data_have_no_shifts_and_no_weights(tmp_path, sample):
    with uproot.open(sample.path) as file:
        events = file["EventData"].arrays()
    data = str(tmp_path / "data.root")
    kept = [name for name in events.fields if "Weights" not in name and "pileUp" not in name]
    with uproot.recreate(data) as file:
        file.mkrntuple("EventData", {name: events[name] for name in kept})
    assert skim([data], weighted_selection()).cutflow.cuts == ("all events", ">= 2 jets")
    with pytest.raises(AnalysisError, match=r"data\.root: is data, which has no shifts"):
        skim_variations([data], SELECTION, variations=JES)


def test_a_weight_that_is_not_there_or_no_number_is_an_error(sample):
    with pytest.raises(AnalysisError, match="no branch nothing in EventData"):
        skim([sample.path], Selection("x", weights={"pile_up": WeightBranch("nothing")}))
    infinite = flavour_correction(central=1e400).replace("Infinity", "1e400")
    inputs = {"systematic": "variation", "flavour": "jet.hadron_flavour", "pt": "jet.pt"}
    broken = ScaleFactor(infinite, "b_tag", inputs, "central")
    with pytest.raises(AnalysisError, match="b_tag"):
        skim([sample.path], Selection("x", weights={"b_tag": broken}))
    unknown = ScaleFactor(flavour_correction(), "b_tag", inputs, "middle")
    with pytest.raises(AnalysisError, match="the correction 'b_tag' fails"):
        skim([sample.path], Selection("x", weights={"b_tag": unknown}))


def test_skims_with_shifts_are_written_read_and_merged_exactly(tmp_path, sample):
    skims = skim_variations([sample.path], SELECTION, variations=[*JES, *SCALE])
    path = tmp_path / "skims.root"
    write_skims(path, skims)
    back = read_skims(path)
    assert list(back) == list(skims)
    for name, part in skims.items():
        assert dict(back[name].histograms) == dict(part.histograms)
        assert back[name].sum_of_weights == part.sum_of_weights
        assert back[name].cutflow.cuts == part.cutflow.cuts
    merged = merge_variations([back, back])
    assert yields(merged) == {name: 2 * total for name, total in yields(skims).items()}
    with pytest.raises(AnalysisError, match="skims with different shifts cannot be merged"):
        merge_variations([back, {NOMINAL: back[NOMINAL]}])


def test_event_inputs_of_corrections_are_taken_per_event_or_per_jet(sample):
    import json

    correction = json.loads(flavour_correction())["corrections"][0]
    correction["inputs"] = [{"name": "mu", "type": "real"}]
    correction["data"] = {"nodetype": "formula", "expression": "2*x", "parser": "TFormula",
                          "variables": ["mu"]}  # fmt: skip
    content = json.dumps({"schema_version": 2, "corrections": [correction]})
    inputs = {"mu": f"event.{INFO}pileUp"}
    per_event = Selection("x", weights={"w": ScaleFactor(content, "b_tag", inputs)})
    found = yields(skim_variations([sample.path], per_event))[NOMINAL]
    weights = sample.weights.astype(np.float64)
    weights[:, 0] *= 2 * sample.pile_up[:, 0].astype(np.float64)
    sample.weights = weights
    assert found == pytest.approx(sample.plain_counts(sample.pt), rel=1e-9)


SIZES = [(JES[0], 1.05), (JES[1], 0.95)]


@pytest.mark.parametrize(("variation", "factor"), SIZES)
def test_masses_and_momenta_scale_alike(
    variation: Variation, factor: float, chunk_of: Callable
) -> None:
    jets = chunk_of([[(60, 0.1, 0.2, 10), (80, -1, 2, 8)]]).jets
    shifted = shifted_jets(jets, variation)
    np.testing.assert_allclose(shifted.pt, jets.pt * factor, rtol=1e-6)
    np.testing.assert_allclose(shifted.m, jets.m * factor, rtol=1e-6)
    assert shifted.pt.dtype == jets.pt.dtype
    pair = np.array([[0, 1]])
    assert dijet_mass(shifted, pair) == pytest.approx(factor * dijet_mass(jets, pair), rel=1e-6)


@pytest.mark.parametrize("variation", [*JES, *JER], ids=lambda variation: variation.name)
@pytest.mark.parametrize("order", ["pt", "container"])
def test_leaving_out_jets_that_cannot_pass_changes_nothing(sample, variation, order):
    selection = Selection("x", jet_order=order, min_jets=3)
    with open_events(sample.path) as file:
        (chunk,) = file.chunks()
    shifted = replace(chunk, jets=shifted_jets(chunk.jets, variation))
    plain = weighted(shifted, select(shifted, selection), selection)
    (fast,) = select_varied(chunk, select(chunk, selection), selection, [variation])
    for name in ("m_jj", "weights", "n_jets", "leading_pt"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(plain, name))
    assert fast.cutflow.cuts == plain.cutflow.cuts
    np.testing.assert_array_equal(fast.cutflow.sum_of_weights, plain.cutflow.sum_of_weights)
    np.testing.assert_array_equal(fast.cutflow.counts, plain.cutflow.counts)
