"""Where monotonic functions cross zero, several at once."""

from collections.abc import Callable

import numpy as np

from analysis.inference.arrays import Array, Bools

_MAX_CALLS = 60
_RANGE = 1e6  # a crossing further than this from its guess counts as none


def crossings(
    function: Callable[[Array, Bools], Array], guess: Array, *, tolerance: float = 1e-7
) -> tuple[Array, Bools]:
    """Positive roots of increasing functions.

    Each root is bracketed by factors of two and refined by secants within its bracket (Illinois),
    so that it is never an end of anything that was scanned.

    Args:
        function: of positions, shape (n,), and which of them are wanted; gives n values. A NaN
            (such as a fit that failed) ends the search for that root.
        guess: positive starting points, shape (n,).
        tolerance: relative precision.

    Returns:
        Roots and whether each was found, shape (n,); NaN where not.

    Example:
        >>> roots, found = crossings(lambda x, _: x**2 - [4, 9], np.array([1.0, 1.0]))
        >>> roots.round(6).tolist(), found.tolist()
        ([2.0, 3.0], [True, True])
    """
    n = len(guess)
    low, high = np.zeros(n), np.full(n, np.inf)
    at_low, at_high = np.full(n, np.nan), np.full(n, np.nan)
    side = np.zeros(n)
    x, found, open_ = guess.astype(np.float64), np.zeros(n, dtype=np.bool_), np.ones(n, np.bool_)
    for _ in range(_MAX_CALLS):
        value = np.where(open_, function(x, open_), np.nan)
        open_ &= np.isfinite(value)
        below = value < 0
        left, right = open_ & below, open_ & ~below
        # The Illinois rule: the end that stayed twice counts half.
        at_high = np.where(left & (side < 0), at_high / 2, at_high)
        at_low = np.where(right & (side > 0), at_low / 2, at_low)
        low, at_low = np.where(left, x, low), np.where(left, value, at_low)
        high, at_high = np.where(right, x, high), np.where(right, value, at_high)
        side = np.where(left, -1.0, np.where(right, 1.0, side))
        bracketed = np.isfinite(at_low) & np.isfinite(at_high)
        span = np.where(bracketed, at_high - at_low, 1.0)
        secant = np.where(
            bracketed, (low * at_high - high * at_low) / np.where(span == 0, 1.0, span), np.nan
        )
        step = np.where(below, 2 * x, x / 2)
        following = np.where(bracketed, secant, step)
        small = bracketed & (np.abs(following - x) < tolerance * x)
        narrow = bracketed & (high - low < tolerance * x)
        now = open_ & (small | narrow | (value == 0))
        found |= now
        lost = (following > guess * _RANGE) | (following < guess / _RANGE)
        open_ &= ~now & ~lost
        x = np.where(open_ | (now & (value != 0)), following, x)
        if not open_.any():
            break
    return np.where(found, x, np.nan), found
