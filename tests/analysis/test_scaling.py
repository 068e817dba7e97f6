"""Scaling to the luminosity."""

import math

import numpy as np
import pytest

from analysis.catalogue import Binning
from analysis.errors import AnalysisError
from analysis.scaling import scale_factor, to_luminosity
from analysis.spectra import empty_histograms


def test_the_tutorials_numbers_give_its_factor():
    assert scale_factor(44.837, 1.0, 1.0, 140.1, 6813.0258) == pytest.approx(0.9220079)


def test_every_factor_counts():
    assert scale_factor(2.0, 0.5, 1.5, 10.0, 3.0) == pytest.approx(5.0)


def test_a_negative_sum_of_weights_is_a_matter_of_the_generator():
    assert scale_factor(1.0, 1.0, 1.0, 1.0, -2.0) == -0.5


@pytest.mark.parametrize("total", [0.0, -0.0, math.nan, math.inf, -math.inf])
def test_a_sum_of_weights_that_cannot_divide_is_refused(total):
    with pytest.raises(AnalysisError, match="sum of weights of"):
        scale_factor(1.0, 1.0, 1.0, 1.0, total)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_factor_that_is_not_positive_is_refused(place, value):
    factors = [1.0] * 4
    factors[place] = value
    with pytest.raises(AnalysisError, match="give a positive number"):
        scale_factor(*factors, sum_of_weights=1.0)


def test_scaling_scales_variances_by_the_square_and_leaves_the_input():
    histogram = empty_histograms(Binning(2, 0, 200))["h_mjj"]
    histogram.fill([-1.0, 50.0, 50.0, 999.0], weight=[1.0, 2.0, -0.5, 3.0])
    before = histogram.copy()
    scaled = to_luminosity(histogram, 2.0)
    np.testing.assert_array_equal(scaled.values(flow=True), [2.0, 3.0, 0.0, 6.0])
    np.testing.assert_array_equal(scaled.variances(flow=True), [4.0, 17.0, 0.0, 36.0])
    assert histogram == before
    assert scaled.name == "h_mjj"
