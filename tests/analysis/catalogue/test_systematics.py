import pytest

from analysis.catalogue import load_catalogue
from analysis.errors import AnalysisError


def load(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    return load_catalogue(path)


def test_systematics_are_declared_with_their_samples_and_signs(tmp_path):
    model = load(
        tmp_path,
        """
shifts: {jes: {kind: jet_energy_scale, size: 2 %}}
model:
  background_normalisation: free
  window: {low: 75 GeV, high: 150 GeV}
  pruning: 0.5 %
  smoothing: 353QH
  systematics:
    theory: {kind: normalisation, up: 10 %, down: -8 %, covers: signal theory}
    theory_background: {kind: normalisation, parameter: theory, up: 4 %, samples: background}
    jes: {kind: shape, samples: [signal, background], covers: [jet energy scale]}
""",
    ).model
    _embedded, theory, correlated, jes = model.systematics
    assert (theory.up, theory.down, theory.samples) == (0.1, -0.08, ("signal",))
    assert (correlated.name, correlated.up, correlated.down) == ("theory", 0.04, -0.04)
    assert (jes.shift, jes.samples) == ("jes", ("signal", "background"))
    assert model.window == (75.0, 150.0)
    assert (model.pruning, model.smoothing) == (0.005, "353QH")
    assert model.background_normalisation == "free"


def test_a_systematic_of_the_layer_beneath_is_kept_replaced_or_left_out(tmp_path):
    def names(entries):
        model = load(tmp_path, f"model: {{systematics: {entries}}}").model
        return {systematic.name: systematic.covers for systematic in model.systematics}

    embedded = {"jet_energy_scale": ("jet energy scale",)}
    assert names("{}") == embedded
    assert names("{theory: {kind: normalisation, up: 5 %}}") == {**embedded, "theory": ()}
    assert names("{jet_energy_scale: {kind: shape}}") == {"jet_energy_scale": ()}
    assert names("{jet_energy_scale: none}") == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{kind: nothing}", "model.systematics.s.kind"),
        ("{kind: normalisation}", "the key 'up' is missing"),
        ("{kind: normalisation, up: 0.1}", "model.systematics.s.up: 0.1 has no unit"),
        ("{kind: normalisation, up: 5 %, down: -100 %}", "would leave no events"),
        ("{kind: shape, up: 5 %}", "model.systematics.s.up: has no part in a shape"),
        ("{kind: normalisation, up: 5 %, shift: a}", "s.shift: has no part in a normalisation"),
        ("{kind: shape, samples: data}", "model.systematics.s.samples"),
        ("{kind: shape, covers: weather}", "model.systematics.s.covers"),
        ("{kind: shape, colour: red}", "unknown key 'colour'"),
    ],
)
def test_a_systematic_that_makes_no_sense_is_refused(tmp_path, entry, message):
    with pytest.raises(AnalysisError, match=message):
        load(tmp_path, f"model: {{systematics: {{s: {entry}}}}}")


def test_an_empty_window_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match=r"model\.window\.low: 100 GeV must be below 'high'"):
        load(tmp_path, "model: {window: {low: 100 GeV, high: 90 GeV}}")
