"""Figures of upper limits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from analysis.asymptotics import SIGNIFICANCE
from analysis.limits import Limits
from analysis.plots.style import BLUE, ONE_SIGMA, SIZE, TWO_SIGMA, annotate, styled, warn


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
        limits: by signal.
        titles: of the signals.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    titles = titles or {}
    height = 2.0 + 0.55 * len(limits)
    longest = max([len(titles.get(name, name)) for name in limits], default=0)
    figure = Figure(figsize=(6.4, height))
    axes = figure.subplots()
    figure.subplots_adjust(
        left=min(0.5, 0.04 + 0.0145 * longest), bottom=0.65 / height, top=1 - 0.4 / height
    )
    for row, limit in enumerate(limits.values()):
        expected = np.array([np.nan if mu is None else mu for mu in limit.expected])
        first = row == 0
        for low, high, colour, label in (
            (0, 4, TWO_SIGMA, r"$\pm 2\sigma$"),
            (1, 3, ONE_SIGMA, r"$\pm 1\sigma$"),
        ):
            axes.fill_betweenx(
                [row - 0.35, row + 0.35], expected[low], expected[high], color=colour,
                linewidth=0, label=label if first else None,
            )  # fmt: skip
        axes.plot(
            [expected[2]] * 2, [row - 0.35, row + 0.35], "--", color="black",
            label="Expected" if first else None,
        )  # fmt: skip
        if limit.observed is not None:
            axes.plot(limit.observed, row, "o", color="black", label="Observed" if first else None)
        if limit.expected[2] is None:
            axes.text(0.5, row, "no limit", ha="center", va="center", fontsize="small",
                      transform=axes.get_yaxis_transform())  # fmt: skip
    axes.axvline(1, ymax=len(limits) / (len(limits) + 1.1), color=BLUE, linewidth=1, linestyle=":")
    _finish_summary(figure, limits, titles)
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    warn(axes, [f"{name}: {text}" for name, limit in limits.items() for text in limit.warnings])
    return figure


def _finish_summary(
    figure: Figure, limits: Mapping[str, Limits], titles: Mapping[str, str]
) -> None:
    axes = figure.axes[0]
    finite = [mu for limit in limits.values() for mu in (*limit.expected, limit.observed) if mu]
    if finite and max(finite) > 30 * min(finite):
        axes.set_xscale("log")
        axes.set_xlim(min(finite) / 2, max(finite) * 2)
    else:
        axes.set_xlim(0, 1.1 * max([*finite, 1.0]))
    # Room for the legend above the first line.
    axes.set_ylim(len(limits) - 0.4, -1.5)
    axes.set_yticks(range(len(limits)), [titles.get(name, name) for name in limits])
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    axes.set_xlabel(r"95 % CL upper limit on the signal strength $\mu$")
    axes.legend(loc="upper right", ncols=4, columnspacing=0.8, handlelength=1.2, fontsize="x-small")
