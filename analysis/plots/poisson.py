"""Intervals for observed counts."""

import numpy as np
from scipy.special import gammaincinv, ndtr

from analysis.inference.arrays import Array


def central_interval(counts: Array) -> Array:
    """Garwood's central 68.3 % interval of Poisson means, as error bars.

    Args:
        counts: observed events, shape (n_bins,).

    Returns:
        Distances to the lower and the upper end, shape (2, n_bins).

    Example:
        >>> central_interval(np.array([0.0, 4.0])).round(3).tolist()
        [[0.0, 1.914], [1.841, 3.163]]
    """
    tail = float(ndtr(-1.0))
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 1e-300), tail), 0.0)
    high = gammaincinv(counts + 1, 1 - tail)
    return np.array([counts - low, high - counts])
