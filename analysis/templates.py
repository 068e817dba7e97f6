"""Histograms as they enter the statistical model: bins alike in all, contents by a policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.errors import AnalysisError
from analysis.histograms import Histogram, require_same_edges
from analysis.inference.arrays import Array


@dataclass(frozen=True)
class Template:
    """A histogram as it enters the model.

    Attributes:
        contents: events of each bin, underflow first and overflow last if they have bins, shape
            (n_bins,).
        variances: squared statistical uncertainties, shape (n_bins,).
    """

    contents: Array
    variances: Array


@dataclass(frozen=True)
class Templates:
    """All histograms of a model with the same bins.

    Attributes:
        named: by what they are called.
        edges: lower and upper end of each bin, infinite beyond the histogram, shape (n_bins, 2).
        labels: name of each bin.
        warnings: what was done to the histograms.
    """

    named: Mapping[str, Template]
    edges: Array
    labels: tuple[str, ...]
    warnings: tuple[str, ...]


def make_templates(
    histograms: Mapping[str, Histogram], overflow: str, negative_bins: str
) -> Templates:
    """Bring histograms to the same bins.

    Args:
        histograms: ``data``, ``background``, ``signal`` and shifted ones of any other name.
        overflow: ``bin`` or ``drop``.
        negative_bins: ``refuse`` or ``clip``; data are refused whatever it is.

    Raises:
        AnalysisError: different edges, negative contents against the policy, contents that are not
            numbers.
    """
    require_same_edges(histograms)
    warnings: list[str] = []
    flow = _flow_bins(histograms, overflow, warnings)
    inner = np.asarray(histograms["data"].axes[0].edges, dtype=np.float64)
    labels = bin_labels(inner, flow)
    named = {
        name: _template(
            histogram, name, flow, labels, negative_bins=negative_bins, warnings=warnings
        )
        for name, histogram in histograms.items()
    }
    ends = [*([-np.inf] if flow[0] else []), *inner, *([np.inf] if flow[1] else [])]
    edges = np.array(list(pairwise(ends)))
    return Templates(named, edges, labels, tuple(warnings))


def _flows(histogram: Histogram) -> tuple[float, float]:
    """Contents of underflow and overflow; zero for an axis without them."""
    traits, values = histogram.axes[0].traits, histogram.values(flow=True)
    return (
        float(values[0]) if traits.underflow else 0.0,
        float(values[-1]) if traits.overflow else 0.0,
    )


def _flow_bins(
    histograms: Mapping[str, Histogram], overflow: str, warnings: list[str]
) -> tuple[bool, bool]:
    """Whether underflow and overflow have a bin of their own, in all histograms alike."""
    under, over = np.array([_flows(histogram) for histogram in histograms.values()]).T
    if overflow == "bin":
        # Never an underflow alone: one bin more than the histogram has is its overflow to readers.
        return bool(under.any()), bool(under.any() or over.any())
    for name, contents in (("underflow", under), ("overflow", over)):
        if contents.any():
            found = dict(zip(histograms, contents, strict=True))
            parts = [f"{found[key]:g} {key}" for key in ("signal", "background", "data")]
            warnings.append(f"{name} dropped: {', '.join(parts)}")
    return False, False


def bin_labels(edges: Array, flow: tuple[bool, bool] = (False, True)) -> tuple[str, ...]:
    """Names of the model's bins.

    Args:
        edges: of the histogram, in GeV.
        flow: whether underflow and overflow have bins.

    Example:
        >>> bin_labels(np.array([0.0, 25.0, 50.0]))
        ('0-25', '25-50', '>50')
    """
    labels = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    below = [f"<{edges[0]:g}"] if flow[0] else []
    above = [f">{edges[-1]:g}"] if flow[1] else []
    return (*below, *labels, *above)


def _template(
    histogram: Histogram,
    name: str,
    flow: tuple[bool, bool],
    labels: Sequence[str],
    *,
    negative_bins: str,
    warnings: list[str],
) -> Template:
    traits = histogram.axes[0].traits
    contents = np.asarray(histogram.values(flow=True), dtype=np.float64)
    spread = histogram.variances(flow=True)
    variances = contents if spread is None else np.asarray(spread, dtype=np.float64)

    def cut(values: Array) -> Array:
        inner = values[int(traits.underflow) : len(values) - int(traits.overflow)]
        under = [values[0] if traits.underflow else 0.0] if flow[0] else []
        over = [values[-1] if traits.overflow else 0.0] if flow[1] else []
        return np.concatenate([under, inner, over])

    contents, variances = cut(contents), cut(variances)
    if not (np.isfinite(contents).all() and np.isfinite(variances).all()):
        raise AnalysisError(f"{name} has bins that are not numbers: make the histogram again")
    negative = contents < 0
    if negative.any():
        where = ", ".join(label for label, bad in zip(labels, negative, strict=True) if bad)
        if name == "data":
            raise AnalysisError(f"data are negative in bins {where}: counts cannot be")
        if negative_bins == "refuse":
            raise AnalysisError(
                f"{name} is negative in bins {where}: merge bins, or set model.negative_bins: clip "
                "in the catalogue"
            )
        if contents.sum() < 0:
            raise AnalysisError(
                f"{name} is negative in sum ({contents.sum():g} events): nothing would be left"
            )
        lost = contents[negative].sum()
        warnings.append(f"{name} is negative in bins {where}: set to zero ({lost:g} events)")
        contents = np.maximum(contents, 0.0)
    return Template(contents, np.maximum(variances, 0.0))
