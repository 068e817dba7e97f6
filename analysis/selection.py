"""Which events are selected, and the mass of their two leading jets: numbers in, numbers out.

Everything works on flat arrays over the jets of a chunk. What a jet has to satisfy by itself
(`accept_jets`, `b_tag_jets`) is apart from what an event makes of its jets (`leading_pairs`,
`dijet_mass`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.catalogue import BTag, Selection
from analysis.cutflow import Cutflow
from analysis.events import BoolArray, EventChunk, FloatArray, IntArray, Jets

Float64Array = npt.NDArray[np.float64]

PROBABILITY_ROUNDING = 1e-5
"""How far above one the float32 output of a softmax may lie."""


@dataclass(frozen=True)
class AcceptedJets:
    """The jets of a chunk that pass the jet cuts, event by event, in the container's order.

    Attributes:
        index: which of the chunk's jets they are, ascending, shape (n_accepted,).
        offsets: those of event i are ``index[offsets[i]:offsets[i + 1]]``, shape (n_events + 1,).
    """

    index: IntArray
    offsets: IntArray

    def that(self, mask: BoolArray) -> "AcceptedJets":
        """Those of these jets for which the mask, of shape (n_accepted,), is true."""
        return AcceptedJets(self.index[mask], _count_before(mask, self.offsets))

    def per_event(self) -> IntArray:
        """Number of accepted jets of each event, shape (n_events,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class SelectedEvents:
    """The selected events of a chunk, in the order of the file.

    Attributes:
        event_index: position of each in the chunk, shape (n_selected,).
        pairs: indices of the leading two accepted jets among the chunk's, shape (n_selected, 2).
        m_jj: their invariant mass in GeV, float64, shape (n_selected,).
        weights: event weights, float64, shape (n_selected,).
        n_jets: number of accepted jets, shape (n_selected,).
        leading_pt: transverse momentum of the pair's first jet in GeV, shape (n_selected,).
        accepted: accepted jets of all events of the chunk.
        cutflow: events left after each cut.
    """

    event_index: IntArray
    pairs: IntArray
    m_jj: Float64Array
    weights: Float64Array
    n_jets: IntArray
    leading_pt: Float64Array
    accepted: AcceptedJets
    cutflow: Cutflow


def required_columns(selection: Selection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns a selection needs beyond kinematics and weight, by canonical name.

    Returns:
        Those of jets, those of events.
    """
    jets: list[str] = ["jvt"] if selection.jvt else []
    tag = selection.b_tag
    if tag is not None and tag.kind == "score":
        jets.append(tag.tagger)
    elif tag is not None:
        jets += [f"{tag.tagger}_p{flavour}" for flavour in _flavours(tag)]
    return tuple(jets), ("event_clean",) if selection.event_cleaning else ()


def cut_names(selection: Selection) -> tuple[str, ...]:
    """Names of the cuts in the order of the cut flow.

    >>> cut_names(Selection("tutorial"))
    ('all events', '>= 2 jets')
    """
    names = ["all events"]
    if selection.event_cleaning:
        names.append("event cleaning")
    names.append(f">= {selection.min_jets} jets")
    if selection.b_tag is not None:
        names.append(f">= {selection.min_jets} b-tagged jets")
    return tuple(names)


def select(chunk: EventChunk, selection: Selection) -> SelectedEvents:
    """Apply a selection to the events of a chunk.

    Args:
        chunk: events, with the columns of `required_columns`.
        selection: the cuts, of at least two jets, and how the two leading ones are chosen.
    """
    jets, weights = chunk.jets, chunk.weights
    left = [weights]
    clean: BoolArray | None = None
    if selection.event_cleaning:
        clean = chunk.extra["event_clean"].astype(np.bool_, copy=False)
        left.append(weights[clean])
    accepted = accept_jets(jets, selection)
    events = _events_with(accepted, selection.min_jets, clean)
    left.append(weights[events])
    if selection.b_tag is not None:
        accepted = b_tag_jets(jets, accepted, selection.b_tag)
        events = _events_with(accepted, selection.min_jets, clean)
        left.append(weights[events])
    pairs = leading_pairs(jets.pt, accepted, events, by_pt=selection.jet_order == "pt")
    return SelectedEvents(
        event_index=events,
        pairs=pairs,
        m_jj=dijet_mass(jets, pairs),
        weights=left[-1],
        n_jets=accepted.per_event()[events],
        leading_pt=_float64(jets.pt[pairs[:, 0]]) * jets.gev,
        accepted=accepted,
        cutflow=Cutflow.of(dict(zip(cut_names(selection), left, strict=True))),
    )


def accept_jets(jets: Jets, selection: Selection) -> AcceptedJets:
    """Jets above the pT threshold, within abs(eta), and from the hard scatter where asked for."""
    mask = jets.pt > selection.jet_pt_min / jets.gev
    mask &= np.abs(jets.eta) < selection.jet_eta_max
    if selection.jvt:
        mask &= jets.extra["jvt"].astype(np.bool_, copy=False)
    return AcceptedJets(np.flatnonzero(mask), _count_before(mask, jets.offsets))


def b_tag_jets(jets: Jets, accepted: AcceptedJets, tag: BTag) -> AcceptedJets:
    """Those of the accepted jets that are b-tagged: value above the cut."""
    if tag.kind == "score":
        return accepted.that(_float64(jets.extra[tag.tagger][accepted.index]) > tag.cut)
    probabilities: dict[str, FloatArray] = {
        flavour: _float64(jets.extra[f"{tag.tagger}_p{flavour}"][accepted.index])
        for flavour in _flavours(tag)
    }
    if tag.kind == "probability":
        return accepted.that(_valid(probabilities) & (probabilities["b"] > tag.cut))
    return accepted.that(b_tag_discriminant(probabilities, tag.fractions) > tag.cut)


def b_tag_discriminant(
    probabilities: Mapping[str, FloatArray], fractions: Mapping[str, float]
) -> Float64Array:
    """Log-likelihood ratio of a jet tagger, ``ln(pb / (fc pc + ftau ptau + (1 - fc - ftau) pu))``.

    The definition of the DL1 taggers; GN2 adds the tau term.

    Args:
        probabilities: tagger outputs by flavour, "b", "u" and those of `fractions`, each of shape
            (n_jets,).
        fractions: assumed share of the other flavours in the background, such as
            ``{"c": 0.018}``; light jets have the rest.

    Returns:
        The discriminant, float64, shape (n_jets,). Minus infinity, so never tagged, for jets
        without a b-hadron hypothesis (pb of zero) and for invalid outputs: not a number, negative
        or above one, with which taggers mark jets they could not evaluate.

    >>> outputs = {"b": np.array([0.9, -1.0]), "c": np.array([0.05, -1.0]),
    ...            "u": np.array([0.05, -1.0])}
    >>> b_tag_discriminant(outputs, {"c": 0.018}).round(4)
    array([2.8904,   -inf])
    """
    light = 1.0 - sum(fractions.values())
    background = light * probabilities["u"].astype(np.float64)
    for flavour, fraction in fractions.items():
        background = background + fraction * probabilities[flavour]
    with np.errstate(divide="ignore", invalid="ignore"):
        discriminant = np.log(probabilities["b"] / background)
    discriminant[~(_valid(probabilities) & (probabilities["b"] > 0))] = -np.inf
    return discriminant


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
    start = accepted.offsets[events]
    ordered = pt[accepted.index]
    # Most files have their jets in order of pT.
    if not by_pt or not len(events) or _descending(ordered, accepted.offsets):
        return accepted.index[np.stack([start, start + 1])].T
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


def dijet_mass(jets: Jets, pairs: IntArray) -> Float64Array:
    """Invariant mass of a pair of jets of each event, in float64.

    ``m^2 = m1^2 + m2^2 + 2 (E1 E2 - p1 p2) + 2 (p1 p2 - p1.p2)``, with both differences written
    as sums of terms that are not negative, so that nothing cancels for collinear or light jets.

    Args:
        jets: all jets of the chunk; a negative mass is minus the root of a negative mass squared,
            as in ROOT.
        pairs: indices of the two jets, shape (n_selected, 2).

    Returns:
        m_jj in GeV, shape (n_selected,); exactly zero for a negative mass squared.
    """
    first, second = pairs.T
    pt1, pt2 = _float64(jets.pt[first]), _float64(jets.pt[second])
    eta1, eta2 = _float64(jets.eta[first]), _float64(jets.eta[second])
    phi1, phi2 = _float64(jets.phi[first]), _float64(jets.phi[second])
    m1, m2 = _float64(jets.m[first]), _float64(jets.m[second])
    # Of hyperbolic functions only the exponential is fast.
    exp1, exp2 = np.exp(eta1), np.exp(eta2)
    p1, p2 = pt1 * (exp1 + 1 / exp1) / 2, pt2 * (exp2 + 1 / exp2) / 2
    m1_squared = np.maximum(m1 * np.abs(m1), -p1 * p1)
    m2_squared = np.maximum(m2 * np.abs(m2), -p2 * p2)
    e1_squared, e2_squared = p1 * p1 + m1_squared, p2 * p2 + m2_squared
    product = np.sqrt(e1_squared * e2_squared) + p1 * p2
    with np.errstate(divide="ignore", invalid="ignore"):
        masses = (m1_squared * e2_squared + m2_squared * p1 * p1) / product
    masses[product == 0] = 0
    sinh_squared = (exp1 - exp2) ** 2 / (4 * exp1 * exp2)  # of half the difference in eta
    angles = sinh_squared + np.sin((phi1 - phi2) / 2) ** 2
    m_squared = m1_squared + m2_squared + 2 * masses + 4 * pt1 * pt2 * angles
    m_jj: Float64Array = np.sqrt(np.maximum(m_squared, 0)) * jets.gev
    return m_jj


def _float64(values: npt.NDArray[np.generic]) -> Float64Array:
    return values.astype(np.float64)


def _descending(values: FloatArray, offsets: IntArray) -> bool:
    """Whether no value is above the one before it in the same event."""
    rises = np.zeros(len(values) + 1, np.bool_)
    np.greater(values[1:], values[:-1], out=rises[1:-1])
    rises[offsets] = False
    return not rises.any()


def _count_before(mask: BoolArray, positions: IntArray) -> IntArray:
    """Number of true elements before each of these positions, shape (n_positions,)."""
    count = np.zeros(len(mask) + 1, np.int32)  # half the memory of int64, half the time
    count[1:] = mask  # first, as a sum that converts takes the GIL back for every few elements
    np.cumsum(count, dtype=np.int32, out=count)
    return count[positions].astype(np.int64)


def _events_with(accepted: AcceptedJets, min_jets: int, clean: BoolArray | None) -> IntArray:
    enough = accepted.per_event() >= min_jets
    return np.flatnonzero(enough if clean is None else enough & clean)


def _flavours(tag: BTag) -> tuple[str, ...]:
    """Flavours whose probabilities a tag needs."""
    if tag.kind == "probability":
        return ("b",)
    return tuple(dict.fromkeys(("b", "u", *tag.fractions)))


def _valid(probabilities: Mapping[str, FloatArray]) -> BoolArray:
    valid = np.ones(len(probabilities["b"]), np.bool_)
    for values in probabilities.values():
        valid &= (values >= 0) & (values <= 1 + PROBABILITY_ROUNDING)
    return valid
