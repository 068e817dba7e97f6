"""Figures of likelihood scans, pulls and impacts, goodness of fit and pseudo-experiments."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.inference.arrays import Array
from analysis.inference.impacts import Impacts
from analysis.inference.measurement import GoodnessOfFit, ProfileScan, Significance
from analysis.inference.toys import ToySample
from analysis.plots.style import BLUE, GREY, ORANGE, SIZE, SKY, VERMILION, annotate, styled, warn

_TOP = 8  # of the likelihood scan: beyond, straight lines say little


@styled
def likelihood_scan(
    scan: ProfileScan, *, luminosity: float | None = None, synthetic: bool = False
) -> Figure:
    """Twice the negative logarithm of the profile likelihood ratio along one parameter.

    Args:
        scan: of the parameter.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    axes.plot(scan.values, scan.delta, "-", color=BLUE, linewidth=2, label="Profile likelihood")
    if scan.uncertainty:
        parabola = ((scan.values - scan.best_fit) / scan.uncertainty) ** 2
        axes.plot(scan.values, parabola, "--", color=GREY, label="Parabola")
    low, high = scan.interval
    for level, name in ((1, r"$1\sigma$"), (4, r"$2\sigma$")):
        axes.axhline(level, color="black", linewidth=0.8, linestyle=":")
        axes.text(
            0.01, level + 0.08, name, transform=axes.get_yaxis_transform(), fontsize="x-small"
        )
    for end in (low, high):
        if end is not None:
            axes.plot([end, end], [0, 1], color=VERMILION, linewidth=1)
    axes.set_xlim(scan.values[0], scan.values[-1])
    axes.set_ylim(0, 1.35 * min(float(scan.delta.max(initial=1.0)), _TOP))
    axes.set_xlabel("Signal strength $\\mu$" if scan.parameter == "mu" else scan.parameter)
    axes.set_ylabel(r"$-2\,\Delta\ln L$")
    title = f"Best fit {scan.best_fit:.3g}"
    if low is not None and high is not None:
        title += rf" $^{{+{high - scan.best_fit:.2g}}}_{{-{scan.best_fit - low:.2g}}}$"
    axes.legend(loc="upper center", ncols=2, title=title)
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    warn(axes, scan.warnings)
    return figure


@styled
def pulls_and_impacts(
    impacts: Impacts,
    *,
    number: int = 15,
    luminosity: float | None = None,
    synthetic: bool = False,
) -> Figure:
    """Pulls and impacts of the parameters that matter most.

    Args:
        impacts: of all parameters, ordered.
        number: of parameters shown.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    shown = impacts.parameters[:number]
    height = 1.9 + 0.3 * max(len(shown), 3)
    figure = Figure(figsize=(7.2, height))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1))
    longest = max((len(impact.name) for impact in shown), default=0)
    figure.subplots_adjust(
        left=min(0.45, 0.05 + 0.0115 * longest),
        bottom=0.62 / height,
        top=1 - 0.75 / height,
        wspace=0.06,
    )
    rows = np.arange(len(shown))
    for row, impact in enumerate(shown):
        if impact.constrained:
            left.errorbar(impact.pull, row, xerr=impact.constraint, fmt="o", color="black")
        else:
            text = rf"{impact.pull:.3g} $\pm$ {impact.constraint:.2g}"
            left.text(0, row, text, ha="center", va="center", fontsize="x-small")
    left.axvspan(-1, 1, color=SKY, alpha=0.4, linewidth=0)
    left.axvline(0, color="black", linewidth=0.8)
    pulls = [abs(impact.pull) + impact.constraint for impact in shown if impact.constrained]
    reach = max([2.2, *(1.1 * pull for pull in pulls)])
    left.set_xlim(-reach, reach)
    left.set_xlabel("Pull")
    left.set_yticks(rows, [impact.name for impact in shown], fontsize="x-small")
    left.tick_params(axis="y", which="both", length=0)
    for values, colour, label in (
        ([impact.up for impact in shown], ORANGE, r"$+1\sigma$"),
        ([impact.down for impact in shown], BLUE, r"$-1\sigma$"),
    ):
        widths = [np.nan if value is None else value for value in values]
        right.barh(rows, widths, height=0.7, color=colour, alpha=0.8, label=label)
    components = [abs(impact.component) for impact in shown]
    right.plot(components, rows, "|", color="black", markersize=9, label="Share of total")
    right.axvline(0, color="black", linewidth=0.8)
    moves = [abs(value) for impact in shown for value in (impact.up, impact.down) if value]
    furthest = 1.15 * max([*components, *moves, 1e-12])
    right.set_xlim(-furthest, furthest)
    right.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    right.set_ylim(len(shown) - 0.4, -0.6)
    right.set_xlabel(r"Impact on $\mu$")
    right.tick_params(axis="y", which="both", length=0)
    figure.legend(
        *right.get_legend_handles_labels(), loc="upper right", ncols=3, fontsize="x-small",
        columnspacing=0.8, handlelength=1.2,
        bbox_to_anchor=(0.97, 1 - 0.36 / height),
    )  # fmt: skip
    fitted = rf"$\mu$ = {impacts.strength:.3g} $\pm$ {impacts.total:.2g}"
    fitted += "" if luminosity is None else rf", {luminosity:g} fb$^\mathrm{{-1}}$"
    figure.text(0.97, 1 - 0.1 / height, fitted, ha="right", va="top", fontsize="small")
    annotate(left, synthetic=synthetic)
    warn(left, impacts.warnings)
    return figure


@styled
def goodness_of_fit(
    result: GoodnessOfFit, *, luminosity: float | None = None, synthetic: bool = False
) -> Figure:
    """The saturated statistic of the data among pseudo-experiments.

    Args:
        result: with or without pseudo-experiments.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    top = max([1.0, 1.2 * result.statistic, 2.5 * result.degrees, *result.toys.tolist()])
    if len(result.toys):
        axes.hist(
            result.toys, bins=40, range=(0, top), density=True, color=SKY, histtype="stepfilled",
            label=f"{len(result.toys)} pseudo-experiments",
        )  # fmt: skip
    if result.degrees > 0:
        x = np.linspace(top / 400, top, 400)
        axes.plot(
            x, _chi_square(x, result.degrees), color=BLUE, label=rf"$\chi^2$ ({result.degrees})"
        )
    text = f"Data: {result.statistic:.1f}"
    axes.axvline(result.statistic, ymax=0.65, color=VERMILION, linewidth=2, label=text)
    parts = [] if result.p_value is None else [f"asymptotic {result.p_value:.2g}"]
    parts += [] if result.toy_p_value is None else [f"toys {result.toy_p_value:.2g}"]
    axes.legend(loc="upper right", title="p-value: " + (", ".join(parts) or "none"))
    axes.set_xlim(0, top)
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])
    axes.set_xlabel(r"$-2\ln(L / L_\mathrm{saturated})$")
    axes.set_ylabel("Probability density")
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    warn(axes, result.warnings)
    return figure


