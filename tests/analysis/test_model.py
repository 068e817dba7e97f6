import warnings

import hist
import numpy as np
import pyhf
import pytest

from analysis.catalogue import ModelSettings, Systematic
from analysis.errors import AnalysisError
from analysis.histograms import Histogram, read_histogram
from analysis.inference import upper_limits
from analysis.model import build_model
from analysis.templates import bin_labels, make_templates

SIGNAL, BACKGROUND, DATA = [1.0, 8.0, 2.0], [60.0, 50.0, 40.0], [58.0, 55.0, 41.0]


def histogram(contents, *, underflow=0.0, overflow=0.0, low=0.0, high=75.0, variances=None):
    axis = hist.axis.Regular(len(contents), low, high)
    result = Histogram(axis, storage=hist.storage.Weight())
    view = result.view(flow=True)
    view["value"] = [underflow, *contents, overflow]
    view["variance"] = np.abs(view["value"]) if variances is None else [0, *variances, 0]
    return result


def build(signal=None, background=None, data=None, **settings):
    return build_model(
        signal or histogram(SIGNAL, overflow=3.0),
        background or histogram(BACKGROUND, overflow=30.0),
        data or histogram(DATA, overflow=33.0),
        ModelSettings(**settings),
        0.0083,
    )


def samples_of(model):
    return {sample["name"]: sample for sample in model.workspace["channels"][0]["samples"]}


def modifiers_of(sample):
    return {modifier["name"]: modifier for modifier in sample["modifiers"]}


def plain_model(workspace):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        reader = pyhf.Workspace(workspace)
        return reader.model(), reader.data(reader.model())


def test_tutorial_model_is_exactly_the_uncorrelated_background_of_pyhf():
    model, data = plain_model(build(name="tutorial").workspace)
    background = [*BACKGROUND, 30.0]
    theirs = pyhf.simplemodels.uncorrelated_background(
        [*SIGNAL, 3.0], background, np.sqrt(background).tolist(), validate=False
    )
    assert model.spec["channels"] == theirs.spec["channels"]
    assert data == [*DATA, 33.0, *model.config.auxdata]


def test_default_model_has_its_uncertainties_where_they_belong():
    model = build(background_uncertainty=0.05, signal_uncertainty=0.1)
    samples = samples_of(model)
    signal, background = modifiers_of(samples["signal"]), modifiers_of(samples["background"])
    assert set(signal) == {"mu", "lumi", "stat_signal", "signal_theory"}
    assert set(background) == {"stat_background", "background_norm"}
    assert background["background_norm"]["data"] == {"hi": 1.05, "lo": 0.95}
    assert signal["stat_signal"]["data"] == pytest.approx(np.sqrt([*SIGNAL, 3.0]))
    plain_model(model.workspace)


def test_what_is_not_modelled_is_listed():
    assert "signal theory" in build().not_modelled
    assert "signal theory" not in build(signal_uncertainty=0.1).not_modelled
    assert "luminosity" in build(name="tutorial").not_modelled


def test_overflow_is_a_bin_of_all_or_of_none():
    assert [len(sample["data"]) for sample in samples_of(build()).values()] == [4, 4]
    dropped = build(overflow="drop")
    assert [len(sample["data"]) for sample in samples_of(dropped).values()] == [3, 3]
    assert dropped.warnings == ("overflow dropped: 3 signal, 30 background, 33 data",)


def test_an_axis_without_overflow_has_none():
    plain = hist.Hist(hist.axis.Regular(3, 0, 75, flow=False), storage=hist.storage.Weight())
    plain.view()["value"] = plain.view()["variance"] = BACKGROUND
    model = build_model(plain, plain, plain, ModelSettings(), 0.01)
    assert model.workspace["observations"][0]["data"] == BACKGROUND


def test_different_binning_is_refused():
    with pytest.raises(AnalysisError, match="binning"):
        build(signal=histogram(SIGNAL, high=80.0))


def test_negative_bins_are_refused_or_clipped_with_a_warning():
    negative = histogram([-1.0, 8.0, 2.0])
    with pytest.raises(AnalysisError, match=r"signal is negative in bins 0-25: .*clip"):
        build(signal=negative)
    model = build(signal=negative, negative_bins="clip")
    assert samples_of(model)["signal"]["data"][0] == 0
    assert model.warnings == ("signal is negative in bins 0-25: set to zero (-1 events)",)
    limits = upper_limits(model.workspace, warnings=model.warnings)
    assert limits.observed is not None
    assert limits.to_dict()["warnings"][0] == model.warnings[0]


def test_a_signal_that_is_negative_in_sum_is_not_clipped():
    with pytest.raises(AnalysisError, match="signal is negative in sum"):
        build(signal=histogram([1.0, -8.0, 2.0]), negative_bins="clip")


def test_negative_data_are_refused_whatever_the_policy():
    with pytest.raises(AnalysisError, match="data are negative in bins 25-50"):
        build(data=histogram([1.0, -2.0, 3.0]), negative_bins="clip")


def test_contents_that_are_not_numbers_are_refused():
    with pytest.raises(AnalysisError, match="background has bins that are not numbers"):
        build(background=histogram([1.0, np.nan, 3.0]))


