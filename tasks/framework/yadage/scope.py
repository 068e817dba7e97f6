"""The state of a workflow: which stages are done, with which results, and which come next."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.framework.errors import UserError
from tasks.framework.yadage import jq, selecting, shapes
from tasks.framework.yadage.scattering import scattered


@dataclass(frozen=True)
class Steps:
    """The steps of a stage that can run now.

    Attributes:
        path: of the stage, with those of the workflows it is in.
        names: of each step, those of the workflows it is in before it.
        step: their common specification.
        parameters: of each step.
    """

    path: str
    names: tuple[str, ...]
    step: Mapping[str, Any]
    parameters: tuple[Any, ...]


Lookup = Callable[[Steps], Sequence[Any] | None]
"""Results of steps that are done, None while they are not."""


@dataclass
class Result:
    """What a step published."""

    value: Any


@dataclass
class Scope:
    """A workflow with what has become of it.

    Attributes:
        path: of the stages around it.
        inputs: of the workflow.
        stages: of the workflow, by name.
        done: steps and sub-workflows of the stages that are scheduled, by stage.
        values: expressions registered under a name.
        ran: the steps of the stages that are scheduled.
    """

    path: str
    inputs: Any
    stages: dict[str, Mapping[str, Any]]
    done: dict[str, list["Result | Scope"]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    ran: list[Steps] = field(default_factory=list)

    @classmethod
    def of(cls, workflow: Mapping[str, Any], inputs: Any, path: str = "") -> "Scope":
        """A workflow of which nothing has been done."""
        stages = {stage["name"]: stage for stage in workflow["stages"]}
        return cls(path, inputs, stages, {"init": [Result(inputs)]})

    def advance(self, lookup: Lookup) -> list[Steps]:
        """Take in all results that there are; the steps that are missing and can run now.

        Raises:
            UserError: a parameter selects something that there is not.
        """
        missing: list[Steps] = []
        blocked: set[str] = set()
        progress = True
        while progress:
            progress = False
            for name, stage in self.stages.items():
                if name in self.done or name in blocked or not self._ready(stage):
                    continue
                steps, parts = self._schedule(stage)
                results = [lookup(steps)] if steps else []
                if None in results:
                    missing.append(steps)  # type: ignore[arg-type]  # there are results of steps
                    blocked.add(name)
                    continue
                self.done[name] = [*parts, *(Result(v) for r in results for v in r or ())]
                self.ran += [steps] if steps else []
                self.values.update(stage["scheduler"].get("register_values") or {})
                progress = True
            for inner in self._inner():
                before = inner.n_done
                missing += [s for s in inner.advance(lookup) if s not in missing]
                progress |= inner.n_done > before
        return missing

    @property
    def n_done(self) -> int:
        """Number of stages that are scheduled, in this workflow and those within."""
        return len(self.done) + sum(inner.n_done for inner in self._inner())

    def scheduled(self) -> list[Steps]:
        """All steps that have results, here and within."""
        return [*self.ran, *(steps for inner in self._inner() for steps in inner.scheduled())]

    def finished(self) -> bool:
        """Whether every stage has its results."""
        return self.stages.keys() <= self.done.keys() and all(s.finished() for s in self._inner())

    def waiting(self) -> list[str]:
        """Stages without results, here and within."""
        own = [f"{self.path}{name}" for name in self.stages if name not in self.done]
        return own + [name for inner in self._inner() for name in inner.waiting()]

    def _inner(self) -> Iterator["Scope"]:
        parts = itertools.chain.from_iterable(self.done.values())
        return (part for part in parts if isinstance(part, Scope))

    def tree(self) -> dict[str, Any]:
        """Steps by stage, for JSONPath: sub-workflows as objects of their own stages."""
        return {
            name: [_Node(part, part.tree() if isinstance(part, Scope) else {}) for part in parts]
            for name, parts in self.done.items()
        }

    def _parts(self, expression: str) -> list["Result | Scope"]:
        """Steps and sub-workflows that an expression selects."""
        parts: list[Result | Scope] = []
        for match in selecting.find(expression, self.tree()):
            nodes = match if isinstance(match, list) else [match]
            parts += [node.part for node in nodes if isinstance(node, _Node)]
        return parts

    def _ready(self, stage: Mapping[str, Any]) -> bool:
        given = stage.get("dependencies")
        if isinstance(given, dict) and given.get("dependency_type") == "expressions_fulfilled":
            return all(self._ready_value(expression) for expression in given["expressions"])
        for expression in shapes.dependencies_of(stage):
            parts = self._parts(expression)
            if not parts and not self.done.keys() >= set(shapes.stages_of(expression)):
                return False
            if any(isinstance(part, Scope) and not part.finished() for part in parts):
                return False
        return True

    def _ready_value(self, expression: Any) -> bool:
        try:
            return bool(self.value_of(expression))
        except UserError:
            return False

    def _schedule(self, stage: Mapping[str, Any]) -> tuple[Steps | None, list["Scope"]]:
        """The steps of a stage, or its sub-workflows."""
        scheduler, name = stage["scheduler"], stage["name"]
        given = shapes.parameters_of(scheduler)
        parameters = {key: self.value_of(value) for key, value in given.items()}
        single = scheduler["scheduler_type"] == "singlestep-stage"
        sets = [parameters] if single else scattered(parameters, scheduler)
        names = [name] if single else [f"{name}_{number}" for number in range(len(sets))]
        bodies = [_body(scheduler, one) for one in sets]
        step = next((body["step"] for body in bodies if "step" in body), None)
        scopes = [
            Scope.of(body["workflow"], one, f"{self.path}{own}/")
            for body, one, own in zip(bodies, sets, names, strict=True)
            if "workflow" in body
        ]
        chosen = [
            (own, one)
            for body, one, own in zip(bodies, sets, names, strict=True)
            if body.get("step") == step and step is not None
        ]
        if sum("step" in body for body in bodies) != len(chosen):
            raise UserError(f"{self.path}{name}: its cases have different steps in one stage")
        if not chosen:
            return None, scopes
        paths = tuple(f"{self.path}{own}" for own, _ in chosen)
        path = f"{self.path}{name}"
        return Steps(path, paths, step or {}, tuple(one for _, one in chosen)), scopes

    def value_of(self, value: Any) -> Any:
        """A parameter's value: what it selects, or itself.

        Raises:
            UserError: it selects nothing, or more than it may.
        """
        selector = shapes.selector_of(value)
        if selector is None:
            return value
        kind = selector.get("expression_type", "stage-output-selector")
        if kind == "fromvalue":
            inner = self._parts(selector["scope"]) if "scope" in selector else [self]
            if len(inner) != 1 or not isinstance(inner[0], Scope):
                raise UserError(f"{self.path}: {dict(selector)} does not select one workflow")
            return inner[0].registered(selector["key"])
        if kind != "stage-output-selector":
            raise UserError(f"{self.path}: expressions of type {kind!r} cannot be evaluated")
        query = selector.get("step") or selector.get("steps") or selector.get("stages")
        parts, output = self._parts(str(query)), selector.get("output")
        outputs = [_output(part, output, f"{self.path}{query}") for part in parts]
        if "step" in selector:
            if len(outputs) != 1:
                raise UserError(f"{self.path}: 'step: {query}' selects {len(outputs)} steps")
            return outputs[0]
        flags = {key: bool(selector.get(key)) for key in ("flatten", "unwrap")}
        return selecting.combined(outputs, **flags)

    def registered(self, key: str) -> Any:
        """Value of an expression that a stage registered, None where none has."""
        return self.value_of(self.values[key]) if key in self.values else None


class _Node(dict):  # type: ignore[type-arg]  # of stages, as JSONPath sees a sub-workflow
    """A step or sub-workflow with the stages in it."""

    def __init__(self, part: "Result | Scope", stages: Mapping[str, Any]) -> None:
        super().__init__(stages)
        self.part = part


def _output(part: "Result | Scope", output: str | None, said: str) -> Any:
    if isinstance(part, Scope):
        return part.registered(str(output))
    return selecting.output_of(part.value, output, said)


def _body(scheduler: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step or workflow of a stage; of the first case whose condition holds."""
    if "cases" not in scheduler:
        return scheduler
    for case in scheduler["cases"]:
        if jq.evaluate(case["if"], dict(parameters)):
            return dict(case)
    return {}
