"""Weighted histograms: merging, comparing, and the way to ROOT files and back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import hist
import numpy as np
import numpy.typing as npt
import uproot

from analysis.catalogue import HistogramFile, InlineHistogram
from analysis.errors import AnalysisError
from analysis.reading.opening import explained, open_root
from analysis.schema import SYNTHETIC

Histogram = hist.Hist[hist.storage.Weight]
"""Sums of weights and of squared weights per bin."""

NOMINAL = "nominal"
"""What is not varied, among names of variations."""

VARIED = "__"
"""Between the name of a histogram and that of its variation, as HistFactory's users write it."""

EDGE_TOLERANCE = 1e-9
"""Edges closer than this share of the axis are the same: formats round them differently."""


def varied_name(name: str, variation: str) -> str:
    """Name of a variation of a histogram in a file.

    >>> varied_name("h_mjj", "jes_up"), varied_name("h_mjj", NOMINAL)
    ('h_mjj__jes_up', 'h_mjj')
    """
    return name if variation == NOMINAL else f"{name}{VARIED}{variation}"


def merge(histograms: Sequence[Histogram]) -> Histogram:
    """Sum of histograms of the same axis, correctly rounded, so independent of their order.

    Args:
        histograms: one or more, with weighted storage.

    Raises:
        AnalysisError: their edges differ.

    >>> part = Histogram(hist.axis.Regular(2, 0, 200), storage=hist.storage.Weight())
    >>> part = part.fill([150.0], weight=[0.5])
    >>> merge([part, part]).values().tolist()
    [0.0, 1.0]
    """
    require_same_edges({f"{part.name} ({i})": part for i, part in enumerate(histograms)})
    total = histograms[0].copy()
    for moment in ("value", "variance"):
        stacked = np.stack([part.view(flow=True)[moment] for part in histograms])
        total.view(flow=True)[moment] = exact_sum(stacked)
    return total


