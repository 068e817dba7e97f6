"""Spectra: data, background and signal against the invariant mass."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from analysis.histograms import Histogram
from analysis.inference.arrays import Array
from analysis.inference.prediction import Prediction
from analysis.plots.poisson import central_interval
from analysis.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SIZE,
    SKY,
    VERMILION,
    annotate,
    styled,
    warn,
)

_M_JJ = r"$m_{jj}$ [GeV]"
_COLOURS = (SKY, ORANGE, GREEN, PURPLE, BLUE)


@styled
def spectrum(
    prediction: Prediction,
    edges: Sequence[float],
    *,
    signal: Array | None = None,
    signal_scale: float | None = None,
    titles: Mapping[str, str] | None = None,
    label: str = _M_JJ,
    luminosity: float | None = None,
    synthetic: bool = False,
) -> Figure:
    """Stacked background with its uncertainty, data, signal, and the ratio of data to background.

    Of a prediction with signal, background and signal together are a line of their own, to which
    uncertainty and ratio belong.

    Args:
        prediction: of the channel; its samples without the one named ``signal`` are stacked.
        edges: of the histogram, in GeV; bins beyond them are under- and overflow, drawn as such.
        signal: expected signal events, shape (n_bins,), drawn as a line.
        signal_scale: what it is multiplied with; by default a round number that shows it.
        titles: of samples for the legend.
        label: of the horizontal axis.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    titles = titles or {}
    figure = Figure(figsize=(6.4, 5.6))
    main, ratio = figure.subplots(
        2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw={"hspace": 0.07}
    )
    position = _positions(edges, len(prediction.data))
    stack = np.zeros(len(prediction.data))
    names = [name for name in prediction.samples if name != "signal"]
    for colour, name in zip(_COLOURS, names, strict=False):
        above = stack + prediction.samples[name]
        title = titles.get(name, name.capitalize())
        main.stairs(above, position, baseline=stack, fill=True, color=colour, label=title)
        main.stairs(above, position, color="black", linewidth=0.5)
        stack = above
    when = "post-fit" if prediction.fitted else "pre-fit"
    whole = stack
    if prediction.strength and "signal" in prediction.samples:
        whole = prediction.total
        text = rf"Bkg. + signal ($\mu$ = {prediction.strength:.2g})"
        main.stairs(whole, position, color=BLUE, linewidth=1.5, label=text)
    _band(main, position, whole - prediction.uncertainty, whole + prediction.uncertainty, when)
    if signal is not None and signal.any():
        scale = signal_scale or _round_scale(signal, stack)
        text = titles.get("signal", "Signal") + (rf" $\times$ {scale:g}" if scale != 1 else "")
        main.stairs(scale * signal, position, color=VERMILION, linewidth=2, label=text)
    _draw_data(main, ratio, prediction, position, whole)
    ratio.set_ylabel("Data / bkg." if whole is stack else f"Data / {when}", loc="center")
    top = max(float(whole.max()), float(stack.max()), float(prediction.data.max()), 1.0)
    main.set_ylim(0, 1.55 * top)
    main.set_ylabel(f"Events / {_width(edges)}")
    main.legend(ncols=2, loc="upper right")
    _mark_flow(main, edges, position)
    ratio.axvline(edges[-1], color="black", linewidth=0.8, linestyle=":")
    ratio.set_xlabel(label)
    annotate(main, luminosity=luminosity, synthetic=synthetic)
    warn(main, prediction.warnings)
    figure.align_ylabels()
    return figure


def _draw_data(
    main: Axes, ratio: Axes, prediction: Prediction, position: Array, background: Array
) -> None:
    centre = (position[1:] + position[:-1]) / 2
    data, safe = prediction.data, np.where(background > 0, background, np.nan)
    errors = central_interval(data)
    main.errorbar(centre, data, yerr=errors, label="Data", fmt="o", color="black", linewidth=1)
    ratio.errorbar(centre, data / safe, yerr=errors / safe, fmt="o", color="black", linewidth=1)
    relative = np.where(background > 0, prediction.uncertainty / safe, 0.0)
    _band(ratio, position, 1 - relative, 1 + relative, "")
    ratio.axhline(1, color="black", linewidth=0.8)
    spread = np.nanmax(np.abs((data + errors * [[-1], [1]]) / safe - 1), initial=0.1)
    reach = min(0.95, math.ceil(12 * spread) / 10)
    ratio.set_ylim(1 - reach, 1 + reach)
    ratio.yaxis.set_major_locator(MaxNLocator(4))


