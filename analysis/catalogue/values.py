"""Parsers of single values of a catalogue: checked and typed, or an error with the remedy."""

import math
import re
import reprlib
from collections.abc import Callable, Collection
from typing import Final

from analysis.errors import AnalysisError

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", re.ASCII)
NAME_LENGTH: Final = 100  # names become parts of file names, which end at 255 bytes

_REPR: Final = reprlib.Repr()  # of a nest of YAML aliases, repr itself would never end
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = 60


def shown(value: object) -> str:
    """The value for an error message: on one line, and not a page of it."""
    text = _REPR.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - half a line


def suggestion(key: object, known: Collection[str]) -> str:
    """``: did you mean ...?`` or what is known.

    Examples:
        >>> suggestion("titel", ("files", "title"))
        ": did you mean 'title'?"
    """
    from difflib import get_close_matches

    close = get_close_matches(str(key), known, n=1)
    if close:
        return f": did you mean '{close[0]}'?"
    return f": known are {', '.join(sorted(known)) or 'none'}"


def text(value: object) -> str:
    """A string on one line that is not empty."""
    if not isinstance(value, str):
        raise AnalysisError(
            f"{shown(value)} must be a text: put it in quotes if it is meant as one"
        )
    if not value.strip() or not value.isprintable():
        raise AnalysisError(f"{shown(value)} must be a text on one line, and not empty")
    return value.strip()


def texts(value: object) -> tuple[str, ...]:
    """A list of strings, or a single one."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise AnalysisError("must not be an empty list")
    return tuple(text(item) for item in items)


def name(value: object) -> str:
    """A name that may become part of a path."""
    if not isinstance(value, str):
        hint = " (YAML reads no, yes, on, off as booleans)" if isinstance(value, bool) else ""
        raise AnalysisError(f"the name {shown(value)} is not a text{hint}: put it in quotes")
    if NAME.fullmatch(value) is None or len(value) > NAME_LENGTH:
        raise AnalysisError(
            f"the name {shown(value)} would not do in a path: use letters, digits, '_', '.', '+' "
            f"and '-', a letter or digit first, at most {NAME_LENGTH}"
        )
    return value


def names(value: object) -> tuple[str, ...]:
    """A list of names, or a single one, each once."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise AnalysisError("must not be an empty list")
    found = tuple(name(item) for item in items)
    twice = next((item for item in found if found.count(item) > 1), None)
    if twice is not None:
        raise AnalysisError(f"'{twice}' stands there twice: keep one")
    return found


def boolean(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise AnalysisError(f"{shown(value)} must be true or false")
    return value


def number(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AnalysisError(f"{shown(value)} must be a number, without quotes or unit")
    try:
        finite = float(value)
    except OverflowError:
        finite = math.inf
    if not math.isfinite(finite):
        raise AnalysisError(f"{shown(value)} must be a finite number")
    return finite


def positive(value: object) -> float:
    """A finite number above zero."""
    found = number(value)
    if found <= 0:
        raise AnalysisError(f"{shown(value)} must be greater than zero")
    return found


def not_negative(value: object) -> float:
    """A finite number, zero or above."""
    found = number(value)
    if found < 0:
        raise AnalysisError(f"{shown(value)} must not be negative")
    return found


def fraction(value: object) -> float:
    """A number above zero, at most one."""
    found = positive(value)
    if found > 1:
        raise AnalysisError(f"{shown(value)} must be at most 1 (a fraction, not percent)")
    return found


def numbers(value: object) -> tuple[float, ...]:
    """A list of finite numbers."""
    if not isinstance(value, list) or not value:
        raise AnalysisError(f"{shown(value)} must be a list of numbers, such as [0, 25, 50]")
    return tuple(number(item) for item in value)


def integer(minimum: int) -> Callable[[object], int]:
    """Parser of a whole number not below a minimum."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise AnalysisError(f"{shown(value)} must be a whole number, {minimum} or more")
        return value

    return parse


def choice(*options: str) -> Callable[[object], str]:
    """Parser of one of some words."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in options:
            raise AnalysisError(f"{shown(value)} must be one of: {', '.join(options)}")
        return value

    return parse
