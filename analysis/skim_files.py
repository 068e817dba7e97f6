"""Skims as ROOT files: spectra, cut flows and sums of weights, of every shift."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist

from analysis.cutflow import Cutflow
from analysis.errors import AnalysisError
from analysis.histograms import (
    NOMINAL,
    VARIED,
    Histogram,
    read_histogram_of,
    varied_name,
    write_histograms,
)
from analysis.reading.opening import explained, open_root
from analysis.schema import SYNTHETIC
from analysis.skimming import Skim

BOOKKEEPING = frozenset({"cutflow", "cutflow_weighted", "sum_of_weights"})
"""Histograms of a skim file that are not spectra."""


def write_skim(path: str | Path, skim: Skim) -> None:
    """`write_skims` of a skim without shifts."""
    write_skims(path, {NOMINAL: skim})


def write_skims(path: str | Path, skims: Mapping[str, Skim]) -> None:
    """Write a skim and its variations as histograms of one ROOT file.

    The spectra, ``cutflow`` and ``cutflow_weighted``, and ``sum_of_weights`` with one bin, if
    there is one; those of variations with their name behind, such as ``h_mjj__jes_up``. Exact:
    `read_skims` gives the same numbers.
    """
    histograms: dict[str, Histogram] = {}
    for variation, skim in skims.items():
        own = {**skim.histograms, **skim.cutflow.to_histograms()}
        if skim.sum_of_weights is not None:
            axis = hist.axis.Regular(1, 0, 1, label="Sum of weights of all generated events")
            total = Histogram(axis, storage=hist.storage.Weight(), name="sum_of_weights")
            total.view()["value"] = skim.sum_of_weights
            own["sum_of_weights"] = total
        histograms |= {varied_name(name, variation): histogram for name, histogram in own.items()}
    synthetic = any(skim.is_synthetic for skim in skims.values())
    write_histograms(str(path), histograms, synthetic=synthetic)


def is_skim(path: str) -> bool:
    """Whether a ROOT file is what `write_skim` writes: sums of weights, not expected events."""
    with open_root(path) as file:
        return "cutflow_weighted" in file


def read_skim(path: str | Path) -> Skim:
    """The skim without shift from the file that `write_skim` or `write_skims` wrote.

    Raises:
        AnalysisError: as `read_skims`.
    """
    return read_skims(path)[NOMINAL]


def read_skims(path: str | Path) -> dict[str, Skim]:
    """Read a skim and its variations from the file that `write_skims` wrote, local or remote.

    Raises:
        AnalysisError: the file is missing, unreadable or not a skim.
    """
    path = str(path)
    with open_root(path) as file, explained(path, "is damaged", "skim again"):
        names: dict[str, set[str]] = {NOMINAL: set()}
        for key in file.keys(recursive=False):
            name, _, variation = key.partition(";")[0].partition(VARIED)
            names.setdefault(variation or NOMINAL, set()).add(name)
        if not {"cutflow", "cutflow_weighted"} <= names[NOMINAL]:
            raise AnalysisError(f"{path}: is not a skim (no cutflow); give the output of a skim")
        synthetic = SYNTHETIC in names[NOMINAL]
        return {
            variation: _read_skim(file, path, own, variation, is_synthetic=synthetic)
            for variation, own in names.items()
        }


def _read_skim(
    file: Any, path: str, names: set[str], variation: str, *, is_synthetic: bool
) -> Skim:
    cutflow = Cutflow.from_root(file, lambda name: varied_name(name, variation))
    histograms = {
        name: read_histogram_of(file, path, varied_name(name, variation))
        for name in sorted(names - BOOKKEEPING - {SYNTHETIC})
    }
    total = None
    if "sum_of_weights" in names:
        total = float(file[varied_name("sum_of_weights", variation)].values()[0])
    return Skim(histograms, cutflow, total, int(cutflow.counts[0]), is_synthetic)
