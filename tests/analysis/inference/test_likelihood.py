import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.inference.likelihood import Data, Likelihood


def in_pyhf_order(likelihood, model, points):
    return points[:, [likelihood.index(name) for name in model.config.par_names]]


def test_expectation_and_likelihood_are_those_of_pyhf(everything, plain):
    likelihood = Likelihood.of(everything)
    model, data = plain.model(everything)
    points = plain.points(likelihood, 20)
    ordered = in_pyhf_order(likelihood, model, points)
    expected = np.array([model.expected_actualdata(point) for point in ordered])
    np.testing.assert_allclose(likelihood.expected(points)[:, :5], expected, rtol=1e-12)
    theirs = np.array([-model.logpdf(point, data)[0] for point in ordered])
    ours = likelihood.nll(points, likelihood.data)
    np.testing.assert_allclose(ours - ours[0], theirs - theirs[0], rtol=1e-9, atol=1e-9)


def test_parameters_start_and_end_where_those_of_pyhf_do(everything, plain):
    likelihood = Likelihood.of(everything)
    model, _ = plain.model(everything)
    order = [likelihood.index(name) for name in model.config.par_names]
    assert likelihood.init[order].tolist() == model.config.suggested_init()
    bounds = np.column_stack([likelihood.low, likelihood.high])[order]
    np.testing.assert_allclose(bounds, np.array(model.config.suggested_bounds(), dtype=float))
    assert likelihood.fixed[order].tolist() == list(model.config.suggested_fixed())


def test_gradient_and_second_derivatives_are_exact(everything, plain):
    likelihood = Likelihood.of(everything)
    for point in plain.points(likelihood, 5, seed=3):
        step = 1e-5 * np.eye(len(point))
        up, down = point + step, point - step
        data = Data(
            np.repeat(likelihood.data.counts, len(point), axis=0),
            np.repeat(likelihood.data.centres, len(point), axis=0),
        )
        exact = likelihood.derivatives(point[None], likelihood.data)
        slope = (likelihood.nll(up, data) - likelihood.nll(down, data)) / 2e-5
        np.testing.assert_allclose(exact.gradient[0], slope, rtol=1e-5, atol=1e-6)
        first = [likelihood.derivatives(side, data).gradient for side in (up, down)]
        bend = (first[0] - first[1]) / 2e-5
        whole = (exact.curvature + exact.remainder)[0]
        np.testing.assert_allclose(whole, bend, rtol=1e-4, atol=1e-4)


def test_derivatives_exist_where_the_signal_strength_is_zero(everything):
    likelihood = Likelihood.of(everything)
    point = likelihood.init.copy()
    point[likelihood.poi] = 0
    derivatives = likelihood.derivatives(point[None], likelihood.data)
    assert all(np.isfinite(part).all() for part in derivatives)
    signal = likelihood.expected(likelihood.init[None]) - likelihood.expected(point[None])
    expansion = likelihood.expectation.expand(point[None])
    np.testing.assert_allclose(expansion.jacobian[0, likelihood.poi], signal[0], atol=1e-9)


def test_asimov_data_prefer_their_parameters_exactly(everything, plain):
    likelihood = Likelihood.of(everything)
    points = plain.points(likelihood, 3)
    data = likelihood.asimov(points)
    np.testing.assert_allclose(likelihood.nll(points, data), 0, atol=1e-12)
    np.testing.assert_allclose(likelihood.derivatives(points, data).gradient, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["observations"].pop(), "no observation with its"),
        (lambda w: w["observations"][0]["data"].pop(), "no observation with its 3 bins"),
        (lambda w: modifiers(w)[0].update(type="gauss"), "unknown modifier type 'gauss'"),
        (lambda w: modifiers(w)[2]["data"].update(lo=-0.1), "must be positive"),
        (lambda w: modifiers(w)[2].update(name="mu"), "'mu' is used as normfactor and as normsys"),
        (lambda w: w["measurements"][0]["config"]["parameters"].pop(), "gives no sigmas"),
    ],
)
def test_a_workspace_that_makes_no_sense_is_refused(everything, change, message):
    change(everything)
    with pytest.raises(AnalysisError, match=message):
        Likelihood.of(everything)


def modifiers(workspace):
    return workspace["channels"][0]["samples"][0]["modifiers"]
