"""Limits as results: immutable, and to and from JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.inference.asymptotics import BANDS, SIGNIFICANCE


@dataclass(frozen=True)
class Scan:
    """CLs on a grid of signal strengths, for drawing.

    Attributes:
        mu: signal strengths, shape (n,).
        observed: CLs of the data, shape (n,).
        expected: CLs expected without signal at -2, -1, 0, 1, 2 sigma, shape (5, n).
    """

    mu: tuple[float, ...]
    observed: tuple[float, ...]
    expected: tuple[tuple[float, ...], ...]

    def interpolated(self) -> tuple[float | None, ...]:
        """Limits as a coarse scan gives them: expected at -2 to 2 sigma, then observed.

        Straight lines between points are what many published limits are read off; on a convex
        curve they lie above its root. None where the scan does not cross.

        Example:
            >>> Scan((0.0, 1.0), (1.0, 0.0), ((1.0, 0.5),) * 5).interpolated()[4:]
            (None, 0.95)
        """
        mu = np.array(self.mu)
        limits: list[float | None] = []
        for curve in (*self.expected, self.observed):
            cls = np.array(curve)
            inside = cls.size > 0 and cls.min() <= SIGNIFICANCE <= cls.max()
            limits.append(float(np.interp(SIGNIFICANCE, cls[::-1], mu[::-1])) if inside else None)
        return tuple(limits)


@dataclass(frozen=True)
class Limits:
    """Upper limits on the signal strength at 95 % CL.

    Attributes:
        observed: the limit; None if there is none to quote, for which a warning says why.
        expected: expected without signal at -2, -1, 0, 1, 2 sigma.
        scan: CLs around the limits.
        best_fit: fitted signal strength, not below zero.
        uncertainty: of the best fit, from the curvature of the likelihood.
        p_value: of the goodness of fit (saturated model) of the data with signal.
        warnings: what a reader must know before using the numbers.
        not_modelled: sources of uncertainty the model leaves out.
    """

    observed: float | None
    expected: tuple[float | None, ...]
    scan: Scan
    best_fit: float | None = None
    uncertainty: float | None = None
    p_value: float | None = None
    warnings: tuple[str, ...] = ()
    not_modelled: tuple[str, ...] = ()

    def to_dict(self, cross_section: float | None = None) -> dict[str, Any]:
        """As plain values for JSON.

        Args:
            cross_section: of the signal at strength one, in fb, for limits on it as well.
        """
        scanned = self.scan.interpolated()
        result: dict[str, Any] = {
            "confidence_level": 1 - SIGNIFICANCE,
            "method": "CLs, asymptotic qtilde",
            "mu95": _table(self.observed, self.expected),
            "mu95_interpolated_on_scan": _table(scanned[5], scanned[:5]),
            "best_fit": {"mu": self.best_fit, "uncertainty": self.uncertainty},
            "goodness_of_fit_p_value": self.p_value,
            "scan": {
                "mu": list(self.scan.mu),
                "cls_observed": list(self.scan.observed),
                "cls_expected": [list(band) for band in self.scan.expected],
            },
            "warnings": list(self.warnings),
            "not_modelled": list(self.not_modelled),
        }
        if cross_section is not None:
            scaled = [None if mu is None else mu * cross_section for mu in self.expected]
            observed = None if self.observed is None else self.observed * cross_section
            result["sigma95_fb"] = _table(observed, scaled)
        return result


def limits_from_dict(result: Mapping[str, Any]) -> Limits:
    """Limits from what `Limits.to_dict` gave, as read from ``limits.json``."""
    mu, scan = result["mu95"], result["scan"]
    return Limits(
        observed=mu["observed"],
        expected=tuple(mu["expected"]),
        scan=Scan(
            tuple(scan["mu"]),
            tuple(scan["cls_observed"]),
            tuple(tuple(band) for band in scan["cls_expected"]),
        ),
        best_fit=result["best_fit"]["mu"],
        uncertainty=result["best_fit"]["uncertainty"],
        p_value=result["goodness_of_fit_p_value"],
        warnings=tuple(result["warnings"]),
        not_modelled=tuple(result["not_modelled"]),
    )


def _table(observed: float | None, expected: Sequence[float | None]) -> dict[str, Any]:
    return {"observed": observed, "expected": list(expected), "expected_n_sigma": list(BANDS)}
