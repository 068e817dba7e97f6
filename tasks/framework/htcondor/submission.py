"""Writing down a group of jobs: the submit description and the files that it names."""

import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from law.task.proxy import ProxyCommand

from tasks.framework.htcondor.description import Description, Job, Tags
from tasks.framework.htcondor.settings import extra_commands, job_start
from tasks.framework.processes import CORES


def describe(task: Any, tags: Tags, record: Path, jobs: Sequence[Job]) -> Description:
    """The submit description of some jobs of a workflow, with its files written.

    Args:
        task: the workflow.
        tags: by what the jobs will be found again.
        record: the workflow's record of its jobs; logs and archives lie near it.
        jobs: what to submit.
    """
    directory = record.with_suffix("") / tags.submission
    logs = record.parent / "logs"
    directory.mkdir(parents=True)
    logs.mkdir(exist_ok=True)
    script, payload = directory / "job.sh", directory / "task.json"
    source = importlib.resources.files(__package__) / "job.sh"
    script.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    script.chmod(0o755)
    payload.write_text(json.dumps(payload_of(task)), encoding="utf-8")
    start = job_start(record.parents[1] / "archives")
    resources = task.htcondor_resources()
    return Description(
        name=task.task_family,
        tags=tags,
        executable=script,
        directory=directory,
        logs=logs,
        jobs=jobs,
        resources=resources,
        files=(payload, *start.files),
        environment={**start.environment, CORES: str(resources.cores)},
        extra=extra_commands(),
    )


def payload_of(task: Any) -> dict[str, Any]:
    """The task as a job is to run it: its class and its parameters, without the branch."""
    excluded = (
        task.exclude_params_branch
        | task.exclude_params_workflow
        | task.exclude_params_remote_workflow
        | task.exclude_params_htcondor_workflow
        | {"workflow", "effective_workflow", "branch"}
    )
    command = ProxyCommand(
        task.as_branch(next(iter(task.branch_map))),
        exclude_task_args=excluded,
        exclude_global_args=["workers", "local-scheduler", f"{task.task_family}-*"],
    )
    return {
        "module": type(task).__module__,
        "family": task.task_family,
        "parameters": [f"{key}={value}" for key, value in command.args],
        "workers": task.job_workers,
    }
