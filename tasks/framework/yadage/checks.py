"""What is wrong with a workflow that the tools of yadage, RECAST and REANA accept.

An unknown dependency validates, and yadage-run then exits with 0 without having run the stage;
unknown outputs and missing template parameters fail only after everything before them has run.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tasks.framework.yadage import shapes
from tasks.framework.yadage.step_checks import check_step

ANY: None = None
"""Outputs that a publisher finds out only when it runs."""

Outputs = dict[str, Collection[str] | None]


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
    outputs: Outputs = {"init": inputs}
    scattered: set[str] = set()
    for stage in stages:
        if isinstance(stage, dict) and isinstance(stage.get("scheduler"), dict):
            name = str(stage.get("name"))
            outputs[name] = _published(stage["scheduler"])
            if stage["scheduler"].get("scheduler_type") == "multistep-stage":
                scattered.add(name)
    for number, stage in enumerate(stages):
        place = f"{where}: stage {names[number] if len(names) == len(stages) else number}"
        yield from _stage(stage, place, outputs, scattered, pinned=pinned)
    yield from _circles(stages, where)


def _stage(
    stage: Any, where: str, outputs: Outputs, scattered: Collection[str], *, pinned: bool
) -> Iterator[str]:
    problems = list(shapes.misshapen(stage, shapes.STAGE, where))
    if not problems:
        problems += shapes.mistyped(stage["scheduler"], "scheduler", where)
    given = stage.get("dependencies") if isinstance(stage, dict) else None
    if isinstance(given, dict):
        problems += shapes.misshapen(given, shapes.DEPENDENCIES, f"{where}: dependencies")
    if problems:
        yield from problems
        return
    dependencies = [shapes.stage_of(expression) for expression in shapes.dependencies_of(stage)]
    for name in dependencies:
        if name not in outputs:
            yield f"{where}: depends on '{name}', which is no stage: it would never run"
    scheduler = stage["scheduler"]
    parameters = shapes.parameters_of(scheduler)
    for key, value in parameters.items():
        at = f"{where}: parameter '{key}'"
        if pinned and value in ("", None):
            yield f"{at}: is empty, which yadage takes for a folder"
        yield from _reference(value, at, dependencies, outputs, scattered)
    yield from _scatter(scheduler, parameters, where)
    yield from _body(scheduler, where, parameters, pinned=pinned)


def _reference(
    value: Any,
    where: str,
    dependencies: Collection[str],
    outputs: Outputs,
    scattered: Collection[str],
) -> Iterator[str]:
    """A parameter that selects an output needs one that there will be."""
    selector = shapes.selector_of(value)
    if selector is None or selector.get("expression_type") == "fromvalue":
        return
    kinds = [kind for kind in ("step", "steps", "stages") if kind in selector]
    known = {*kinds, "output", "flatten", "unwrap", "expression_type"}
    if len(kinds) != 1 or selector.keys() - known:
        yield f"{where}: {dict(selector)} does not select one output"
        return
    stage, output = shapes.stage_of(str(selector[kinds[0]])), selector.get("output")
    if stage not in outputs:
        yield f"{where}: '{stage}' is no stage"
    elif stage not in dependencies:
        yield f"{where}: reads from '{stage}' without depending on it"
    elif outputs[stage] is not None and re.split(r"[.\[]", str(output))[0] not in (
        outputs[stage] or ()
    ):
        listed = ", ".join(sorted(outputs[stage] or ())) or "nothing"
        yield f"{where}: '{stage}' has no output '{output}' (it has {listed})"
    elif kinds == ["step"] and stage in scattered and selector["step"] in (stage, f"{stage}[*]"):
        yield f"{where}: 'step: {stage}' takes one step of many: use 'stages: {stage}'"


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


def _circles(stages: list[Any], where: str) -> Iterator[str]:
    """Stages that wait for each other, so that none of them would ever run."""
    waiting = {
        stage["name"]: {shapes.stage_of(name) for name in shapes.dependencies_of(stage)}
        for stage in stages
        if isinstance(stage, dict) and not list(shapes.misshapen(stage, shapes.STAGE, ""))
    }
    while ready := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in ready:
            del waiting[name]
    if waiting:
        yield f"{where}: the stages {', '.join(waiting)} wait for each other: none would run"
