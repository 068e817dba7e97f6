"""A catalogue that is written out says the same as the one it was written from."""

import pytest

from analysis.catalogue import (
    DatasetSum,
    HistogramFile,
    InlineHistogram,
    digest,
    load_catalogue,
    write_out,
)
from analysis.errors import AnalysisError


def round_trip(catalogue, selection, path, **histograms):
    """The catalogue read from what was written of another one."""
    chosen = {"data": catalogue.data, "background": catalogue.background, **histograms}
    path.write_text(write_out(catalogue, catalogue.selection(selection), catalogue.model, chosen))
    return load_catalogue(path)


@pytest.mark.parametrize("selection", ["vhbb", "vhbb_container", "vhbb_btag"])
def test_a_written_catalogue_has_the_same_content(selection, tmp_path):
    before = load_catalogue()
    after = round_trip(before, selection, tmp_path / "written.yaml")
    assert digest(after.selection(selection)) == digest(before.selection(selection))
    for part in ("luminosity", "data", "background", "model"):
        assert getattr(after, part) == getattr(before, part), part
    assert after.default_selection == selection
    assert not after.signals


def test_numbers_are_exact(tmp_path):
    awkward = InlineHistogram(
        edges=(0.0, 0.1 + 0.2, 1e3),
        contents=(1 / 3, 1e-17),
        underflow=2 / 3,
        variances=(1e-300, 0.1),
        underflow_variance=1 / 7,
    )
    after = round_trip(load_catalogue(), "vhbb", tmp_path / "written.yaml", background=awkward)
    assert after.background == awkward


def test_a_remote_histogram_stays_where_it_is(tmp_path):
    remote = HistogramFile("root://eosatlas.cern.ch//eos/recast/data.root", "data")
    after = round_trip(load_catalogue(), "vhbb", tmp_path / "written.yaml", data=remote)
    assert after.data == remote


def test_a_sum_of_datasets_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="background: is a sum of datasets"):
        round_trip(load_catalogue(), "vhbb", tmp_path / "w.yaml", background=DatasetSum(("zjets",)))


def test_the_whole_model_is_written(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        """
shifts:
  jes: {kind: jet_energy_scale, size: 2.5 %}
  tag: {kind: flavour_tagging, b: 2 %, light: 20 %}
  scale: {kind: generator_weight, up: 4, down: 5, sum_of_weights: nominal}
model:
  luminosity_on: [signal, background]
  background_normalisation: free
  window: {low: 100 GeV, high: 150 GeV}
  pruning: 0.5 %
  systematics:
    jes: {kind: shape, samples: [signal, background], covers: [jet energy scale]}
    tag: {kind: shape, parameter: b_tag}
    scale: {kind: shape}
    xsec: {kind: normalisation, samples: [background], up: 7 %, down: -8.1 %}
"""
    )
    before = load_catalogue(tmp_path / "mine.yaml")
    after = round_trip(before, "vhbb", tmp_path / "written.yaml")
    assert after.model == before.model
    used = ("jes", "tag", "scale", "jet_energy_scale")  # the last by the embedded model
    assert after.shifts == {name: before.shifts[name] for name in used}