def _band(axes: Axes, position: Array, low: Array, high: Array, when: str) -> None:
    label = f"Uncertainty ({when})" if when else None
    axes.stairs(
        high, position, baseline=low, fill=True, facecolor="none", edgecolor="0.3", hatch="//////",
        linewidth=0, label=label,
    )  # fmt: skip


def _positions(edges: Sequence[float], n_bins: int) -> Array:
    """Edges with a bin of common width for what lies beyond them.

    Underflow has a bin only along with overflow or in models of odd shape: the model puts the
    underflow first and the overflow last.
    """
    low, high = edges[0], edges[-1]
    extra = n_bins - (len(edges) - 1)
    width = (high - low) / max(len(edges) - 1, 1)
    before = [low - width] if extra > 1 else []
    after = [high + width] if extra > 0 else []
    return np.array([*before, *edges, *after])


def _mark_flow(axes: Axes, edges: Sequence[float], position: Array) -> None:
    """Set the overflow apart and name it."""
    low, high = edges[0], edges[-1]
    axes.set_xlim(position[0], position[-1])
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(FixedLocator([e for e in edges if e not in ticks]))
    for name, beyond, edge in (("Overflow", position[-1], high), ("Underflow", position[0], low)):
        if beyond != edge:
            axes.axvline(edge, ymax=0.65, color="black", linewidth=0.8, linestyle=":")
            axes.text(
                (edge + beyond) / 2, 0.62, name, rotation=90, ha="center", va="top",
                fontsize="x-small", transform=axes.get_xaxis_transform(),
            )  # fmt: skip


def _width(edges: Sequence[float]) -> str:
    widths = np.diff(edges)
    return f"{widths[0]:g} GeV" if np.allclose(widths, widths[0]) else "bin"


def _round_scale(signal: Array, background: Array) -> float:
    """The largest of 1, 2, 5, 10, ... that keeps the signal below half of the background's top."""
    room = 0.5 * float(background.max()) / float(np.abs(signal).max())
    if not room > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(room))
    return power * max(step for step in (1, 2, 5) if step * power <= room * (1 + 1e-12))


@styled
def scaled_signal(
    selected: Histogram,
    scaled: Histogram,
    title: str = "Signal",
    synthetic: bool = False,
    *,
    label: str = _M_JJ,
    luminosity: float | None = None,
) -> Figure:
    """The signal as selected (sums of weights) and scaled to its expected yield.

    Args:
        selected: sums of event weights.
        scaled: expected events, with the same edges.
        title: name of the signal.
        synthetic: label the figure so.
        label: of the horizontal axis.
        luminosity: in fb^-1.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    edges = np.asarray(scaled.axes[0].edges)
    _draw_histogram(axes, scaled, edges, label=title, overflow=True)
    total = float(np.sum(scaled.values(flow=True)))
    raw = float(np.sum(selected.values(flow=True)))
    text = f"{total:.4g} events expected\nsum of weights {raw:.4g}"
    axes.text(0.97, 0.8, text, transform=axes.transAxes, ha="right", va="top", fontsize="small")
    axes.set_ylabel(f"Events / {_width(edges.tolist())}")
    axes.set_xlabel(label)
    axes.legend(loc="upper right")
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    return figure


def _draw_histogram(
    axes: Axes, histogram: Histogram, edges: Array, *, label: str, overflow: bool
) -> None:
    values = np.asarray(histogram.values(flow=True))
    errors = np.sqrt(np.asarray(histogram.variances(flow=True)))
    traits = histogram.axes[0].traits
    first = int(traits.underflow)
    last = len(values) - (0 if overflow or not traits.overflow else 1)
    values, errors = values[first:last], errors[first:last]
    position = _positions(edges.tolist(), len(values))
    axes.stairs(values, position, color=BLUE, linewidth=2, label=label)
    axes.stairs(
        values + errors, position, baseline=values - errors, fill=True, color=BLUE, alpha=0.3,
        label="Statistical uncertainty",
    )  # fmt: skip
    axes.set_ylim(
        min(0.0, 1.3 * float((values - errors).min())), 1.3 * float(np.max(values + errors)) or 1
    )
    _mark_flow(axes, edges.tolist(), position)
