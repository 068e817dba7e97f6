import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.inference.roots import crossings


@settings(deadline=None)
@given(
    root=st.floats(1e-3, 1e3),
    guess=st.floats(1e-2, 1e2),
    power=st.floats(0.3, 4),
)
def test_a_crossing_is_found_wherever_the_search_starts(root, guess, power):
    roots, found = crossings(lambda x, _: x**power - root**power, np.array([guess]))
    assert found[0]
    assert roots[0] == pytest.approx(root, rel=1e-5)


def test_a_function_that_never_crosses_has_no_root():
    roots, found = crossings(lambda x, _: -1 / (1 + x), np.array([1.0]))
    assert not found[0]
    assert np.isnan(roots[0])


def test_a_failed_evaluation_ends_the_search_for_its_root_alone():
    def function(x, wanted):
        return np.where([True, False], x - 3, np.nan)

    roots, found = crossings(function, np.array([1.0, 1.0]))
    assert found.tolist() == [True, False]
    assert roots[0] == pytest.approx(3)


def test_a_guess_that_is_the_root_is_the_root():
    roots, found = crossings(lambda x, _: x - 2, np.array([2.0]))
    assert found[0]
    assert roots[0] == 2
