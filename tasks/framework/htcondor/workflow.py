"""The mixin that lets a task run its branches on an HTCondor pool: `--workflow htcondor`."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import law
import luigi
from law.contrib.htcondor.workflow import HTCondorWorkflow as LawHTCondorWorkflow

from tasks.framework.htcondor.description import Resources
from tasks.framework.htcondor.proxy import PoolWorkflowProxy
from tasks.framework.htcondor.settings import number, setting, site_resources
from tasks.framework.htcondor.supervision import HOLD_POLICIES, HoldPolicy
from tasks.framework.storage import LocalDirectoryTarget

law.contrib.load("htcondor")


class HTCondorWorkflow(LawHTCondorWorkflow):
    """A workflow whose branches can run as jobs of an HTCondor pool.

    The site's settings stand in section `[htcondor]` of law.cfg; parameters override them. What
    the jobs need is read where their branches run: with the repository and the environment on a
    shared file system by their paths, else from archives that travel with the jobs.
    """

    workflow_proxy_cls = PoolWorkflowProxy
    exclude_index = True

    htcondor_memory = luigi.IntParameter(
        default=law.NO_INT, significant=False, description="memory of a job in MB"
    )
    htcondor_cores = luigi.IntParameter(
        default=law.NO_INT, significant=False, description="processor cores of a job"
    )
    htcondor_disk = luigi.IntParameter(
        default=law.NO_INT, significant=False, description="scratch space of a job in MB"
    )
    htcondor_max_runtime = law.DurationParameter(
        default=law.NO_FLOAT, unit="h", significant=False, description="run time of a job, in hours"
    )
    htcondor_job_flavour = luigi.Parameter(
        default=law.NO_STR, significant=False, description="run-time class at CERN: longlunch, ..."
    )
    htcondor_accounting_group = luigi.Parameter(
        default=law.NO_STR, significant=False, description="accounting group of the jobs"
    )
    htcondor_requirements = luigi.Parameter(
        default=law.NO_STR, significant=False, description="ClassAd expression a machine must meet"
    )
    htcondor_hold = luigi.ChoiceParameter(
        default=law.NO_STR,
        choices=(law.NO_STR, *HOLD_POLICIES),
        significant=False,
        description="what is done about held jobs; default: resubmit",
    )
    poll_fails = luigi.IntParameter(
        default=60,
        significant=False,
        description="polls in a row that HTCondor may leave unanswered; default: 60",
    )

    _resource_parameters = (
        "memory", "cores", "disk", "max_runtime", "job_flavour", "accounting_group", "requirements",
    )  # fmt: skip

    exclude_params_branch = {  # noqa: RUF012
        *(f"htcondor_{name}" for name in _resource_parameters),
        "htcondor_hold",
    }

    def htcondor_default_resources(self) -> Resources:
        """What a job of this task needs; tasks may override the site's defaults."""
        return site_resources()

    def htcondor_resources(self) -> Resources:
        """What a job asks for: the parameters given, else the task's defaults."""
        unset = {law.NO_STR, law.NO_INT, law.NO_FLOAT}
        values = {name: getattr(self, f"htcondor_{name}") for name in self._resource_parameters}
        given: dict[str, Any] = {n: value for n, value in values.items() if value not in unset}
        return replace(self.htcondor_default_resources(), **given)

    def htcondor_hold_policy_settings(self) -> HoldPolicy:
        """What is done about held jobs."""
        name = self.htcondor_hold
        return HoldPolicy(
            name=setting("hold", "resubmit") if name == law.NO_STR else name,
            retries=self.retries,
            max_memory=int(number("max_memory", 16000)),
        )

    def htcondor_output_directory(self) -> LocalDirectoryTarget:
        """Where the record of the jobs and their logs lie: a local directory per set of outputs."""
        home = os.environ.get("LAW_HOME") or str(Path.home() / ".law")
        base = Path(setting("directory", str(Path(home, "htcondor")))).expanduser().absolute()
        first = law.util.flatten(self.as_branch(next(iter(self.branch_map))).output())[0]
        # the outputs' place, not the parameters: --cancel-jobs is one, and so is a new cut's path
        key = hashlib.sha256(str(first.uri()).encode()).hexdigest()[:12]
        return LocalDirectoryTarget(str(base / self.task_family / key))

    def before_branches(self) -> None:
        """Called once before any branch runs here or any job is submitted.

        Raises what would make more of them fail than may.
        """

    def htcondor_check_job_completeness(self) -> bool:
        """False: the Supervisor looks for outputs, once for all jobs instead of one by one."""
        return False

    def modify_polling_status_line(self, status_line: str) -> str:
        """Remember which message is the status line, for :meth:`publish_message`."""
        self._status_line = status_line
        return status_line

    def publish_message(self, message: Any, **kwargs: Any) -> None:
        """Print a message, above the progress bar if there is one; the bar replaces polls."""
        bar = getattr(getattr(self, "workflow_proxy", None), "_bar", None)
        if bar is None or not bar.active:
            super().publish_message(message, **kwargs)
        elif message != getattr(self, "_status_line", None):
            bar.write(str(message))

    def publish_progress(self, percentage: float, **kwargs: Any) -> None:
        """Tell the scheduler and the progress bar how far the workflow is."""
        super().publish_progress(percentage, **kwargs)
        proxy = getattr(self, "workflow_proxy", None)
        bar = getattr(proxy, "_bar", None)
        if proxy is not None and bar is not None and bar.active:
            names = proxy.job_manager.status_names
            bar.show(dict(zip(names, proxy.last_status_counts, strict=True)))
