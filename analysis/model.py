"""The statistical model: a HistFactory workspace from signal, background and data histograms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import systematics
from analysis.catalogue import ModelSettings
from analysis.catalogue.model import SAMPLES, SOURCES
from analysis.errors import AnalysisError
from analysis.histograms import Histogram
from analysis.inference.arrays import Array, Index
from analysis.systematics import Effect, Variation
from analysis.templates import Template, Templates, make_templates

CHANNEL = "m_jj"
SIDEBAND = "sideband"
POI = "mu"

# The tutorial reads its limits off these points by straight lines (run_fit.py of the public RECAST
# tutorial): the scan has them, so that its published numbers can be compared with.
_TUTORIAL_SCAN = tuple(np.linspace(0.01, 1, 20).tolist())
_MISSING_IN_TUTORIAL = ("luminosity", "signal statistics", "background normalisation")

Shifted = Mapping[tuple[str, str], tuple[Histogram, Histogram | None]]
"""Histograms at +1 and -1 sigma by sample and shift; without the second the first is mirrored."""


@dataclass(frozen=True)
class StatisticalModel:
    """A workspace and what a reader must know about it.

    Attributes:
        workspace: HistFactory JSON, readable by plain pyhf.
        warnings: what was done to the histograms.
        not_modelled: sources of uncertainty that are left out.
        channels: which bins of the histogram each channel has.
        scan: signal strengths of the CLs scan, if the model asks for certain ones.
        effects: what systematics do to samples, and what of it was pruned.
    """

    workspace: dict[str, Any]
    warnings: tuple[str, ...]
    not_modelled: tuple[str, ...]
    channels: Mapping[str, tuple[int, ...]]
    scan: tuple[float, ...] | None = None
    effects: tuple[Effect, ...] = ()


def build_model(
    signal: Histogram,
    background: Histogram,
    data: Histogram,
    settings: ModelSettings,
    luminosity_uncertainty: float,
    *,
    shifted: Shifted | None = None,
) -> StatisticalModel:
    """The model of a signal on a background in one spectrum.

    The ``default`` model has a signal strength ``mu``, the luminosity (on the signal, and on a
    background only if that is simulation scaled to it), the statistics of both templates bin by
    bin, normalisation uncertainties of background and signal theory or a free background, and the
    systematics of the settings. ``tutorial`` is exactly
    ``pyhf.simplemodels.uncorrelated_background(signal, background, sqrt(background))``.

    Args:
        signal: expected events at ``mu = 1``.
        background: expected events.
        data: observed events.
        settings: which model and its numbers.
        luminosity_uncertainty: relative.
        shifted: histograms that the shapes of the settings need.

    Raises:
        AnalysisError: different edges, negative contents against the policy, contents that are not
            numbers, data where nothing is expected, or a shifted histogram that is missing.
    """
    histograms = {"data": data, "background": background, "signal": signal}
    for (sample, shift), pair in (shifted or {}).items():
        for direction, histogram in zip(("up", "down"), pair, strict=True):
            if histogram is not None:
                histograms[f"{sample} {shift} {direction}"] = histogram
    templates = make_templates(histograms, settings.overflow, settings.negative_bins)
    warnings = [*templates.warnings, *_check_background(templates)]
    if settings.name == "tutorial":
        lists = [templates.named[name].contents.tolist() for name in (*SAMPLES, "data")]
        return StatisticalModel(
            tutorial_workspace(*lists),
            tuple(warnings),
            (*_MISSING_IN_TUTORIAL, *SOURCES),
            {"singlechannel": tuple(range(len(lists[0])))},
            _TUTORIAL_SCAN,
        )
    variations = _variations(templates, settings)
    channels = _channels(templates, settings)
    workspace = _default_workspace(
        templates, settings, variations, channels, luminosity_uncertainty=luminosity_uncertainty
    )
    return StatisticalModel(
        workspace,
        tuple(warnings),
        _not_modelled(settings),
        {name: tuple(bins.tolist()) for name, bins in channels.items()},
        effects=tuple(v.effect for each in variations.values() for v in each),
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
        _sample("signal", signal, [_normfactor(POI)]),
        _sample("background", background, [modifier]),
    ]
    return _workspace({"singlechannel": samples}, {"singlechannel": list(data)}, [])


def _default_workspace(
    templates: Templates,
    settings: ModelSettings,
    variations: Mapping[str, Sequence[Variation]],
    channels: Mapping[str, Index],
    *,
    luminosity_uncertainty: float,
) -> dict[str, Any]:
    common: dict[str, list[dict[str, Any]]] = {"signal": [_normfactor(POI)], "background": []}
    for sample in settings.luminosity_on or ("signal",):
        common[sample].append({"name": "lumi", "type": "lumi", "data": None})
    if settings.signal_uncertainty:
        common["signal"].append(_normsys("signal_theory", settings.signal_uncertainty))
    if settings.background_normalisation == "free":
        common["background"].append(_normfactor("background_norm"))
    elif settings.background_uncertainty:
        common["background"].append(_normsys("background_norm", settings.background_uncertainty))
    samples: dict[str, list[dict[str, Any]]] = {}
    for channel, bins in channels.items():
        suffix = "" if channel == CHANNEL else f"_{channel}"
        samples[channel] = [
            _sample(
                name,
                templates.named[name].contents[bins].tolist(),
                [
                    *common[name],
                    _statistics(f"stat_{name}{suffix}", templates.named[name], bins),
                    *(m for variation in variations[name] for m in variation.modifiers(bins)),
                ],
            )
            for name in SAMPLES
        ]
    luminosity: dict[str, Any] = {
        "name": "lumi",
        "auxdata": [1.0],
        "sigmas": [luminosity_uncertainty],
        "bounds": [[max(0.0, 1 - 5 * luminosity_uncertainty), 1 + 5 * luminosity_uncertainty]],
        "inits": [1.0],
    }
    data = templates.named["data"].contents
    observed = {channel: data[bins].tolist() for channel, bins in channels.items()}
    return _workspace(samples, observed, [luminosity])


def _variations(templates: Templates, settings: ModelSettings) -> dict[str, list[Variation]]:
    """What the settings' systematics do to each sample."""
    result: dict[str, list[Variation]] = {name: [] for name in SAMPLES}
    for systematic in settings.systematics:
        for sample in systematic.samples:
            if systematic.kind == "normalisation":
                variation = systematics.normalisation(systematic, sample, settings.pruning)
            else:
                variation = systematics.shape(
                    systematic,
                    sample,
                    templates.named[sample].contents,
                    _shifted(templates, sample, systematic.shift),
                    pruning=settings.pruning,
                    smoothing=settings.smoothing,
                )
            result[sample].append(variation)
    return result


