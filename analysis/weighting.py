"""What selected events are weighted with besides the generator's weight."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from analysis.catalogue import FlavourTagging, ScaleFactor, Selection, Variation, WeightBranch
from analysis.catalogue.shifts import VARIATION, Weight
from analysis.cutflow import Cutflow
from analysis.errors import AnalysisError
from analysis.events import EventChunk, Float64Array
from analysis.schema import KINEMATICS
from analysis.selection import SelectedEvents

WEIGHTS: Final = "weights"
"""Last line of the cut flow of a selection that weights events."""

FLAVOUR: Final = "hadron_flavour"
BOTTOM, CHARM = 5, 4  # PDG's numbers of the quarks


def weight_columns(
    selection: Selection, variations: Iterable[Variation]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that the weights of a selection and their variations need, by canonical name.

    Returns:
        Those of jets beyond the kinematics, those of events.
    """
    jets: list[str] = []
    events: list[str] = []
    for weight in selection.weights.values():
        if isinstance(weight, WeightBranch):
            events.append(weight.nominal)
            continue
        for kind, column in _columns(weight):
            (jets if kind == "jet" else events).append(column.removeprefix("abs_"))
    for variation in variations:
        if isinstance(variation.of, WeightBranch):
            events.append(str(variation.value))
        elif isinstance(variation.of, FlavourTagging):
            jets.append(FLAVOUR)
    beyond = (column for column in jets if column not in KINEMATICS)
    return tuple(dict.fromkeys(beyond)), tuple(dict.fromkeys(events))


def weighted(
    chunk: EventChunk,
    selected: SelectedEvents,
    selection: Selection,
    variation: Variation | None = None,
) -> SelectedEvents:
    """Selected events with the weights of their selection.

    Args:
        chunk: the events that were selected from, with the columns of `weight_columns`.
        selected: weighted with the generator's weight.
        selection: with its weights, each a factor.
        variation: of one of these weights, or of flavour tagging.

    Raises:
        AnalysisError: a weight cannot be evaluated, or is no finite number.
    """
    weights = selected.weights
    for name, weight in selection.weights.items():
        varied = variation is not None and variation.shift == name
        value = str(variation.value) if varied and variation is not None else weight.nominal
        weights = weights * _finite(_evaluated(chunk, selected, weight, value), name)
    cutflow = selected.cutflow
    if selection.weights:
        cutflow = cutflow.then(Cutflow.of({WEIGHTS: weights}))
    if variation is not None and isinstance(variation.of, FlavourTagging):
        weights = weights * flavour_weights(chunk, selected, variation.of, variation.direction)
    return replace(selected, weights=weights, cutflow=cutflow)


def flavour_weights(
    chunk: EventChunk, selected: SelectedEvents, sizes: FlavourTagging, direction: str
) -> Float64Array:
    """Product over the accepted jets of each selected event of one plus or minus their size.

    Args:
        chunk: with the jets' ``hadron_flavour``.
        selected: events.
        sizes: by flavour.
        direction: ``up`` or ``down``.

    Returns:
        Factors on the weights, shape (n_selected,).
    """
    flavour = np.abs(chunk.jets.extra[FLAVOUR][selected.accepted.index])
    size = np.select([flavour == BOTTOM, flavour == CHARM], [sizes.b, sizes.c], sizes.light)
    return _product(selected, 1 + size if direction == "up" else 1 - size)


def _evaluated(
    chunk: EventChunk, selected: SelectedEvents, weight: Weight, value: str
) -> Float64Array:
    """A weight of each selected event, shape (n_selected,)."""
    if isinstance(weight, WeightBranch):
        return chunk.extra[value][selected.event_index].astype(np.float64)
    correction = _correction(weight.content, weight.correction)
    per_jet = any(kind == "jet" for kind, _ in _columns(weight))
    arguments = [
        _argument(chunk, selected, weight.inputs[given.name], value, per_jet=per_jet)
        for given in correction.inputs
    ]
    # a constant that stands for a number of whole ones, and columns of flags and of whole numbers
    numbers = {"int": np.int64, "real": np.float64}
    arguments = [
        argument if isinstance(argument, str) else np.asarray(argument, numbers[given.type])
        for argument, given in zip(arguments, correction.inputs, strict=True)
    ]
    try:
        factors = np.asarray(correction.evaluate(*arguments), np.float64)
    except (IndexError, RuntimeError, ValueError, TypeError) as error:
        raise AnalysisError(f"the correction '{weight.correction}' fails: {error}") from None
    if not per_jet:
        return np.broadcast_to(factors, selected.weights.shape)
    return _product(selected, factors)


def _argument(
    chunk: EventChunk, selected: SelectedEvents, source: str | float, value: str, *, per_jet: bool
) -> Any:
    """What an input of a correction takes: a text, a number, or one an event or accepted jet."""
    if source == VARIATION:
        return value
    kind, _, column = str(source).partition(".")
    if isinstance(source, float) or kind not in {"jet", "event"}:
        return source
    accepted = selected.accepted
    if kind == "event":
        values = chunk.extra[column]
        if not per_jet:
            return values[selected.event_index]
        return np.repeat(values, accepted.per_event())
    jets = chunk.jets
    name = column.removeprefix("abs_")
    values = getattr(jets, name) if name in KINEMATICS else jets.extra[name]
    values = values[accepted.index]
    if column in {"pt", "m"}:
        return values.astype(np.float64) * jets.gev
    return np.abs(values) if column.startswith("abs_") else values


def _columns(weight: ScaleFactor) -> Iterator[tuple[str, str]]:
    """The columns that a correction takes: ``jet`` or ``event``, and the name."""
    for source in weight.inputs.values():
        kind, _, column = str(source).partition(".")
        if isinstance(source, str) and kind in {"jet", "event"} and column:
            yield kind, column


@functools.lru_cache(maxsize=16)
def _correction(content: str, name: str) -> Any:
    import correctionlib

    try:
        return correctionlib.CorrectionSet.from_string(content)[name]
    except (RuntimeError, ValueError, IndexError) as error:
        raise AnalysisError(f"the correction '{name}' cannot be read: {error}") from None


def _product(selected: SelectedEvents, factors: Float64Array) -> Float64Array:
    """Products over the accepted jets of each selected event, shape (n_selected,)."""
    if not len(selected.event_index):
        return np.ones(0)
    offsets, events = selected.accepted.offsets, selected.event_index
    ends = np.stack([offsets[events], offsets[events + 1]], axis=1).ravel()
    return np.asarray(np.multiply.reduceat(np.append(factors, 1.0), ends)[::2])


def _finite(weights: Float64Array, name: str) -> Float64Array:
    if not np.isfinite(weights).all():
        raise AnalysisError(f"the weight '{name}' is not a finite number for some events")
    return weights
