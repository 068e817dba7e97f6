"""From a dataset's files to histograms, a cut flow and a sum of weights."""

import gc
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.catalogue import GeneratorWeight, Selection, Variation
from analysis.cutflow import Cutflow, merge_cutflows
from analysis.errors import AnalysisError
from analysis.events import EventChunk
from analysis.histograms import NOMINAL, Histogram, merge
from analysis.keeping import EventWriter
from analysis.reading import EventFile, open_events
from analysis.selection import SelectedEvents, cut_names, select
from analysis.shifts import all_columns, select_varied
from analysis.spectra import Entries, empty_histograms, entries, fill
from analysis.weighting import WEIGHTS, weighted

Counted = Mapping[str, tuple[Entries, Cutflow]]
"""Entries of the spectra and cut flow of a chunk's events, by variation."""


@dataclass(frozen=True)
class Skim:
    """What is left of a dataset, or of part of it, after the selection.

    Attributes:
        histograms: spectra of the selected events by name, see `empty_histograms`.
        cutflow: events left after each cut.
        sum_of_weights: of all generated events, before any cut; None for data, and where it was
            not asked for.
        n_events: number of events read.
        is_synthetic: whether a file said that no experiment made it.
    """

    histograms: Mapping[str, Histogram]
    cutflow: Cutflow
    sum_of_weights: float | None
    n_events: int
    is_synthetic: bool = False


def skim(files: Sequence[str], selection: Selection, **options: Any) -> Skim:
    """`skim_variations` without any."""
    return skim_variations(files, selection, **options)[NOMINAL]


def skim_variations(
    files: Sequence[str],
    selection: Selection,
    *,
    variations: Sequence[Variation] = (),
    format: str | None = None,  # noqa: A002 - the catalogue's word
    is_data: bool | None = None,
    with_sum_of_weights: bool = True,
    keep_events: str | Path | None = None,
    chunk_entries: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Skim]:
    """Select events of a dataset's files. Memory does not depend on their size.

    Args:
        files: local paths or URLs, all of simulation or all of data.
        selection: the cuts, and the weights of simulated events.
        variations: shifts to select the events with as well, from the same reading.
        format: of the files, found from each when None.
        is_data: what the files are thought to be; None takes them as they are.
        with_sum_of_weights: read the sum of weights from the files; not needed where the
            catalogue gives it. Data have none.
        keep_events: Parquet file to write the selected events to, see `analysis.keeping`; without
            shift.
        chunk_entries: events in memory at a time; None leaves it to the reader.
        progress: called with the number of events of each chunk when it is done.

    Returns:
        The skim without shift as ``nominal``, and those of the variations by their names.

    Raises:
        AnalysisError: no files, a file is missing or unreadable, is not what it is thought to be,
            or lacks a column or (unless it is not asked for) the sum of weights; data are to be
            shifted.
    """
    if not files:
        raise AnalysisError("no files to skim; name at least one")
    skims: dict[str, list[Skim]] = {name: [] for name in (NOMINAL, *(v.name for v in variations))}
    keeping = nullcontext() if keep_events is None else EventWriter(keep_events, files)
    with keeping as writer:
        for number, path in enumerate(files):
            with open_events(path, format) as file:
                _require_kind(file, is_data)
                if variations and file.is_data:
                    raise AnalysisError(f"{path}: is data, which has no shifts; leave them out")
                # First, since it may fail: before minutes of reading, not after.
                totals = _sums_of_weights(file, variations, wanted=with_sum_of_weights)
                keep = None if writer is None else partial(writer.write, number)
                applied = replace(selection, weights={}) if file.is_data else selection
                chunks = _chunks(file, applied, variations, chunk_entries, keep, progress)
                for name, part in _skim_chunks(chunks, applied, totals).items():
                    skims[name].append(replace(part, is_synthetic=file.is_synthetic))
            if number + 1 < len(files):
                # A closed uproot file is a reference cycle that holds what it cached.
                gc.collect()
    return {name: merge_skims(parts) for name, parts in skims.items()}


def merge_skims(skims: Sequence[Skim]) -> Skim:
    """Skim of several files from those of each; the order does not matter, to the last bit.

    Raises:
        AnalysisError: they are of different selections or binnings, or only some of them have a
            sum of weights.
    """
    if not skims:
        raise AnalysisError("no skims to merge; name at least one")
    sums = [part.sum_of_weights for part in skims if part.sum_of_weights is not None]
    if sums and len(sums) != len(skims):
        raise AnalysisError(
            f"{len(skims) - len(sums)} of {len(skims)} skims have no sum of weights; do not mix "
            "data and simulation in a dataset"
        )
    return Skim(
        histograms={
            name: merge([part.histograms[name] for part in skims]) for name in skims[0].histograms
        },
        cutflow=merge_cutflows([part.cutflow for part in skims]),
        sum_of_weights=math.fsum(sums) if sums else None,
        n_events=sum(part.n_events for part in skims),
        is_synthetic=any(part.is_synthetic for part in skims),
    )


