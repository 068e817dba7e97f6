"""Maximum-likelihood fits, many at once: damped Gauss-Newton steps within parameter bounds."""

from dataclasses import dataclass

import numpy as np

from analysis.inference.arrays import Array, Bools, Index
from analysis.inference.likelihood import Data, Derivatives, Likelihood

# Estimated distance to the minimum in units of the log-likelihood: far below what moves a CLs.
TOLERANCE = 1e-10
_MAX_STEPS = 200
_LEAST_DAMPING = 1e-12
_HOPELESS = 1e15
_CLOSE = 1.0  # distance to the minimum below which the exact curvature is tried
_MAX_SADDLES = 3
_WAY_OUT = 0.3  # first step from a saddle, in units of the parameters' uncertainties
_ROUNDING = 1e-13
_FLAT = 1e-6  # least curvature of a direction, relative to that of its parameters
_BATCH_NUMBERS = 4_000_000  # numbers in one batch's curvature matrices: 32 MB


@dataclass(frozen=True)
class Fits:
    """Fitted points.

    Attributes:
        parameters: shape (n_fits, n_parameters).
        nll: minus log-likelihood ratio to the saturated model, shape (n_fits,).
        converged: the estimated distance to the minimum is below the tolerance, shape (n_fits,).
        steps: steps taken, shape (n_fits,).
    """

    parameters: Array
    nll: Array
    converged: Bools
    steps: Index

    def __getitem__(self, index: Index | slice) -> "Fits":
        return Fits(
            self.parameters[index], self.nll[index], self.converged[index], self.steps[index]
        )


