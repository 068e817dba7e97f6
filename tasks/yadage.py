"""Somebody else's preserved analysis, run as law tasks."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import law
import luigi

from tasks.framework.base import AnalysisTask
from tasks.framework.errors import UserError
from tasks.framework.preservation.specification import safe_name
from tasks.framework.yadage import references
from tasks.framework.yadage.checks import check_workflow
from tasks.framework.yadage.inputs import inputs_read
from tasks.framework.yadage.publishing import initial
from tasks.framework.yadage.scope import Scope, Steps
from tasks.framework.yadage.tasks import CONTAINERS, YadageSteps, canonical, plan_target


class Yadage(AnalysisTask):
    """Run a yadage workflow: its steps are branches, locally or as jobs, on any store."""

    spec = luigi.Parameter(description="file of the workflow")
    inputs = luigi.Parameter(default=law.NO_STR, description="YAML file of its inputs")
    toplevel = luigi.Parameter(
        default=law.NO_STR, description="folder that its references start at; default: the file's"
    )
    initdir = luigi.Parameter(
        default=law.NO_STR, description="folder of input files; default: none"
    )
    workflow = luigi.Parameter(
        default=law.NO_STR,
        significant=False,
        description="where its steps run: local or htcondor; default: local",
    )
    containers = CONTAINERS

    def store_parts(self) -> tuple[str, ...]:
        content = canonical([self.specification(), self.values()])
        stem = safe_name(os.path.splitext(os.path.basename(self.spec))[0])
        return (*super().store_parts(), f"{stem}-{_digest(content)}")

    def output(self) -> dict[str, Any]:
        return self.targets(results="results.json")

    def files_read(self) -> list[str]:
        return [os.path.abspath(self.spec)]

    def specification(self) -> Any:
        """The workflow, its references resolved and itself checked."""
        toplevel = os.path.dirname(self.spec) if self.toplevel == law.NO_STR else self.toplevel
        path = os.path.relpath(self.spec, toplevel or ".")
        workflow = references.load(path, toplevel or ".")
        inputs = self.given()
        problems = check_workflow(workflow, inputs.keys(), pinned=False)
        if problems:
            raise UserError(f"{self.spec}: {'; '.join(problems)}")
        if missing := sorted(inputs_read(workflow) - inputs.keys()):
            raise UserError(f"{self.spec}: the inputs {', '.join(missing)} are missing")
        return workflow

    def given(self) -> dict[str, Any]:
        """Inputs as the file has them."""
        if self.inputs == law.NO_STR:
            return {}
        inputs = references.load(self.inputs, ".") or {}
        if not isinstance(inputs, dict):
            raise UserError(f"{self.inputs}: are no inputs: give 'name: value', a line each")
        return inputs

    @property
    def folder(self) -> str | None:
        """Absolute path of the folder of input files."""
        return None if self.initdir == law.NO_STR else os.path.abspath(self.initdir)

    def values(self) -> Any:
        """Inputs with the full paths of files in the folder."""
        return initial(self.given(), self.folder)

    def steps(self, steps: Steps) -> YadageSteps:
        """The workflow that runs steps, its plan written."""
        names = [name.rpartition("/")[2] for name in steps.names]
        plan = {
            "step": steps.step,
            "names": names,
            "parameters": list(steps.parameters),
            "folder": self.folder,
        }
        stem = safe_name(steps.path.replace("/", "-"))
        name = f"{stem}-{_digest(canonical(plan))}"
        target = plan_target(self.store_name, self.version, name)
        if not target.exists():
            target.dump(plan, formatter="json", indent=2)
        return YadageSteps.req(self, plan=name, store=self.store_name)

    def results_of(self, steps: Steps) -> Sequence[Any] | None:
        """What steps published, None while they are not done."""
        if not steps.names:
            return []
        task = self.steps(steps)
        if not task.complete():
            return None
        branches = task.output()["collection"].targets.values()
        return [branch["result"].load(formatter="json")["result"] for branch in branches]

    def run(self) -> Iterator[Any]:
        scope = Scope.of(self.specification(), self.values())
        while missing := scope.advance(self.results_of):
            yield [self.steps(steps) for steps in missing]
        if not scope.finished():
            waiting = ", ".join(scope.waiting())
            raise UserError(f"{self.spec}: nothing makes what these stages wait for: {waiting}")
        with self.localize_output() as output:
            output["results"].dump(self.summary(scope), formatter="json", indent=2)

    def summary(self, scope: Scope) -> dict[str, Any]:
        """Where the files of every step are, and what it published."""
        found: dict[str, Any] = {}
        for steps in scope.scheduled():
            task = self.steps(steps)
            folder = task.step_folder(task.plan)
            branches = task.output()["collection"].targets.values()
            for name, branch in zip(steps.names, branches, strict=True):
                document = branch["result"].load(formatter="json")
                place = folder.child(name.rpartition("/")[2], type="d")
                files = {path: place.child(path, type="f").uri() for path in document["files"]}
                found[name] = {"result": document["result"], "files": files}
        return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
