"""The steps of a yadage workflow as branches of law workflows.

What is to be run is known only while a workflow runs, as a step may depend on what others publish.
So the steps of a stage that can run are written down as a plan, a small document in the store that
is named by its content; a workflow of one branch per step runs a plan. Files of steps are named in
plans by step, not by path, so that the same plan may be run from any store.
"""

import functools
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import law
import luigi

from tasks.framework import storage
from tasks.framework.errors import UserError
from tasks.framework.workflow import Workflow
from tasks.framework.yadage import processes
from tasks.framework.yadage.publishing import formatted, mapped, publish

STEP_FILE = re.compile(r"step://(?P<plan>[\w.-]+)/(?P<step>[\w.-]+)")
"""How plans and results name the work directory of a step."""

CONTAINERS = luigi.ChoiceParameter(
    default="docker",
    choices=("docker", "none"),
    significant=False,
    description="what runs steps that name an image: docker, or none for this machine's own "
    "software; default: docker",
)


class YadageSteps(Workflow):
    """The steps of a stage, a branch per step; started by the task of the whole workflow."""

    plan = luigi.Parameter(description="name of the plan")
    containers = CONTAINERS

    @functools.cached_property
    def planned(self) -> dict[str, Any]:
        """The plan: ``step``, ``names`` and ``parameters`` of branches, ``folder`` of inputs."""
        target = plan_target(self.store_name, self.version, self.plan)
        if not target.exists():
            raise UserError(f"there is no plan {self.plan}: run the workflow that it is of")
        plan: dict[str, Any] = target.load(formatter="json")
        return plan

    def create_branch_map(self) -> list[str]:
        return list(self.planned["names"])

    def store_parts(self) -> tuple[str, ...]:
        return (*super().store_parts(), self.plan)

    def output(self) -> dict[str, Any]:
        name = self.branch_data
        return self.targets(result=f"{name}.json", log=f"{name}.log")

    def files_read(self) -> list[Any]:
        inputs = set(_local_files(self.parameters, self.planned["folder"]))
        return [*sorted(inputs), *(file for _, file in self.upstream_files())]

    @property
    def parameters(self) -> Any:
        """Parameters of the branch's step as planned."""
        return self.planned["parameters"][self.branch]

    def upstream_files(self) -> Iterator[tuple[tuple[str, str], Any]]:
        """Files of the steps that the branch reads, each with plan and step."""
        found: set[tuple[str, str]] = set()
        mapped(self.parameters, lambda text: found.update(STEP_FILE.findall(text)))
        for plan, step in sorted(found):
            folder = self.step_folder(plan)
            result = folder.child(f"{step}.json", type="f").load(formatter="json")
            for path in result["files"]:
                yield (plan, step), folder.child(step, type="d").child(path, type="f")

    def step_folder(self, plan: str) -> Any:
        """Folder of the outputs of a plan's steps."""
        parts = (*super().store_parts(), plan, self.version)
        return storage.directory(self.store_name, *parts)

    def run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="yadage-") as scratch:
            os.chmod(scratch, 0o755)  # noqa: S103 - containers may run as another user
            log, workdir = os.path.join(scratch, "log"), os.path.join(scratch, self.branch_data)
            ours = os.path.join(scratch, "ours")
            os.mkdir(workdir)
            os.mkdir(ours)
            Path(log).touch()
            places = self._stage_in(os.path.join(scratch, "inputs"))
            parameters = _with_places(self.parameters, places, workdir)
            reads = [*places.values(), *_existing(self.planned["folder"])]
            place = processes.Place(workdir, ours, tuple(reads), log)
            step = self.planned["step"]
            in_containers = self.containers == "docker"
            image = processes.run(step, parameters, place, containers=in_containers)
            result = publish(step["publisher"], parameters, workdir)
            self._stage_out(result, image, place, places)

    def _stage_in(self, folder: str) -> dict[tuple[str, str], str]:
        """Local work directories of the steps that are read: of the store, or copies."""
        places: dict[tuple[str, str], str] = {}
        for (plan, step), file in self.upstream_files():
            directory = self.step_folder(plan).child(step, type="d")
            if isinstance(file, law.LocalTarget):
                places[plan, step] = directory.abspath
                continue
            places[plan, step] = os.path.join(folder, plan, step)
            relative = os.path.relpath(file.path, directory.path)
            copy = os.path.join(folder, plan, step, relative)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            file.copy_to_local(copy)
        return places

    def _stage_out(
        self,
        result: Any,
        image: str | None,
        place: processes.Place,
        places: dict[tuple[str, str], str],
    ) -> None:
        """Put the step's files into the store, then its result, by which it is complete."""
        names = {place.workdir: f"step://{self.plan}/{self.branch_data}"}
        names |= {path: f"step://{plan}/{step}" for (plan, step), path in places.items()}

        def named(text: str) -> str:
            for path, name in names.items():
                text = text.replace(path, name)
            return text

        files = sorted(p for p in Path(place.workdir).rglob("*") if p.is_file())
        relative = [str(path.relative_to(place.workdir)) for path in files]
        _refuse_missing(result, place.workdir, self.branch_data)
        directory = self.step_folder(self.plan).child(self.branch_data, type="d")
        for path, name in zip(files, relative, strict=True):
            target = directory.child(name, type="f")
            target.parent.touch()
            target.copy_from_local(str(path))
        document = {
            "result": mapped(result, named),
            "files": {
                name: {"size": path.stat().st_size, "adler32": storage.adler32(path)}
                for path, name in zip(files, relative, strict=True)
            },
            "image": image,
        }
        with self.localize_output() as output:
            output["log"].copy_from_local(place.log)
            output["result"].dump(document, formatter="json", indent=2)


def plan_target(store: str, version: str, plan: str) -> Any:
    """The document of a plan."""
    folder = storage.directory(store, YadageSteps.get_task_family(), "plans", version)
    return folder.child(f"{plan}.json", type="f")


def _with_places(parameters: Any, places: dict[tuple[str, str], str], workdir: str) -> Any:
    """Parameters with paths of this machine."""

    def placed(text: str) -> str:
        text = STEP_FILE.sub(lambda match: places[match["plan"], match["step"]], text)
        return formatted(text, {"workdir": workdir}) if "{" in text or "}" in text else text

    return mapped(parameters, placed)


def _existing(folder: str | None) -> list[str]:
    return [folder] if folder is not None and os.path.isdir(folder) else []


def _local_files(parameters: Any, folder: str | None) -> list[str]:
    """Files of the inputs' folder among the parameters."""
    found: list[str] = []

    def note(text: str) -> str:
        if folder is not None and text.startswith(folder) and os.path.isfile(text):
            found.append(text)
        return text

    mapped(parameters, note)
    return found


def _refuse_missing(result: Any, workdir: str, name: str) -> None:
    def check(text: str) -> str:
        if text.startswith(f"{workdir}/") and not os.path.exists(text):
            path = os.path.relpath(text, workdir)
            raise UserError(f"the step {name} has not written {path}, which it publishes")
        return text

    mapped(result, check)


def canonical(document: Any) -> str:
    """JSON of equal documents is equal text."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
