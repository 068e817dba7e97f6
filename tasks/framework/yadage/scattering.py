"""One stage, many steps: what each of them gets."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.framework.errors import UserError


def scattered(parameters: Mapping[str, Any], scheduler: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parameters of every step of a multistep stage.

    Args:
        parameters: of the stage.
        scheduler: with ``scatter``, perhaps with ``batchsize`` (so many items to a step) or
            ``partitionsize`` (so many steps).

    Raises:
        UserError: a parameter to scatter over is no list, or the method is unknown.

    >>> stage = {"scatter": {"method": "zip", "parameters": ["x"]}, "batchsize": 2}
    >>> scattered({"x": [1, 2, 3], "y": 0}, stage)
    [{'y': 0, 'x': [1, 2]}, {'y': 0, 'x': [3]}]
    """
    names, method = scheduler["scatter"]["parameters"], scheduler["scatter"]["method"]
    groups = []
    for name in names:
        if not isinstance(parameters.get(name), list):
            raise UserError(f"scatter over '{name}': {parameters.get(name)!r} is no list")
        groups.append(_grouped(parameters[name], scheduler))
    common = {name: value for name, value in parameters.items() if name not in names}
    chosen: Iterable[tuple[Any, ...]]
    if method == "zip":
        chosen = zip(*groups, strict=False)  # as yadage: to the end of the shortest
    elif method == "cartesian":
        chosen = itertools.product(*groups)
    else:
        raise UserError(f"scatter: unknown method {method!r} (known: zip, cartesian)")
    return [{**common, **dict(zip(names, values, strict=True))} for values in chosen]


def _grouped(items: Sequence[Any], scheduler: Mapping[str, Any]) -> list[Any]:
    if size := scheduler.get("batchsize"):
        return [list(items[start : start + size]) for start in range(0, len(items), size)]
    if parts := min(scheduler.get("partitionsize") or 0, len(items)):
        ends = list(itertools.accumulate((len(items) + part) // parts for part in range(parts)))
        starts = [0, *ends[:-1]]
        return [list(items[start:end]) for start, end in zip(starts, ends, strict=True)]
    return list(items)
