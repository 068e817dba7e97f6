"""From a dataset's files to histograms, a cut flow and a sum of weights."""

import gc
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import hist
import numpy as np

from analysis.catalogue import Selection
from analysis.cutflow import Cutflow, merge_cutflows
from analysis.errors import AnalysisError
from analysis.events import EventChunk
from analysis.histograms import Histogram, merge, read_histogram_of, write_histograms
from analysis.keeping import EventWriter
from analysis.reading import EventFile, open_events
from analysis.reading.opening import explained, open_root
from analysis.schema import SYNTHETIC
from analysis.selection import SelectedEvents, cut_names, required_columns, select
from analysis.spectra import empty_histograms, fill

BOOKKEEPING = frozenset({"cutflow", "cutflow_weighted", "sum_of_weights"})
"""Histograms of a skim file that are not spectra."""


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


def skim(
    files: Sequence[str],
    selection: Selection,
    *,
    format: str | None = None,  # noqa: A002 - the catalogue's word
    is_data: bool | None = None,
    with_sum_of_weights: bool = True,
    keep_events: str | Path | None = None,
    chunk_entries: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Skim:
    """Select events of a dataset's files. Memory does not depend on their size.

    Args:
        files: local paths or URLs, all of simulation or all of data.
        selection: the cuts.
        format: of the files, found from each when None.
        is_data: what the files are thought to be; None takes them as they are.
        with_sum_of_weights: read the sum of weights from the files; not needed where the
            catalogue gives it. Data have none.
        keep_events: Parquet file to write the selected events to, see `analysis.keeping`.
        chunk_entries: events in memory at a time; None leaves it to the reader.
        progress: called with the number of events of each chunk when it is done.

    Raises:
        AnalysisError: no files, a file is missing or unreadable, is not what it is thought to be,
            or lacks a column or (unless it is not asked for) the sum of weights.
    """
    if not files:
        raise AnalysisError("no files to skim; name at least one")
    skims: list[Skim] = []
    keeping = nullcontext() if keep_events is None else EventWriter(keep_events, files)
    with keeping as writer:
        for number, path in enumerate(files):
            with open_events(path, format) as file:
                _require_kind(file, is_data)
                # First, since it may fail: before minutes of reading, not after.
                total = file.sum_of_weights() if with_sum_of_weights and not file.is_data else None
                keep = None if writer is None else partial(writer.write, number)
                chunks = _chunks(file, selection, chunk_entries, keep, progress)
                part = _skim_chunks(chunks, selection, total)
                skims.append(replace(part, is_synthetic=file.is_synthetic))
            if number + 1 < len(files):
                # A closed uproot file is a reference cycle that holds what it cached.
                gc.collect()
    return merge_skims(skims)


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


def write_skim(path: str | Path, skim: Skim) -> None:
    """Write a skim as histograms of a ROOT file.

    The spectra, ``cutflow`` and ``cutflow_weighted``, and ``sum_of_weights`` with one bin, if
    there is one. Exact: `read_skim` gives the same numbers.
    """
    histograms = {**skim.histograms, **skim.cutflow.to_histograms()}
    if skim.sum_of_weights is not None:
        axis = hist.axis.Regular(1, 0, 1, label="Sum of weights of all generated events")
        total = Histogram(axis, storage=hist.storage.Weight(), name="sum_of_weights")
        total.view()["value"] = skim.sum_of_weights
        histograms["sum_of_weights"] = total
    write_histograms(str(path), histograms, synthetic=skim.is_synthetic)


def is_skim(path: str) -> bool:
    """Whether a ROOT file is what `write_skim` writes: sums of weights, not expected events."""
    with open_root(path) as file:
        return "cutflow_weighted" in file


def read_skim(path: str | Path) -> Skim:
    """Read a skim from the file that `write_skim` wrote, local or remote.

    Raises:
        AnalysisError: the file is missing, unreadable or not a skim.
    """
    path = str(path)
    with open_root(path) as file, explained(path, "is damaged", "skim again"):
        names = {key.partition(";")[0] for key in file.keys(recursive=False)}
        if not {"cutflow", "cutflow_weighted"} <= names:
            raise AnalysisError(f"{path}: is not a skim (no cutflow); give the output of a skim")
        cutflow = Cutflow.from_root(file)
        histograms = {
            name: read_histogram_of(file, path, name)
            for name in sorted(names - BOOKKEEPING - {SYNTHETIC})
        }
        total = None
        if "sum_of_weights" in names:
            total = float(file["sum_of_weights"].values()[0])
    return Skim(histograms, cutflow, total, int(cutflow.counts[0]), SYNTHETIC in names)


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


def _chunks(
    file: EventFile,
    selection: Selection,
    chunk_entries: int | None,
    keep: Callable[[EventChunk, SelectedEvents], None] | None,
    progress: Callable[[int], object] | None,
) -> Iterator[SelectedEvents]:
    """Selected events of each chunk of a file, kept and reported where asked for."""
    jet_columns, event_columns = required_columns(selection)
    for chunk in file.chunks(jet_columns, event_columns, chunk_entries):
        selected = select(chunk, selection)
        if keep is not None:
            keep(chunk, selected)
        yield selected
        if progress is not None:
            progress(len(chunk))


def _skim_chunks(
    chunks: Iterable[SelectedEvents], selection: Selection, sum_of_weights: float | None
) -> Skim:
    histograms = empty_histograms(selection.m_jj)
    cutflows = [Cutflow.of({cut: np.empty(0) for cut in cut_names(selection)})]
    for selected in chunks:
        fill(histograms, selected)
        cutflows.append(selected.cutflow)
    cutflow = merge_cutflows(cutflows)
    return Skim(histograms, cutflow, sum_of_weights, int(cutflow.counts[0]))