def _shifted(templates: Templates, sample: str, shift: str) -> tuple[Array, Array | None]:
    up = templates.named.get(f"{sample} {shift} up")
    down = templates.named.get(f"{sample} {shift} down")
    if up is None:
        raise AnalysisError(
            f"the model needs the {sample} histogram shifted by '{shift}': skim it with this "
            "shift, or leave the systematic out"
        )
    return up.contents, None if down is None else down.contents


def _channels(templates: Templates, settings: ModelSettings) -> dict[str, Index]:
    """Bins of the signal's window and of the sideband; all in one channel without a window."""
    everything = np.arange(len(templates.edges))
    if settings.window is None:
        return {CHANNEL: everything}
    low, high = settings.window
    inside = (templates.edges[:, 0] >= low) & (templates.edges[:, 1] <= high)
    if not inside.any() or inside.all():
        where = f"{low:g} to {high:g} GeV"
        raise AnalysisError(f"model.window: {where} must hold some of the bins and leave others")
    return {CHANNEL: everything[inside], SIDEBAND: everything[~inside]}


def _not_modelled(settings: ModelSettings) -> tuple[str, ...]:
    covered = {source for systematic in settings.systematics for source in systematic.covers}
    if settings.signal_uncertainty:
        covered.add("signal theory")
    return tuple(source for source in SOURCES if source not in covered)


def _sample(name: str, data: Sequence[float], modifiers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "data": list(data), "modifiers": modifiers}


def _normfactor(name: str) -> dict[str, Any]:
    return {"name": name, "type": "normfactor", "data": None}


def _normsys(name: str, relative: float) -> dict[str, Any]:
    # A shift of 100 % and more has no positive mirror image: its inverse is taken instead.
    low = 1 - relative if relative < 1 else 1 / (1 + relative)
    return {"name": name, "type": "normsys", "data": {"hi": 1 + relative, "lo": low}}


def _statistics(name: str, template: Template, bins: Index) -> dict[str, Any]:
    errors = np.sqrt(template.variances[bins]).tolist()
    return {"name": name, "type": "staterror", "data": errors}


def _workspace(
    samples: Mapping[str, list[dict[str, Any]]],
    data: Mapping[str, list[float]],
    parameters: list[dict[str, Any]],
) -> dict[str, Any]:
    config = {"poi": POI, "parameters": parameters}
    return {
        "channels": [{"name": name, "samples": each} for name, each in samples.items()],
        "observations": [{"name": name, "data": each} for name, each in data.items()],
        "measurements": [{"name": "limits", "config": config}],
        "version": "1.0.0",
    }


def _check_background(templates: Templates) -> list[str]:
    signal, background, data = (templates.named[name].contents for name in (*SAMPLES, "data"))

    def where(bad: Array) -> str:
        return ", ".join(label for label, at in zip(templates.labels, bad, strict=True) if at)

    impossible = (background == 0) & (data > 0)
    if impossible.any():
        bins = where(impossible)
        raise AnalysisError(f"data but no background in bins {bins}: merge bins or drop them")
    empty = (background == 0) & (signal > 0)
    if not empty.any():
        return []
    return [f"signal but no background in bins {where(empty)}: limits are too strong if so"]
