"""What is wrong with the inputs of a workflow."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.framework.yadage import shapes

QUOTES = frozenset("'\"`$\\\n")
"""What a shell takes apart; the commands of steps have values in single quotes."""


def check_inputs(inputs: Mapping[str, Any], workflow: Mapping[str, Any]) -> list[str]:
    """Everything wrong with values for the inputs of a workflow that is itself right.

    Returns:
        One line for each input that is missing, not read, empty, or that yadage or a shell would
        change on the way to the command.
    """
    return list(_problems(inputs, workflow))


def _problems(inputs: Mapping[str, Any], workflow: Mapping[str, Any]) -> Iterator[str]:
    read = inputs_read(workflow)
    for name in sorted(read - inputs.keys()):
        yield f"inputs: '{name}' is missing"
    for name, value in inputs.items():
        where = f"inputs: {name}"
        if name not in read:
            yield f"{where}: no stage reads it"
        for item in value if isinstance(value, list) else [value]:
            yield from _scalar(item, where, in_list=isinstance(value, list))


def _scalar(value: Any, where: str, *, in_list: bool) -> Iterator[str]:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        yield f"{where}: {value!r} is neither text nor a number"
    elif value == "":
        yield f"{where}: is empty, which yadage takes for a folder"
    elif isinstance(value, str):
        if {"{", "}"} & set(value):
            yield f"{where}: {value!r} has braces, which packtivity takes for a placeholder"
        if QUOTES & set(value):
            yield f"{where}: {value!r} has a character that is not safe in a command"
        if in_list and any(character.isspace() for character in value):
            yield f"{where}: {value!r} has a blank, at which a list is split: rename it"


def inputs_read(workflow: Mapping[str, Any]) -> set[str]:
    """Names of the inputs that the stages of a workflow select."""
    names = set()
    for stage in workflow["stages"]:
        for value in shapes.parameters_of(stage["scheduler"]).values():
            selector = shapes.selector_of(value)
            queries = [selector.get(key) for key in ("step", "steps", "stages")] if selector else []
            if selector and "init" in queries and selector.get("output"):
                names.add(re.split(r"[.\[]", str(selector["output"]))[0])
    return names
