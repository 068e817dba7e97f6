"""Figures of upper limits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.inference.asymptotics import SIGNIFICANCE
from analysis.inference.results import Limits
from analysis.plots.style import BLUE, ONE_SIGMA, SIZE, TWO_SIGMA, annotate, styled, warn

_MEDIAN = 2  # of the five expected limits
_MUCH = 30  # ratio of limits above which an axis is logarithmic


@styled
def limit_scan(
    limits: Limits,
    *,
    title: str = "",
    luminosity: float | None = None,
    synthetic: bool = False,
) -> Figure:
    """CLs against the signal strength, with the expectation without signal and its bands.

    Args:
        limits: with their scan.
        title: name of the signal.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    mu, expected = np.array(limits.scan.mu), np.array(limits.scan.expected)
    if not mu.size:
        axes.text(0.5, 0.5, "No sensitivity: no limit", transform=axes.transAxes, ha="center")
        axes.set_xlim(0, 1)
    else:
        low2, low1, median, high1, high2 = expected
        axes.fill_between(mu, low2, high2, color=TWO_SIGMA, linewidth=0, label=r"$\pm 2\sigma$")
        axes.fill_between(mu, low1, high1, color=ONE_SIGMA, linewidth=0, label=r"$\pm 1\sigma$")
        axes.plot(mu, median, "--", color="black", label=_quoted("Expected", limits.expected[2]))
        axes.plot(
            mu, limits.scan.observed, "-o", color="black", markersize=3,
            label=_quoted("Observed", limits.observed),
        )  # fmt: skip
        axes.set_xlim(mu[0], mu[-1])
        axes.axhline(SIGNIFICANCE, color=BLUE, linewidth=1)
        axes.text(
            0.01, SIGNIFICANCE + 0.01, r"CL$_s$ = 0.05", color=BLUE, fontsize="x-small",
            transform=axes.get_yaxis_transform(), va="bottom",
        )  # fmt: skip
        handles, labels = axes.get_legend_handles_labels()
        order = (3, 2, 1, 0)
        axes.legend([handles[i] for i in order], [labels[i] for i in order], loc="upper right")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel(r"Signal strength $\mu$")
    axes.set_ylabel(r"CL$_s$")
    annotate(axes, luminosity=luminosity, synthetic=synthetic, lines=[title] if title else [])
    warn(axes, limits.warnings)
    return figure


def _quoted(name: str, value: float | None) -> str:
    number = "no limit" if value is None else rf"$\mu_{{95}}$ = {value:.3g}"
    return f"{name} ({number})"


@styled
def summary(
    limits: Mapping[str, Limits],
    *,
    titles: Mapping[str, str] | None = None,
    luminosity: float | None = None,
    synthetic: bool = False,
) -> Figure:
    """The limits of several signals, one a line.

    Args:
        limits: by signal, in the order of the lines from the top.
        titles: of the signals.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    names = [(titles or {}).get(name, name) for name in limits]
    height = 2.0 + 0.55 * len(names)
    figure = Figure(figsize=(6.4, height))
    axes = figure.subplots()
    longest = max((len(name) for name in names), default=0)
    figure.subplots_adjust(
        left=min(0.5, 0.04 + 0.0145 * longest), bottom=0.65 / height, top=1 - 0.4 / height
    )
    for row, limit in enumerate(limits.values()):
        _draw_row(axes, row, limit)
    axes.axvline(1, ymax=len(names) / (len(names) + 1.1), color=BLUE, linewidth=1, ls=":")
    _set_range(axes, list(limits.values()))
    # Room for the legend above the first line.
    axes.set_ylim(len(names) - 0.4, -1.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_xlabel(r"95 % CL upper limit on the signal strength $\mu$")
    axes.legend(loc="upper right", ncols=4, columnspacing=0.8, handlelength=1.2, fontsize="x-small")
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    warn(axes, [f"{name}: {text}" for name, limit in limits.items() for text in limit.warnings])
    return figure


def _draw_row(axes: Axes, row: int, limits: Limits) -> None:
    """One signal; each kind of limit gives the legend's entry where it first occurs."""
    known = set(axes.get_legend_handles_labels()[1])
    expected, observed = limits.expected, limits.observed
    span = (row - 0.35, row + 0.35)
    for low, high, colour, label in (
        (0, 4, TWO_SIGMA, r"$\pm 2\sigma$"),
        (1, 3, ONE_SIGMA, r"$\pm 1\sigma$"),
    ):
        ends = expected[low], expected[high]
        if ends[0] is not None and ends[1] is not None:
            new = None if label in known else label
            axes.fill_betweenx(span, ends[0], ends[1], color=colour, linewidth=0, label=new)
    median = expected[_MEDIAN]
    if median is not None:
        new = None if "Expected" in known else "Expected"
        axes.plot([median, median], span, "--", color="black", label=new)
    if observed is not None:
        axes.plot(
            observed, row, "o", color="black", label=None if "Observed" in known else "Observed"
        )
    elif median is None:
        axes.text(
            0.5, row, "no limit", ha="center", va="center", fontsize="small",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip


def _set_range(axes: Axes, limits: Sequence[Limits]) -> None:
    """Logarithmic where the signals' limits differ much."""
    finite = [mu for each in limits for mu in (*each.expected, each.observed) if mu]
    if finite and max(finite) > _MUCH * min(finite):
        axes.set_xscale("log")
        axes.set_xlim(min(finite) / 2, max(finite) * 2)
    else:
        axes.set_xlim(0, 1.1 * max([*finite, 1.0]))
