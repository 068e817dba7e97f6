"""What is wrong with a workflow that the tools of yadage, RECAST and REANA accept.

An unknown dependency validates, and yadage-run then exits with 0 without having run the stage;
unknown outputs and missing template parameters fail only after everything before them has run.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.framework.yadage import shapes
from tasks.framework.yadage.step_checks import check_step

ANY: None = None
"""Outputs that a publisher finds out only when it runs."""


@dataclass(frozen=True)
class _Known:
    """What a stage can refer to.

    Attributes:
        outputs: names of what each stage publishes, or ANY.
        scattered: the stages with many steps.
        before: the stages that are done before one starts, by its name.
    """

    outputs: dict[str, Collection[str] | None]
    scattered: Collection[str]
    before: Mapping[str, Collection[str]]


def check_workflow(workflow: Any, inputs: Collection[str] | None, *, pinned: bool) -> list[str]:
    """Everything wrong with a workflow whose references are resolved.

    Args:
        workflow: the document.
        inputs: names of its inputs; None when they are not known.
        pinned: whether it is to be preserved: every image has tag and digest, nothing is left over.

    Returns:
        One line for each problem, in the order of the document.
    """
    return list(_workflow(workflow, inputs, "workflow", pinned=pinned))


def _workflow(
    workflow: Any, inputs: Collection[str] | None, where: str, *, pinned: bool
) -> Iterator[str]:
    yield from shapes.misshapen(workflow, shapes.WORKFLOW, where)
    stages = workflow.get("stages") if isinstance(workflow, dict) else None
    if not isinstance(stages, list) or not stages:
        yield f"{where}: has no stages"
        return
    names = [str(stage.get("name")) for stage in stages if isinstance(stage, dict)]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1 or name == "init"):
        yield f"{where}: the stage name '{name}' is taken twice ('init' is the inputs' own)"
    known = _known(stages, inputs, pinned=pinned)
    for number, stage in enumerate(stages):
        place = f"{where}: stage {names[number] if len(names) == len(stages) else number}"
        yield from _stage(stage, place, known, pinned=pinned)
    yield from _circles(_dependencies(stages), where)


def _known(stages: list[Any], inputs: Collection[str] | None, *, pinned: bool) -> _Known:
    """What there is in a workflow.

    Yadage runs a stage whose inputs are there for another reason than its own dependencies, such
    as those of a stage before it; what is to be preserved says itself what it needs.
    """
    outputs: dict[str, Collection[str] | None] = {"init": inputs}
    scattered: set[str] = set()
    for stage in stages:
        if isinstance(stage, dict) and isinstance(stage.get("scheduler"), dict):
            name = str(stage.get("name"))
            outputs[name] = _published(stage["scheduler"])
            if stage["scheduler"].get("scheduler_type") == "multistep-stage":
                scattered.add(name)
    before = _dependencies(stages)
    if not pinned:
        for name in before:
            before[name] = {"init"} | _closure(before, name)
    return _Known(outputs, scattered, before)


def _dependencies(stages: list[Any]) -> dict[str, set[str]]:
    """Names of the stages that each stage waits for."""
    return {
        stage["name"]: {
            name
            for expression in shapes.dependencies_of(stage)
            for name in shapes.stages_of(expression)
        }
        for stage in stages
        if isinstance(stage, dict) and not list(shapes.misshapen(stage, shapes.STAGE, ""))
    }


def _closure(needs: Mapping[str, Collection[str]], name: str) -> set[str]:
    """The stages that one needs, and those that these need."""
    found: set[str] = set()
    waiting = list(needs[name])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += needs.get(one, ())
    return found


def _stage(stage: Any, where: str, known: _Known, *, pinned: bool) -> Iterator[str]:
    problems = list(shapes.misshapen(stage, shapes.STAGE, where))
    if not problems:
        problems += shapes.mistyped(stage["scheduler"], "scheduler", where)
    given = stage.get("dependencies") if isinstance(stage, dict) else None
    if isinstance(given, dict):
        problems += shapes.misshapen(given, shapes.DEPENDENCIES, f"{where}: dependencies")
    if problems:
        yield from problems
        return
    for expression in shapes.dependencies_of(stage):
        for name in shapes.stages_of(expression):
            if name not in known.outputs:
                yield f"{where}: depends on '{name}', which is no stage: it would never run"
    scheduler = stage["scheduler"]
    parameters = shapes.parameters_of(scheduler)
    for key, value in parameters.items():
        at = f"{where}: parameter '{key}'"
        if pinned and value in ("", None):
            yield f"{at}: is empty, which yadage takes for a folder"
        yield from _reference(value, at, known, known.before[stage["name"]], pinned=pinned)
    yield from _scatter(scheduler, parameters, where)
    yield from _body(scheduler, where, parameters, pinned=pinned)


def _reference(
    value: Any, where: str, known: _Known, before: Collection[str], *, pinned: bool
) -> Iterator[str]:
    """A parameter that selects an output needs one that there will be."""
    selector = shapes.selector_of(value)
    if selector is None or selector.get("expression_type") == "fromvalue":
        return
    kinds = [kind for kind in ("step", "steps", "stages") if kind in selector]
    keys = {*kinds, "output", "flatten", "unwrap", "expression_type"}
    if len(kinds) != 1 or selector.keys() - keys:
        yield f"{where}: {dict(selector)} does not select one output"
        return
    query, output = str(selector[kinds[0]]), selector.get("output")
    for stage in shapes.stages_of(query):
        if stage not in known.outputs:
            yield f"{where}: '{stage}' is no stage"
        elif stage not in before:
            yield f"{where}: reads from '{stage}' without depending on it"
        elif output is not None and not _has(known.outputs[stage], str(output)):
            listed = ", ".join(sorted(known.outputs[stage] or ())) or "nothing"
            yield f"{where}: '{stage}' has no output '{output}' (it has {listed})"
        elif (
            pinned
            and kinds == ["step"]
            and stage in known.scattered
            and query in (stage, f"{stage}[*]")
        ):
            yield f"{where}: 'step: {stage}' takes one step of many: use 'stages: {stage}'"


def _has(outputs: Collection[str] | None, output: str) -> bool:
    """Whether a stage publishes what an expression selects."""
    return outputs is ANY or output in outputs or re.split(r"[.\[]", output)[0] in outputs


def _scatter(
    scheduler: Mapping[str, Any], parameters: Mapping[str, Any], where: str
) -> Iterator[str]:
    if "scatter" not in scheduler:
        return
    scatter = scheduler["scatter"]
    problems = list(shapes.misshapen(scatter, shapes.SCATTER, f"{where}: scatter"))
    if problems:
        yield from problems
        return
    if scatter["method"] not in {"zip", "cartesian"}:
        yield f"{where}: scatter: unknown method {scatter['method']!r} (known: zip, cartesian)"
    if not scatter["parameters"]:
        yield f"{where}: scatter: is over no parameters"
    for name in scatter["parameters"]:
        if name not in parameters:
            yield f"{where}: scatter: there is no parameter '{name}'"
        elif not isinstance(parameters[name], list | dict):
            yield f"{where}: scatter: parameter '{name}' is no list"


def _body(
    scheduler: Mapping[str, Any], where: str, parameters: Mapping[str, Any], *, pinned: bool
) -> Iterator[str]:
    """The step or sub-workflow of a stage or of a case of it."""
    bodies = [body for body in shapes.BODIES if body in scheduler]
    if len(bodies) != 1:
        found = " and ".join(bodies) or "none"
        yield f"{where}: needs one of {', '.join(shapes.BODIES)}, and has {found}"
    elif bodies == ["workflow"]:
        sub = scheduler["workflow"]
        if (scheduler.get("workflow_opts") or {}).get("discover"):
            yield f"{where}: workflow_opts: looking for files ('discover') is not supported"
        yield from _workflow(sub, parameters.keys(), f"{where}: workflow", pinned=pinned)
    elif bodies == ["step"]:
        yield from check_step(scheduler["step"], f"{where}: step", parameters, pinned=pinned)
    else:
        for number, case in enumerate(scheduler["cases"]):
            at = f"{where}: case {number}"
            problems = list(shapes.misshapen(case, shapes.CASE, at))
            yield from problems or _body(case, at, parameters, pinned=pinned)


def _published(scheduler: Mapping[str, Any]) -> Collection[str] | None:
    """Names of what the steps of a stage publish; ANY when that shows only later."""
    step = scheduler.get("step")
    publisher = step.get("publisher") if isinstance(step, dict) else None
    if not isinstance(publisher, dict):
        return ANY
    kind = publisher.get("publisher_type")
    if kind == "fromglob-pub":
        return {str(publisher.get("outputkey"))}
    key = {"frompar-pub": "outputmap", "interpolated-pub": "publish", "constant-pub": "publish"}
    found = publisher.get(key.get(str(kind), ""))
    return set(found) if isinstance(found, dict) else ANY


def _circles(waiting: dict[str, set[str]], where: str) -> Iterator[str]:
    """Stages that wait for each other, so that none of them would ever run."""
    while ready := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in ready:
            del waiting[name]
    if waiting:
        yield f"{where}: the stages {', '.join(waiting)} wait for each other: none would run"
