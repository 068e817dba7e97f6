"""Workflows on this machine: the missing branches over a few long-lived processes."""

import contextlib
import logging
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any

import law
import luigi
from law.util import range_join
from law.workflow.base import BaseWorkflowProxy
from law.workflow.local import LocalWorkflowProxy

from tasks.framework import provenance
from tasks.framework.branches import BranchRunner, Report, TaskSpec, died
from tasks.framework.errors import UserError
from tasks.framework.processes import Pool, Slots

SHOWN_CAUSES = 5
SHOWN_RANGES = 10
logger = logging.getLogger("luigi-interface")


class BranchesFailedError(UserError):
    """Branches of a workflow failed; the message groups them by cause."""


class LocalProxy(LocalWorkflowProxy):
    """Runs a workflow's branches without making them known to luigi's scheduler.

    `--workers N` allows N processes in all. With one, branches run in this process one after
    another. Else the workflow starts processes that take one branch after another, so that what
    they import is imported once, and shares the N with the tasks that run at the same time.
    """

    def requires(self) -> Any:
        requirements = BaseWorkflowProxy.requires(self)
        requirements.update(self.task.local_workflow_requires() or {})
        return requirements

    def run(self) -> Iterator[Any]:
        self.task.before_branches()
        before = self.task.local_workflow_pre_run()
        if isinstance(before, Generator):
            yield before
        BaseWorkflowProxy.run(self)
        asked: set[TaskSpec] = set()
        while True:
            done, failed, needs = self._run_missing()
            wanted = {spec for report in needs for spec in report.needs}
            if not wanted:
                self._judge(done, failed)
                return
            if failed:
                logger.warning("%s: failed so far: %s", self.task.task_family, _causes(failed))
            if wanted <= asked:
                raise RuntimeError(f"{_names(wanted)} ran but is still not complete")
            asked |= wanted
            yield _grouped(wanted)

    def _run_missing(self) -> tuple[list[Report], list[Report], list[Report]]:
        """Run every branch whose outputs are not all there; done, failed and waiting ones."""
        outputs = self.output()["collection"]
        there = set(outputs.count(optional_existing=True, keys=True)[1])
        missing = [branch for branch in self.task.get_branch_map() if branch not in there]
        runner = BranchRunner(self.task, law.util.flatten(self.requires()))
        done: list[Report] = []
        failed: list[Report] = []
        needs: list[Report] = []
        with contextlib.closing(self._reports(runner, missing)) as reports:
            for report in self._with_progress(reports, len(missing)):
                (failed if report.cause else needs if report.needs else done).append(report)
        return done, failed, needs

    def _reports(self, runner: BranchRunner, branches: list[int]) -> Generator[Report, None, None]:
        slots: Slots | None = getattr(self.task, "process_slots", None)
        if slots is None or slots.total == 1 or len(branches) == 1:
            yield from map(runner.run, branches)
            return
        provenance.code_version()  # asked once here instead of once in every process
        provenance.package_versions()
        with slots.as_workflow():
            yield from Pool(runner.run, died, slots.share).run(branches)

    def _with_progress(self, reports: Iterator[Report], total: int) -> Iterator[Report]:
        """Pass reports on, showing a bar on a terminal and the share done to the scheduler."""
        bar = None
        if sys.stderr.isatty() and total > 1:
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # its thread may hold tqdm's lock when a process is forked
            bar = tqdm(total=total, desc=self.task.get_task_family(), unit="branch", leave=False)
        n_failed = 0
        try:
            for number, report in enumerate(reports, start=1):
                n_failed += report.cause is not None
                if bar is not None:
                    bar.update()
                    bar.set_postfix(failed=n_failed, refresh=False) if n_failed else None
                self._tell_scheduler(number, total, n_failed)
                yield report
        finally:
            if bar is not None:
                bar.close()

    def _tell_scheduler(self, number: int, total: int, n_failed: int) -> None:
        if not callable(getattr(self.task, "set_progress_percentage", None)):
            return
        if number * 100 // total != (number - 1) * 100 // total:
            self.task.publish_progress(number * 100 / total)
            self.task.set_status_message(f"{number} of {total} branches, {n_failed} failed")

    def _judge(self, done: list[Report], failed: list[Report]) -> None:
        """Fail as law's remote workflows do: more than tolerated, or fewer than accepted."""
        if not failed:
            return
        _log_traces(failed)
        outputs = self.output()["collection"]
        left = len(self.task.get_branch_map()) - len(failed)
        if len(failed) > tolerated_failures(self.task) or left < outputs._abs_threshold():  # noqa: SLF001
            raise BranchesFailedError(self._message(done, failed))
        logger.warning("%s: tolerated failures: %s", self.task.get_task_family(), _causes(failed))

    def _message(self, done: list[Report], failed: list[Report]) -> str:
        family, total = self.task.get_task_family(), len(self.task.get_branch_map())
        if total == 1:
            return f"{family}: {failed[0].cause}"
        return (
            f"{family}: {len(failed)} of {total} branches failed: {_causes(failed)} "
            f"({len(done)} done now; a rerun tries only what is missing)"
        )