def merge_variations(parts: Sequence[Mapping[str, Skim]]) -> dict[str, Skim]:
    """`merge_skims` of skims with their variations, by variation.

    Raises:
        AnalysisError: they have different variations, or what `merge_skims` refuses.
    """
    for part in parts[1:]:
        if part.keys() != parts[0].keys():
            raise AnalysisError(
                f"skims with different shifts cannot be merged: {', '.join(parts[0])} and "
                f"{', '.join(part)}; skim all files with the same shifts"
            )
    names = parts[0] if parts else (NOMINAL,)
    return {name: merge_skims([part[name] for part in parts]) for name in names}


def _require_kind(file: EventFile, is_data: bool | None) -> None:
    """Simulation taken for data would be counted with its weights, and the other way round."""
    if is_data is None or file.is_data is is_data or file.n_events == 0:
        return
    found, given = ("data", "simulation") if file.is_data else ("simulation", "data")
    weights = "no generator weights" if file.is_data else "generator weights"
    raise AnalysisError(
        f"{file.path}: has {weights}, so it is {found}, not {given}; correct `is_data` of its "
        "catalogue entry"
    )


def _sums_of_weights(
    file: EventFile, variations: Sequence[Variation], *, wanted: bool
) -> dict[str, float | None]:
    """What to scale the skim and each of its variations with, as the file tells it."""
    total = file.sum_of_weights() if wanted and not file.is_data else None
    names = (NOMINAL, *(variation.name for variation in variations))
    totals: dict[str, float | None] = dict.fromkeys(names, total)
    for variation in variations:
        if isinstance(variation.of, GeneratorWeight) and variation.of.own_sum:
            if not wanted:
                raise AnalysisError(
                    f"{file.path}: '{variation.shift}' is scaled with a sum of its own, and the "
                    "catalogue gives the sum of weights: leave that out, or give the shift "
                    "`sum_of_weights: nominal`"
                )
            totals[variation.name] = file.sum_of_weights(int(str(variation.value)))
    return totals


def _chunks(
    file: EventFile,
    selection: Selection,
    variations: Sequence[Variation],
    chunk_entries: int | None,
    keep: Callable[[EventChunk, SelectedEvents], None] | None,
    progress: Callable[[int], object] | None,
) -> Iterator[Counted]:
    """What counts of each chunk of a file; kept and reported where asked for."""

    def use(chunk: EventChunk) -> tuple[int, tuple[EventChunk, SelectedEvents] | None, Counted]:
        nominal, counted = _count(chunk, selection, variations)
        return len(chunk), (chunk, nominal) if keep else None, counted

    columns = all_columns(selection, variations)
    for n_events, kept, counted in file.each(use, *columns, chunk_entries):
        if keep is not None and kept is not None:
            keep(*kept)
        yield counted
        if progress is not None:
            progress(n_events)


def _count(
    chunk: EventChunk, selection: Selection, variations: Sequence[Variation]
) -> tuple[SelectedEvents, Counted]:
    """The events of a chunk selected without shift, and what counts of all variations."""
    selected = select(chunk, selection)
    nominal = weighted(chunk, selected, selection)
    counted = {NOMINAL: (entries(nominal), nominal.cutflow)}
    if variations:
        varied = select_varied(chunk, selected, selection, variations)
        for variation, events in zip(variations, varied, strict=True):
            counted[variation.name] = entries(events), events.cutflow
    return nominal, counted


def _skim_chunks(
    chunks: Iterable[Counted],
    selection: Selection,
    sums_of_weights: Mapping[str, float | None],
) -> dict[str, Skim]:
    names = (*cut_names(selection), *((WEIGHTS,) if selection.weights else ()))
    nothing = Cutflow.of({cut: np.empty(0) for cut in names})
    histograms = {name: empty_histograms(selection.m_jj) for name in sums_of_weights}
    cutflows = {name: [nothing] for name in sums_of_weights}
    for chunk in chunks:
        for name, (events, cutflow) in chunk.items():
            fill(histograms[name], events)
            cutflows[name].append(cutflow)
    merged = {name: merge_cutflows(parts) for name, parts in cutflows.items()}
    return {
        name: Skim(histograms[name], merged[name], total, int(merged[name].counts[0]))
        for name, total in sums_of_weights.items()
    }
