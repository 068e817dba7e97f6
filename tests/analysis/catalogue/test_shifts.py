"""Shifts, weights of selections and shifted histograms as a catalogue declares them."""

import gzip
import json

import pytest

from analysis.catalogue import (
    FlavourTagging,
    GeneratorWeight,
    JetEnergyScale,
    ScaleFactor,
    WeightBranch,
    load_catalogue,
    write_out_selection,
)
from analysis.errors import AnalysisError
from tests.analysis.corrections import flavour_correction


def load(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    return load_catalogue(path)


SHIFTS = """
shifts:
  jes: {kind: jet_energy_scale, size: 3 %}
  scale: {kind: generator_weight, up: 4, down: 5}
  pdf: {kind: generator_weight, up: 11, sum_of_weights: nominal}
selections:
  mine:
    weights:
      pile_up: {kind: branch, nominal: puWeight, up: puWeightUp, down: puWeightDown}
      trigger: {kind: branch, nominal: triggerWeight}
      b_tag:
        kind: correctionlib
        file: sf.json.gz
        correction: b_tag
        inputs: {flavour: jet.hadron_flavour, pt: jet.pt, systematic: variation}
        nominal: central
        up: up
default_selection: mine
"""


@pytest.fixture
def catalogue(tmp_path):
    (tmp_path / "sf.json.gz").write_bytes(gzip.compress(flavour_correction().encode()))
    return load(tmp_path, SHIFTS)


def test_shifts_have_directions(catalogue):
    assert catalogue.shifts["jes"] == JetEnergyScale(0.03)
    assert catalogue.shifts["pdf"] == GeneratorWeight(11, own_sum=False)
    assert catalogue.shifts["flavour_tagging"] == FlavourTagging(0.02, 0.1, 0.2)
    selection = catalogue.selection("mine")
    names = ["jes", "jet_energy_resolution", "scale", "pdf", "pile_up", "b_tag"]
    assert [v.name for v in catalogue.variations(selection, names)] == [
        *("jes_up", "jes_down", "jet_energy_resolution_up", "scale_up", "scale_down", "pdf_up"),
        *("pile_up_up", "pile_up_down", "b_tag_up"),
    ]


def test_weights_are_part_of_the_selection_and_their_variations_are_not(catalogue, tmp_path):
    weights = catalogue.selection("mine").weights
    assert weights["pile_up"] == WeightBranch("puWeight", "puWeightUp", "puWeightDown")
    assert isinstance(weights["b_tag"], ScaleFactor)
    before = catalogue.selection("mine").digest()
    varied = load(tmp_path, SHIFTS.replace("puWeightUp", "other")).selection("mine")
    assert varied.digest() == before
    other = load(tmp_path, SHIFTS.replace("nominal: puWeight", "nominal: other")).selection("mine")
    assert other.digest() != before
    correction = json.loads(flavour_correction(central=1.5))
    (tmp_path / "sf.json.gz").write_bytes(gzip.compress(json.dumps(correction).encode()))
    assert load(tmp_path, SHIFTS).selection("mine").digest() != before


def test_a_variation_has_a_digest_of_what_makes_it(catalogue, tmp_path):
    def digests(text):
        content = load(tmp_path, text)
        found = content.variations(content.selection("mine"), ["jes", "pile_up", "scale"])
        return {variation.name: variation.digest() for variation in found}

    before = digests(SHIFTS)
    assert len(set(before.values())) == len(before)
    larger = digests(SHIFTS.replace("3 %", "4 %"))
    assert {name for name in before if larger[name] != before[name]} == {"jes_up", "jes_down"}
    other = digests(SHIFTS.replace("puWeightUp", "x").replace("down: 5", "down: 6"))
    assert {name for name in before if other[name] != before[name]} == {"pile_up_up", "scale_down"}


def test_a_written_selection_has_its_weights_and_shifts(catalogue, tmp_path):
    selection = catalogue.selection("mine")
    (tmp_path / "sf.json.gz").unlink()  # what is written stands for itself
    text = write_out_selection(catalogue, selection, ["jes", "pdf", "pile_up"])
    written = load(tmp_path, text)
    assert written.selection("mine") == selection
    assert written.selection("mine").weights == selection.weights
    assert (written.shifts["jes"], written.shifts["pdf"]) == (
        catalogue.shifts["jes"],
        catalogue.shifts["pdf"],
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{kind: jet_energy_scale}", "shifts.s: the key 'size' is missing"),
        ("{kind: jet_energy_scale, size: 0.1}", "shifts.s.size: 0.1 has no unit"),
        ("{kind: jet_energy_scale, size: 100 %}", "must be above 0 % and below 100 %"),
        ("{kind: jet_energy_scale, size: 0 %}", "must be above 0 %"),
        ("{kind: jet_energy_scale, size: 2 %, b: 2 %}", "unknown key 'b'"),
        ("{kind: flavour_tagging}", "varies nothing"),
        ("{kind: generator_weight, up: 0}", "shifts.s.up: 0 must be a whole number, 1 or more"),
        ("{kind: weather}", "shifts.s.kind: 'weather' must be one of: jet_energy_scale"),
    ],
)
def test_a_shift_that_makes_no_sense_is_refused(tmp_path, entry, message):
    with pytest.raises(AnalysisError, match=message):
        load(tmp_path, f"shifts: {{s: {entry}}}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("file: sf.json.gz", "file: none.json", "b_tag.file: .*none.json: cannot be read"),
        ("correction: b_tag", "correction: c_tag", "has no 'c_tag': did you mean 'b_tag'"),
        ("pt: jet.pt, ", "", "b_tag.inputs: the input 'pt' of 'b_tag' is missing"),
        (
            "pt: jet.pt",
            "pt: jet.pt, eta: jet.eta",
            "b_tag.inputs: 'b_tag' has no 'eta': known are flavour",
        ),
        ("systematic: variation", "systematic: central", "go with an input that is 'variation'"),
        ("pile_up: {kind: branch", "jes: {kind: branch", "'jes' is a shift of the catalogue, too"),
    ],
)
def test_a_weight_that_makes_no_sense_is_refused(tmp_path, old, new, message):
    (tmp_path / "sf.json.gz").write_bytes(gzip.compress(flavour_correction().encode()))
    with pytest.raises(AnalysisError, match=message):
        load(tmp_path, SHIFTS.replace(old, new))


