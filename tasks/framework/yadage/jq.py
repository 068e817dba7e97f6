"""The jq scripts in a specification."""

import re
from typing import Any

from tasks.framework.errors import UserError

_PATH = re.compile(r"\.|(?:\.[A-Za-z_]\w*(?:\[\])?)+")


def evaluate(script: str, value: Any) -> Any:
    """First result of a jq script.

    Raises:
        UserError: see `results`; or there is none.

    >>> evaluate(".a.b", {"a": {"b": 3}})
    3
    """
    found = results(script, value)
    if not found:
        raise UserError(f"the jq script {script!r} has no result")
    return found[0]


def results(script: str, value: Any) -> list[Any]:
    """All results of a jq script; of paths such as ``.a.b[]`` without the jq library.

    Raises:
        UserError: jq is needed and not installed, or does not understand the script.

    >>> results(".files[]", {"files": ["a", "b"]})
    ['a', 'b']
    """
    if _PATH.fullmatch(script.strip()):
        return _follow(script, value)
    try:
        import jq
    except ImportError:
        raise UserError(
            f"the specification has the jq script {script!r}, which takes the package jq: "
            "pip install jq"
        ) from None
    try:
        return list(jq.compile(script).input_value(value).all())
    except ValueError as error:
        raise UserError(f"the jq script {script!r} fails: {error}") from None


def _follow(script: str, value: Any) -> list[Any]:
    found = [value]
    for part in filter(None, script.strip().split(".")):
        name = part.removesuffix("[]")
        found = [one.get(name) if isinstance(one, dict) else None for one in found]
        if name == part:
            continue
        if not all(isinstance(one, list | dict) for one in found):
            raise UserError(f"the jq script {script!r} fails: '{name}' is no list")
        found = [item for one in found for item in (one if isinstance(one, list) else one.values())]
    return found
