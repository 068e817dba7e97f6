"""Limits against parameters of the signal: what is excluded of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array
from analysis.inference.results import Limits


@dataclass(frozen=True)
class Point:
    """One signal of a model.

    Attributes:
        parameters: of the signal, such as its mass, in the order of all points.
        limits: on its strength.
        cross_section: predicted, in fb; None where it is not known.
    """

    parameters: tuple[float, ...]
    limits: Limits
    cross_section: float | None = None


@dataclass(frozen=True)
class Exclusion:
    """Excluded ranges of one parameter: where the limit on the strength is below one.

    Attributes:
        values: of the parameter, increasing, shape (n,).
        observed: limits on the strength, shape (n,); NaN for a point without a limit.
        expected: at -2, -1, 0, 1, 2 sigma, shape (5, n).
        cross_sections: predicted, in fb, shape (n,); NaN where they are not known.
        observed_ranges: excluded, between interpolated crossings; ends of the points are ends of
            what was looked at, not of what is excluded.
        expected_ranges: the same for the median expectation.
        warnings: what could mislead.
    """

    values: Array
    observed: Array
    expected: Array
    cross_sections: Array
    observed_ranges: tuple[tuple[float, float], ...]
    expected_ranges: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...]


def exclude(points: Sequence[Point]) -> Exclusion:
    """Excluded ranges of a model with one parameter.

    Args:
        points: at least two signals, of different values of one parameter.

    Raises:
        AnalysisError: too few points, equal values, or more than one parameter.
    """
    if any(len(point.parameters) != 1 for point in points):
        raise AnalysisError("an exclusion against one parameter needs signals with just one")
    ordered = sorted(points, key=lambda point: point.parameters)
    values = np.array([point.parameters[0] for point in ordered])
    if len(ordered) < 2 or (np.diff(values) == 0).any():  # noqa: PLR2004 - a line has two ends
        raise AnalysisError("an exclusion needs at least two signals of different parameters")
    observed = np.array([_number(point.limits.observed) for point in ordered])
    expected = np.array([[_number(mu) for mu in point.limits.expected] for point in ordered]).T
    cross_sections = np.array([_number(point.cross_section) for point in ordered])
    missing = [f"{value:g}" for value, mu in zip(values, observed, strict=True) if np.isnan(mu)]
    notes = [f"no limit at {', '.join(missing)}: left out"] if missing else []
    notes += [
        f"{point.parameters[0]:g}: {text}" for point in ordered for text in point.limits.warnings
    ]
    return Exclusion(
        values,
        observed,
        expected,
        cross_sections,
        _ranges(values, observed),
        _ranges(values, expected[2]),
        tuple(notes),
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _ranges(values: Array, limits: Array) -> tuple[tuple[float, float], ...]:
    """Ranges where the limit is below one, interpolated in its logarithm.

    >>> _ranges(np.array([1.0, 2.0, 3.0]), np.array([0.1, 1.0, 10.0]))
    ((1.0, 2.0),)
    """
    good = np.isfinite(limits)
    x, y = values[good], np.log(limits[good])
    ranges: list[tuple[float, float]] = []
    for i in range(len(x) - 1):
        (a, b), (left, right) = y[i : i + 2], x[i : i + 2]
        if a >= 0 and b >= 0:
            continue
        crossing = float(left - a * (right - left) / (b - a)) if a * b < 0 else 0.0
        start = float(left) if a < 0 else crossing if b < 0 and a > 0 else float(left)
        stop = float(right) if b < 0 else crossing if a < 0 and b > 0 else float(right)
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], stop)
        else:
            ranges.append((start, stop))
    return tuple(ranges)
