"""The statistical model: a HistFactory workspace from signal, background and data histograms."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.catalogue import ModelSettings
from analysis.errors import AnalysisError
from analysis.histograms import Histogram, require_same_edges
from analysis.inference.arrays import Array

CHANNEL = "m_jj"
POI = "mu"


@dataclass(frozen=True)
class Template:
    """A histogram as it enters the model.

    Attributes:
        contents: events of each bin, the overflow last if it has a bin, shape (n_bins,).
        variances: squared statistical uncertainties, shape (n_bins,).
    """

    contents: Array
    variances: Array


@dataclass(frozen=True)
class StatisticalModel:
    """A workspace and what a reader must know about it.

    Attributes:
        workspace: HistFactory JSON, readable by plain pyhf.
        warnings: what was done to the histograms.
        not_modelled: sources of uncertainty that are left out.
        scan: signal strengths of the CLs scan, if the model asks for certain ones.
    """

    workspace: dict[str, Any]
    warnings: tuple[str, ...]
    not_modelled: tuple[str, ...]
    scan: tuple[float, ...] | None = None


def build_model(
    signal: Histogram,
    background: Histogram,
    data: Histogram,
    settings: ModelSettings,
    luminosity_uncertainty: float,
) -> StatisticalModel:
    """The model of a signal on a background in one spectrum.

    The ``default`` model has a signal strength ``mu``, the luminosity (on the signal alone: the
    background is not simulation scaled to it), the statistics of both templates bin by bin, and
    normalisation uncertainties of background and signal theory. ``tutorial`` is exactly
    ``pyhf.simplemodels.uncorrelated_background(signal, background, sqrt(background))``.

    Args:
        signal: expected events at ``mu = 1``.
        background: expected events.
        data: observed events.
        settings: which model and its numbers.
        luminosity_uncertainty: relative.

    Raises:
        AnalysisError: different edges, negative contents against the policy, contents that are not
            numbers, or data where nothing is expected.
    """
    warnings: list[str] = []
    require_same_edges({"data": data, "background": background, "signal": signal})
    flow = _flow_bins((signal, background, data), settings.overflow, warnings)
    labels = bin_labels(np.asarray(data.axes[0].edges, dtype=np.float64), flow)
    templates = {
        name: _template(
            histogram,
            name,
            flow,
            labels,
            negative_bins=settings.negative_bins,
            warnings=warnings,
        )
        for name, histogram in (("signal", signal), ("background", background), ("data", data))
    }
    _check_background(templates, labels, warnings)
    s, b, n = templates["signal"], templates["background"], templates["data"].contents.tolist()
    if settings.name == "tutorial":
        workspace = tutorial_workspace(s.contents.tolist(), b.contents.tolist(), n)
        missing = (*_MISSING_IN_TUTORIAL, *_NEVER_MODELLED)
        return StatisticalModel(workspace, tuple(warnings), missing, _TUTORIAL_SCAN)
    absent = () if settings.signal_uncertainty else ("signal theory",)
    workspace = _default_workspace(s, b, n, settings, luminosity_uncertainty)
    return StatisticalModel(workspace, tuple(warnings), (*absent, *_NEVER_MODELLED))


# The tutorial reads its limits off these points by straight lines (run_fit.py of the public RECAST
# tutorial): the scan has them, so that its published numbers can be compared with.
_TUTORIAL_SCAN = tuple(np.linspace(0.01, 1, 20).tolist())
_MISSING_IN_TUTORIAL = (
    "luminosity",
    "signal statistics",
    "signal theory",
    "background normalisation",
)
_NEVER_MODELLED = (
    "background shape",
    "jet energy scale and resolution",
    "flavour tagging",
    "pile-up",
)


def tutorial_workspace(
    signal: Sequence[float],
    background: Sequence[float],
    data: Sequence[float],
    uncertainty: Sequence[float] | None = None,
) -> dict[str, Any]:
    """The workspace of ``pyhf.simplemodels.uncorrelated_background``.

    Args:
        signal: events of each bin at mu = 1.
        background: expected events of each bin.
        data: observed events of each bin.
        uncertainty: of the background, in events; its square root by default.

    Example:
        >>> workspace = tutorial_workspace([5.0], [49.0], [52.0])
        >>> workspace["channels"][0]["samples"][1]["modifiers"][0]["data"]
        [7.0]
    """
    errors = np.sqrt(background).tolist() if uncertainty is None else list(uncertainty)
    modifier = {"name": "uncorr_bkguncrt", "type": "shapesys", "data": errors}
    samples = [
        _sample("signal", signal, [_normfactor()]),
        _sample("background", background, [modifier]),
    ]
    return _workspace("singlechannel", samples, data, [])


def _default_workspace(
    signal: Template,
    background: Template,
    data: Sequence[float],
    settings: ModelSettings,
    luminosity_uncertainty: float,
) -> dict[str, Any]:
    on_signal = [
        _normfactor(),
        {"name": "lumi", "type": "lumi", "data": None},
        _statistics("stat_signal", signal),
    ]
    if settings.signal_uncertainty:
        on_signal.append(_normsys("signal_theory", settings.signal_uncertainty))
    on_background = [_statistics("stat_background", background)]
    if settings.background_uncertainty:
        on_background.append(_normsys("background_norm", settings.background_uncertainty))
    luminosity = {
        "name": "lumi",
        "auxdata": [1.0],
        "sigmas": [luminosity_uncertainty],
        "bounds": [[max(0.0, 1 - 5 * luminosity_uncertainty), 1 + 5 * luminosity_uncertainty]],
        "inits": [1.0],
    }
    samples = [
        _sample("signal", signal.contents.tolist(), on_signal),
        _sample("background", background.contents.tolist(), on_background),
    ]
    return _workspace(CHANNEL, samples, data, [luminosity])


def _sample(name: str, data: Sequence[float], modifiers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "data": list(data), "modifiers": modifiers}


def _normfactor() -> dict[str, Any]:
    return {"name": POI, "type": "normfactor", "data": None}


def _normsys(name: str, relative: float) -> dict[str, Any]:
    # A shift of 100 % and more has no positive mirror image: its inverse is taken instead.
    low = 1 - relative if relative < 1 else 1 / (1 + relative)
    return {"name": name, "type": "normsys", "data": {"hi": 1 + relative, "lo": low}}


def _statistics(name: str, template: Template) -> dict[str, Any]:
    return {"name": name, "type": "staterror", "data": np.sqrt(template.variances).tolist()}


def _workspace(
    channel: str,
    samples: list[dict[str, Any]],
    data: Sequence[float],
    parameters: list[dict[str, Any]],
) -> dict[str, Any]:
    config = {"poi": POI, "parameters": parameters}
    return {
        "channels": [{"name": channel, "samples": samples}],
        "observations": [{"name": channel, "data": list(data)}],
        "measurements": [{"name": "limits", "config": config}],
        "version": "1.0.0",
    }


def _flows(histogram: Histogram) -> tuple[float, float]:
    """Contents of underflow and overflow; zero for an axis without them."""
    traits, values = histogram.axes[0].traits, histogram.values(flow=True)
    return (
        float(values[0]) if traits.underflow else 0.0,
        float(values[-1]) if traits.overflow else 0.0,
    )


def _flow_bins(
    histograms: Sequence[Histogram], overflow: str, warnings: list[str]
) -> tuple[bool, bool]:
    """Whether underflow and overflow have a bin of their own, in all histograms alike."""
    under, over = np.array([_flows(histogram) for histogram in histograms]).T
    if overflow == "bin":
        return bool(under.any()), bool(over.any())
    for name, contents in (("underflow", under), ("overflow", over)):
        if contents.any():
            signal, background, data = contents
            warnings.append(
                f"{name} dropped: {signal:g} signal, {background:g} background, {data:g} data"
            )
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
        lost = contents[negative].sum()
        warnings.append(f"{name} is negative in bins {where}: set to zero ({lost:g} events)")
        contents = np.maximum(contents, 0.0)
    return Template(contents, np.maximum(variances, 0.0))


def _check_background(
    templates: dict[str, Template], labels: Sequence[str], warnings: list[str]
) -> None:
    background, data = templates["background"].contents, templates["data"].contents
    impossible = (background == 0) & (data > 0)
    if impossible.any():
        where = ", ".join(label for label, bad in zip(labels, impossible, strict=True) if bad)
        raise AnalysisError(f"data but no background in bins {where}: merge bins or drop them")
    empty = (background == 0) & (templates["signal"].contents > 0)
    if empty.any():
        where = ", ".join(label for label, bad in zip(labels, empty, strict=True) if bad)
        warnings.append(f"signal but no background in bins {where}: limits are too strong if so")
