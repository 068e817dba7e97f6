"""Upper limits from pseudo-experiments at several signal strengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.inference.arrays import Array
from analysis.inference.asymptotics import SIGNIFICANCE
from analysis.inference.results import Limits, Scan
from analysis.inference.toys import ToyCLs, ToySample, merge_toys, toy_cls

NO_EXPERIMENTS = "no asymptotic limit to look around: no pseudo-experiments were made"


@dataclass(frozen=True)
class ToyLimits:
    """Limits from pseudo-experiments.

    Attributes:
        limits: with the scan they are read off.
        points: CLs at each strength, with statistical errors.
    """

    limits: Limits
    points: tuple[ToyCLs, ...]


def strengths(limits: Limits, points: int) -> tuple[float, ...]:
    """Strengths that reach all asymptotic limits on both sides, equally spaced in the logarithm.

    Args:
        limits: asymptotic; without any there is nothing to reach, and the result is empty.
        points: number of strengths.
    """
    known = [mu for mu in (*limits.expected, limits.observed) if mu]
    if not known:
        return ()
    return tuple(np.geomspace(0.7 * min(known), 1.4 * max(known), points).tolist())


def sample_to_dict(sample: ToySample) -> dict[str, Any]:
    """As plain values for JSON; :func:`sample_from_dict` is the way back."""
    return {
        "mu": sample.mu,
        "observed": sample.observed,
        "with_signal": sample.with_signal.tolist(),
        "without_signal": sample.without_signal.tolist(),
        "n_failed": sample.n_failed,
    }


def sample_from_dict(content: Mapping[str, Any]) -> ToySample:
    """A sample from what :func:`sample_to_dict` gave."""
    return ToySample(
        content["mu"],
        content["observed"],
        np.array(content["with_signal"], dtype=np.float64),
        np.array(content["without_signal"], dtype=np.float64),
        content["n_failed"],
    )


def limits_from_toys(samples: Sequence[ToySample]) -> ToyLimits:
    """Limits from samples at several strengths; those of one strength are merged.

    Args:
        samples: in any order; none where there is no asymptotic limit to look around.
    """
    if not samples:
        nothing = Limits(None, (None,) * 5, Scan((), (), ((),) * 5), warnings=(NO_EXPERIMENTS,))
        return ToyLimits(nothing, ())
    by_mu: dict[float, list[ToySample]] = {}
    for sample in samples:
        by_mu.setdefault(sample.mu, []).append(sample)
    points = tuple(toy_cls(merge_toys(by_mu[mu])) for mu in sorted(by_mu))
    expected = np.array([point.expected for point in points])
    scan = Scan(
        tuple(point.mu for point in points),
        tuple(point.observed for point in points),
        tuple(tuple(band) for band in expected.T.tolist()),
    )
    found = crossings_of(points)
    # Far above the limit no experiment is as extreme as the data: that misleads nobody.
    above = [i for i, point in enumerate(points) if point.observed < SIGNIFICANCE]
    relevant = points[: above[0] + 1] if above else points
    warnings = [text for point in relevant for text in point.warnings]
    if None in found:
        warnings.append("CLs does not cross 0.05 between the strengths: some limits are missing")
    limits = Limits(found[5], found[:5], scan, warnings=tuple(warnings))
    return ToyLimits(limits, points)


def crossings_of(
    points: Sequence[ToyCLs], significance: float = SIGNIFICANCE
) -> tuple[float | None, ...]:
    """Limits from CLs at several strengths: expected at -2 to 2 sigma, then observed.

    Interpolated in the logarithm between the two points around the crossing; None if the points
    do not reach both sides of it.

    Args:
        points: with increasing strengths.
        significance: one minus the confidence level.
    """
    mu = np.array([point.mu for point in points])
    curves = [*np.array([point.expected for point in points]).T, [p.observed for p in points]]
    return tuple(_crossing(mu, np.array(curve, dtype=np.float64), significance) for curve in curves)


def _crossing(mu: Array, curve: Array, significance: float) -> float | None:
    cls = np.maximum(curve, 1e-12)
    below = np.flatnonzero(cls < significance)
    if not below.size or below[0] == 0:
        return None
    pair = slice(int(below[0]) - 1, int(below[0]) + 1)
    logarithm = np.log(cls[pair][::-1])
    return float(np.interp(np.log(significance), logarithm, mu[pair][::-1]))
