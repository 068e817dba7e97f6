import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.inference.impacts import DATA, REST, pulls_and_impacts
from analysis.inference.likelihood import Likelihood
from analysis.inference.measurement import goodness_of_fit, profile_scan, significance
from analysis.inference.minimisation import fit
from analysis.inference.toys import draw
from analysis.model import tutorial_workspace


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_an_injected_signal_is_found_with_its_strength(everything, strength):
    likelihood = Likelihood.of(everything)
    point = likelihood.init.copy()
    point[likelihood.poi] = strength
    exact = fit(likelihood, likelihood.asimov(point[None]), poi_bounds=(-20.0, 20.0))
    assert exact.parameters[0, likelihood.poi] == pytest.approx(strength, abs=1e-4)


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_an_injected_signal_is_found_without_bias(large, strength):
    likelihood = Likelihood.of(large)
    point = likelihood.init.copy()
    point[likelihood.poi] = strength
    toys = draw(likelihood, point, 2000, np.random.default_rng(12))
    fits = fit(likelihood, toys, start=point, poi_bounds=(-20.0, 20.0))
    assert fits.converged.all()
    found = fits.parameters[:, likelihood.poi]
    assert abs(found.mean() - strength) < 3.5 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize("name", ["everything", "weak"])
def test_components_add_up_to_the_total_uncertainty_of_the_fit(request, name):
    workspace = request.getfixturevalue(name)
    impacts = pulls_and_impacts(workspace)
    squares = sum(value * abs(value) for value in impacts.groups.values())
    assert squares == pytest.approx(impacts.total**2, rel=1e-9)
    shares = sum(impact.component**2 for impact in impacts.parameters)
    rest = impacts.groups[REST] * abs(impacts.groups[REST])
    assert shares + impacts.groups[DATA] ** 2 + rest == pytest.approx(impacts.total**2, rel=1e-9)
    assert impacts.total == pytest.approx(profile_scan(workspace, "mu").uncertainty, rel=1e-6)
    told = any("the model is not linear" in text for text in impacts.warnings)
    assert told == (abs(rest) > 0.1 * impacts.total**2)


