import numpy as np
import pytest

from analysis.inference.prediction import predict


def test_before_the_fit_the_uncertainty_is_that_of_the_constraints(everything):
    prediction = predict(everything, fitted=False, strength=1.0)["CR"]
    np.testing.assert_allclose(prediction.total, [220.0, 190.0])
    # Theory moves the background by +2 -3 %, 2.5 % on average; nothing else is constrained.
    np.testing.assert_allclose(prediction.uncertainty, 0.025 * np.array([200.0, 180.0]), rtol=0.02)


def test_samples_add_up_to_the_total(everything):
    for prediction in predict(everything, strength=None).values():
        np.testing.assert_allclose(sum(prediction.samples.values()), prediction.total)


def test_a_free_background_is_known_as_well_as_its_data(sideband):
    prediction = predict(sideband(0.0))["SR"]
    assert prediction.total[0] == pytest.approx(50)
    # Both regions measure it: 150 events of which a third are expected here.
    assert prediction.uncertainty[0] == pytest.approx(50 / np.sqrt(150), rel=1e-6)
    only_outside = predict(sideband(1.0), strength=None)["sideband"]
    assert only_outside.uncertainty[0] == pytest.approx(10, rel=1e-6)


def test_the_fitted_signal_has_its_strength(sideband):
    prediction = predict(sideband(1.5), strength=None)["SR"]
    assert prediction.strength == pytest.approx(1.5, abs=1e-6)
    assert prediction.samples["signal"][0] == pytest.approx(15, abs=1e-5)


@pytest.mark.parametrize("strength", [-2.0, 0.5, 25.0])
def test_a_fitted_strength_is_not_held_by_the_range_of_limits(sideband, strength):
    fitted = predict(sideband(strength), strength=None)["SR"]
    assert fitted.strength == pytest.approx(strength, abs=1e-4)
    assert fitted.total == pytest.approx(fitted.data, abs=1e-2)
