"""The events of a chunk as they would be with a systematic shift."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from analysis.catalogue import (
    GeneratorWeight,
    JetEnergyResolution,
    JetEnergyScale,
    Selection,
    Variation,
)
from analysis.events import AcceptedJets, EventChunk, Float64Array, FloatArray, Jets
from analysis.pairs import KnownPairs
from analysis.schema import KINEMATICS, generator_weight
from analysis.selection import (
    SelectedEvents,
    accept_jets,
    b_tag_jets,
    required_columns,
    select,
)
from analysis.weighting import weight_columns, weighted

KINEMATIC = (JetEnergyScale, JetEnergyResolution)
"""Shifts that change the jets, and with them which events are selected."""

LARGEST_NORMAL = float(np.sqrt(-2 * np.log(0.5 / 2**32)))
"""No number of `standard_normals` is further from zero."""


def all_columns(
    selection: Selection, variations: Iterable[Variation]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that a selection, its weights and variations need, by canonical name.

    Returns:
        Those of jets, those of events.
    """
    jets, events = required_columns(selection)
    more_jets, more_events = weight_columns(selection, variations)
    generator = [
        generator_weight(int(str(variation.value)))
        for variation in variations
        if isinstance(variation.of, GeneratorWeight)
    ]
    return (
        tuple(dict.fromkeys((*jets, *more_jets))),
        tuple(dict.fromkeys((*events, *more_events, *generator))),
    )


def select_varied(
    chunk: EventChunk,
    nominal: SelectedEvents,
    selection: Selection,
    variations: Sequence[Variation],
) -> Iterator[SelectedEvents]:
    """The selected and weighted events of a chunk with each of some shifts.

    Args:
        chunk: events, with the columns of `all_columns`.
        nominal: those selected without shift, and without the selection's weights.
        selection: the cuts and weights.
        variations: the shifts.
    """
    factors = [largest_factor(v) for v in variations if isinstance(v.of, KINEMATIC)]
    # Angles and the jet-vertex requirement do not shift: the possible jets have passed them.
    remaining = replace(selection, jet_eta_max=np.inf, jvt=False)
    if factors:
        possible = with_possible_jets(chunk, selection, max(factors))
        known = pairs_of_all(possible, selection)
    # What comes before the cuts on jets is the same with shifted jets.
    before = nominal.cutflow[: 2 if selection.event_cleaning else 1]
    for variation in variations:
        if isinstance(variation.of, KINEMATIC):
            shifted = replace(possible, jets=shifted_jets(possible.jets, variation))
            selected = select(shifted, remaining, known)
            cutflow = before.then(selected.cutflow[len(before.cuts) :])
            yield weighted(shifted, replace(selected, cutflow=cutflow), selection)
        elif isinstance(variation.of, GeneratorWeight):
            weights = chunk.extra[generator_weight(int(str(variation.value)))]
            other = replace(chunk, weights=weights.astype(np.float64, copy=False))
            yield weighted(other, select(other, selection), selection)
        else:
            yield weighted(chunk, nominal, selection, variation)


def largest_factor(variation: Variation) -> float:
    """By how much a shift of the jets' kinematics can raise a pT at most."""
    if isinstance(variation.of, JetEnergyScale):
        return 1 + variation.of.size
    return 1 + variation.of.size * LARGEST_NORMAL  # type: ignore[union-attr]


def with_possible_jets(chunk: EventChunk, selection: Selection, factor: float) -> EventChunk:
    """The events that can pass, with the jets that can, if pT is raised by a factor at most.

    Shifts select the same events from these as from the whole chunk, and each has less to do.
    """
    # a little lower, as products are rounded
    threshold = selection.jet_pt_min / factor * (1 - 1e-6)
    accepted = accept_jets(chunk.jets, replace(selection, jet_pt_min=threshold))
    counts = accepted.per_event()
    enough = counts >= selection.min_jets
    index = accepted.index[np.repeat(enough, counts)]
    events = np.flatnonzero(enough)
    jets = chunk.jets
    return EventChunk(
        jets=Jets(
            **{name: getattr(jets, name)[index] for name in KINEMATICS},
            offsets=np.concatenate([[0], np.cumsum(counts[events])]),
            gev=jets.gev,
            extra={name: values[index] for name, values in jets.extra.items()},
        ),
        weights=chunk.weights[events],
        start=chunk.start,
        extra={name: values[events] for name, values in chunk.extra.items()},
    )


def pairs_of_all(chunk: EventChunk, selection: Selection) -> KnownPairs:
    """The leading pairs of the events of `with_possible_jets`, whatever the pT of their jets."""
    jets = chunk.jets
    accepted = AcceptedJets(np.arange(len(jets.pt)), jets.offsets)
    if selection.b_tag is not None:
        accepted = b_tag_jets(jets, accepted, selection.b_tag)
    return KnownPairs.of(jets, accepted, by_pt=selection.jet_order == "pt")


def shifted_jets(jets: Jets, variation: Variation) -> Jets:
    """The jets with their energy scale or resolution shifted: pT and mass change, angles stay.

    Args:
        jets: of a chunk.
        variation: of a `JetEnergyScale` or `JetEnergyResolution`.
    """
    size = variation.of.size  # type: ignore[union-attr]
    if isinstance(variation.of, JetEnergyScale):
        factor: FloatArray = np.asarray(1 + size if variation.direction == "up" else 1 - size)
    else:
        factor = np.maximum(1 + size * standard_normals(jets), 0.0)
    factor = factor.astype(jets.pt.dtype)
    return replace(jets, pt=jets.pt * factor, m=jets.m * factor)


def standard_normals(jets: Jets) -> Float64Array:
    """A random number of the standard normal distribution for each jet, shape (n_jets,).

    It is a function of the jet's pT, eta and phi, by the mixing function of the generator
    splitmix64 (G. Steele et al., OOPSLA 2014) and the transform of Box and Muller (1958). So it is
    the same however files are split into branches and chunks.
    """
    pt, eta, phi = (
        np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
        for values in (jets.pt, jets.eta, jets.phi)
    )
    bits = _mix(_mix(pt << np.uint64(32) | eta) ^ phi)
    uniform = (bits >> np.uint64(32)).astype(np.float64) + 0.5
    angle = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64)
    radius = np.sqrt(-2 * np.log(uniform / 2**32))
    normals: Float64Array = radius * np.cos(angle * (2 * np.pi / 2**32))
    return normals


def _mix(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = bits ^ bits >> np.uint64(31)
    return mixed
