"""The two leading jets of each event and their mass.

Shifts of the jets' energy scale or resolution seldom change which jets lead, and never where they
go, so each shift is spared what is known of the directions of the pairs before it.
"""

import ctypes
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.compilation import compiled
from analysis.events import AcceptedJets, Float64Array, FloatArray, IntArray, Jets

COMPILED_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Directions(NamedTuple):
    """What the mass of a pair of jets depends on besides their momenta and masses.

    Attributes:
        cosh_eta1: hyperbolic cosine of the first jet's pseudorapidity, shape (n_pairs,).
        cosh_eta2: of the second's.
        opening: ``(cosh(eta1 - eta2) - cos(phi1 - phi2)) / 2``, shape (n_pairs,).
    """

    cosh_eta1: Float64Array
    cosh_eta2: Float64Array
    opening: Float64Array

    @classmethod
    def of(cls, jets: Jets, pairs: IntArray) -> "Directions":
        """Those of pairs of jets, indices of shape (n_pairs, 2)."""
        first, second = pairs.T
        # Of hyperbolic functions only the exponential is fast.
        exp1, exp2 = np.exp(float64(jets.eta[first])), np.exp(float64(jets.eta[second]))
        phi1, phi2 = float64(jets.phi[first]), float64(jets.phi[second])
        sinh_squared = (exp1 - exp2) ** 2 / (4 * exp1 * exp2)  # of half the difference in eta
        return cls(
            cosh_eta1=(exp1 + 1 / exp1) / 2,
            cosh_eta2=(exp2 + 1 / exp2) / 2,
            opening=sinh_squared + np.sin((phi1 - phi2) / 2) ** 2,
        )


@dataclass(frozen=True)
class KnownPairs:
    """The leading pairs of a chunk's events before pT and mass of its jets are shifted.

    Attributes:
        pairs: indices of each event's two jets among the chunk's, shape (n_events, 2); any jets
            where an event has no pair.
        directions: of all of them.
    """

    pairs: IntArray
    directions: Directions

    @classmethod
    def of(cls, jets: Jets, accepted: AcceptedJets, *, by_pt: bool) -> "KnownPairs":
        """Those of the accepted jets of a chunk which has jets, or else no events."""
        events = np.flatnonzero(accepted.per_event() >= 2)  # noqa: PLR2004 - a pair
        # by columns, as each is used by itself
        columns: IntArray = np.zeros((2, len(jets.offsets) - 1), np.int64)
        columns[:, events] = leading_pairs(jets.pt, accepted, events, by_pt=by_pt).T
        return cls(columns.T, Directions.of(jets, columns.T))

    def directions_of(self, jets: Jets, events: IntArray, pairs: IntArray) -> Directions:
        """The directions of pairs of events, which are calculated where the pair is another.

        Args:
            jets: of the chunk.
            events: positions of the events, shape (n_selected,).
            pairs: their leading pairs, shape (n_selected, 2).
        """
        (first, second), (known_first, known_second) = pairs.T, self.pairs.T
        changed = np.flatnonzero((first != known_first[events]) | (second != known_second[events]))
        columns = []
        for known, new in zip(self.directions, Directions.of(jets, pairs[changed]), strict=True):
            column = known[events]
            column[changed] = new
            columns.append(column)
        return Directions(*columns)


def leading_pairs(
    pt: FloatArray, accepted: AcceptedJets, events: IntArray, *, by_pt: bool
) -> IntArray:
    """The two leading accepted jets of events that have at least two.

    Args:
        pt: transverse momentum of all jets of the chunk, shape (n_jets,).
        accepted: the accepted ones.
        events: positions of the events, shape (n_selected,).
        by_pt: the two of highest pT (of equal ones, those first in the container); else the
            first two in the container.

    Returns:
        Indices among all jets of the chunk, shape (n_selected, 2).
    """
    if not by_pt:
        return _first_two(accepted, events)
    code = compiled()
    if code is None or pt.dtype not in COMPILED_TYPES:
        return highest_pairs(pt, accepted, events)
    pairs = np.empty((2, len(events)), np.int64)
    positions = (events, accepted.offsets, accepted.index)
    inputs = [np.ascontiguousarray(array, np.int64) for array in positions]
    arrays = (*inputs, np.ascontiguousarray(pt), *pairs)
    code[f"leading_pairs_{pt.dtype.name}"](
        ctypes.c_int64(len(events)), *(ctypes.c_void_p(array.ctypes.data) for array in arrays)
    )
    return pairs.T


