"""The common look: colours, fonts, labels, and files that are the same for the same numbers."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from textwrap import wrap
from typing import ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mplhep.styles import ATLAS

Arguments = ParamSpec("Arguments")

# Okabe and Ito's colours, distinguishable for the colour-blind (jfly.uni-koeln.de/color).
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#999999"

# The customary bands of limit plots; green is darker than yellow also in shades of grey.
ONE_SIGMA, TWO_SIGMA = "#3DB54A", "#FFE34D"

_STYLE = {
    **ATLAS,
    # A font that comes with matplotlib: figures look the same on every machine.
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "font.size": 13,
    "axes.labelsize": "medium",
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
    "legend.fontsize": "small",
    "legend.borderpad": 0.2,
    "axes.autolimit_mode": "data",
    "axes.labelpad": 4,
    # Plain numbers: tick labels set as formulae take most of the drawing time.
    "axes.formatter.use_mathtext": False,
    "axes.formatter.limits": (-4, 6),
    "figure.subplot.left": 0.14,
    "figure.subplot.right": 0.96,
    "figure.subplot.bottom": 0.13,
    "figure.subplot.top": 0.92,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "figure.dpi": 100,
    "savefig.dpi": 150,
}
SIZE = (6.4, 4.8)
_LINE = 85  # characters of a warning


def styled(function: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw with the common style, leaving the caller's settings alone."""

    @wraps(function)
    def draw(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            return function(*args, **kwargs)

    return draw


def annotate(
    axes: Axes,
    *,
    luminosity: float | None = None,
    synthetic: bool = False,
    lines: Sequence[str] = (),
) -> None:
    """Write above the axes what the figure shows.

    Args:
        axes: the upper axes of the figure.
        luminosity: in fb^-1.
        synthetic: something in the figure is neither data nor an experiment's simulation.
        lines: further text, such as the name of the signal.
    """
    if synthetic:
        axes.set_title(
            "Synthetic", loc="left", fontweight="bold", color=VERMILION, fontsize="medium"
        )
    right = list(lines)
    if luminosity is not None:
        right.append(rf"{luminosity:g} fb$^\mathrm{{-1}}$")
    if right:
        axes.set_title(", ".join(right), loc="right", fontsize="small")


def warn(axes: Axes, warnings: Sequence[str]) -> None:
    """Write warnings under the figure, so that no picture travels without them."""
    lines = [line for text in warnings for line in wrap(f"Warning: {text}", _LINE)]
    if not lines:
        return
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    # The figure grows below by the lines; what is drawn keeps its size in inches.
    width, height = figure.get_size_inches()
    extra = 0.17 * len(lines)
    for each in figure.axes:
        x, y, dx, dy = each.get_position().bounds
        scale = height / (height + extra)
        each.set_position((x, 1 - (1 - y) * scale, dx, dy * scale))
    figure.set_size_inches(width, height + extra)
    figure.text(
        0.02, 0.01, "\n".join(lines), fontsize="x-small", color=VERMILION, va="bottom", ha="left"
    )


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure without dates or versions in it: the same numbers give the same file.

    Args:
        figure: the figure.
        path: of a PNG, PDF or SVG file, by its suffix.
    """
    kind = Path(path).suffix.lstrip(".")
    absent = {"png": ["Software"], "pdf": ["CreationDate", "Creator", "Producer"], "svg": ["Date"]}
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "vhbb"}):
        figure.savefig(path, metadata=dict.fromkeys(absent.get(kind, [])))
