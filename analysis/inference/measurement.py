"""What the data say about parameters: scans, pulls, impacts, significance, goodness of fit."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc, ndtr

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array
from analysis.inference.fitting import covariance, degrees_of_freedom, diagnose
from analysis.inference.histfactory import Workspace
from analysis.inference.likelihood import Likelihood
from analysis.inference.limits import require_signal
from analysis.inference.minimisation import Fits, fit
from analysis.inference.toys import draw


@dataclass(frozen=True)
class ProfileScan:
    """Twice the negative log-likelihood along one parameter, all others fitted.

    Attributes:
        parameter: its name.
        values: of the parameter, shape (n,); those whose fit failed are left out.
        delta: above the best fit, shape (n,).
        best_fit: of the parameter.
        uncertainty: from the curvature; None if not positive definite.
        interval: where ``delta`` is one, below and above; None beyond the scan.
        warnings: what could mislead.
    """

    parameter: str
    values: Array
    delta: Array
    best_fit: float
    uncertainty: float | None
    interval: tuple[float | None, float | None]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Significance:
    """Evidence against the absence of a signal.

    Attributes:
        observed: in standard deviations, one-sided; zero for a best fit of no signal.
        p_value: of the background alone.
        expected: with a signal of strength one.
        best_fit: signal strength.
        warnings: what could mislead.
    """

    observed: float
    p_value: float
    expected: float
    best_fit: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class GoodnessOfFit:
    """Comparison of the fitted with the saturated model.

    Attributes:
        statistic: twice the logarithm of their likelihood ratio.
        degrees: of freedom.
        p_value: from the chi-square distribution; None without degrees of freedom.
        toys: the statistic in pseudo-experiments of the fitted model, shape (n,); maybe empty.
        toy_p_value: from them; None without.
        warnings: what could mislead.
    """

    statistic: float
    degrees: int
    p_value: float | None
    toys: Array
    toy_p_value: float | None
    warnings: tuple[str, ...]


def free_fit(likelihood: Likelihood) -> tuple[Fits, tuple[str, ...]]:
    """Fit everything, the strength with either sign; with the warnings of the fit."""
    bounds = strength_range(likelihood)
    fits = fit(likelihood, likelihood.data, poi_bounds=bounds)
    return fits, diagnose(likelihood, fits, bounds).warnings


def strength_range(likelihood: Likelihood) -> tuple[float, float]:
    """A range for fits of the strength that negative fluctuations do not leave.

    A strength at which a bin's expectation would be negative has no likelihood and is never
    reached: no need to look for where that begins.
    """
    if likelihood.poi is None:
        return (0.0, 0.0)
    high = float(likelihood.high[likelihood.poi])
    return (-1e3 * high, 1e3 * high)


def profile_scan(
    workspace: Workspace, parameter: str, *, points: int = 41, reach: float = 3.0
) -> ProfileScan:
    """Scan one parameter around its best fit.

    Args:
        workspace: HistFactory JSON.
        parameter: its name, such as ``mu`` or ``background_norm``.
        points: number of them.
        reach: of the scan on either side, in uncertainties.

    Raises:
        AnalysisError: unknown or fixed parameter, the strength of a signal without events, or no
            fit that converges.
    """
    likelihood = Likelihood.of(workspace)
    if parameter not in likelihood.names or likelihood.fixed[likelihood.index(parameter)]:
        raise AnalysisError(f"the model has no free parameter {parameter!r}")
    index = likelihood.index(parameter)
    if index == likelihood.poi:
        require_signal(likelihood)
    best, notes = free_fit(likelihood)
    warnings = list(notes)
    point = best.parameters[0]
    matrix = covariance(likelihood, point, likelihood.data)
    width = float(np.sqrt(matrix[index, index])) if matrix is not None else None
    span = reach * (width or max(abs(point[index]), 1.0))
    low, high = likelihood.low.copy(), likelihood.high.copy()
    low[likelihood.poi or 0], high[likelihood.poi or 0] = strength_range(likelihood)
    values = np.linspace(
        max(point[index] - span, low[index]), min(point[index] + span, high[index]), points
    )
    starts = np.tile(point, (points, 1))
    starts[:, index] = values
    held = np.zeros(len(point), dtype=np.bool_)
    held[index] = True
    bounds = strength_range(likelihood)
    fits = fit(likelihood, likelihood.data, start=starts, fixed=held, poi_bounds=bounds)
    if not fits.converged.all():
        warnings.append(f"{int((~fits.converged).sum())} points of the scan did not converge")
    if not fits.converged.any():
        raise AnalysisError(f"no point of the scan of {parameter} converged: no likelihood scan")
    good = fits.converged
    delta = 2 * (fits.nll[good] - best.nll[0])
    return ProfileScan(
        parameter,
        values[good],
        delta,
        float(point[index]),
        width,
        _interval(values[good], delta, float(point[index])),
        tuple(warnings),
    )


def _interval(values: Array, delta: Array, best: float) -> tuple[float | None, float | None]:
    """Crossings of one, interpolated in the square root, which is nearly straight."""
    root = np.sqrt(np.maximum(delta, 0.0))
    ends: list[float | None] = []
    for side in (values <= best, values >= best):
        x, y = np.append(values[side], best), np.append(root[side], 0.0)
        order = np.argsort(y)
        inside = y.max(initial=0.0) >= 1
        ends.append(float(np.interp(1.0, y[order], x[order])) if inside else None)
    return ends[0], ends[1]


def significance(workspace: Workspace) -> Significance:
    """Discovery significance from the test statistic q0 (arXiv:1007.1727, eq. 12 and 53).

    Raises:
        AnalysisError: the workspace has no signal, or one without events.
    """
    likelihood = Likelihood.of(workspace)
    require_signal(likelihood)
    best, notes = free_fit(likelihood)
    warnings = list(notes)
    fixed = fit(likelihood, likelihood.data, poi=np.array([0.0, 1.0]))
    asimov = likelihood.asimov(fixed.parameters[1:])
    null = fit(likelihood, asimov, poi=0.0, start=fixed.parameters[1])
    if not (fixed.converged.all() and null.converged.all()):
        warnings.append("a fit did not converge: the significance is not reliable")
    strength = float(best.parameters[0, likelihood.poi])
    q0 = 2 * (fixed.nll[0] - best.nll[0]) if strength > 0 else 0.0
    observed = float(np.sqrt(max(q0, 0.0)))
    return Significance(
        observed,
        float(ndtr(-observed)),
        float(np.sqrt(max(2 * null.nll[0], 0.0))),
        strength,
        tuple(warnings),
    )


def goodness_of_fit(
    workspace: Workspace, *, n_toys: int = 0, seed: int = 0, strength: float | None = None
) -> GoodnessOfFit:
    """Compare the fitted model with one that has a parameter for each bin.

    Args:
        workspace: HistFactory JSON.
        n_toys: pseudo-experiments of the fitted model, for a p-value without asymptotics.
        seed: of their random numbers.
        strength: signal strength, such as 0; None to fit it.
    """
    likelihood = Likelihood.of(workspace)
    bounds = strength_range(likelihood)
    best = fit(likelihood, likelihood.data, poi=strength, poi_bounds=bounds)
    warnings = [] if best.converged[0] else ["the fit to the data did not converge"]
    degrees = degrees_of_freedom(likelihood, poi_fixed=strength is not None)
    statistic = float(2 * best.nll[0])
    p_value = float(gammaincc(degrees / 2, statistic / 2)) if degrees > 0 else None
    toys, toy_p_value = np.zeros(0), None
    if n_toys:
        data = draw(likelihood, best.parameters[0], n_toys, np.random.default_rng(seed))
        fits = fit(likelihood, data, poi=strength, start=best.parameters[0], poi_bounds=bounds)
        toys = 2 * fits.nll[fits.converged]
        if len(toys) < n_toys:
            warnings.append(f"{n_toys - len(toys)} pseudo-experiments could not be fitted")
        toy_p_value = float(np.mean(toys >= statistic)) if len(toys) else None
    return GoodnessOfFit(statistic, degrees, p_value, toys, toy_p_value, tuple(warnings))
