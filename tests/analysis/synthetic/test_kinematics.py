"""Toy events conserve what decays and boosts conserve."""

import numpy as np
import pytest

from analysis.synthetic.kinematics import MASS_B, MASS_H, Momenta, generate, two_body_decay


def mass(momenta: Momenta) -> np.ndarray:
    return np.sqrt(momenta.energy**2 - momenta.px**2 - momenta.py**2 - momenta.pz**2)


def total(first: Momenta, second: Momenta) -> Momenta:
    return Momenta(*(a + b for a, b in zip(first, second, strict=True)))


def test_two_bodies_carry_the_momentum_and_mass_of_their_parent():
    rng = np.random.default_rng(1)
    px, py, pz = rng.normal(0, 200, (3, 1000))
    masses = rng.uniform(60, 130, 1000)
    parent = Momenta(px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + masses**2))
    daughters = two_body_decay(parent, masses, MASS_B, rng)
    for got, expected in zip(total(*daughters), parent, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)
    for daughter in daughters:
        np.testing.assert_allclose(mass(daughter), MASS_B, atol=1e-4)


def test_decays_are_isotropic_in_the_rest_frame():
    n = 20_000
    at_rest = Momenta(np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, MASS_H))
    daughter, _ = two_body_decay(at_rest, np.full(n, MASS_H), MASS_B, np.random.default_rng(2))
    p = np.sqrt(MASS_H**2 / 4 - MASS_B**2)
    for component in daughter[:3]:
        assert np.mean(component / p) == pytest.approx(0, abs=0.02)
        assert np.mean((component / p) ** 2) == pytest.approx(1 / 3, abs=0.01)


def test_b_quarks_have_the_higgs_mass_and_the_event_is_balanced():
    events = generate(5000, np.random.default_rng(3))
    np.testing.assert_allclose(mass(total(*events.b_quarks)), MASS_H, rtol=1e-9)
    for component in (0, 1):
        hard = total(total(*events.b_quarks), total(*events.leptons))[component]
        isr = np.bincount(events.isr_event, events.isr[component], minlength=5000)
        np.testing.assert_allclose(hard + isr, 0, atol=1e-8)


def test_some_weights_are_negative_and_they_spread():
    weights = generate(20_000, np.random.default_rng(4)).weights
    assert weights.dtype == np.float32
    assert np.mean(weights < 0) == pytest.approx(0.03, abs=0.005)
    assert np.std(np.abs(weights)) == pytest.approx(0.1, abs=0.01)