def fit(
    likelihood: Likelihood,
    data: Data,
    *,
    poi: Array | float | None = None,
    start: Array | None = None,
    poi_bounds: tuple[float, float] | None = None,
    fixed: Bools | None = None,
) -> Fits:
    """Fit datasets, with the parameter of interest free or fixed.

    Args:
        likelihood: the model.
        data: one dataset for all fits, or one a fit.
        poi: value of the parameter of interest, a number or shape (n_fits,); NaN or None
            where it is free.
        start: starting point(s), shape (n_fits, n_parameters) or (n_parameters,).
        poi_bounds: range of the parameter of interest instead of the model's.
        fixed: parameters to keep at their start as well, shape (n_fits, n_parameters) or
            (n_parameters,).

    Returns:
        The fits, as many as datasets or values of ``poi``.
    """
    shape = np.broadcast_shapes((len(data),), np.shape(poi if poi is not None else 0.0))
    if start is not None and start.ndim > 1:
        shape = np.broadcast_shapes(shape, (len(start),))
    n_fits = shape[0]
    first = likelihood.init if start is None else start
    parameters = np.array(np.broadcast_to(first, (n_fits, len(likelihood.names))))
    held = np.array(np.broadcast_to(likelihood.fixed, parameters.shape))
    low, high = likelihood.low.copy(), likelihood.high.copy()
    if fixed is not None:
        held |= fixed
    if likelihood.poi is not None:
        if poi_bounds is not None:
            low[likelihood.poi], high[likelihood.poi] = poi_bounds
        values = np.broadcast_to(np.nan if poi is None else poi, (n_fits,))
        given = ~np.isnan(values)
        held[given, likelihood.poi] = True
        parameters = np.where(held, parameters, np.clip(parameters, low, high))
        parameters[given, likelihood.poi] = values[given]
    index = np.zeros(n_fits, dtype=np.intp) if len(data) == 1 else np.arange(n_fits)
    batch = max(1, _BATCH_NUMBERS // parameters.shape[1] ** 2)
    parts = [
        _Batch(likelihood, data[index[i : i + batch]], low, high).minimise(
            parameters[i : i + batch], held[i : i + batch]
        )
        for i in range(0, n_fits, batch)
    ]
    return Fits(
        np.concatenate([part.parameters for part in parts]),
        np.concatenate([part.nll for part in parts]),
        np.concatenate([part.converged for part in parts]),
        np.concatenate([part.steps for part in parts]),
    )


def fit_deeper(
    likelihood: Likelihood,
    data: Data,
    *,
    start: Array,
    poi: Array | float | None = None,
    poi_bounds: tuple[float, float] | None = None,
) -> Fits:
    """The deeper of two minima for each fit: from the given start and from the model's own.

    Models with many shape systematics have more than one minimum.

    Args:
        likelihood: the model.
        data: one dataset for all fits, or one a fit.
        start: starting point(s), as in :func:`fit`.
        poi: as in :func:`fit`.
        poi_bounds: as in :func:`fit`.
    """
    first = fit(likelihood, data, poi=poi, start=start, poi_bounds=poi_bounds)
    second = fit(likelihood, data, poi=poi, poi_bounds=poi_bounds)
    better = second.converged & (~first.converged | (second.nll < first.nll))
    return Fits(
        np.where(better[:, None], second.parameters, first.parameters),
        np.where(better, second.nll, first.nll),
        first.converged | second.converged,
        first.steps + second.steps,
    )


class _Batch:
    """Damped Newton steps with an active set, each fit with a damping of its own.

    Far from the minimum the curvature is the Gauss-Newton part, which always points downhill;
    close to it, the exact second derivatives, which converge quadratically.
    """

    def __init__(self, likelihood: Likelihood, data: Data, low: Array, high: Array) -> None:
        self.likelihood, self.data, self.low, self.high = likelihood, data, low, high

    def minimise(self, parameters: Array, held: Bools) -> Fits:
        """Fits that end at a saddle leave it on both sides; the deeper minimum counts."""
        fits = self.run(parameters, held)
        for _ in range(_MAX_SADDLES):
            at, direction = self._saddles(fits, held)
            if not at.size:
                break
            both = np.concatenate([at, at])
            moved = np.concatenate([direction, -direction])
            start = np.clip(fits.parameters[both] + moved, self.low, self.high)
            start = np.where(held[both], fits.parameters[both], start)
            sides = _Batch(self.likelihood, self.data[both], self.low, self.high)
            new = sides.run(start, held[both])
            nll = np.where(new.converged, new.nll, np.inf).reshape(2, -1)
            side = np.argmin(nll, axis=0)
            chosen = new[side * len(at) + np.arange(len(at))]
            deeper = nll.min(axis=0) < fits.nll[at]
            for old, fresh in zip(
                (fits.parameters, fits.nll, fits.steps),
                (chosen.parameters, chosen.nll, chosen.steps),
                strict=True,
            ):
                old[at[deeper]] = fresh[deeper]
            if not deeper.any():
                break
        return fits

    def _saddles(self, fits: Fits, held: Bools) -> tuple[Index, Array]:
        """Which converged fits are at saddles, and a way out of each, in parameters."""
        derivatives = self.likelihood.derivatives(fits.parameters, self.data)
        edge = (fits.parameters <= self.low) | (fits.parameters >= self.high)
        still = held | edge
        matrix = derivatives.curvature + derivatives.remainder
        matrix[still] = 0.0
        matrix.transpose(0, 2, 1)[still] = 0.0
        diagonal = np.arange(matrix.shape[1])
        size = np.where(still, 1.0, np.abs(matrix[:, diagonal, diagonal]))
        scale = 1 / np.sqrt(np.where(size > 0, size, 1.0))
        matrix *= scale[:, None, :] * scale[:, :, None]
        matrix[:, diagonal, diagonal] = np.where(still, 1.0, matrix[:, diagonal, diagonal])
        lifted = matrix.copy()
        lifted[:, diagonal, diagonal] += _FLAT
        try:
            np.linalg.cholesky(lifted)  # much faster than eigenvalues, and nearly always enough
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(matrix)
        else:
            return np.zeros(0, dtype=np.intp), np.zeros((0, len(diagonal)))
        at = np.flatnonzero(fits.converged & (values[:, 0] < -_FLAT))
        return at, _WAY_OUT * vectors[at, :, 0] * scale[at]

    def run(self, parameters: Array, held: Bools) -> Fits:
        """Each fit from its start to where the gradient vanishes."""
        n_fits = len(parameters)
        parameters = parameters.copy()
        nll = self.likelihood.nll(parameters, self.data)
        damping = np.full(n_fits, _LEAST_DAMPING)
        exact = np.zeros(n_fits, dtype=np.bool_)
        converged = np.zeros(n_fits, dtype=np.bool_)
        steps = np.zeros(n_fits, dtype=np.intp)
        active = np.arange(n_fits)
        derivatives = self.likelihood.derivatives(parameters, self.data)
        for _ in range(_MAX_STEPS):
            trial, distance = self._propose(
                parameters[active], held[active], derivatives, damping[active], exact[active]
            )
            enough = np.maximum(TOLERANCE, _ROUNDING * nll[active])
            done = np.isfinite(nll[active]) & (np.abs(distance) < enough)
            converged[active[done]] = True
            going = ~done & (damping[active] < _HOPELESS)
            if not going.any():
                break
            active, trial, distance = active[going], trial[going], distance[going]
            derivatives, data = derivatives.at(going), self.data[active]
            value = self.likelihood.nll(trial, data)
            # The last steps gain less than rounding takes: they may lose that much.
            better = (distance > 0) & (value <= nll[active] + _ROUNDING * (1 + nll[active]))
            moved, stuck = active[better], active[~better]
            parameters[moved], nll[moved] = trial[better], value[better]
            damping[moved] = np.maximum(damping[moved] * 0.1, _LEAST_DAMPING)
            exact[moved] |= distance[better] < _CLOSE
            damping[stuck] = np.maximum(10 * damping[stuck], 1e-3)
            steps[active] += 1
            if better.any():
                new = self.likelihood.derivatives(trial[better], data[np.flatnonzero(better)])
                for old, fresh in zip(derivatives, new, strict=True):
                    old[better] = fresh
        return Fits(parameters, nll, converged, steps)

    def _propose(
        self, parameters: Array, held: Bools, derivatives: Derivatives, damping: Array, exact: Bools
    ) -> tuple[Array, Array]:
        """Next points and estimated distances to the minimum, in log-likelihood."""
        gradient, curvature, remainder = derivatives
        blocked = (parameters <= self.low) & (gradient > 0)
        blocked |= (parameters >= self.high) & (gradient < 0)
        still = held | blocked
        slope = np.where(still, 0.0, gradient)
        diagonal = np.arange(parameters.shape[1])
        scale = np.where(still, 1.0, curvature[:, diagonal, diagonal])
        matrix = curvature + np.where(exact[:, None, None], remainder, 0.0)
        matrix[still] = 0.0
        matrix.transpose(0, 2, 1)[still] = 0.0
        # A direction the data do not see has no curvature: any positive number keeps it still.
        damped = matrix[:, diagonal, diagonal] + np.where(scale > 0, scale, 1.0) * damping[:, None]
        matrix[:, diagonal, diagonal] = np.where(still, 1.0, damped)
        step = -np.linalg.solve(matrix, slope[:, :, None])[:, :, 0]
        for i in np.flatnonzero(exact & ((slope * step).sum(axis=1) > 0)):
            step[i] = _downhill(matrix[i], slope[i])
        trial = np.clip(parameters + step, self.low, self.high)
        trial = np.where(still, parameters, trial)
        # Strong damping shortens the step, not the way to go.
        return trial, -0.5 * (slope * step).sum(axis=1) * (1 + damping)


def _downhill(matrix: Array, slope: Array) -> Array:
    """Newton's step with the curvature of every direction made positive: leaves a saddle."""
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    values, vectors = np.linalg.eigh(matrix * scale * scale[:, None])
    positive = np.maximum(np.abs(values), _FLAT)
    return np.asarray(-scale * (vectors @ ((vectors.T @ (scale * slope)) / positive)))
