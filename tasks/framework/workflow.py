"""Workflows: one task, many branches, whose completeness is one listing per directory."""

import copy
import functools
import time
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar, cast

import law
import luigi

from tasks.framework import patches
from tasks.framework.base import AnalysisTask
from tasks.framework.htcondor import HTCondorWorkflow
from tasks.framework.local_workflow import LocalProxy
from tasks.framework.outputs import BranchOutputs, BranchTargets
from tasks.framework.places import Sketch, leaves

KEPT_WORKFLOWS = 4

patches.apply()


class Workflow(AnalysisTask, law.LocalWorkflow, HTCondorWorkflow):
    """A task of many branches: they run on this machine, or with `--workflow htcondor` as jobs.

    The author writes what law asks for: ``create_branch_map``, and ``requires``, ``output`` and
    ``run`` of one branch, with ``workflow_requires`` for what all branches need. The outputs of
    all branches are found by calling ``output`` on a view of the workflow with its ``branch`` set,
    so it must not depend on more than the parameters and ``branch_data``.
    """

    workflow_proxy_cls = LocalProxy
    exclude_index = True
    # keeps law from starting a process to remember which workflows have yielded their branches;
    # LocalProxy neither requires nor yields them
    local_workflow_require_branches = True

    _sketch: Sketch | None = None
    _branch_outputs: tuple[Any, Any, BranchOutputs] | None = None

    @property
    def directory(self) -> Any:
        if self._sketch is None:
            return super().directory
        return self._sketch.directory((*self.store_parts(), self.version))

    def branch_view(self, branch: int) -> Any:
        """A cheap stand-in for a branch task: enough to ask for its outputs, not to be run."""
        view = copy.copy(self)
        view.__class__ = _view_class(cast("Hashable", type(self)))
        view.branch = branch
        view.param_kwargs = {**self.param_kwargs, "branch": branch}
        view._workflow_task = self  # noqa: SLF001
        return view

    def branch_outputs(self) -> BranchOutputs:
        """The outputs of all branches, made and looked for without branch tasks."""
        branch_map, proxy = self.get_branch_map(), self.workflow_proxy
        known = self._branch_outputs
        if known is None or known[0] is not branch_map or known[1] is not proxy:
            targets = BranchTargets(branch_map, lambda b: self.branch_view(b).output())
            places = _Places(self, branch_map)
            known = (branch_map, proxy, BranchOutputs(targets, places, 0.0))
            if self.cache_branch_map:
                self._branch_outputs = known
        known[2].threshold = proxy.threshold(len(branch_map))
        return known[2]


class RequiresWorkflows(AnalysisTask):
    """A task that is none, but hands the kind of workflow asked for on to those it requires."""

    workflow = luigi.Parameter(
        default=law.NO_STR,
        significant=False,
        description="the type of the workflows before this task: local or htcondor; default: local",
    )
    exclude_index = True


@functools.cache
def _view_class(task_class: type[Workflow]) -> type[Workflow]:
    """The class without law's look at every attribute for whether its proxy has it.

    It is made behind the back of the metaclass, so that luigi does not know it as a task.
    """
    name, register = task_class.__name__, type(task_class)
    methods = {"__getattribute__": object.__getattribute__, "__module__": task_class.__module__}
    made: type[Workflow] = type.__new__(register, name, (task_class,), methods)
    made.__abstractmethods__ = frozenset()  # luigi asks every class for all in dir()
    return made


class _Places:
    """The places of all outputs, kept for a while once they have been found.

    They follow from what a task may read anew at any time, a catalogue or the environment of a
    notebook. So they are found again when the first branch's have moved, and when it is 20 times
    as long ago as it took.
    """

    _kept: ClassVar[list["_Places"]] = []

    def __init__(self, workflow: Workflow, branch_map: Mapping[int, Any]) -> None:
        self._workflow, self._branch_map = workflow, branch_map
        self._found: tuple[Sketch, dict[int, Iterable[Any]]] | None = None
        self._first: list[str] = []
        self._valid_until = 0.0

    def __call__(self) -> tuple[Sketch, dict[int, Iterable[Any]]]:
        start = time.monotonic()
        first = self._first_paths()
        if self._found is None or start > self._valid_until or first != self._first:
            self._found, self._first = self._find(), first
            now = time.monotonic()
            self._valid_until = now + 20 * (now - start)
            self._keep()
        return self._found

    def _keep(self) -> None:
        """Forget the places of all but the few workflows asked for last: they are 20 MB each."""
        if self in self._kept:
            self._kept.remove(self)
        self._kept.append(self)
        for forgotten in self._kept[:-KEPT_WORKFLOWS]:
            forgotten._found = None  # noqa: SLF001
        del self._kept[:-KEPT_WORKFLOWS]

    def _find(self) -> tuple[Sketch, dict[int, Iterable[Any]]]:
        sketch = Sketch(self._workflow.store_name)
        view = self._workflow.branch_view(-1)
        view._sketch = sketch  # noqa: SLF001
        places = {}
        for branch in self._branch_map:
            view.branch = branch
            places[branch] = sketch.places(view.output())
        return sketch, places

    def _first_paths(self) -> list[str]:
        branch = next(iter(self._branch_map), None)
        if branch is None:
            return []
        targets = leaves(self._workflow.branch_view(branch).output())
        return [str(getattr(target, "abspath", target)) for target in targets]