def exact_sum(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Correctly rounded sum over the first axis of values of shape (n_parts, n_bins).

    >>> exact_sum(np.array([[1e16], [1.0], [-1e16]]))
    array([1.])
    """
    return np.array([math.fsum(column) for column in values.T.tolist()], np.float64)


def require_same_edges(histograms: Mapping[str, Histogram]) -> None:
    """Raise an `AnalysisError` unless all histograms have the same bin edges.

    Args:
        histograms: by what they are called in the message.
    """
    if not histograms:
        raise AnalysisError("no histograms to put together; name at least one")
    (reference, first), *others = histograms.items()
    edges = first.axes[0].edges
    tolerance = EDGE_TOLERANCE * float(edges[-1] - edges[0])
    for name, other in others:
        found = other.axes[0].edges
        if len(found) == len(edges) and np.allclose(found, edges, rtol=0, atol=tolerance):
            continue
        # With the same number and ends, only the edges between tell them apart.
        describe = _binning if _binning(found) != _binning(edges) else _all_edges
        raise AnalysisError(
            f"{name} has {describe(found)}, but {reference} has {describe(edges)}; "
            "give both the same binning"
        )


def write_histograms(
    path: str, histograms: Mapping[str, Histogram], *, synthetic: bool = False
) -> None:
    """Write histograms as TH1D with their sums of squared weights and flow bins.

    Args:
        path: local path of the new ROOT file.
        histograms: by their names in the file.
        synthetic: mark the file as such.
    """
    with uproot.recreate(path) as file:
        if synthetic:
            file[SYNTHETIC] = "made from synthetic events"
        for name, histogram in histograms.items():
            file[name] = histogram


def read_histogram(path: str, name: str) -> Histogram:
    """Read a 1-D histogram of a ROOT file.

    Args:
        path: local path, or a ``root://`` or ``https://`` URL.
        name: its name, with folders if it is in any.

    Returns:
        Contents and variances with flow bins, exactly as in the file; the variances of a
        histogram without sums of squared weights are its contents, as ROOT takes them.

    Raises:
        AnalysisError: the file or the histogram is missing or unreadable, is not a 1-D histogram,
            or has a content that is not a number.
    """
    with open_root(path) as file, explained(path, "is damaged", "copy it again from its source"):
        return read_histogram_of(file, path, name)


def find_histogram(path: str, name: str) -> Histogram | None:
    """As `read_histogram`, but None where the file has none of that name."""
    with open_root(path) as file, explained(path, "is damaged", "copy it again from its source"):
        return read_histogram_of(file, path, name) if name in file else None


def read_histograms(path: str) -> dict[str, Histogram]:
    """Read all 1-D histograms of a ROOT file, by name, as `read_histogram` reads each."""
    with open_root(path) as file, explained(path, "is damaged", "copy it again from its source"):
        return {
            key: read_histogram_of(file, path, key)
            for key, kind in file.classnames(cycle=False).items()
            if kind.startswith("TH1")
        }


def is_synthetic(path: str) -> bool:
    """Whether a file says that it is, or was made from, synthetic events."""
    with open_root(path) as file:
        return SYNTHETIC in file


def read_histogram_of(file: Any, path: str, name: str) -> Histogram:
    """`read_histogram` of an open file."""
    classes = {key.partition(";")[0]: kind for key, kind in file.classnames(recursive=True).items()}
    if name.partition(";")[0] not in classes:
        known = ", ".join(sorted(key for key, kind in classes.items() if kind[:2] == "TH"))
        raise AnalysisError(f"{path}: has no histogram {name!r}; it has {known or 'no histograms'}")
    kind = classes[name.partition(";")[0]]
    if not kind.startswith("TH1"):
        what = f"a {kind}, not a 1-D histogram"
        raise AnalysisError(f"{path}: {name} is {what}; give the name of a TH1D or TH1F")
    return _from_root(file[name], path, name)


def from_inline(name: str, inline: InlineHistogram) -> Histogram:
    """Histogram of a catalogue's numbers; without variances Poisson's, the contents.

    Args:
        name: of the new histogram, such as "data".
        inline: edges in GeV, contents, under- and overflow, perhaps with variances.
    """
    axis = hist.axis.Variable(list(inline.edges), label=r"$m_{jj}$ [GeV]")
    histogram = Histogram(axis, storage=hist.storage.Weight(), name=name)
    contents = np.array([inline.underflow, *inline.contents, inline.overflow], np.float64)
    variances = np.abs(contents)
    given = (inline.underflow_variance, inline.variances, inline.overflow_variance)
    for place, variance in zip((slice(1), slice(1, -1), slice(-1, None)), given, strict=True):
        if variance is not None:
            variances[place] = variance
    histogram.view(flow=True)["value"] = contents
    histogram.view(flow=True)["variance"] = variances
    return histogram


def to_inline(histogram: Histogram) -> InlineHistogram:
    """The numbers of a histogram as a catalogue writes them out; `from_inline` gives it back."""
    view = histogram.view(flow=True)
    contents, variances = view["value"].tolist(), view["variance"].tolist()
    return InlineHistogram(
        edges=tuple(histogram.axes[0].edges.tolist()),
        contents=tuple(contents[1:-1]),
        underflow=contents[0],
        overflow=contents[-1],
        variances=tuple(variances[1:-1]),
        underflow_variance=variances[0],
        overflow_variance=variances[-1],
    )


def from_source(name: str, source: HistogramFile | InlineHistogram) -> Histogram:
    """The histogram that a catalogue gives in a file or writes out, with edges in GeV."""
    if isinstance(source, InlineHistogram):
        return from_inline(name, source)
    histogram = read_histogram(source.path, source.histogram)
    return histogram if source.unit == 1 else _in_gev(histogram, source.unit)


def from_source_varied(
    name: str, source: HistogramFile | InlineHistogram, variation: str
) -> Histogram | None:
    """The histogram that a catalogue gives with a shift; None when it gives none."""
    varied = source.variation(variation)
    return None if varied is None else from_source(name, varied)


def _in_gev(histogram: Histogram, unit: float) -> Histogram:
    axis = hist.axis.Variable(histogram.axes[0].edges * unit, label=histogram.axes[0].label)
    converted = Histogram(axis, storage=hist.storage.Weight(), name=histogram.name)
    converted.view(flow=True)[...] = histogram.view(flow=True)
    return converted


def _from_root(model: Any, path: str, name: str) -> Histogram:
    axis = model.member("fXaxis")
    label = str(axis.member("fTitle"))
    values = np.asarray(model.values(flow=True), np.float64)
    if not np.isfinite(values).all():
        bin_number = int(np.flatnonzero(~np.isfinite(values))[0])
        raise AnalysisError(
            f"{path}: {name} has {values[bin_number]} in bin {bin_number}; make it again"
        )
    edges = np.asarray(axis.member("fXbins"), np.float64)
    binned: hist.axis.Regular | hist.axis.Variable
    if len(edges):
        binned = hist.axis.Variable(edges, label=label)
    else:
        low, high = axis.member("fXmin"), axis.member("fXmax")
        binned = hist.axis.Regular(axis.member("fNbins"), low, high, label=label)
    histogram = Histogram(binned, storage=hist.storage.Weight(), name=name)
    histogram.view(flow=True)["value"] = values
    squares = np.asarray(model.member("fSumw2"), np.float64)
    histogram.view(flow=True)["variance"] = squares if len(squares) else np.abs(values)
    return histogram


def _binning(edges: npt.NDArray[np.float64]) -> str:
    return f"{len(edges) - 1} bins from {edges[0]:g} to {edges[-1]:g}"


def _all_edges(edges: npt.NDArray[np.float64]) -> str:
    return f"{len(edges) - 1} bins (edges {', '.join(f'{edge:.12g}' for edge in edges)})"
