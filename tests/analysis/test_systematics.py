import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.catalogue import Systematic
from analysis.errors import AnalysisError
from analysis.systematics import normalisation, shape, smooth_353qh

JES = Systematic("jes", "shape", ("signal",), shift="jes")
NOMINAL = np.array([10.0, 20.0, 40.0, 20.0, 10.0, 0.0])
ALL = np.arange(6)


def split(up, down=None, **options):
    settings = {"pruning": 0.0, "smoothing": "none", **options}
    return shape(JES, "signal", NOMINAL, (np.array(up), down), **settings)


def test_a_pure_change_of_yield_has_no_shape():
    variation = split(1.1 * NOMINAL, 0.95 * NOMINAL)
    assert variation.factors == pytest.approx((1.1, 0.95))
    assert variation.effect.shape == pytest.approx(0, abs=1e-12)


def test_yield_and_shape_together_are_the_shifted_histogram():
    up = np.array([12.0, 19.0, 45.0, 24.0, 9.0, 0.0])
    variation = split(up, NOMINAL)
    np.testing.assert_allclose(variation.factors[0] * variation.shapes[0], up)
    kinds = [modifier["type"] for modifier in variation.modifiers(ALL)]
    assert kinds == ["normsys", "histosys"]
    assert {modifier["name"] for modifier in variation.modifiers(ALL)} == {"jes"}


def test_a_single_shift_is_mirrored():
    variation = split(NOMINAL * 1.1)
    assert variation.factors == pytest.approx((1.1, 0.9))


def test_small_effects_are_pruned_and_reported():
    variation = split(1.001 * NOMINAL, NOMINAL, pruning=0.01)
    assert variation.modifiers(ALL) == []
    assert variation.effect.in_model == ()
    assert variation.effect.up == pytest.approx(0.001)
    small = normalisation(Systematic("x", "normalisation", ("signal",), 0.001, 0), "signal", 0.01)
    assert small.modifiers(ALL) == []


def test_smoothing_keeps_the_yield():
    rng = np.random.default_rng(5)
    nominal = np.full(30, 100.0)
    up = nominal * (1 + np.linspace(-0.1, 0.1, 30)) + rng.normal(0, 10, 30)
    rough, smooth = (
        shape(JES, "signal", nominal, (up, nominal), pruning=0.0, smoothing=kind)
        for kind in ("none", "353QH")
    )
    assert smooth.effect.smoothed
    assert smooth.factors == rough.factors
    assert smooth.shapes.sum(axis=1) == pytest.approx(nominal.sum())
    truth = 1 + np.linspace(-0.1, 0.1, 30)
    error = [np.std(v.shapes[0] / nominal - truth) for v in (rough, smooth)]
    assert error[1] < 0.6 * error[0]


@settings(deadline=None)
@given(st.floats(-5, 5), st.floats(-3, 3))
def test_smoothing_leaves_a_straight_line(start, slope):
    line = start + slope * np.arange(12.0)
    np.testing.assert_allclose(smooth_353qh(line), line, atol=1e-9)


def test_a_shift_without_events_is_refused():
    with pytest.raises(AnalysisError, match="systematic 'jes': a shifted signal histogram has no"):
        split(0 * NOMINAL)


def test_a_normalisation_of_more_than_all_stays_positive():
    systematic = Systematic("x", "normalisation", ("signal",), 1.5, -1.5)
    assert normalisation(systematic, "signal", 0.0).factors == pytest.approx((2.5, 0.4))
