"""Figures of what is excluded of a model with one or two parameters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.errors import AnalysisError
from analysis.exclusion import Exclusion, Point
from analysis.inference.arrays import Array
from analysis.plots.style import (
    BLUE,
    GREY,
    ONE_SIGMA,
    SIZE,
    TWO_SIGMA,
    VERMILION,
    annotate,
    styled,
    warn,
)

_FEWEST = 3  # points of a triangle


@styled
def exclusion(
    result: Exclusion,
    *,
    parameter: str,
    luminosity: float | None = None,
    synthetic: bool = False,
) -> Figure:
    """Limits against a parameter: on the cross section with its prediction, if that is known.

    Args:
        result: limits and predictions.
        parameter: name and unit, for the axis.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    known = bool(np.isfinite(result.cross_sections).all())
    scale = result.cross_sections if known else np.ones(len(result.values))
    low2, low1, median, high1, high2 = result.expected * scale
    axes.fill_between(
        result.values, low2, high2, color=TWO_SIGMA, linewidth=0, label=r"$\pm 2\sigma$"
    )
    axes.fill_between(
        result.values, low1, high1, color=ONE_SIGMA, linewidth=0, label=r"$\pm 1\sigma$"
    )
    axes.plot(result.values, median, "--", color="black", label="Expected")
    axes.plot(result.values, result.observed * scale, "-o", color="black", label="Observed")
    axes.plot(result.values, scale, color=VERMILION, linewidth=2, label="Prediction")
    axes.set_yscale("log")
    finite = np.concatenate([low2, high2, result.observed * scale, scale])
    finite = finite[np.isfinite(finite) & (finite > 0)]
    axes.set_ylim(finite.min() / 2, finite.max() * (finite.max() / finite.min()) ** 0.4 * 2)
    axes.set_xlim(result.values[0], result.values[-1])
    axes.set_xlabel(parameter)
    what = r"$\sigma$ [fb]" if known else r"$\mu$"
    axes.set_ylabel(f"95 % CL upper limit on {what}")
    handles, labels = axes.get_legend_handles_labels()
    order = (3, 2, 1, 0, 4)
    axes.legend([handles[i] for i in order], [labels[i] for i in order], ncols=2, loc="upper right")
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    warn(axes, result.warnings)
    return figure


@styled
def contour(
    points: Sequence[Point],
    *,
    parameters: tuple[str, str],
    luminosity: float | None = None,
    synthetic: bool = False,
) -> Figure:
    """Where two parameters of a signal are excluded, between the points that were looked at.

    Args:
        points: of two parameters each.
        parameters: names and units, for the axes.
        luminosity: in fb^-1.
        synthetic: label the figure so.

    Raises:
        AnalysisError: fewer than three points with limits, or all on one line.
    """
    x, y = np.array([point.parameters for point in points], dtype=np.float64).reshape(-1, 2).T
    observed = np.array([point.limits.observed or np.nan for point in points])
    expected = np.array([[mu or np.nan for mu in point.limits.expected] for point in points])
    good = np.isfinite(observed) & np.isfinite(expected).all(axis=1)
    if good.sum() < _FEWEST or np.linalg.matrix_rank(np.cov(x[good], y[good]), tol=1e-12) < _PLANE:
        raise AnalysisError("a contour needs three signals with limits that are not on one line")
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    area = (x[good], y[good])
    _fill(axes_of=figure, area=area, levels=np.log(expected[good]))
    for values, style, colour in (
        (expected[good, 2], "dashed", "black"),
        (observed[good], "solid", VERMILION),
    ):
        logarithm = np.log(values)
        if logarithm.min() < 0 < logarithm.max():
            axes.tricontour(*area, logarithm, [0.0], colors=colour, linestyles=style, linewidths=2)
    excluded = good & (observed < 1)
    axes.plot(x[excluded], y[excluded], "o", color=VERMILION, markersize=4)
    axes.plot(x[good & ~excluded], y[good & ~excluded], "o", color=BLUE, markersize=4)
    axes.plot(x[~good], y[~good], "x", color=GREY, markersize=4)
    axes.plot([], [], "-", color=VERMILION, label="Observed, 95 % CL")
    axes.plot([], [], "--", color="black", label=r"Expected ($\pm 1\sigma$)")
    axes.plot([], [], "o", color=VERMILION, label="Excluded")
    axes.plot([], [], "o", color=BLUE, label="Not excluded")
    span = float(np.ptp(y)) or 1.0
    axes.set_ylim(y.min() - 0.05 * span, y.max() + 0.35 * span)
    axes.set_xlabel(parameters[0])
    axes.set_ylabel(parameters[1])
    axes.legend(ncols=2, loc="upper left")
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    missing = int((~good).sum())
    warnings = [f"{missing} signals without limits (crosses)"] if missing else []
    warnings += [
        f"{', '.join(f'{value:g}' for value in point.parameters)}: {text}"
        for point in points
        for text in point.limits.warnings
    ]
    warn(axes, warnings)
    return figure


_PLANE = 2


def _fill(*, axes_of: Figure, area: tuple[Array, Array], levels: Array) -> None:
    """The band of the expected contour: where +1 and -1 sigma disagree about exclusion."""
    axes = axes_of.axes[0]
    disagree = np.minimum(-levels[:, 1], levels[:, 3])
    if disagree.max() > 0:
        axes.tricontourf(*area, disagree, [0.0, float(disagree.max()) * 1.01], colors=[TWO_SIGMA])
