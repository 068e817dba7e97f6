"""The HistFactory likelihood with its exact derivatives, for many points and datasets at once."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.inference.arrays import Array, Bools, Index
from analysis.inference.expectation import Expectation
from analysis.inference.histfactory import Model, Workspace, read_model


@dataclass(frozen=True)
class Data:
    """Datasets: what is random in a pseudo-experiment.

    Attributes:
        counts: events of each bin, then auxiliary counts, shape (n_datasets, n_counts).
        centres: observed centre of each parameter's Gaussian constraint, shape
            (n_datasets, n_parameters); of no meaning for parameters without one.
    """

    counts: Array
    centres: Array

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, index: Index | slice) -> "Data":
        return Data(self.counts[index], self.centres[index])


class Derivatives(NamedTuple):
    """Derivatives of the likelihood at points.

    Attributes:
        gradient: exact, shape (n_points, n_parameters).
        curvature: Gauss-Newton part of the second derivatives, never negative; shape
            (n_points, n_parameters, n_parameters).
        remainder: what is missing from the exact second derivatives, of the same shape.
    """

    gradient: Array
    curvature: Array
    remainder: Array

    def at(self, index: Index | Bools) -> "Derivatives":
        """Those of some of the points."""
        return Derivatives(self.gradient[index], self.curvature[index], self.remainder[index])


class Likelihood:
    """Likelihood of a HistFactory workspace, relative to the saturated model.

    Minus its logarithm is half the saturated goodness-of-fit statistic: small numbers, in
    which differences lose no digits.

    Args:
        model: the workspace's tables.

    Example:
        >>> from analysis.model import tutorial_workspace
        >>> likelihood = Likelihood.of(tutorial_workspace([5.0], [50.0], [52.0], [7.0]))
        >>> likelihood.names
        ('mu', 'uncorr_bkguncrt[0]')
        >>> likelihood.expected(np.array([[1.0, 1.1]]))[:, :1].round(6).tolist()
        [[60.0]]
    """

    def __init__(self, model: Model) -> None:
        table = model.parameters
        self.model = model
        self.expectation = Expectation(model)
        self.names = tuple(table.names)
        self.kinds = tuple(table.kinds)
        self.poi = model.poi
        self.init = np.array(table.init, dtype=np.float64)
        self.low = np.array(table.low)
        self.high = np.array(table.high)
        self.fixed = np.array(table.fixed, dtype=np.bool_)
        self.sigma = np.array(table.sigma, dtype=np.float64)
        self._precision = np.where(self.sigma > 0, 1 / np.where(self.sigma > 0, self.sigma, 1), 0)
        self._precision = np.where(self.fixed, 0, self._precision) ** 2
        self.data = Data(model.observed[None], np.array(table.aux, dtype=np.float64)[None])

    @classmethod
    def of(cls, workspace: Workspace, measurement: str | None = None) -> "Likelihood":
        """The likelihood of a JSON workspace."""
        return cls(read_model(workspace, measurement))

    @property
    def constrained(self) -> Bools:
        """True for parameters with a Gaussian constraint that are fitted, shape (n_parameters,)."""
        return self._precision > 0

    @property
    def n_counts(self) -> int:
        """Bins and auxiliary counts."""
        return len(self.model.observed)

    def index(self, name: str) -> int:
        """Position of a parameter."""
        return self.names.index(name)

    def expected(self, parameters: Array) -> Array:
        """Expected counts, shape (n_points, n_counts), for parameters (n_points, n_parameters)."""
        return self.expectation.expected(parameters)

    def nll(self, parameters: Array, data: Data) -> Array:
        """Minus log-likelihood ratio to the saturated model, shape (n_points,); inf, never NaN."""
        counts, expected = data.counts, self.expected(parameters)
        impossible = (expected < 0) | ((expected <= 0) & (counts > 0))
        safe = np.where(expected > 0, expected, 1.0)
        ratio = np.where(counts > 0, counts / safe, 1.0)
        poisson = expected - counts + counts * np.log(ratio)
        poisson = np.where(impossible, np.inf, poisson)
        gauss = 0.5 * self._precision * (parameters - data.centres) ** 2
        return np.asarray(poisson.sum(axis=1) + gauss.sum(axis=1))

    @property
    def prior_variance(self) -> Array:
        """Variance each parameter has from its constraint alone, shape (n_parameters,).

        Zero for parameters that are free or fixed.
        """
        expansion, n_bins = self.expectation.expand(self.init[None]), self.model.n_bins
        poisson = expansion.jacobian[0, :, n_bins:] ** 2 / expansion.expected[0, n_bins:]
        precision = self._precision + poisson.sum(axis=1)
        return np.where(precision > 0, 1 / np.where(precision > 0, precision, 1), 0.0)

    def derivatives(self, parameters: Array, data: Data) -> Derivatives:
        """Gradient and second derivatives of :meth:`nll` at points (n_points, n_parameters)."""
        expansion = self.expectation.expand(parameters)
        expected, jacobian = expansion.expected, expansion.jacobian
        safe = np.where(expected > 0, expected, 1.0)
        ratio = data.counts / safe
        gradient = (jacobian @ (1 - ratio)[:, :, None])[:, :, 0]
        gradient += self._precision * (parameters - data.centres)
        curvature = (jacobian * (ratio / safe)[:, None, :]) @ jacobian.transpose(0, 2, 1)
        diagonal = np.arange(len(self.names))
        curvature[:, diagonal, diagonal] += self._precision
        return Derivatives(gradient, curvature, self.expectation.bend(expansion, 1 - ratio))

    def asimov(self, parameters: Array) -> Data:
        """The dataset in which parameters (n_points, n_parameters) are exactly preferred."""
        return Data(self.expected(parameters), parameters.copy())
