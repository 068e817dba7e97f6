"""Sum of generator weights of all events that a file stands for, before any skimming."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import uproot

from analysis.errors import AnalysisError
from analysis.reading.opening import DAMAGE

STREAMS = frozenset({"StreamAOD", "StreamDAOD_PHYSLITE", "StreamEVGEN", "StreamEVNT"})
"""Input streams whose event count is that of the simulated sample."""

REMEDY = "give `sum_of_weights` in the catalogue"


class CutBookkeeper(NamedTuple):
    """One line of ATLAS bookkeeping: a cut, in which processing step, and what had passed it."""

    name: str
    cycle: int
    stream: str
    sum_of_weights: float


def all_executed_events(books: Iterable[CutBookkeeper], index: int = 0) -> float | None:
    """Sum of one of the weights before the first cut, of one file's bookkeepers.

    The entry of the nominal weight is called ``AllExecutedEvents`` exactly, those of variations
    ``AllExecutedEvents_NonNominalMCWeight_1`` and so on; it comes from one of `STREAMS`, and has
    the highest cycle of those.

    Args:
        books: all complete bookkeepers of the file, in any order.
        index: position of the weight among an event's, 0 for the nominal one.

    Returns:
        The sum, or None when no entry qualifies.

    Raises:
        ValueError: two entries of the highest cycle disagree.

    >>> all_executed_events([
    ...     CutBookkeeper("PHYSKernel", 0, "StreamAOD", 5.0),
    ...     CutBookkeeper("AllExecutedEvents", 0, "StreamEVGEN", 9.0),
    ...     CutBookkeeper("AllExecutedEvents", 1, "StreamAOD", 7.0),
    ... ])
    7.0
    """
    entries = [b for b in books if b.name == _entry_name(index) and b.stream in STREAMS]
    if not entries:
        return None
    cycle = max(b.cycle for b in entries)
    sums = {b.sum_of_weights for b in entries if b.cycle == cycle}
    if len(sums) > 1:
        raise ValueError(f"cycle {cycle} has several: {', '.join(map(str, sorted(sums)))}")
    return float(sums.pop())


def _entry_name(index: int) -> str:
    return f"AllExecutedEvents_NonNominalMCWeight_{index}" if index else "AllExecutedEvents"


def xaod_sum_of_weights(root: Any, path: str, index: int = 0) -> float:
    """Sum of weights of an ATLAS derivation, from the CutBookkeepers of its MetaData tree.

    Files merged event by event have one entry there; files put together by a plain ``hadd`` have
    one an input, which add up.

    Args:
        root: the opened file.
        path: its name, for errors.
        index: position of the weight among an event's, 0 for the nominal one.

    Raises:
        AnalysisError: no MetaData tree, bookkeepers missing, unreadable or contradictory.
    """
    if "MetaData" not in root:
        raise AnalysisError(f"{path}: has no MetaData tree, so no sum of weights; {REMEDY}")
    prefix = "CutBookkeepersAux"
    names = ("name", "cycle", "inputStream", "sumOfEventWeights")
    try:
        metadata = root["MetaData"]
        # As in the event tree, variables of a TTree have a dot where an RNTuple has a colon.
        separator = ":" if f"{prefix}:name" in metadata.keys() else "."  # noqa: SIM118 - not a dict
        columns = [metadata[prefix + separator + name].array().tolist() for name in names]
    except (*DAMAGE, uproot.KeyInFileError, NotImplementedError) as error:
        raise AnalysisError(
            f"{path}: MetaData/{prefix} cannot be read (missing or written unsplit), so no sum of "
            f"weights; {REMEDY}"
        ) from error
    total = 0.0
    for entry in zip(*columns, strict=True):
        books = [
            CutBookkeeper(str(name), int(cycle), str(stream), float(weights))
            for name, cycle, stream, weights in zip(*entry, strict=True)
        ]
        try:
            found = all_executed_events(books, index)
        except ValueError as error:
            raise AnalysisError(
                f"{path}: MetaData/{prefix}.sumOfEventWeights is ambiguous ({error}); {REMEDY}"
            ) from None
        if found is None:
            known = ", ".join(sorted({f"{book.name} of {book.stream}" for book in books})[:5])
            raise AnalysisError(
                f"{path}: MetaData/{prefix} has no {_entry_name(index)} of "
                f"{'/'.join(sorted(STREAMS))} (but {known or 'nothing'}), so no sum of weights; "
                f"{REMEDY}"
            )
        total += found
    return _finite(total, path, f"MetaData/{prefix}.sumOfEventWeights")


def nanoaod_sum_of_weights(root: Any, path: str) -> float:
    """Sum of weights of a NanoAOD file: ``genEventSumw`` of all entries of its Runs tree.

    Raises:
        AnalysisError: no Runs tree, or no such branch in it.
    """
    if "Runs" not in root:
        raise AnalysisError(f"{path}: has no Runs tree, so no sum of weights; {REMEDY}")
    runs = root["Runs"]
    # Early NanoAOD versions had a trailing underscore.
    for name in ("genEventSumw", "genEventSumw_"):
        if name in runs:
            total = float(np.sum(runs[name].array(library="np"), dtype=np.float64))
            return _finite(total, path, f"Runs/{name}")
    raise AnalysisError(f"{path}: Runs has no genEventSumw, so no sum of weights; {REMEDY}")


def _finite(total: float, path: str, branch: str) -> float:
    if not np.isfinite(total):
        raise AnalysisError(f"{path}: {branch} is {total}; {REMEDY}")
    return total
