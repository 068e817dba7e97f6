"""Which events are selected, and the mass of their two leading jets: numbers in, numbers out.

Everything works on flat arrays over the jets of a chunk. What a jet has to satisfy by itself
(`accept_jets`, `b_tag_jets`) is apart from what an event makes of its jets (see `pairs`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.catalogue import BTag, Selection
from analysis.cutflow import Cutflow
from analysis.events import (
    AcceptedJets,
    BoolArray,
    EventChunk,
    Float64Array,
    FloatArray,
    IntArray,
    Jets,
    count_before,
)
from analysis.pairs import KnownPairs, dijet_mass, float64, leading_pairs

PROBABILITY_ROUNDING = 1e-5
"""How far above one the float32 output of a softmax may lie."""


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


def select(
    chunk: EventChunk, selection: Selection, known: KnownPairs | None = None
) -> SelectedEvents:
    """Apply a selection to the events of a chunk.

    Args:
        chunk: events, with the columns of `required_columns`.
        selection: the cuts, of at least two jets, and how the two leading ones are chosen.
        known: the pairs of the very same jets with other pT and masses, which make it faster.
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
    directions = known.directions_of(jets, events, pairs) if known else None
    return SelectedEvents(
        event_index=events,
        pairs=pairs,
        m_jj=dijet_mass(jets, pairs, directions),
        weights=left[-1],
        n_jets=accepted.per_event()[events],
        leading_pt=float64(jets.pt[pairs[:, 0]]) * jets.gev,
        accepted=accepted,
        cutflow=Cutflow.of(dict(zip(cut_names(selection), left, strict=True))),
    )


def accept_jets(jets: Jets, selection: Selection) -> AcceptedJets:
    """Jets above the pT threshold, within abs(eta), and from the hard scatter where asked for."""
    mask = jets.pt > selection.jet_pt_min / jets.gev
    if selection.jet_eta_max != np.inf:
        mask &= np.abs(jets.eta) < selection.jet_eta_max
    if selection.jvt:
        mask &= jets.extra["jvt"].astype(np.bool_, copy=False)
    return AcceptedJets(np.flatnonzero(mask), count_before(mask, jets.offsets))


def b_tag_jets(jets: Jets, accepted: AcceptedJets, tag: BTag) -> AcceptedJets:
    """Those of the accepted jets that are b-tagged: value above the cut."""
    if tag.kind == "score":
        return accepted.that(float64(jets.extra[tag.tagger][accepted.index]) > tag.cut)
    probabilities: dict[str, FloatArray] = {
        flavour: float64(jets.extra[f"{tag.tagger}_p{flavour}"][accepted.index])
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
