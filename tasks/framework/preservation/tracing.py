"""The records of everything behind a task's outputs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import law

from tasks.framework.base import is_record
from tasks.framework.errors import UserError
from tasks.framework.preservation.walking import requirements


def records(tasks: list[Any]) -> list[dict[str, Any]]:
    """Records of tasks and of all that they require, each once, required ones last.

    Raises:
        UserError: an output has no record, as it is not there or was not made by a task.
    """
    found: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    waiting = list(tasks)
    while waiting:
        task = waiting.pop(0)
        if task.task_id in seen:
            continue
        seen.add(task.task_id)
        for target in _records_of(task):
            if target.uri() not in found:
                if not target.exists():
                    raise UserError(
                        f"{target.uri()} is missing: run {task.get_task_family()} first"
                    )
                found[target.uri()] = target.load(formatter="json")
        waiting += requirements(task)
    return list(found.values())


def with_input(
    found: Sequence[Mapping[str, Any]], file: Mapping[str, Any], of: str | None = None
) -> list[dict[str, Any]]:
    """Records with one more input, which all tasks, or those of a family, read by another way."""
    return [
        {**record, "inputs": [*record["inputs"], *([file] if of in (None, record["task"]) else [])]}
        for record in found
    ]


def _records_of(task: Any) -> Iterator[Any]:
    outputs = task.output()
    collection = outputs.get("collection") if isinstance(outputs, dict) else None
    if isinstance(collection, law.TargetCollection):
        for branch in collection.targets.values():
            yield from (target for key, target in branch.items() if is_record(key))
    elif isinstance(outputs, dict):
        yield from (target for key, target in outputs.items() if is_record(key))
