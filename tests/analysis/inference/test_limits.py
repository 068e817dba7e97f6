import json

import numpy as np
import pyhf
import pytest

from analysis.errors import AnalysisError
from analysis.inference.limits import NO_SENSITIVITY, upper_limits
from analysis.model import tutorial_workspace

TUTORIAL_SCAN = np.linspace(0.01, 1, 20)


def pyhf_cls(workspace, plain, mu):
    model, data = plain.model(workspace)
    observed, expected = pyhf.infer.hypotest(
        mu, data, model, test_stat="qtilde", return_expected_set=True
    )
    return float(observed), [float(value) for value in expected]


@pytest.mark.parametrize("name", ["everything", "sideband"])
def test_scan_is_that_of_pyhf(request, plain, name):
    workspace = request.getfixturevalue(name)
    workspace = workspace(0.4) if callable(workspace) else workspace
    limits = upper_limits(workspace, points=5)
    # At zero CLs is one; pyhf's fits leave a rest there.
    for i, mu in list(enumerate(limits.scan.mu))[1:]:
        observed, expected = pyhf_cls(workspace, plain, mu)
        assert limits.scan.observed[i] == pytest.approx(observed, abs=1e-4)
        bands = [band[i] for band in limits.scan.expected]
        assert bands == pytest.approx(expected, abs=1e-4)


def test_limits_are_roots_of_cls(everything, plain):
    limits = upper_limits(everything)
    observed, _ = pyhf_cls(everything, plain, limits.observed)
    assert observed == pytest.approx(0.05, abs=1e-4)
    for band, limit in enumerate(limits.expected):
        _, expected = pyhf_cls(everything, plain, limit)
        assert expected[band] == pytest.approx(0.05, abs=1e-4)


@pytest.mark.realdata
def test_tutorial_spectrum_gives_the_published_limits(test_data):
    numbers = json.loads((test_data / "tutorial" / "digitised_results.json").read_text())
    workspace = tutorial_workspace(numbers["signal_scaled"], numbers["background"], numbers["data"])
    limits = upper_limits(workspace, scan=TUTORIAL_SCAN)
    published = [0.153, 0.202, 0.274, 0.382, 0.513, 0.224]
    assert list(limits.scan.interpolated()) == pytest.approx(published, rel=0.01)
    # The roots of the same curves, which straight lines between 20 points overestimate.
    roots = [0.14661, 0.19683, 0.27322, 0.38019, 0.50969]
    assert limits.expected == pytest.approx(roots, rel=1e-4)
    assert limits.observed == pytest.approx(0.22200, rel=1e-4)


@pytest.mark.parametrize("strength", [1e-6, 1e-3, 1e3, 1e6])
def test_limits_scale_with_the_signal_however_weak_or_strong_it_is(strength):
    background, data = [50.0, 52.0], [51.0, 48.0]
    reference = upper_limits(tutorial_workspace([12.0, 11.0], background, data))
    signal = [12.0 * strength, 11.0 * strength]
    limits = upper_limits(tutorial_workspace(signal, background, data))
    assert limits.observed * strength == pytest.approx(reference.observed, rel=1e-5)
    scaled = [mu * strength for mu in limits.expected]
    assert scaled == pytest.approx(reference.expected, rel=1e-5)
    assert limits.warnings == ()


def test_no_limit_is_an_end_of_its_scan_or_range(sideband):
    workspace = sideband(1.0)
    bounds = {"name": "mu", "bounds": [[0.0, 0.5]]}
    workspace["measurements"][0]["config"]["parameters"].append(bounds)
    limits = upper_limits(workspace, scan=[0.0, 0.1])
    assert limits.observed == pytest.approx(upper_limits(sideband(1.0)).observed)
    assert limits.scan.mu[-1] > limits.observed


def test_a_signal_of_zero_has_no_limit_and_says_so():
    limits = upper_limits(tutorial_workspace([0.0, 0.0], [50.0, 52.0], [51.0, 48.0]))
    assert limits.observed is None
    assert limits.expected == (None,) * 5
    assert limits.warnings == (NO_SENSITIVITY,)
    assert "NaN" not in json.dumps(limits.to_dict(1.0))


def test_a_negative_signal_is_refused():
    workspace = tutorial_workspace([-5.0, 1.0], [50.0, 52.0], [51.0, 48.0])
    with pytest.raises(AnalysisError, match="negative in sum"):
        upper_limits(workspace)


def test_data_without_any_expectation_are_refused():
    with pytest.raises(AnalysisError, match="data in bins where the model"):
        upper_limits(tutorial_workspace([5.0, 1.0], [50.0, 0.0], [51.0, 2.0]))


def test_a_signal_of_the_shape_of_a_free_background_is_refused(sideband):
    workspace = sideband()
    workspace["channels"].pop()
    workspace["observations"].pop()
    with pytest.raises(AnalysisError, match="do not constrain the signal strength"):
        upper_limits(workspace)


def test_data_far_from_the_model_carry_a_warning_with_the_p_value():
    limits = upper_limits(tutorial_workspace([5.0, 5.0], [1000.0, 1000.0], [1300.0, 700.0]))
    assert limits.p_value < 1e-3
    assert any("far from the model: goodness of fit p = " in text for text in limits.warnings)


def test_empty_bins_change_nothing():
    limits = upper_limits(tutorial_workspace([12.0, 0.0], [50.0, 0.0], [51.0, 0.0]))
    without = upper_limits(tutorial_workspace([12.0], [50.0], [51.0]))
    assert limits.observed == pytest.approx(without.observed, rel=1e-6)


def test_cls_is_one_at_zero_and_never_a_nan(everything):
    limits = upper_limits(everything, points=31)
    curves = np.array([limits.scan.observed, *limits.scan.expected])
    assert np.isfinite(curves).all()
    np.testing.assert_allclose(curves[:, 0], 1.0)
    assert (np.diff(curves[1:], axis=1) <= 1e-12).all()


def test_limits_on_the_cross_section_are_those_on_the_strength_times_it(everything):
    document = upper_limits(everything).to_dict(cross_section=44.837)
    assert document["sigma95_fb"]["observed"] == document["mu95"]["observed"] * 44.837


def test_a_background_only_workspace_is_refused(sideband):
    workspace = sideband()
    workspace["channels"][0]["samples"].pop(0)
    with pytest.raises(AnalysisError, match="no parameter of interest"):
        upper_limits(workspace)