def test_unknown_shifts_and_weights_without_variations_are_refused(catalogue):
    selection = catalogue.selection("mine")
    with pytest.raises(AnalysisError, match="unknown shift 'jer': "):
        catalogue.variations(selection, ["jer"])
    with pytest.raises(AnalysisError, match=r"mine\.weights\.trigger: is not varied"):
        catalogue.variations(selection, ["trigger"])


def test_a_systematic_of_an_unknown_shift_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match=r"model\.systematics\.jes\.shift: 'jes' is not in"):
        load(tmp_path, "model: {systematics: {jes: {kind: shape}}}")


def test_a_given_background_may_come_with_shifts(tmp_path):
    text = """
background:
  edges: [0, 1, 2]
  contents: [4, 5]
  overflow: 1
  shifts:
    shape: {up: {contents: [5, 4], overflow: 2}, down: {contents: [3, 6]}}
model: {systematics: {shape: {kind: shape, samples: background}}}
"""
    background = load(tmp_path, text).background
    assert background.variation("shape_up").contents == (5, 4)
    assert background.variation("shape_up").overflow == 2
    assert background.variation("shape_down").edges == (0, 1, 2)
    assert background.variation("other_up") is None
    with pytest.raises(AnalysisError, match=r"shifts\.shape: the key 'up' is missing"):
        load(tmp_path, text.replace("up: {contents: [5, 4], overflow: 2}, ", ""))
    with pytest.raises(AnalysisError, match=r"shape\.down\.contents: has 1 values for the 2 bins"):
        load(tmp_path, text.replace("[3, 6]", "[3]"))
    in_file = "background: {file: b.root, histogram: b, shifts: {shape: {up: b_up, down: b_down}}}"
    found = load(tmp_path, in_file).background
    assert found.variation("shape_down").histogram == "b_down"
