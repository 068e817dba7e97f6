"""What a model predicts in each bin, before and after a fit, with its uncertainty."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.inference.arrays import Array
from analysis.inference.fitting import covariance
from analysis.inference.histfactory import Workspace
from analysis.inference.likelihood import Likelihood
from analysis.inference.measurement import strength_range
from analysis.inference.minimisation import fit


@dataclass(frozen=True)
class Prediction:
    """Expected and observed events of one channel.

    Attributes:
        samples: expected events of each sample, shape (n_bins,) each; the signal at its strength.
        total: their sum, shape (n_bins,).
        uncertainty: of the total, with all correlations, shape (n_bins,).
        data: observed events, shape (n_bins,).
        fitted: the parameters are those of a fit to the data.
        strength: signal strength.
        warnings: of the fit.
        yield_uncertainty: of the sum of all bins, with all correlations.
    """

    samples: Mapping[str, Array]
    total: Array
    uncertainty: Array
    data: Array
    fitted: bool
    strength: float
    warnings: tuple[str, ...] = ()
    yield_uncertainty: float | None = None


def predict(
    workspace: Workspace, *, fitted: bool = True, strength: float | None = 0.0
) -> dict[str, Prediction]:
    """Predictions of all channels, by name.

    Args:
        workspace: HistFactory JSON.
        fitted: fit the parameters to the data; otherwise they have their nominal values, and
            the uncertainty that of their constraints alone.
        strength: signal strength, such as 0 for the background; None to fit it as well, with
            either sign (or to take its nominal value).

    Example:
        >>> from analysis.model import tutorial_workspace
        >>> workspace = tutorial_workspace([5.0, 2.0], [49.0, 36.0], [40, 41])
        >>> before = predict(workspace, fitted=False)["singlechannel"]
        >>> before.total.tolist(), before.uncertainty.round(3).tolist()
        ([49.0, 36.0], [7.0, 6.0])
    """
    likelihood = Likelihood.of(workspace)
    poi = likelihood.poi
    warnings: list[str] = []
    if fitted:
        free = strength is None and poi is not None
        bounds = strength_range(likelihood) if free else None
        fits = fit(likelihood, likelihood.data, poi=strength, poi_bounds=bounds)
        point = fits.parameters[0]
        if not fits.converged[0]:
            warnings.append("the fit did not converge")
    else:
        point = likelihood.init.copy()
        if poi is not None and strength is not None:
            point[poi] = strength
    matrix = _covariance(likelihood, point, fitted=fitted, poi_fixed=strength is not None)
    if matrix is None:
        warnings.append("the covariance is not positive definite: no uncertainty band")
        matrix = np.zeros((len(point), len(point)))
    jacobian = likelihood.expectation.expand(point[None]).jacobian[0]
    variance = np.einsum("pb,pq,qb->b", jacobian, matrix, jacobian)
    sums = {
        name: jacobian[:, where].sum(axis=1) for name, where in likelihood.model.channels.items()
    }
    samples = _by_sample(likelihood, point)
    value = float(point[poi]) if poi is not None else 0.0
    return {
        name: Prediction(
            {sample: events[where] for sample, events in samples.items()},
            sum((events[where] for events in samples.values()), np.zeros(where.stop - where.start)),
            np.sqrt(np.maximum(variance[where], 0.0)),
            likelihood.data.counts[0, where],
            fitted,
            value,
            tuple(warnings),
            float(np.sqrt(max(sums[name] @ matrix @ sums[name], 0.0))),
        )
        for name, where in likelihood.model.channels.items()
    }


def _sample_of(name: str) -> Callable[[Prediction], Array]:
    return lambda prediction: prediction.samples[name]


def join(
    predictions: Mapping[str, Prediction], channels: Mapping[str, Sequence[int]]
) -> Prediction:
    """Predictions of channels that are bins of one histogram, put together again.

    Args:
        predictions: by channel.
        channels: the bins of the histogram each channel has.
    """
    first = next(iter(predictions.values()))
    n_bins = sum(len(bins) for bins in channels.values())

    def whole(part: Callable[[Prediction], Array]) -> Array:
        values = np.zeros(n_bins)
        for name, bins in channels.items():
            values[list(bins)] = part(predictions[name])
        return values

    return Prediction(
        {sample: whole(_sample_of(sample)) for sample in first.samples},
        whole(lambda p: p.total),
        whole(lambda p: p.uncertainty),
        whole(lambda p: p.data),
        first.fitted,
        first.strength,
        first.warnings,
    )


def _by_sample(likelihood: Likelihood, point: Array) -> dict[str, Array]:
    """Expected events of each sample in all bins, without auxiliary counts."""
    cells, terms = likelihood.expectation.cells(point[None])[0], likelihood.model.terms
    names, bins = np.array(terms.samples), np.array(terms.bins)
    result: dict[str, Array] = {}
    for name in dict.fromkeys(terms.samples):
        if name:
            where = names == name
            events = np.zeros(likelihood.model.n_bins)
            np.add.at(events, bins[where], cells[where])
            result[name] = events
    return result


def _covariance(
    likelihood: Likelihood, point: Array, *, fitted: bool, poi_fixed: bool
) -> Array | None:
    if fitted:
        return covariance(likelihood, point, likelihood.data, poi_fixed=poi_fixed)
    return np.diag(likelihood.prior_variance)
