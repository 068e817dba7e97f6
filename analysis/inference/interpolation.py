"""How HistFactory interpolates between the shifts of a systematic: codes 4 and 4p.

Formulas: CERN-OPEN-2012-016, with the polynomials of ROOT and pyhf (alpha0 = 1).
"""

from typing import NamedTuple

import numpy as np

from analysis.inference.arrays import Array

# Inverse of the matrix that matches value, first and second derivative of a polynomial of order
# six to the two exponentials at alpha = +-1.
_MATCH = (
    np.array(
        [
            [15, -15, -7, -7, 1, -1],
            [24, 24, -9, 9, 1, 1],
            [-10, 10, 10, 10, -2, 2],
            [-24, -24, 14, -14, -2, -2],
            [3, -3, -3, -3, 1, -1],
            [8, 8, -5, 5, 1, 1],
        ]
    )
    / 16.0
)


class Interpolated(NamedTuple):
    """A function of alpha with its first two derivatives, each of alpha's shape."""

    value: Array
    slope: Array
    bend: Array


def code4_coefficients(log_up: Array, log_down: Array) -> Array:
    """Coefficients of alpha ** 1 to 6 between the shifts, shape (6, n_terms).

    Args:
        log_up: logarithms of the factors at alpha = +1, shape (n_terms,).
        log_down: the same at alpha = -1.
    """
    up, down = np.exp(log_up), np.exp(log_down)
    matched = [up - 1, down - 1, log_up * up, -log_down * down, log_up**2 * up, log_down**2 * down]
    return np.asarray(_MATCH @ np.array(matched).reshape(6, -1))


def code4(alpha: Array, log_up: Array, log_down: Array, coefficients: Array) -> Interpolated:
    """Factor of a ``normsys``: exponential outside the shifts, polynomial between them.

    Args:
        alpha: shape (n_points, n_terms).
        log_up: logarithms of the factors at alpha = +1, shape (n_terms,).
        log_down: the same at alpha = -1.
        coefficients: of :func:`code4_coefficients`.

    Example:
        >>> up, down = np.log([1.2]), np.log([0.9])
        >>> code4(np.array([[2.0]]), up, down, code4_coefficients(up, down)).value.round(6)
        array([[1.44]])
    """
    inside = np.abs(alpha) < 1
    x = np.where(inside, alpha, 0.0)
    value, slope, bend = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for coefficient in [*coefficients[::-1], np.ones_like(log_up)]:
        bend = bend * x + 2 * slope
        slope = slope * x + value
        value = value * x + coefficient
    rate = np.where(alpha >= 0, log_up, -log_down)
    power = np.exp(rate * np.where(inside, 0.0, alpha))
    return Interpolated(
        np.where(inside, value, power),
        np.where(inside, slope, rate * power),
        np.where(inside, bend, rate**2 * power),
    )


def code4p_even(alpha: Array) -> Interpolated:
    """Weight of the even part of a ``histosys``; the odd part's weight is alpha itself.

    The shift of a bin is ``alpha * (up - down) / 2 + even * (up + down - 2 * nominal) / 16``.

    Example:
        >>> code4p_even(np.array([0.5, 1.0, 2.0])).value.tolist()
        [3.171875, 8.0, 16.0]
    """
    square = alpha**2
    inside = square < 1
    return Interpolated(
        np.where(inside, square * (15 + square * (3 * square - 10)), 8 * np.abs(alpha)),
        np.where(inside, alpha * (30 + square * (18 * square - 40)), 8 * np.sign(alpha)),
        np.where(inside, 30 + square * (90 * square - 120), 0.0),
    )
