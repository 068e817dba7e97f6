"""What a fit tells besides its numbers: uncertainties, goodness, and what is wrong with it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array
from analysis.inference.likelihood import Data, Likelihood
from analysis.inference.minimisation import Fits

_POOR_FIT = 0.001  # p-value below which a result carries a warning
_FLAT = 1e-10  # eigenvalue, relative to the diagonal, that is zero but for rounding
_SINGULAR = 1e-4  # relative rest of a linear system that has no solution


@dataclass(frozen=True)
class Diagnosis:
    """The state of a free fit.

    Attributes:
        best_fit: signal strength.
        uncertainty: of the signal strength; None if the covariance is not positive definite.
        p_value: of the saturated goodness of fit; None without degrees of freedom.
        warnings: what could mislead.
    """

    best_fit: float
    uncertainty: float | None
    p_value: float | None
    warnings: tuple[str, ...]


def diagnose(likelihood: Likelihood, free: Fits, poi_bounds: tuple[float, float]) -> Diagnosis:
    """Look at one free fit to the observed data.

    Args:
        likelihood: the model.
        free: the fit, of length one.
        poi_bounds: range of the signal strength in it.
    """
    warnings = []
    point, poi = free.parameters[0], likelihood.poi or 0
    if not free.converged[0]:
        warnings.append("the fit to the data did not converge")
    matrix = covariance(likelihood, point, likelihood.data)
    if matrix is None:
        warnings.append("the covariance is not positive definite: no uncertainties from it")
    low, high = likelihood.low.copy(), likelihood.high.copy()
    low[poi], high[poi] = poi_bounds
    edge = ~likelihood.fixed & ((point <= low) | (point >= high))
    edge[poi] = point[poi] >= poi_bounds[1]
    if edge.any():
        names = ", ".join(name for name, at in zip(likelihood.names, edge, strict=True) if at)
        warnings.append(f"fitted at the end of their range: {names}")
    p_value = fit_p_value(likelihood, float(free.nll[0]))
    if p_value is not None and p_value < _POOR_FIT:
        warnings.append(f"the data are far from the model: goodness of fit p = {p_value:.2g}")
    uncertainty = None if matrix is None else float(np.sqrt(matrix[poi, poi]))
    return Diagnosis(float(point[poi]), uncertainty, p_value, tuple(warnings))


def fit_p_value(likelihood: Likelihood, nll: float) -> float | None:
    """P-value of a fit against the saturated model; None without degrees of freedom.

    Args:
        likelihood: the model.
        nll: of the fit, relative to the saturated model.
    """
    degrees = degrees_of_freedom(likelihood)
    return float(gammaincc(degrees / 2, max(nll, 0.0))) if degrees > 0 else None


def degrees_of_freedom(likelihood: Likelihood, *, poi_fixed: bool = False) -> int:
    """Bins and auxiliary counts less the parameters they determine."""
    free = ~likelihood.fixed & ~likelihood.constrained
    if poi_fixed and likelihood.poi is not None:
        free[likelihood.poi] = False
    return likelihood.n_counts - int(free.sum())


def covariance(
    likelihood: Likelihood, point: Array, data: Data, *, poi_fixed: bool = False
) -> Array | None:
    """Covariance of all fitted parameters, from the exact second derivatives.

    Args:
        likelihood: the model.
        point: fitted parameters, shape (n_parameters,).
        data: one dataset.
        poi_fixed: the signal strength was not fitted.

    Returns:
        Matrix with zeros for fixed parameters, shape (n_parameters, n_parameters); None if the
        second derivatives are not positive definite.
    """
    derivatives = likelihood.derivatives(point[None], data)
    matrix = (derivatives.curvature + derivatives.remainder)[0]
    fitted = ~likelihood.fixed
    if poi_fixed and likelihood.poi is not None:
        fitted[likelihood.poi] = False
    free = np.flatnonzero(fitted)
    block = matrix[np.ix_(free, free)]
    scale = 1 / np.sqrt(np.maximum(np.diag(block), 1e-300))
    if np.linalg.eigvalsh(block * scale * scale[:, None]).min(initial=1.0) < _FLAT:
        return None
    result = np.zeros_like(matrix)
    result[np.ix_(free, free)] = np.linalg.inv(block)
    return np.asarray(result)


def strength_uncertainty(likelihood: Likelihood, point: Array, asimov: Data) -> float:
    """Expected uncertainty of the signal strength without signal: the scale of its limits.

    Raises:
        AnalysisError: the data do not constrain the signal strength.
    """
    curvature = likelihood.derivatives(point[None], asimov).curvature[0]
    free = np.flatnonzero(~likelihood.fixed)
    block = curvature[np.ix_(free, free)]
    poi = int(np.flatnonzero(free == likelihood.poi)[0])
    unit = np.zeros(len(free))
    unit[poi] = 1.0
    scale = 1 / np.sqrt(np.maximum(np.diag(block), 1e-300))
    rescaled = block * scale * scale[:, None]
    solution: Array = scale * np.linalg.lstsq(rescaled, unit * scale, rcond=1e-13)[0]
    variance = float(solution[poi])
    missed = np.abs(block @ solution - unit) * scale / scale[poi]
    if not np.isfinite(variance) or variance <= 0 or missed.max() > _SINGULAR:
        raise AnalysisError(
            "the data do not constrain the signal strength: signal and background have the same "
            "shape or there are fewer bins than free parameters"
        )
    return float(np.sqrt(variance))
