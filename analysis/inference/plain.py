"""Results as plain values for JSON: no arrays, and no number where there is none."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def as_plain(result: object) -> Any:
    """A result, however nested, as dictionaries, lists, numbers, texts and None.

    Args:
        result: frozen dataclasses, mappings, sequences, arrays and numbers.

    Example:
        >>> as_plain({"a": np.array([1.0, np.nan]), "b": (True, "c")})
        {'a': [1.0, None], 'b': [True, 'c']}
    """
    if is_dataclass(result) and not isinstance(result, type):
        return {field.name: as_plain(getattr(result, field.name)) for field in fields(result)}
    if isinstance(result, Mapping):
        return {str(key): as_plain(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [as_plain(value) for value in result]
    if isinstance(result, (np.ndarray, np.generic)):
        return as_plain(result.tolist())
    if isinstance(result, float) and not math.isfinite(result):
        return None
    return result
