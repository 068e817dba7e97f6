"""The shape of workflows, stages and steps as yadage-schemas 0.11 has them, without their holes.

The schemas themselves let some wrong documents pass: one alternative out of two or three is
declared twice, so that the second declaration is the only one in force.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Shape(NamedTuple):
    """Keys that an object must have and those it may have."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()


def _shape(required: str, optional: str = "") -> Shape:
    return Shape(frozenset(required.split()), frozenset(optional.split()))


WORKFLOW = _shape("stages")
STAGE = _shape("name scheduler", "dependencies")
STEP = _shape("process publisher environment")
SCATTER = _shape("parameters method")
CASE = _shape("if", "step workflow")
DEPENDENCIES = _shape("dependency_type expressions")

BODIES = ("step", "workflow", "cases")
"""What a stage runs: exactly one of them."""

SCHEDULERS = {
    "singlestep-stage": _shape(
        "scheduler_type parameters", "step workflow cases workflow_opts register_values"
    ),
    "multistep-stage": _shape(
        "scheduler_type parameters scatter",
        "step workflow cases workflow_opts register_values batchsize partitionsize",
    ),
}
PROCESSES = {
    "string-interpolated-cmd": _shape("process_type cmd"),
    "interpolated-script-cmd": _shape("process_type script", "interpreter"),
}
PUBLISHERS = {
    "constant-pub": _shape("publisher_type publish"),
    "frompar-pub": _shape("publisher_type outputmap"),
    "fromparjq-pub": _shape("publisher_type", "script tryExact glob relative_paths"),
    "fromyaml-pub": _shape("publisher_type yamlfile"),
    "fromglob-pub": _shape("publisher_type globexpression outputkey"),
    "interpolated-pub": _shape("publisher_type publish", "glob relative_paths"),
}
ENVIRONMENTS = {
    "docker-encapsulated": _shape(
        "environment_type image", "imagetag resources envscript env workdir par_mounts"
    ),
    "localproc-env": _shape("environment_type"),
    "noop-env": _shape("environment_type"),
}
TYPES: Mapping[str, Mapping[str, Shape]] = {
    "scheduler": SCHEDULERS,
    "process": PROCESSES,
    "publisher": PUBLISHERS,
    "environment": ENVIRONMENTS,
}


def misshapen(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """What is wrong with the keys of an object."""
    if not isinstance(value, dict):
        yield f"{where}: is {value!r} instead of an object"
        return
    for key in sorted(shape.required - value.keys()):
        yield f"{where}: has no '{key}'"
    known = shape.required | shape.optional
    for key in sorted(map(str, value.keys() - known)):
        yield f"{where}: has the unknown key '{key}' (known: {', '.join(sorted(known))})"


def mistyped(value: Any, kind: str, where: str) -> Iterator[str]:
    """What is wrong with the type or the keys of a scheduler, process, publisher, environment."""
    types = TYPES[kind]
    name = str(value.get(f"{kind}_type")) if isinstance(value, dict) else ""
    if not isinstance(value, dict) or name not in types:
        yield f"{where}: has the {kind}_type {name!r} (known: {', '.join(types)})"
        return
    yield from misshapen(value, types[name], where)


def parameters_of(scheduler: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's parameters by name, from either of the two ways to write them."""
    given = scheduler.get("parameters") or {}
    if isinstance(given, list):
        return {item["key"]: item["value"] for item in given}
    return dict(given)


def dependencies_of(stage: Mapping[str, Any]) -> list[str]:
    """The JSONPath expressions of what a stage waits for."""
    given = stage.get("dependencies") or []
    expressions = given.get("expressions") or [] if isinstance(given, dict) else given
    selected = [selector_of(expression) or expression for expression in expressions]
    return [
        str(one if isinstance(one, str) else next(iter(_selected(one)), "")) for one in selected
    ]


def _selected(selector: Mapping[str, Any]) -> Iterator[str]:
    """The JSONPath of the stages that a selector is about."""
    return (str(selector[key]) for key in ("step", "steps", "stages", "scope") if key in selector)


def selector_of(value: Any) -> Mapping[str, Any] | None:
    """The value when it selects the output of a stage, None when it stands for itself."""
    if not isinstance(value, dict):
        return None
    if value.get("expression_type", "stage-output-selector") != "stage-output-selector":
        return value
    return value if {"step", "steps", "stages"} & value.keys() else None


def stages_of(expression: str) -> list[str]:
    """Names of the stages that a simple JSONPath expression is about.

    >>> stages_of("skim[*]"), stages_of("outer[0].fit"), stages_of("fit, plot")
    (['skim'], ['outer'], ['fit', 'plot'])
    """
    names = expression.strip().removeprefix("$.").partition(".")[0].partition("[")[0]
    return [name.strip() for name in names.split(",")]
