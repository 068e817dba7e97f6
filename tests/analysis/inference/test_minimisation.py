import numpy as np
import pyhf
import pytest

from analysis.inference.likelihood import Likelihood
from analysis.inference.minimisation import fit


def test_fits_reach_the_minimum_of_pyhf(everything, plain):
    likelihood = Likelihood.of(everything)
    model, data = plain.model(everything)
    strengths = [np.nan, 0.0, 0.5, 2.0, 8.0]
    fits = fit(likelihood, likelihood.data, poi=np.array(strengths))
    assert fits.converged.all()
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3))
    try:
        theirs = [
            pyhf.infer.mle.fit(data, model, return_fitted_val=True)
            if np.isnan(mu)
            else pyhf.infer.mle.fixed_poi_fit(mu, data, model, return_fitted_val=True)
            for mu in strengths
        ]
    finally:
        pyhf.set_backend("numpy", "scipy")
    ours = 2 * (fits.nll - fits.nll[0])
    np.testing.assert_allclose(ours, [float(v - theirs[0][1]) for _, v in theirs], atol=1e-5)
    best = dict(zip(model.config.par_names, theirs[0][0], strict=True))
    assert fits.parameters[0, likelihood.poi] == pytest.approx(best["mu"], abs=1e-3)


def test_fits_in_one_batch_do_not_see_each_other(everything):
    likelihood = Likelihood.of(everything)
    strengths = np.array([np.nan, 0.0, 3.0])
    together = fit(likelihood, likelihood.data, poi=strengths)
    for i, mu in enumerate(strengths):
        alone = fit(likelihood, likelihood.data, poi=mu)
        np.testing.assert_allclose(together.parameters[i], alone.parameters[0], atol=1e-9)


def test_a_parameter_that_moves_nothing_stays_where_it_is(sideband):
    workspace = sideband()
    nothing = {"name": "idle", "type": "normsys", "data": {"hi": 1.0, "lo": 1.0}}
    workspace["channels"][0]["samples"][0]["modifiers"].append(nothing)
    zero = {"name": "unused", "type": "normfactor", "data": None}
    empty = {"name": "nothing", "data": [0.0], "modifiers": [zero]}
    workspace["channels"][1]["samples"].append(empty)
    likelihood = Likelihood.of(workspace)
    fits = fit(likelihood, likelihood.data)
    assert fits.converged.all()
    assert fits.parameters[0, likelihood.index("idle")] == 0
    assert fits.parameters[0, likelihood.index("unused")] == 1


def test_parameters_stay_within_their_bounds(sideband):
    likelihood = Likelihood.of(sideband(-3.0))
    fits = fit(likelihood, likelihood.data)
    assert fits.converged.all()
    assert fits.parameters[0, likelihood.poi] == 0
    unbounded = fit(likelihood, likelihood.data, poi_bounds=(-4.0, 10.0))
    assert unbounded.parameters[0, likelihood.poi] == pytest.approx(-3.0, abs=1e-6)


def test_data_that_the_model_cannot_make_do_not_converge(sideband):
    workspace = sideband()
    workspace["channels"][0]["samples"][1]["data"] = [0.0]
    likelihood = Likelihood.of(workspace)
    fits = fit(likelihood, likelihood.data, poi=0.0)
    assert not fits.converged[0]
    assert np.isinf(fits.nll[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_minimum_does_not_depend_on_the_start(everything, plain, seed):
    likelihood = Likelihood.of(everything)
    starts = plain.points(likelihood, 10, seed=seed)
    fits = fit(likelihood, likelihood.data, start=starts)
    assert fits.converged.all()
    np.testing.assert_allclose(fits.nll, fits.nll[0], atol=1e-9)


def test_a_saddle_is_left_for_the_deeper_minimum(sideband):
    """A shape that only adds, whichever way it goes, is flat at its nominal value."""
    workspace = sideband(2.0)
    even = {"hi_data": [56.0], "lo_data": [56.0]}
    workspace["channels"][0]["samples"][1]["modifiers"].append(
        {"name": "even", "type": "histosys", "data": even}
    )
    likelihood = Likelihood.of(workspace)
    fits = fit(likelihood, likelihood.data, poi=0.0)
    assert fits.converged.all()
    at = likelihood.index("even")
    stuck = likelihood.init.copy()
    stuck[likelihood.index("free")] = fits.parameters[0, likelihood.index("free")]
    held = np.arange(len(stuck)) == at
    flat = fit(likelihood, likelihood.data, poi=0.0, fixed=held)
    assert fits.nll[0] < flat.nll[0] - 0.01
    assert abs(fits.parameters[0, at]) > 0.1
