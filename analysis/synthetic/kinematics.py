"""Toy pp -> ZH -> (ll)(bb) events at parton level, and their generator weights.

Not a matrix element: Z and H are back to back in the transverse plane with a falling spectrum
of pT(V), recoil against initial-state radiation, and decay isotropically. Momenta in GeV.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.events import Float64Array, IntArray

MASS_H = 125.0
MASS_Z, WIDTH_Z = 91.19, 2.50
"""Particle Data Group, in GeV."""
MASS_B = 4.8
MASS_LEPTON = 0.1057

PT_V_SHAPE, PT_V_SCALE = 1.8, 42.0
"""Gamma distribution of pT(V): 60 % of it below 75 GeV, 10 % above 150 GeV. This, the radiation
below, the rapidities and the toy detector's losses were tuned by hand so that the default selection
passes as many events as in the tutorial: that yield is an input, not a prediction."""

ISR_MEAN, ISR_PT_MIN, ISR_SLOPE = 0.8, 15.0, 1.6
"""Radiated partons an event, above this pT, with a survival function of ``pt**-slope``."""

NEGATIVE_SHARE = 0.03
WEIGHT_SPREAD = 0.10
"""Share of negative weights, and relative spread of their size, of a next-to-leading-order
generator."""


class Momenta(NamedTuple):
    """Four-momenta in GeV, each component of shape (n,)."""

    px: Float64Array
    py: Float64Array
    pz: Float64Array
    energy: Float64Array

    @property
    def pt(self) -> Float64Array:
        """Transverse momentum in GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Float64Array:
        """Pseudorapidity."""
        eta: Float64Array = np.arcsinh(self.pz / self.pt)
        return eta

    @property
    def phi(self) -> Float64Array:
        """Azimuth in rad."""
        phi: Float64Array = np.arctan2(self.py, self.px)
        return phi


@dataclass(frozen=True)
class PartonEvents:
    """Generated events.

    Attributes:
        weights: generator weights, as stored in a file: float32, shape (n_events,).
        b_quarks: two four-momenta, each of shape (n_events,).
        leptons: the same for the leptons of the Z.
        lepton_flavour: 11, 13 or 15, shape (n_events,).
        isr: radiated partons of all events.
        isr_event: which event each belongs to, shape (n_isr,).
    """

    weights: npt.NDArray[np.float32]
    b_quarks: tuple[Momenta, Momenta]
    leptons: tuple[Momenta, Momenta]
    lepton_flavour: IntArray
    isr: Momenta
    isr_event: IntArray


def generate(n_events: int, rng: np.random.Generator) -> PartonEvents:
    """Generate ZH events.

    Args:
        n_events: how many.
        rng: random numbers; the same ones give the same events.
    """
    isr_event = np.repeat(np.arange(n_events), rng.poisson(ISR_MEAN, n_events))
    isr = _radiation(len(isr_event), rng)
    recoil_x, recoil_y = (
        -np.bincount(isr_event, component, minlength=n_events) / 2 for component in (isr.px, isr.py)
    )
    pt, phi = rng.gamma(PT_V_SHAPE, PT_V_SCALE, n_events), rng.uniform(-np.pi, np.pi, n_events)
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    centre, separation = rng.normal(0, 1.1, n_events), rng.normal(0, 1.2, n_events)
    mass_z = np.clip(MASS_Z + WIDTH_Z / 2 * rng.standard_cauchy(n_events), 60.0, 130.0)
    higgs = _on_shell(px + recoil_x, py + recoil_y, centre + separation / 2, MASS_H)
    z = _on_shell(-px + recoil_x, -py + recoil_y, centre - separation / 2, mass_z)
    return PartonEvents(
        weights=_weights(n_events, rng),
        b_quarks=two_body_decay(higgs, np.full(n_events, MASS_H), MASS_B, rng),
        leptons=two_body_decay(z, mass_z, MASS_LEPTON, rng),
        lepton_flavour=rng.choice([11, 13, 15], n_events).astype(np.int64),
        isr=isr,
        isr_event=isr_event,
    )


def two_body_decay(
    parent: Momenta, mass: Float64Array, daughter_mass: float, rng: np.random.Generator
) -> tuple[Momenta, Momenta]:
    """Isotropic decay, in the parent's rest frame, to two daughters of equal mass.

    Args:
        parent: four-momenta.
        mass: of the parents in GeV, shape (n,).
        daughter_mass: in GeV.
        rng: random numbers.

    Returns:
        Four-momenta of the daughters; their sum is the parent's.
    """
    momentum = np.sqrt(mass**2 / 4 - daughter_mass**2)
    cos_theta = rng.uniform(-1, 1, len(mass))
    phi = rng.uniform(-np.pi, np.pi, len(mass))
    sin_theta = np.sqrt(1 - cos_theta**2)
    x, y, z = momentum * np.array([sin_theta * np.cos(phi), sin_theta * np.sin(phi), cos_theta])
    # Lorentz boost along the parent: p' = p + P (E* / M + p.P / (M (E + M))).
    along = (x * parent.px + y * parent.py + z * parent.pz) / (mass * (parent.energy + mass))
    daughters = []
    for sign in (1, -1):
        factor = 0.5 + sign * along
        px, py, pz = (
            sign * own + parents * factor
            for own, parents in ((x, parent.px), (y, parent.py), (z, parent.pz))
        )
        daughters.append(Momenta(px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + daughter_mass**2)))
    return daughters[0], daughters[1]


def _on_shell(
    px: Float64Array, py: Float64Array, rapidity: Float64Array, mass: Float64Array | float
) -> Momenta:
    transverse_mass = np.sqrt(px**2 + py**2 + mass**2)
    return Momenta(px, py, transverse_mass * np.sinh(rapidity), transverse_mass * np.cosh(rapidity))


def _radiation(n: int, rng: np.random.Generator) -> Momenta:
    pt = np.minimum(ISR_PT_MIN * rng.uniform(size=n) ** (-1 / ISR_SLOPE), 500.0)
    phi, eta = rng.uniform(-np.pi, np.pi, n), rng.normal(0, 1.9, n)
    return Momenta(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))


def _weights(n: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    sign = np.where(rng.uniform(size=n) < NEGATIVE_SHARE, -1.0, 1.0)
    size = rng.lognormal(0, WEIGHT_SPREAD, n)
    return (sign * size).astype(np.float32)
