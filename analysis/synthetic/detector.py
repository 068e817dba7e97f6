"""Toy detector: from partons, leptons and pile-up to calibrated jets with tagger outputs."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.events import BoolArray, Float64Array, IntArray
from analysis.synthetic.kinematics import Momenta, PartonEvents

PT_MIN = 15.0
ETA_MAX = 4.5
"""Jets that are stored: pT in GeV, abs(eta)."""

NOISE, STOCHASTIC, CONSTANT = 4.5, 0.85, 0.04
"""Jet pT resolution, ``sqrt((N / pt)^2 + S^2 / pt + C^2)`` with pt in GeV: not measured anywhere,
chosen for a peak of b-tagged pairs about 15 GeV wide."""

ELECTRON_EFFICIENCY, TAU_EFFICIENCY = 0.85, 0.6
"""Share of electrons and hadronic taus that are removed from the jets. PHYSLITE removes none: with
all of them twice as many events pass as in the tutorial, so this is tuned, like the pT(V)."""

LIGHT, CHARM, BOTTOM, TAU = 0, 4, 5, 15
"""HadronConeExclTruthLabelID."""


class Discriminant(NamedTuple):
    """A tagger: fractions of its discriminant, and mean and width of that by true flavour."""

    fractions: dict[str, float]
    shape: dict[int, tuple[float, float]]


TAGGERS = {
    "DL1dv01": Discriminant(
        {"c": 0.018}, {BOTTOM: (5.0, 3.44), CHARM: (0.0, 2.7), LIGHT: (-2.5, 1.9), TAU: (-1.0, 2.0)}
    ),
    "GN2v01": Discriminant(
        {"c": 0.2, "tau": 0.01},
        {BOTTOM: (4.0, 2.8), CHARM: (-0.6, 1.9), LIGHT: (-3.2, 1.6), TAU: (-2.5, 1.7)},
    ),
}
"""Shapes are made up: DL1dv01 above 2.456 keeps 77 % of b-jets, the working point's name, and here
18 % of c- and 0.5 % of light jets; GN2v01 separates better, its fractions are an assumption."""


@dataclass(frozen=True)
class JetEvents:
    """Reconstructed jets, event by event, in descending order of pT before calibration.

    Attributes:
        event: which event each jet belongs to, ascending, shape (n_jets,).
        pt: in GeV, shape (n_jets,), as eta, phi, m (GeV).
        flavour: HadronConeExclTruthLabelID.
        jvt: whether it passes the jet-vertex requirement.
        taggers: tagger outputs, such as "DL1dv01_pb".
    """

    event: IntArray
    pt: Float64Array
    eta: Float64Array
    phi: Float64Array
    m: Float64Array
    flavour: IntArray
    jvt: BoolArray
    taggers: dict[str, Float64Array]


class _Sources(NamedTuple):
    """What becomes a jet: its event, direction, the pT that the detector sees, true flavour."""

    event: IntArray
    pt: Float64Array
    eta: Float64Array
    phi: Float64Array
    flavour: IntArray
    hard: BoolArray
    electromagnetic: BoolArray


def simulate(events: PartonEvents, rng: np.random.Generator) -> JetEvents:
    """Jets of generated events.

    Electrons and hadronic taus that were not identified are among the jets.
    """
    n_events = len(events.weights)
    sources = _concatenate(
        *(part for quark in events.b_quarks for part in _b_quark(quark, rng)),
        *(_lepton(lepton, events.lepton_flavour, rng) for lepton in events.leptons),
        _radiation(events, rng),
        _pile_up(n_events, rng),
    )
    n = len(sources.event)
    resolution = np.where(sources.electromagnetic, 0.02, _resolution(sources.pt))
    pt = sources.pt * np.maximum(1 + resolution * rng.standard_normal(n), 0.05)
    mass = pt * np.where(sources.electromagnetic, 0.04, 0.11) * rng.lognormal(0, 0.35, n)
    before_calibration = pt * rng.normal(1, 0.03, n)
    order = np.lexsort((-before_calibration, sources.event))
    order = order[(pt[order] > PT_MIN) & (np.abs(sources.eta[order]) < ETA_MAX)]
    flavour = sources.flavour[order]
    passes = np.where(sources.hard[order], 0.96, 0.12)
    return JetEvents(
        event=sources.event[order],
        pt=pt[order],
        eta=sources.eta[order],
        phi=(sources.phi[order] + np.pi) % (2 * np.pi) - np.pi,
        m=mass[order],
        flavour=flavour,
        jvt=rng.uniform(size=len(order)) < passes,
        taggers=_tagger_outputs(flavour, rng),
    )


def tagger_outputs(
    discriminant: Float64Array,
    fractions: dict[str, float],
    odds: dict[str, Float64Array],
) -> dict[str, Float64Array]:
    """Probabilities that add up to one and give a discriminant.

    Args:
        discriminant: ``ln(pb / (sum f_k p_k + (1 - sum f_k) pu))``, shape (n,).
        fractions: f_k by flavour.
        odds: p_k / p_u by flavour, shape (n,).

    Returns:
        By flavour, those of `fractions`, "b" and "u".

    >>> half = tagger_outputs(np.zeros(1), {"c": 0.5}, {"c": np.ones(1)})
    >>> {flavour: round(float(p[0]), 3) for flavour, p in half.items()}
    {'c': 0.333, 'u': 0.333, 'b': 0.333}
    """
    background = 1 - sum(fractions.values()) + sum(fractions[k] * odds[k] for k in fractions)
    b_odds = np.exp(discriminant) * background
    light = 1 / (1 + b_odds + sum(odds.values()))
    return {**{k: odds[k] * light for k in fractions}, "u": light, "b": b_odds * light}


def _b_quark(quark: Momenta, rng: np.random.Generator) -> tuple[_Sources, _Sources]:
    """A b-jet and the gluon it may have radiated out of its cone."""
    n = len(quark.px)
    pt, eta, phi = quark.pt, quark.eta, quark.phi
    radiates = rng.uniform(size=n) < 0.3  # noqa: PLR2004
    gluon = np.where(radiates, rng.beta(1.0, 2.5, n) * 0.5, 0.0)
    # Semileptonic decays of b and c take neutrinos and muons out of a third of the jets.
    semileptonic = rng.uniform(size=n) < 0.35  # noqa: PLR2004
    lost = np.where(semileptonic, rng.beta(2.0, 8.0, n), 0.0)
    in_cone = 1.05 * (1 - rng.beta(0.9, 8.0, n))
    distance, angle = rng.uniform(0.4, 1.3, n), rng.uniform(-np.pi, np.pi, n)
    events = np.arange(n)
    jet = _hadronic(events, pt * (1 - gluon) * (1 - lost) * in_cone, eta, phi, BOTTOM)
    direction = eta + distance * np.cos(angle), phi + distance * np.sin(angle)
    radiated = _hadronic(events, pt * gluon, *direction, LIGHT)
    return jet, _that(radiated, radiates)


def _lepton(lepton: Momenta, flavour: IntArray, rng: np.random.Generator) -> _Sources:
    """Electrons and hadronic tau decays, where not identified, are jets too; muons are not."""
    n = len(lepton.px)
    decay = rng.uniform(size=n)
    tau, hadronic = flavour == TAU, decay < 0.65  # noqa: PLR2004 - branching fractions
    to_electron = tau & (decay >= 0.65) & (decay < 0.83)  # noqa: PLR2004
    electron = (flavour == 11) | to_electron  # noqa: PLR2004 - Monte Carlo numbering
    visible = np.where(tau, np.where(hadronic, rng.uniform(0.3, 1, n), rng.beta(1.5, 2.5, n)), 1.0)
    label = np.where(tau & hadronic, TAU, LIGHT)
    sources = _Sources(
        event=np.arange(n),
        pt=lepton.pt * visible,
        eta=lepton.eta,
        phi=lepton.phi,
        flavour=label,
        hard=np.ones(n, np.bool_),
        electromagnetic=electron,
    )
    identified = rng.uniform(size=n) < np.where(electron, ELECTRON_EFFICIENCY, TAU_EFFICIENCY)
    return _that(sources, (electron | (tau & hadronic)) & ~identified)


def _radiation(events: PartonEvents, rng: np.random.Generator) -> _Sources:
    flavour = rng.choice([LIGHT, CHARM, BOTTOM], len(events.isr_event), p=[0.92, 0.05, 0.03])
    isr = events.isr
    return _hadronic(events.isr_event, isr.pt, isr.eta, isr.phi, flavour)


def _pile_up(n_events: int, rng: np.random.Generator) -> _Sources:
    event = np.repeat(np.arange(n_events), rng.poisson(1.5, n_events))
    n = len(event)
    pt, eta = 13 + rng.exponential(6.0, n), rng.uniform(-ETA_MAX, ETA_MAX, n)
    sources = _hadronic(event, pt, eta, rng.uniform(-np.pi, np.pi, n), LIGHT)
    return sources._replace(hard=np.zeros(n, np.bool_))


def _tagger_outputs(flavour: IntArray, rng: np.random.Generator) -> dict[str, Float64Array]:
    outputs = {}
    # One draw for all taggers: they look at the same tracks.
    common = rng.standard_normal(len(flavour))
    for name, tagger in TAGGERS.items():
        own = 0.9 * common + np.sqrt(1 - 0.9**2) * rng.standard_normal(len(flavour))
        mean, width = (
            np.select([flavour == k for k in tagger.shape], [v[i] for v in tagger.shape.values()])
            for i in (0, 1)
        )
        odds = {
            "c": np.exp(rng.normal(np.where(flavour == CHARM, 1.0, -1.0), 1.0)),
            "tau": np.exp(rng.normal(np.where(flavour == TAU, 3.0, -4.0), 1.5)),
        }
        odds = {k: odds[k] for k in tagger.fractions}
        found = tagger_outputs(mean + width * own, tagger.fractions, odds)
        outputs.update({f"{name}_p{k}": found[k] for k in found})
    return outputs


def _resolution(pt: Float64Array) -> Float64Array:
    at = np.maximum(pt, 5.0)
    sigma: Float64Array = np.sqrt((NOISE / at) ** 2 + STOCHASTIC**2 / at + CONSTANT**2)
    return sigma


def _hadronic(
    event: IntArray,
    pt: Float64Array,
    eta: Float64Array,
    phi: Float64Array,
    flavour: int | npt.NDArray[np.integer],
) -> _Sources:
    labels = np.broadcast_to(np.asarray(flavour, np.int64), event.shape)
    no = np.zeros(len(event), np.bool_)
    return _Sources(event, pt, eta, phi, labels, hard=~no, electromagnetic=no)


def _that(sources: _Sources, mask: BoolArray) -> _Sources:
    columns: Any = sources
    return _Sources(*(column[mask] for column in columns))


def _concatenate(*parts: _Sources) -> _Sources:
    columns: Any = zip(*parts, strict=True)
    return _Sources(*(np.concatenate(column) for column in columns))
