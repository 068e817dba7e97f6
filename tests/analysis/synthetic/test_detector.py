"""Toy jets: order, acceptance, and taggers with the efficiencies they are made for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection import b_tag_discriminant
from analysis.synthetic.detector import (
    BOTTOM,
    CHARM,
    ETA_MAX,
    LIGHT,
    PT_MIN,
    TAGGERS,
    JetEvents,
    simulate,
    tagger_outputs,
)
from analysis.synthetic.kinematics import generate


@pytest.fixture(scope="module")
def jets() -> JetEvents:
    rng = np.random.default_rng(1)
    return simulate(generate(20_000, rng), rng)


@given(st.floats(-20, 20), st.floats(-6, 6), st.floats(-6, 6))
def test_tagger_outputs_are_probabilities_that_give_the_discriminant(discriminant, charm, tau):
    fractions = {"c": 0.2, "tau": 0.01}
    odds = {"c": np.exp([charm]), "tau": np.exp([tau])}
    p = tagger_outputs(np.array([discriminant]), fractions, odds)
    assert sum(float(values[0]) for values in p.values()) == pytest.approx(1)
    assert all(0 <= values[0] <= 1 for values in p.values())
    assert b_tag_discriminant(p, fractions)[0] == pytest.approx(discriminant, abs=1e-6)


def test_jets_are_in_acceptance_and_nearly_but_not_quite_in_order_of_pt(jets):
    assert jets.pt.min() > PT_MIN
    assert np.abs(jets.eta).max() < ETA_MAX
    assert np.abs(jets.phi).max() <= np.pi
    assert (np.diff(jets.event) >= 0).all()
    same_event = np.diff(jets.event) == 0
    disordered = np.mean(np.diff(jets.pt)[same_event] > 0)
    assert 0 < disordered < 0.2


def test_the_b_tag_has_the_efficiency_of_its_working_point(jets):
    p = {flavour: jets.taggers[f"DL1dv01_p{flavour}"] for flavour in "bcu"}
    tagged = b_tag_discriminant(p, TAGGERS["DL1dv01"].fractions) > 2.456
    assert np.mean(tagged[jets.flavour == BOTTOM]) == pytest.approx(0.77, abs=0.01)
    assert np.mean(tagged[jets.flavour == CHARM]) == pytest.approx(0.18, abs=0.04)
    assert np.mean(tagged[jets.flavour == LIGHT]) == pytest.approx(0.005, abs=0.002)
