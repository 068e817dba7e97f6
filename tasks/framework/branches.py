"""One branch at a time: making its task, running it as luigi would, telling what came of it."""

import contextlib
import copy
import os
import signal
import time
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import law
import luigi
from luigi.task import DynamicRequirements

from tasks.framework.errors import user_message

TaskSpec = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Report:
    """What came of a branch.

    Attributes:
        branch: its number.
        cause: one line that says why it failed; None when it did not.
        trace: the traceback of a failure that is no user's mistake.
        needs: tasks that must run before it can: module, family and parameters of each.
    """

    branch: int
    cause: str | None = None
    trace: str | None = None
    needs: tuple[TaskSpec, ...] = ()

    @property
    def kind(self) -> str:
        """The same for failures of the same cause: a defect's line of code, or the message."""
        if self.trace is None:
            return str(self.cause)
        places = [line for line in self.trace.splitlines() if line.startswith("  File ")]
        return f"{str(self.cause).split(':')[0]} {places[-1] if places else ''}"


def died(branch: int, code: int | None) -> Report:
    """The report of a branch whose process ended before it did."""
    reason = f"exit code {code}"
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            reason = signal.Signals(-code).name
        reason += ", perhaps out of memory" if code == -signal.SIGKILL else ""
    return Report(branch, f"its process died ({reason})")


class BranchTasks:
    """Makes the real task of a branch, outside luigi's cache of instances, which keeps them all.

    A task's constructor takes law and luigi a millisecond. Where the tasks of the first and the
    last branch differ in nothing but the branch and what luigi derives from it, the others are
    copies of the first.
    """

    _of_branch = frozenset({"branch", "param_kwargs", "task_id", "_Task__hash"})

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        exclude = {"branch", *workflow._workflow_param_names, *workflow.exclude_params_branch}  # noqa: SLF001 - as law's req_branch
        self._parameters = workflow.req_params(workflow, _exclude=exclude, _skip_task_excludes=True)
        branches = list(workflow.get_branch_map()) or [0]
        first, last = self._construct(branches[0]), self._construct(branches[-1])
        self._template = first if self._alike(first, last) else None
        self._identity = first.to_str_params(only_significant=True, only_public=True)

    def __call__(self, branch: int) -> Any:
        if self._template is None:
            return self._construct(branch)
        made = copy.copy(self._template)
        for name, value in vars(made).items():
            if isinstance(value, list | dict | set):
                vars(made)[name] = value.copy()
        made.branch = made.param_kwargs["branch"] = branch
        identity = {**self._identity, "branch": str(branch)}
        made.task_id = luigi.task.task_id_str(  # type: ignore[no-untyped-call]
            made.get_task_family(), identity
        )
        made._Task__hash = hash(made.task_id)  # noqa: SLF001 - as its constructor does
        return made

    def _construct(self, branch: int) -> Any:
        made = type.__call__(type(self._workflow), **self._parameters, branch=branch)
        made._workflow_task = self._workflow  # noqa: SLF001
        for name in ("_worker_id", "_worker_first_task_id"):
            setattr(made, name, getattr(self._workflow, name, None))
        made.set_tracking_url = made.set_status_message = made.set_progress_percentage = _ignore
        return made

    def _alike(self, first: Any, last: Any) -> bool:
        ones, others = vars(first), vars(last)
        if {**first.param_kwargs, "branch": 0} != {**last.param_kwargs, "branch": 0}:
            return False
        return ones.keys() == others.keys() and all(
            ones[name] is others[name] or bool(ones[name] == others[name])
            for name in ones.keys() - self._of_branch
        )


class BranchRunner:
    """Runs branches of a workflow in this process.

    Args:
        workflow: the workflow task.
        met: its requirements, which are known to be complete.
    """

    def __init__(self, workflow: Any, met: list[Any]) -> None:
        self.task = BranchTasks(workflow)
        self._met = {task.task_id for task in met}

    def run(self, branch: int) -> Report:
        """Run a branch with luigi's events; never raises but for an interruption."""
        task = None
        try:
            task = self.task(branch)
            needs = [required for required in task.deps() if not self._is_met(required)]
            if not needs:
                task.trigger_event(luigi.Event.START, task)
                start = time.perf_counter()
                needs = self._advance(task)
            if needs:
                return Report(branch, needs=tuple(map(_specify, needs)))
            if not task.complete():
                return _failed(branch, task, RuntimeError(_missing_outputs(task)))
            task.trigger_event(luigi.Event.PROCESSING_TIME, task, time.perf_counter() - start)
            task.on_success()
            task.trigger_event(luigi.Event.SUCCESS, task)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a branch is its failure too
            return _failed(branch, task, error)
        return Report(branch)

    def _is_met(self, task: Any) -> bool:
        if task.task_id in self._met:
            return True
        if task.complete():
            self._met.add(task.task_id)
            return True
        return False

    def _advance(self, task: Any) -> list[Any]:
        """Run to the end, or to dynamic requirements that are not complete."""
        steps = task.run()
        if not isinstance(steps, Generator):
            return []
        answer: Any = None
        while True:
            try:
                wanted = steps.send(answer)
            except StopIteration:
                return []
            if not isinstance(wanted, DynamicRequirements):
                wanted = DynamicRequirements(wanted)  # type: ignore[no-untyped-call]
            needs = [
                required for required in wanted.flat_requirements if not self._is_met(required)
            ]
            if needs:
                steps.close()
                return needs
            answer = wanted.paths


def _ignore(*_: Any) -> None:
    """Branches are not known to the scheduler: the workflow reports for them."""


def _specify(task: Any) -> TaskSpec:
    return task.task_module, task.get_task_family(), tuple(task.to_str_params().items())


def _missing_outputs(task: Any) -> str:
    outputs = law.util.flatten(task.output())
    names = [os.path.basename(t.path) for t in outputs if hasattr(t, "path") and not t.exists()]
    return f"run() ended but left outputs missing: {', '.join(names)}"


def _failed(branch: int, task: Any, error: BaseException) -> Report:
    message = user_message(error)
    trace = None
    if message is None:
        message = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        trace = "".join(traceback.format_exception(error))
    if task is not None:
        task.trigger_event(luigi.Event.FAILURE, task, error)
    return Report(branch, message, trace)
