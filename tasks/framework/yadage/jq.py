"""The jq scripts in a specification."""

from typing import Any

from tasks.framework.errors import UserError


def evaluate(script: str, value: Any) -> Any:
    """Value of a jq script; the simplest ones without the jq library.

    Raises:
        UserError: jq is needed and not installed, or does not understand the script.

    >>> evaluate(".a.b", {"a": {"b": 3}})
    3
    """
    if script.strip() == ".":
        return value
    parts = script.strip().split(".")[1:]
    if script.strip().startswith(".") and all(part.isidentifier() for part in parts):
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value
    try:
        import jq
    except ImportError:
        raise UserError(
            f"the specification has the jq script {script!r}, which takes the package jq: "
            "pip install jq"
        ) from None
    try:
        return jq.compile(script).input_value(value).first()
    except ValueError as error:
        raise UserError(f"the jq script {script!r} fails: {error}") from None