def tolerated_failures(workflow: law.BaseWorkflow) -> float:
    """How many branches of a workflow may fail by its ``--tolerance``, up to 1 a share of them."""
    tolerance = float(workflow.tolerance)
    return tolerance * len(workflow.get_branch_map()) if tolerance <= 1 else tolerance


def _log_traces(failed: list[Report]) -> None:
    """The traceback of every distinct defect, once."""
    first = {report.kind: report for report in reversed(failed)}
    for report in sorted(first.values(), key=lambda report: report.branch):
        if report.trace is not None:
            logger.error("branch %d failed:\n%s", report.branch, report.trace.rstrip())


def _causes(failed: list[Report]) -> str:
    """What went wrong, in the order of how often, with the branches it went wrong in."""
    kinds: defaultdict[str, list[Report]] = defaultdict(list)
    for report in sorted(failed, key=lambda report: report.branch):
        kinds[report.kind].append(report)
    ordered = sorted(kinds.values(), key=len, reverse=True)
    texts = [
        f"{_ranges([report.branch for report in reports])}: {reports[0].cause}"
        for reports in ordered[:SHOWN_CAUSES]
    ]
    if len(ordered) > SHOWN_CAUSES:
        rest = sum(map(len, ordered[SHOWN_CAUSES:]))
        texts.append(f"{rest} more for {len(ordered) - SHOWN_CAUSES} other reasons")
    return "; ".join(texts)


def _ranges(branches: list[int]) -> str:
    ranges = range_join(branches)
    text = ",".join(":".join(map(str, numbers)) for numbers in ranges[:SHOWN_RANGES])
    return text if len(ranges) <= SHOWN_RANGES else f"{text},... ({len(branches)} branches)"


def _grouped(wanted: set[TaskSpec]) -> list[luigi.Task]:
    """The wanted tasks, with branches of a workflow as one workflow over these branches."""
    tasks, workflows = [], defaultdict(list)
    for module, family, parameters in sorted(wanted):
        values = dict(parameters)
        branch = int(values.pop("branch", -1))
        if branch < 0:
            tasks.append(_load_task(module, family, dict(parameters)))
        else:
            workflows[module, family, tuple(values.items())].append(branch)
    for (module, family, rest), branches in workflows.items():
        task = _load_task(module, family, {**dict(rest), "branch": str(branches[0])})
        tasks.append(task.req_workflow(branches=tuple(range_join(branches))))
    return tasks


def _load_task(module: str, family: str, parameters: dict[str, str]) -> Any:
    return luigi.task_register.load_task(module, family, parameters)  # type: ignore[no-untyped-call]


def _names(wanted: set[TaskSpec]) -> str:
    return ", ".join(sorted({family for _, family, _ in wanted}))
