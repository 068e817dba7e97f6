"""A short name for a piece of content, so that a path can say what is in it."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final

LENGTH: Final = 10  # 40 bits: one chance in 10^6 of a collision among 1,500 definitions

NOT_CONTENT: Final[Mapping[str, bool]] = {"content": False}
"""Metadata of dataclass fields that describe (a title, a licence) and change no number."""


def digest(*parts: object) -> str:
    """Short hexadecimal digest of plain values and frozen dataclasses.

    It depends on values alone: not on the process, the Python version, the order of mapping keys,
    tuple or list, ``50`` or ``50.0``. Dataclass fields marked `NOT_CONTENT` are left out, and so
    are fields that are None or empty, so that a new optional field renames nothing.

    Args:
        parts: dataclasses, mappings with string keys, sequences, strings, numbers, booleans,
            None and paths, nested at will; their order counts.

    Returns:
        `LENGTH` hexadecimal digits.

    Raises:
        TypeError: a part is of another type (a set has no order, an array no place here).
        ValueError: a part is NaN or infinite.

    Examples:
        >>> digest("m_jj", {"low": 0, "high": 500.0})
        '4cca97194e'
        >>> digest("m_jj", {"high": 500, "low": 0.0})
        '4cca97194e'
    """
    canonical = json.dumps(
        [_canonical(part) for part in parts], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def _canonical(part: object) -> object:
    """The part as JSON knows it, the same for everything that means the same."""
    if part is None or isinstance(part, str | bool | int):
        return part
    if isinstance(part, float):
        return _canonical_float(part)
    if isinstance(part, Path):
        return part.as_posix()
    if isinstance(part, Mapping):
        if not all(isinstance(key, str) for key in part):
            raise TypeError("mappings in a digest need string keys")
        return {key: _canonical(value) for key, value in part.items()}
    if isinstance(part, tuple | list):
        return [_canonical(item) for item in part]
    if is_dataclass(part) and not isinstance(part, type):
        content = {
            item.name: getattr(part, item.name)
            for item in fields(part)
            if item.metadata.get("content", True)
        }
        given = {key: value for key, value in content.items() if value not in (None, (), {})}
        return {"": type(part).__name__, **{key: _canonical(v) for key, v in given.items()}}
    raise TypeError(f"no digest of a {type(part).__name__}")


def _canonical_float(number: float) -> float | int:
    """Whole floats as integers, as JSON cannot tell a physicist's 50 from 50.0."""
    if not math.isfinite(number):
        raise ValueError(f"no digest of {number}")
    return int(number) if number.is_integer() else number
