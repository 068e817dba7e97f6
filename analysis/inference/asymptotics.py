"""Asymptotic distributions of the qtilde test statistic: CLs from two square roots.

Formulas: Cowan, Cranmer, Gross, Vitells, Eur. Phys. J. C 71 (2011) 1554; CLs: A. L. Read,
J. Phys. G 28 (2002) 2693. The conventions are those of pyhf.
"""

import numpy as np
from scipy.special import log_ndtr, ndtri

from analysis.inference.arrays import Array

SIGNIFICANCE = 0.05
# Background-only fluctuations of the expected limits, from the strongest limit to the weakest.
BANDS = (-2, -1, 0, 1, 2)


def log_cls(root_q: Array, root_asimov: Array) -> Array:
    """Natural logarithm of the observed CLs; finite for any finite arguments.

    Args:
        root_q: square root of qtilde of the data.
        root_asimov: square root of qtilde of the background-only Asimov data, same shape.

    Example:
        >>> np.exp(log_cls(np.array([1.96]), np.array([1.96]))).round(3)
        array([0.05])
    """
    # Beyond the Asimov value the estimate of mu is negative and qtilde has another form (eq. 65);
    # without sensitivity there is nothing to compare with.
    beyond = np.maximum(root_q**2 - root_asimov**2, 0) / np.maximum(2 * root_asimov, 1e-300)
    statistic = np.where(root_q <= root_asimov, root_q - root_asimov, beyond)
    statistic = np.where(root_asimov > 0, statistic, 0.0)
    return np.asarray(log_ndtr(-statistic - root_asimov) - log_ndtr(-statistic))


def log_expected_cls(root_asimov: Array) -> Array:
    """Natural logarithm of the expected CLs of each band, shape (5, ...), in the order BANDS."""
    bands = np.reshape(BANDS, (5, *[1] * np.ndim(root_asimov)))
    return np.asarray(log_ndtr(bands - root_asimov) - log_ndtr(bands + 0 * root_asimov))


def expected_roots(significance: float = SIGNIFICANCE) -> Array:
    """The square roots of qtilde at which each band's expected CLs is the significance.

    Example:
        >>> expected_roots().round(3).tolist()
        [1.052, 1.412, 1.96, 2.727, 3.656]
    """
    bands = np.array(BANDS, dtype=np.float64)
    return np.asarray(bands - ndtri(significance * np.exp(log_ndtr(bands))))