def highest_pairs(pt: FloatArray, accepted: AcceptedJets, events: IntArray) -> IntArray:
    """What `leading_pairs` gives by pT, by numpy."""
    ordered = pt[accepted.index]
    # Most files have their jets in order of pT.
    if not len(events) or _descending(ordered, accepted.offsets):
        return _first_two(accepted, events)
    start = accepted.offsets[events]
    counts = accepted.offsets[events + 1] - start
    # Events with most jets first: those that have a jet of some rank are then the foremost ones.
    most = int(counts.max())
    order = np.argsort((most - counts).astype(np.min_scalar_type(most)), kind="stable")
    with_rank = len(events) - np.cumsum(np.bincount(counts))
    start = start[order]
    first = start + (ordered[start + 1] > ordered[start])
    second = 2 * start + 1 - first
    highest, next_highest = ordered[first], ordered[second]
    # Over the rank of a jet in its event, not over events: few turns, of fewer and fewer. By
    # arithmetic, as a choice that no processor can foresee costs it several times as much.
    for rank in range(2, most):
        n = with_rank[rank]
        jet = start[:n] + rank
        value = ordered[jet]
        best, better = value > highest[:n], value > next_highest[:n]
        second[:n] += (jet - second[:n]) * better
        swap = (second[:n] - first[:n]) * best
        first[:n] += swap
        second[:n] -= swap
        np.maximum(next_highest[:n], np.minimum(highest[:n], value), out=next_highest[:n])
        np.maximum(highest[:n], value, out=highest[:n])
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return accepted.index[np.stack([first[back], second[back]])].T


def _first_two(accepted: AcceptedJets, events: IntArray) -> IntArray:
    start = accepted.offsets[events]
    return accepted.index[np.stack([start, start + 1])].T


def dijet_mass(jets: Jets, pairs: IntArray, directions: Directions | None = None) -> Float64Array:
    """Invariant mass of a pair of jets of each event, in float64.

    ``m^2 = m1^2 + m2^2 + 2 (E1 E2 - p1 p2) + 2 (p1 p2 - p1.p2)``, with both differences written
    as sums of terms that are not negative, so that nothing cancels for collinear or light jets.

    Args:
        jets: all jets of the chunk; a negative mass is minus the root of a negative mass squared,
            as in ROOT.
        pairs: indices of the two jets, shape (n_selected, 2).
        directions: of these pairs where they are known.

    Returns:
        m_jj in GeV, shape (n_selected,); exactly zero for a negative mass squared.
    """
    first, second = pairs.T
    pt1, pt2 = float64(jets.pt[first]), float64(jets.pt[second])
    m1, m2 = float64(jets.m[first]), float64(jets.m[second])
    directions = directions or Directions.of(jets, pairs)
    p1, p2 = pt1 * directions.cosh_eta1, pt2 * directions.cosh_eta2
    m1_squared, m2_squared = _squared(m1, p1), _squared(m2, p2)
    e1_squared, e2_squared = p1 * p1 + m1_squared, p2 * p2 + m2_squared
    product = np.sqrt(e1_squared * e2_squared) + p1 * p2
    with np.errstate(divide="ignore", invalid="ignore"):
        masses = (m1_squared * e2_squared + m2_squared * p1 * p1) / product
    masses[product == 0] = 0
    m_squared = m1_squared + m2_squared + 2 * masses + 4 * pt1 * pt2 * directions.opening
    m_jj: Float64Array = np.sqrt(np.maximum(m_squared, 0)) * jets.gev
    return m_jj


def _squared(m: Float64Array, p: Float64Array) -> Float64Array:
    """Masses squared, negative for negative masses, but no less than makes an energy of zero."""
    if not len(m) or m.min() >= 0:
        return m * m
    squared: Float64Array = np.maximum(m * np.abs(m), -p * p)
    return squared


def float64(values: npt.NDArray[np.generic]) -> Float64Array:
    """The values in the precision that masses and cuts on tags are computed with."""
    return values.astype(np.float64)


def _descending(values: FloatArray, offsets: IntArray) -> bool:
    """Whether no value is above the one before it in the same event."""
    rises = np.zeros(len(values) + 1, np.bool_)
    np.greater(values[1:], values[:-1], out=rises[1:-1])
    rises[offsets] = False
    return not rises.any()
