"""Figures of upper limits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.inference.asymptotics import SIGNIFICANCE
from analysis.inference.limits import Limits
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
def summary(results: Sequence[Mapping[str, Any]]) -> Figure:
    """The limits of several signals, one a line.

    Args:
        results: contents of ``limits.json``, in the order of the lines from the top.
    """
    height = 2.0 + 0.55 * len(results)
    longest = max((len(result["title"]) for result in results), default=0)
    figure = Figure(figsize=(6.4, height))
    axes = figure.subplots()
    figure.subplots_adjust(
        left=min(0.5, 0.04 + 0.0145 * longest), bottom=0.65 / height, top=1 - 0.4 / height
    )
    for row, result in enumerate(results):
        _draw_row(axes, row, result["mu95"])
    axes.axvline(1, ymax=len(results) / (len(results) + 1.1), color=BLUE, linewidth=1, ls=":")
    _set_range(axes, [result["mu95"] for result in results])
    # Room for the legend above the first line.
    axes.set_ylim(len(results) - 0.4, -1.5)
    axes.set_yticks(range(len(results)), [result["title"] for result in results])
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_xlabel(r"95 % CL upper limit on the signal strength $\mu$")
    axes.legend(loc="upper right", ncols=4, columnspacing=0.8, handlelength=1.2, fontsize="x-small")
    luminosities = {result["luminosity_fb"] for result in results}
    annotate(
        axes,
        luminosity=luminosities.pop() if len(luminosities) == 1 else None,
        synthetic=any(result["synthetic"] for result in results),
    )
    warn(axes, [f"{result['signal']}: {text}" for result in results for text in result["warnings"]])
    return figure


def _draw_row(axes: Axes, row: int, limits: Mapping[str, Any]) -> None:
    """One signal; each kind of limit gives the legend's entry where it first occurs."""
    known = set(axes.get_legend_handles_labels()[1])
    expected, observed = limits["expected"], limits["observed"]
    span = (row - 0.35, row + 0.35)
    for low, high, colour, label in (
        (0, 4, TWO_SIGMA, r"$\pm 2\sigma$"),
        (1, 3, ONE_SIGMA, r"$\pm 1\sigma$"),
    ):
        if expected[low] is not None and expected[high] is not None:
            new = None if label in known else label
            axes.fill_betweenx(
                span, expected[low], expected[high], color=colour, linewidth=0, label=new
            )
    if expected[_MEDIAN] is not None:
        new = None if "Expected" in known else "Expected"
        axes.plot([expected[_MEDIAN]] * 2, span, "--", color="black", label=new)
    if observed is not None:
        axes.plot(
            observed, row, "o", color="black", label=None if "Observed" in known else "Observed"
        )
    elif expected[_MEDIAN] is None:
        axes.text(
            0.5, row, "no limit", ha="center", va="center", fontsize="small",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip


def _set_range(axes: Axes, limits: Sequence[Mapping[str, Any]]) -> None:
    """Logarithmic where the signals' limits differ much."""
    finite = [mu for each in limits for mu in (*each["expected"], each["observed"]) if mu]
    if finite and max(finite) > _MUCH * min(finite):
        axes.set_xscale("log")
        axes.set_xlim(min(finite) / 2, max(finite) * 2)
    else:
        axes.set_xlim(0, 1.1 * max([*finite, 1.0]))
