"""The events of a chunk as they would be with a systematic shift."""

from collections.abc import Iterable
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
from analysis.events import EventChunk, FloatArray, Jets
from analysis.schema import generator_weight
from analysis.selection import SelectedEvents, required_columns, select
from analysis.weighting import weight_columns, weighted


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
    chunk: EventChunk, nominal: SelectedEvents, selection: Selection, variation: Variation
) -> SelectedEvents:
    """The selected and weighted events of a chunk with a shift.

    Args:
        chunk: events, with the columns of `all_columns`.
        nominal: those selected without shift, and without the selection's weights.
        selection: the cuts and weights.
        variation: the shift.
    """
    if isinstance(variation.of, JetEnergyScale | JetEnergyResolution):
        chunk = replace(chunk, jets=shifted_jets(chunk.jets, variation))
    elif isinstance(variation.of, GeneratorWeight):
        weights = chunk.extra[generator_weight(int(str(variation.value)))]
        chunk = replace(chunk, weights=weights.astype(np.float64, copy=False))
    else:
        return weighted(chunk, nominal, selection, variation)
    return weighted(chunk, select(chunk, selection), selection)


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


def standard_normals(jets: Jets) -> npt.NDArray[np.float64]:
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
    normals: npt.NDArray[np.float64] = radius * np.cos(angle * (2 * np.pi / 2**32))
    return normals


def _mix(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = bits ^ bits >> np.uint64(31)
    return mixed