def _chi_square(x: Array, degrees: int) -> Array:
    from scipy.special import gammaln

    half = degrees / 2
    return np.asarray(np.exp((half - 1) * np.log(x / 2) - x / 2 - gammaln(half)) / 2)


@styled
def significance(
    result: Significance, *, luminosity: float | None = None, synthetic: bool = False
) -> Figure:
    """Observed and expected significance on the distribution that the background alone has.

    Args:
        result: of the discovery test.
        luminosity: in fb^-1.
        synthetic: label the figure so.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    top = 1.15 * max(4.0, result.observed, result.expected)
    z = np.linspace(0, top, 400)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(z, density, color=BLUE, label="Background alone")
    axes.fill_between(
        z, density, where=(z >= result.observed).tolist(), color=SKY, linewidth=0,
        label=f"p-value {result.p_value:.2g}",
    )  # fmt: skip
    axes.axvline(
        result.observed, ymax=0.6, color=VERMILION, linewidth=2,
        label=rf"Observed: {result.observed:.2f}$\sigma$ ($\hat\mu$ = {result.best_fit:.3g})",
    )  # fmt: skip
    axes.axvline(
        result.expected, ymax=0.6, color="black", linestyle="--",
        label=rf"Expected for $\mu$ = 1: {result.expected:.2f}$\sigma$",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlim(0, top)
    low = max(float(density[-1]), 1e-30)
    axes.set_ylim(low, (0.4 / low) ** 1.6 * low)
    axes.set_xlabel(r"Significance $\sqrt{q_0}$")
    axes.set_ylabel("Probability density")
    axes.legend(loc="upper right")
    annotate(axes, luminosity=luminosity, synthetic=synthetic)
    warn(axes, result.warnings)
    return figure


@styled
def toys(sample: ToySample, *, synthetic: bool = False) -> Figure:
    """Distributions of the test statistic with and without signal, and its value in the data.

    Args:
        sample: of one signal strength.
        synthetic: label the figure so.
    """
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    both = np.concatenate([sample.with_signal, sample.without_signal, [sample.observed]])
    bins = np.linspace(0, 1.05 * max(float(both.max()), 1.0), 41).tolist()
    for values, colour, name in (
        (sample.with_signal, VERMILION, rf"$\mu$ = {sample.mu:.3g}"),
        (sample.without_signal, BLUE, r"$\mu$ = 0"),
    ):
        axes.hist(values, bins=bins, density=True, histtype="step", color=colour, linewidth=2,
                  label=f"{name}, {len(values)} experiments")  # fmt: skip
    axes.axvline(sample.observed, color="black", ymax=0.7, label=f"Data: {sample.observed:.2f}")
    axes.set_yscale("log")
    axes.set_xlim(0, bins[-1])
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.3)
    axes.set_xlabel(r"Test statistic $\tilde{q}_\mu$")
    axes.set_ylabel("Probability density")
    axes.legend(loc="upper right")
    annotate(axes, synthetic=synthetic)
    return figure