def test_data_without_background_are_refused_and_signal_without_is_a_warning():
    empty = histogram([60.0, 0.0, 40.0], overflow=30.0)
    with pytest.raises(AnalysisError, match="data but no background in bins 25-50"):
        build(background=empty)
    model = build(background=empty, data=histogram([58.0, 0.0, 41.0], overflow=33.0))
    assert "signal but no background in bins 25-50" in model.warnings[0]


def test_an_uncertainty_of_more_than_all_stays_positive():
    background = modifiers_of(samples_of(build(background_uncertainty=1.5))["background"])
    assert background["background_norm"]["data"] == {"hi": 2.5, "lo": 0.4}


def test_labels_name_bins_by_their_edges():
    assert bin_labels(np.array([0.0, 1.5, 3.0]), (True, True)) == ("<0", "0-1.5", "1.5-3", ">3")


@pytest.mark.realdata
def test_histograms_of_the_reana_demo_give_limits(test_data):
    data = read_histogram(str(test_data / "recast" / "data.root"), "data")
    background = read_histogram(str(test_data / "recast" / "background.root"), "background")
    signal = background.copy()
    signal.view(flow=True)["value"] = [0, 5, 15, 0]
    signal.view(flow=True)["variance"] = [0, 0.2, 0.5, 0]
    for name in ("default", "tutorial"):
        model = build_model(signal, background, data, ModelSettings(name=name), 0.0083)
        assert model.workspace["observations"][0]["data"] == [195.0, 116.0]
        limits = upper_limits(model.workspace)
        assert 0 < limits.expected[0] < limits.expected[4]
        assert limits.observed > limits.expected[2]


def with_systematics(**settings):
    theory = Systematic("theory", "normalisation", ("signal", "background"), 0.1, -0.1)
    scale = Systematic("jes", "shape", ("signal",), shift="jes", covers=("jet energy scale",))
    up, down = histogram([1.0, 6.0, 4.0]), histogram([1.0, 9.0, 1.0])
    return build_model(
        histogram(SIGNAL),
        histogram(BACKGROUND),
        histogram(DATA),
        ModelSettings(systematics=(theory, scale), **settings),
        0.0083,
        shifted={("signal", "jes"): (up, down)},
    )


def test_systematics_of_one_name_are_one_parameter():
    model = with_systematics()
    samples = samples_of(model)
    assert "theory" in modifiers_of(samples["signal"])
    assert "theory" in modifiers_of(samples["background"])
    reader, _ = plain_model(model.workspace)
    assert reader.config.par_names.count("theory") == 1
    assert "jes" in reader.config.par_names


def test_effects_are_recorded_and_what_they_cover_is_no_longer_missing():
    model = with_systematics(pruning=0.05)
    kept = {(effect.name, effect.sample): effect.in_model for effect in model.effects}
    assert kept["theory", "signal"] == ("normalisation",)
    assert kept["jes", "signal"] == ("shape",)
    assert "jet energy scale" not in model.not_modelled
    assert "jet energy resolution" in model.not_modelled


def test_a_missing_shift_is_an_error():
    settings = ModelSettings(systematics=(Systematic("jes", "shape", ("signal",), shift="jes"),))
    plain = [histogram(contents) for contents in (SIGNAL, BACKGROUND, DATA)]
    with pytest.raises(AnalysisError, match="needs the signal histogram shifted by 'jes'"):
        build_model(*plain, settings, 0.01)
    assert settings.shifts("signal") == ("jes",)
    assert settings.shifts("background") == ()


def test_a_free_background_is_measured_in_the_sideband():
    model = build(background_normalisation="free", window=(25.0, 50.0))
    channels = {channel["name"]: channel for channel in model.workspace["channels"]}
    assert model.channels == {"m_jj": (1,), "sideband": (0, 2, 3)}
    assert channels["sideband"]["samples"][1]["data"] == [60.0, 40.0, 30.0]
    reader, _ = plain_model(model.workspace)
    assert reader.config.param_set("background_norm").constrained is False
    one = build(background_normalisation="free")
    ours, theirs = upper_limits(model.workspace), upper_limits(one.workspace)
    assert ours.expected == pytest.approx(theirs.expected, rel=1e-6)


def test_a_window_without_bins_is_refused():
    with pytest.raises(AnalysisError, match=r"model.window: 30 to 40 GeV must hold some"):
        build(window=(30.0, 40.0))


def test_a_simulated_background_has_the_uncertainty_of_the_luminosity_too():
    both = samples_of(build(luminosity_on=("signal", "background")))
    assert all("lumi" in modifiers_of(sample) for sample in both.values())
    assert "lumi" not in modifiers_of(samples_of(build())["background"])


def test_an_underflow_is_never_taken_for_an_overflow():
    """With a bin more than the histogram, figures and tables take that for the overflow."""
    names = ("data", "background", "signal")
    histograms = {name: histogram([5.0, 6.0], underflow=3.0) for name in names}
    edges = make_templates(histograms, "bin", "refuse").edges
    assert edges[0, 0] == -np.inf
    assert edges[-1, 1] == np.inf
    assert len(edges) == 4
