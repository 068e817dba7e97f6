"""Pulls of nuisance parameters and what each contributes to the signal strength's uncertainty."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array, Bools, Index
from analysis.inference.fitting import covariance
from analysis.inference.histfactory import Workspace
from analysis.inference.likelihood import Likelihood
from analysis.inference.measurement import free_fit, strength_range
from analysis.inference.minimisation import fit

DATA = "data statistics"
REST = "non-linearity"
_LARGE_REST = 0.1  # of the variance, above which a result carries a warning


@dataclass(frozen=True)
class Impact:
    """One nuisance parameter in the fit.

    Attributes:
        name: of the parameter.
        pull: fitted minus nominal value, in units of the uncertainty before the fit; of a free
            parameter its fitted value.
        constraint: uncertainty after the fit, in the same units.
        constrained: it has an uncertainty before the fit.
        up: change of the fitted strength with the parameter fixed one uncertainty above its
            fitted value; None if that fit failed.
        down: the same below.
        component: square root of its share in the variance of the strength, with a sign.
    """

    name: str
    pull: float
    constraint: float
    constrained: bool
    up: float | None
    down: float | None
    component: float


@dataclass(frozen=True)
class Impacts:
    """Pulls and impacts of all parameters, the largest share first.

    Attributes:
        parameters: one entry for each fitted nuisance parameter.
        strength: fitted signal strength.
        total: its uncertainty, from the second derivatives of the likelihood.
        groups: quadratic sums of the components of parameters that belong together, of the data's
            statistics, and the rest that a model which is not linear in its parameters leaves to
            ``total`` (negative: they exceed it); squares, with their signs, add up to its square.
        warnings: what could mislead.
    """

    parameters: tuple[Impact, ...]
    strength: float
    total: float
    groups: Mapping[str, float]
    warnings: tuple[str, ...]


def pulls_and_impacts(workspace: Workspace) -> Impacts:
    """Pulls, impacts by refitting, and components that add up.

    Refits show how the strength follows a parameter, correlations included; they do not add up.
    Components do: each is the change of the strength when the parameter's auxiliary measurement
    moves by its uncertainty (Pinto et al., Eur. Phys. J. C 84 (2024) 593), and the data's is
    that of their Poisson fluctuations. Where the data are not what a non-linear model expects,
    such as a weak signal with large statistical uncertainties, a rest is left, which is told.

    Raises:
        AnalysisError: no signal, a fit that fails, or a covariance that is not positive definite.
    """
    likelihood = Likelihood.of(workspace)
    poi = likelihood.poi
    if poi is None:
        raise AnalysisError("the workspace has no parameter of interest: add a signal")
    best, warnings = free_fit(likelihood)
    if not best.converged[0]:
        raise AnalysisError("the fit to the data did not converge: no pulls and impacts")
    point = best.parameters[0]
    after = covariance(likelihood, point, likelihood.data)
    if after is None:
        raise AnalysisError("the covariance is not positive definite: no pulls and impacts")
    fitted = ~likelihood.fixed
    fitted[poi] = False
    indices = np.flatnonzero(fitted)
    counts, centres = _components(likelihood, point, after[poi])
    before = np.sqrt(likelihood.prior_variance)
    sigma = np.sqrt(np.diag(after))
    up, down = _refits(likelihood, point, sigma, indices)
    owners = _owners(likelihood)
    impacts = []
    for position, i in enumerate(indices):
        constrained = before[i] > 0
        unit = before[i] if constrained else 1.0
        share = counts[owners == i].sum() + centres[i] ** 2
        impacts.append(
            Impact(
                likelihood.names[i],
                float((point[i] - (likelihood.init[i] if constrained else 0.0)) / unit),
                float(sigma[i] / unit),
                bool(constrained),
                up[position],
                down[position],
                float(np.copysign(np.sqrt(share), after[poi, i])),
            )
        )
    impacts.sort(key=lambda impact: -abs(impact.component))
    total = float(after[poi, poi])
    groups = _groups(likelihood, counts, centres, owners)
    rest = total - counts.sum() - (centres**2).sum()
    groups[REST] = float(np.copysign(np.sqrt(abs(rest)), rest))
    if abs(rest) > _LARGE_REST * total:
        which = "exceed" if rest < 0 else "fall short of"
        text = f"the components {which} the total: where it was fitted the model is not linear"
        warnings = (*warnings, text)
    return Impacts(tuple(impacts), float(point[poi]), float(np.sqrt(total)), groups, warnings)


def _components(likelihood: Likelihood, point: Array, row: Array) -> tuple[Array, Array]:
    """Shares of counts (variance) and centres (root) in the variance of the strength.

    Args:
        likelihood: the model.
        point: fitted parameters.
        row: covariance of the strength with each of them.
    """
    expansion = likelihood.expectation.expand(point[None])
    expected, counts = expansion.expected[0], likelihood.data.counts[0]
    slope = (row @ expansion.jacobian[0]) / np.where(expected > 0, expected, 1.0)
    width = np.where(likelihood.constrained, likelihood.sigma, 1.0)
    centres = np.where(likelihood.constrained, row / width, 0.0)
    return slope**2 * counts, centres


def _owners(likelihood: Likelihood) -> Index:
    """The parameter whose auxiliary measurement a count is; -1 for data, shape (n_counts,)."""
    owners = np.full(likelihood.n_counts, -1, dtype=np.intp)
    owners[likelihood.model.n_bins :] = likelihood.model.auxiliary
    return owners


def _refits(
    likelihood: Likelihood, point: Array, sigma: Array, indices: Index
) -> tuple[list[float | None], list[float | None]]:
    n, poi = len(indices), likelihood.poi or 0
    if not n:
        return [], []
    starts = np.tile(point, (2 * n, 1))
    fixed: Bools = np.zeros_like(starts, dtype=np.bool_)
    rows = np.arange(n)
    for offset, sign in ((0, 1.0), (n, -1.0)):
        starts[offset + rows, indices] += sign * sigma[indices]
        fixed[offset + rows, indices] = True
    fits = fit(
        likelihood,
        likelihood.data,
        start=starts,
        fixed=fixed,
        poi_bounds=strength_range(likelihood),
    )
    shift = fits.parameters[:, poi] - point[poi]
    values = [float(value) if ok else None for value, ok in zip(shift, fits.converged, strict=True)]
    return values[:n], values[n:]


def _groups(
    likelihood: Likelihood, counts: Array, centres: Array, owners: Index
) -> dict[str, float]:
    """Quadratic sums: parameters of one set, such as all bins' statistics, are one group."""
    variances = {DATA: float(counts[owners < 0].sum())}
    for name, (_, members) in likelihood.model.parameters.sets.items():
        own = np.isin(owners, list(members))
        share = float(counts[own].sum() + (centres[list(members)] ** 2).sum())
        if share > 0:
            variances[name] = share
    ordered = sorted(variances.items(), key=lambda item: -item[1])
    return {name: float(np.sqrt(variance)) for name, variance in ordered}
