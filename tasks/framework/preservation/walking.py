"""From a task to the stages of everything that it requires."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import law

from tasks.framework.base import is_record, variant_of
from tasks.framework.errors import UserError
from tasks.framework.preservation.recipe import Each, Given, Made, Output, Recipe


@dataclass
class Stage:
    """A task of the graph: one step, or with branches one step many times.

    Attributes:
        name: of the stage and its step.
        task: the task; of a workflow, the workflow.
        recipe: its command, with inputs in place of what is not preserved.
        outputs: file names by key in the task's ``output()``, without its record and without
            variants, which commands write into the same files.
        needs: names of the stages of its required tasks.
    """

    name: str
    task: Any
    recipe: Recipe
    outputs: dict[str, str]
    needs: list[str] = field(default_factory=list)

    @property
    def scattered(self) -> list[Each]:
        """What the branches are spread over; nothing for a task without branches."""
        return [a for a in self.recipe.arguments if isinstance(a, Each)]


def walk(task: law.Task, given: Collection[str] = ()) -> list[Stage]:
    """Stages of a task and of all tasks that it requires, required ones first.

    Args:
        task: where to start; a workflow is a stage of many steps, a branch one of one step.
        given: families of tasks that are not preserved: their outputs become inputs.

    Raises:
        UserError: a task has no recipe, or its recipe reads what it does not require, or
            does not write what it has for outputs.
    """
    stages: dict[str, Stage] = {}
    _visit(task, frozenset(given), stages)
    return list(stages.values())


def stage_name(task: law.Task) -> str:
    """Name of a task's stage: the family in lower case.

    >>> class MergeSkim(law.ExternalTask): pass
    >>> stage_name(MergeSkim())
    'merge_skim'
    """
    family = task.get_task_family().rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", family).lower()


def requirements(task: Any) -> list[Any]:
    """The tasks that a task requires."""
    is_workflow = isinstance(task, law.BaseWorkflow) and task.is_workflow()
    return law.util.flatten(task.workflow_requires() if is_workflow else task.requires())


def _visit(task: Any, given: frozenset[str], stages: dict[str, Stage]) -> None:
    name = stage_name(task)
    family = task.get_task_family()
    if name in stages:
        if stages[name].task != task:
            raise UserError(
                f"{family}: is required twice with different parameters, as {stages[name].task} "
                f"and {task}: preserve the outputs of one of them (Recipe(fixed=...))"
            )
        return
    if not hasattr(task, "recipe"):
        raise UserError(f"{family}: has no recipe(): say how it runs as a command, to preserve it")
    recipe: Recipe = task.recipe()
    required = [other for other in requirements(task) if other not in recipe.fixed]
    for made in recipe.of_kind(Made):
        if made.task not in required:
            raise UserError(
                f"{family}: its recipe reads '{made.output}' of {made.task}, which it does not "
                "require"
            )
    written, outputs = {output.key for output in recipe.of_kind(Output)}, _output_names(task)
    for key in sorted(written ^ outputs.keys()):
        lacks = "is no output of it" if key in written else "is an output that its recipe lacks"
        raise UserError(f"{family}: its recipe does not fit its outputs: '{key}' {lacks}")
    kept = [other for other in required if other.get_task_family() not in given]
    for other in kept:
        _visit(other, given, stages)
    stages[name] = Stage(
        name,
        task,
        _with_inputs(recipe, given),
        outputs,
        [stage_name(other) for other in kept],
    )


def _with_inputs(recipe: Recipe, given: frozenset[str]) -> Recipe:
    """The recipe with inputs of the workflow in place of what tasks outside of it make."""

    def replaced(argument: Any) -> Any:
        if isinstance(argument, Each):
            return Each(replaced(argument.source), argument.batch)
        if isinstance(argument, Made) and argument.task.get_task_family() in given:
            return Given(argument.otherwise, [t.basename for t in _targets(argument)])
        return argument

    arguments = [replaced(argument) for argument in recipe.arguments]
    return Recipe(*arguments, fixed=recipe.fixed, kerberos=recipe.kerberos)


def _targets(made: Made) -> list[Any]:
    outputs = made.task.output()
    if "collection" not in outputs:
        return [outputs[made.output]]
    return [branch[made.output] for branch in outputs["collection"].targets.values()]


def _output_names(task: Any) -> dict[str, str]:
    """File names of a task's outputs; with branches, names that all of them can have."""
    outputs = task.output()
    many = "collection" in outputs
    if many:
        outputs = next(iter(outputs["collection"].targets.values()))
    return {
        key: f"{key}{_suffix(target.basename)}" if many else target.basename
        for key, target in outputs.items()
        if not is_record(key) and not variant_of(key)
    }


def _suffix(basename: str) -> str:
    return "".join(re.findall(r"\.[A-Za-z]\w*$", basename))
