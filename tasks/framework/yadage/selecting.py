"""Selecting stages, steps and outputs: the part of JSONPath that workflows use."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.framework.errors import UserError

_NAME = r"[A-Za-z_][\w-]*"
_PART = re.compile(
    rf"\.?(?:(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)|(?P<any>\*)|\[(?P<index>[^\]]*)\])"
)


def find(expression: str, value: Any) -> list[Any]:
    """All values that a JSONPath expression leads to.

    Names, ``several,names``, ``*``, ``[*]``, ``[2]``, ``[1:3]`` and ``['a name']`` are understood,
    and ``$`` at the start.

    Raises:
        UserError: the expression has more to it than that.

    >>> steps = {"skim": [{"id": 1}, {"id": 2}]}
    >>> find("skim[*].id", steps), find("skim[0]", steps), find("fit", steps)
    ([1, 2], [{'id': 1}], [])
    """
    text = expression.strip().removeprefix("$")
    found, position = [value], 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise UserError(
                f"the expression {expression!r} is not understood: use names, [*] and [number]"
            )
        position = match.end()
        found = [item for one in found for item in _step(match, one, expression)]
    return found


def _step(match: re.Match[str], value: Any, expression: str) -> Iterable[Any]:
    index = "*" if match["any"] else match["index"]
    if index is None or index[:1] in {"'", '"'}:
        keys = re.findall(_NAME, match["names"]) if index is None else [index[1:-1]]
        return [value[key] for key in keys if key in value] if isinstance(value, dict) else []
    if index == "*":
        return value.values() if isinstance(value, dict) else value if _listed(value) else []
    if not _listed(value):
        return []
    try:
        bounds = [int(bound) if bound.strip() else None for bound in index.split(":")]
    except ValueError:
        raise UserError(f"the expression {expression!r}: [{index}] is not understood") from None
    if len(bounds) > 1:
        return list(value[slice(*bounds)])
    inside = bounds[0] is not None and -len(value) <= bounds[0] < len(value)
    return [value[bounds[0]]] if inside else []


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def output_of(result: Any, selection: str | None, said: str) -> Any:
    """The one output of a step that is selected; all of them without a selection.

    Raises:
        UserError: there is none, or more than one.
    """
    if not selection:
        return result
    if isinstance(result, dict) and selection in result:
        return result[selection]
    found = find(selection, result)
    if len(found) != 1:
        raise UserError(f"{said}: {len(found)} outputs match {selection!r} in {result!r}")
    return found[0]


def combined(outputs: Sequence[Any], *, flatten: bool, unwrap: bool) -> Any:
    """Outputs of several steps as one value.

    Args:
        outputs: of each step.
        flatten: put the items of lists in place of the lists.
        unwrap: give a single one by itself.

    >>> combined([["a", "b"], ["c"]], flatten=True, unwrap=False)
    ['a', 'b', 'c']
    """
    together: list[Any] = []
    for output in outputs:
        together += output if flatten and isinstance(output, list) else [output]
    return together[0] if unwrap and len(together) == 1 else together
