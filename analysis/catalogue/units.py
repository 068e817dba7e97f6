"""Quantities with units as they stand in a catalogue: ``44.837 fb``, ``140.1 /fb``, ``50 GeV``.

Conversions are done in decimal, so that ``0.044837 pb`` and ``44.837 fb`` are the same float.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from analysis.errors import AnalysisError

CROSS_SECTION_UNITS: Final[Mapping[str, Decimal]] = {
    "fb": Decimal(1),
    "pb": Decimal(10**3),
    "nb": Decimal(10**6),
}
LUMINOSITY_UNITS: Final[Mapping[str, Decimal]] = {
    "/fb": Decimal(1),
    "/pb": Decimal("1e-3"),
    "/nb": Decimal("1e-6"),
}
ENERGY_UNITS: Final[Mapping[str, Decimal]] = {
    "GeV": Decimal(1),
    "MeV": Decimal("1e-3"),
    "TeV": Decimal(10**3),
}
SIZE_UNITS: Final[Mapping[str, Decimal]] = {
    "MB": Decimal(1),
    "GB": Decimal(10**3),
    "TB": Decimal(10**6),
}
TIME_UNITS: Final[Mapping[str, Decimal]] = {
    "h": Decimal(1),
    "min": 1 / Decimal(60),
    "d": Decimal(24),
}
PERCENT: Final[Mapping[str, Decimal]] = {"%": Decimal("1e-2")}

_QUANTITY: Final = re.compile(
    r"\s*(?P<number>[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?))"
    r"\s*(?P<unit>\S.*?)?\s*",
    re.IGNORECASE | re.ASCII,
)
_INVERSE: Final = re.compile(r"(?:1\s*)?/\s*([a-z]+)|([a-z]+)\s*\^?\s*\(?-1\)?", re.ASCII)


def parse_cross_section(text: object) -> float:
    """Cross section in fb.

    Args:
        text: number and unit (fb, pb or nb), such as ``44.837 fb``.

    Raises:
        AnalysisError: no unit, an unknown unit, or a number that is not positive and finite.

    Examples:
        >>> parse_cross_section("0.044837 pb")
        44.837
    """
    return _positive(text, _parse(text, CROSS_SECTION_UNITS, "44.837 fb"))


def parse_luminosity(text: object) -> float:
    """Integrated luminosity in fb^-1.

    Args:
        text: number and unit, such as ``140.1 /fb``, ``140.1 fb^-1`` or ``36100 pb^-1``.

    Raises:
        AnalysisError: no unit, an unknown unit, or a number that is not positive and finite.

    Examples:
        >>> parse_luminosity("36100 pb^-1")
        36.1
    """
    return _positive(text, _parse(text, LUMINOSITY_UNITS, "140.1 /fb"))


def parse_energy(text: object) -> float:
    """Energy, momentum or mass in GeV (finite, of either sign).

    Args:
        text: number and unit (MeV, GeV or TeV), such as ``50 GeV``.

    Raises:
        AnalysisError: no unit, an unknown unit, or a number that is not finite.

    Examples:
        >>> parse_energy("50000 MeV")
        50.0
    """
    return _parse(text, ENERGY_UNITS, "50 GeV")


def parse_size(text: object) -> float:
    """Size of memory or disk space in MB.

    Args:
        text: number and unit (MB, GB or TB), such as ``4 GB``.

    Raises:
        AnalysisError: no unit, an unknown unit, or a number that is not positive and finite.

    Examples:
        >>> parse_size("4 GB")
        4000.0
    """
    return _positive(text, _parse(text, SIZE_UNITS, "4 GB"))


def parse_time(text: object) -> float:
    """Time in hours.

    Args:
        text: number and unit (min, h or d), such as ``90 min``.

    Raises:
        AnalysisError: no unit, an unknown unit, or a number that is not positive and finite.

    Examples:
        >>> parse_time("90 min")
        1.5
    """
    return _positive(text, _parse(text, TIME_UNITS, "3 h"))


def parse_percent(text: object) -> float:
    """Relative uncertainty as a fraction, zero or more.

    Args:
        text: number and percent sign, such as ``0.83 %``.

    Raises:
        AnalysisError: no percent sign, or a number that is negative or not finite.

    Examples:
        >>> parse_percent("0.83 %")
        0.0083
    """
    value = _parse(text, PERCENT, "0.83 %")
    if value < 0:
        raise AnalysisError(f"{text!r} must not be negative")
    return value


def _parse(text: object, units: Mapping[str, Decimal], example: str) -> float:
    """Number times unit in the base unit (the one that counts 1, or a fraction for percent)."""
    known = ", ".join(units)
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise AnalysisError(f"{text!r} has no unit ({known}): write it like '{example}'")
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise AnalysisError(f"{text!r} is not a number with a unit ({known}) like '{example}'")
    if match["unit"] is None:
        raise AnalysisError(f"{text!r} has no unit ({known}): write it like '{example}'")
    factor = units.get(_spelled(match["unit"], units))
    if factor is None:
        raise AnalysisError(
            f"{text!r} has the unknown unit {match['unit']!r} (known: {known}): "
            f"write it like '{example}'"
        )
    if not math.isfinite(float(match["number"])):
        raise AnalysisError(f"{text!r} is not finite: write it like '{example}'")
    value = float(Decimal(match["number"]) * factor) if float(match["number"]) else 0.0
    if not math.isfinite(value):
        raise AnalysisError(f"{text!r} is not finite: write it like '{example}'")
    return value


def _spelled(unit: str, units: Mapping[str, Decimal]) -> str:
    """The unit in the spelling of the table: ``fb^-1``, ``fb-1`` and ``1/fb`` are ``/fb``."""
    inverse = _INVERSE.fullmatch(unit)
    if inverse is not None and "/fb" in units:
        return "/" + (inverse[1] or inverse[2])
    return unit


def _positive(text: object, value: float) -> float:
    if not value > 0:
        raise AnalysisError(f"{text!r} must be greater than zero")
    return value