@pytest.fixture
def weak():
    """A signal of few simulated events, on data that do not look like it."""
    signal = {
        "name": "signal",
        "data": [40.0, 60.0, 20.0],
        "modifiers": [
            {"name": "mu", "type": "normfactor", "data": None},
            {"name": "stat", "type": "staterror", "data": [18.0, 25.0, 9.0]},
        ],
    }
    normalisation = {"name": "norm", "type": "normsys", "data": {"hi": 1.02, "lo": 0.98}}
    background = {"name": "background", "data": [500.0, 400.0, 300.0], "modifiers": [normalisation]}
    return {
        "channels": [{"name": "SR", "samples": [signal, background]}],
        "observations": [{"name": "SR", "data": [545.0, 380.0, 310.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def test_of_data_that_are_expected_no_rest_is_left(everything):
    expect_exactly(everything)
    impacts = pulls_and_impacts(everything)
    assert abs(impacts.groups[REST]) < 1e-4 * impacts.total


def expect_exactly(workspace):
    """Make the data what the model expects."""
    likelihood = Likelihood.of(workspace)
    expected = likelihood.expected(likelihood.init[None])[0]
    for observation in workspace["observations"]:
        where = likelihood.model.channels[observation["name"]]
        observation["data"] = expected[where].tolist()


@pytest.mark.parametrize(
    ("name", "moved"), [("everything", ("jes", "lumi", "theory")), ("weak", ("stat[1]", "norm"))]
)
def test_components_are_what_moving_an_auxiliary_measurement_does(request, name, moved):
    workspace = request.getfixturevalue(name)
    likelihood = Likelihood.of(workspace)
    result = pulls_and_impacts(workspace)
    impacts = {impact.name: impact for impact in result.parameters}
    data = likelihood.data
    for parameter in moved:
        i, found = likelihood.index(parameter), []
        for move in (1e-3, -1e-3):
            data.centres[0, i] += move * likelihood.sigma[i]
            fits = fit(likelihood, data, poi_bounds=(-1000, 1000))
            data.centres[0, i] -= move * likelihood.sigma[i]
            found.append(fits.parameters[0, likelihood.poi])
        response = (found[0] - found[1]) / 2e-3
        assert impacts[parameter].component == pytest.approx(response, rel=1e-2, abs=1e-5)


def test_a_parameter_the_data_do_not_see_is_not_pulled(sideband):
    workspace = sideband(1.0)
    lonely = {"name": "lonely", "type": "normsys", "data": {"hi": 1.0, "lo": 1.0}}
    workspace["channels"][0]["samples"][0]["modifiers"].append(lonely)
    impacts = {impact.name: impact for impact in pulls_and_impacts(workspace).parameters}
    assert impacts["lonely"].pull == pytest.approx(0, abs=1e-9)
    assert impacts["lonely"].constraint == pytest.approx(1)
    assert impacts["lonely"].up == pytest.approx(0, abs=1e-9)
    assert not impacts["free"].constrained


def test_the_uncertainty_of_a_count_over_its_sideband_is_the_textbook_one(sideband):
    impacts = pulls_and_impacts(sideband(1.0))
    # n = 60, background 50 +- 5 from 100 in the sideband, 10 events of signal.
    assert impacts.total == pytest.approx(np.sqrt(60 + 25) / 10, rel=1e-9)
    scan = profile_scan(sideband(1.0), "mu")
    assert scan.best_fit == pytest.approx(1, abs=1e-6)
    assert scan.uncertainty == pytest.approx(np.sqrt(85) / 10, rel=1e-6)
    low, high = scan.interval
    assert (high - low) / 2 == pytest.approx(scan.uncertainty, rel=0.02)
    assert scan.delta.min() >= -1e-9


def test_a_scan_of_an_unknown_or_fixed_parameter_is_refused(everything):
    for name in ("nothing", "fake_shape[1]"):
        with pytest.raises(AnalysisError, match="no free parameter"):
            profile_scan(everything, name)


def test_a_signal_without_events_has_neither_scan_nor_significance():
    workspace = tutorial_workspace([0.0, 0.0], [50.0, 52.0], [51.0, 48.0])
    for ask in (lambda w: profile_scan(w, "mu"), significance):
        with pytest.raises(AnalysisError, match="no sensitivity"):
            ask(workspace)
    assert profile_scan(workspace, "uncorr_bkguncrt[0]").delta.max() > 1


def test_significance_is_that_of_pyhf(everything, plain):
    import pyhf

    model, data = plain.model(everything)
    p_value, expected = pyhf.infer.hypotest(0.0, data, model, test_stat="q0", return_expected=True)
    result = significance(everything)
    assert result.p_value == pytest.approx(float(p_value), abs=1e-4)
    from scipy.special import ndtri

    assert result.expected == pytest.approx(float(-ndtri(expected)), abs=1e-3)


def test_a_deficit_has_no_significance(sideband):
    result = significance(sideband(-2.0))
    assert result.observed == 0
    assert result.p_value == 0.5
    assert result.best_fit == pytest.approx(-2, abs=1e-5)


def test_goodness_of_fit_of_toys_agrees_with_chi_square(large):
    result = goodness_of_fit(large, n_toys=800, seed=3)
    assert result.degrees == 4 + 4 - 5
    assert result.toy_p_value == pytest.approx(result.p_value, abs=0.06)


def test_goodness_of_fit_of_a_good_and_a_bad_model(sideband):
    workspace = sideband()
    workspace["channels"][0]["samples"].pop(0)
    workspace["measurements"][0]["config"]["poi"] = ""
    good = goodness_of_fit(workspace)
    assert (good.degrees, good.p_value) == (1, pytest.approx(1.0))
    workspace["observations"][0]["data"] = [150.0]
    assert goodness_of_fit(workspace).p_value < 1e-10


def test_an_indefinite_covariance_is_said(sideband):
    workspace = sideband()
    twin = {"name": "twin", "type": "normfactor", "data": None}
    for channel in workspace["channels"]:
        channel["samples"][-1]["modifiers"].append(twin)
    with pytest.raises(AnalysisError, match="not positive definite"):
        pulls_and_impacts(workspace)
    from analysis.inference import upper_limits

    limits = upper_limits(workspace)
    assert any("not positive definite" in warning for warning in limits.warnings)
    assert limits.observed == pytest.approx(upper_limits(sideband()).observed, rel=1e-4)
