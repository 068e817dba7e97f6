"""Submitting the jobs of a workflow, waiting for them, and going on after an interruption."""

import hashlib
import shutil
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import law
from law.contrib.htcondor.workflow import HTCondorWorkflowProxy

from tasks.framework.errors import UserError, report_in_one_line
from tasks.framework.htcondor.ads import JobAd
from tasks.framework.htcondor.description import Job, Tags, split_ranges
from tasks.framework.htcondor.failures import Account, Failure, counted
from tasks.framework.htcondor.manager import CommandError, PoolJobManager
from tasks.framework.htcondor.settings import shared_file_system
from tasks.framework.htcondor.state import (
    PoolJobData,
    only_submitter,
    recorded_schedd,
    write_state,
)
from tasks.framework.htcondor.submission import describe
from tasks.framework.htcondor.supervision import Supervisor
from tasks.framework.htcondor.terminal import JobBar, wants_removal

CANCELLED = "removed by --cancel-jobs or on an interrupt"


def _tag(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:24]


# why law stops polling, by the start of its message, and what is said to the user
_ENDS = {
    "tolerance": "{law}",
    "acceptance": "{law}",
    "exceeded walltime": "{law}; the same command waits on",
    "poll_fails": "HTCondor gave no answer in {task.poll_fails} polls in a row (--poll-fails); "
    "the same command waits on",
}


class PollingEndedError(UserError):
    """The workflow no longer waits for its jobs; why they failed has been printed."""


class PoolWorkflowProxy(HTCondorWorkflowProxy):
    """Runs the branches of a workflow as jobs of an HTCondor pool.

    law's polling loop decides on retries and on the end of the workflow; submission, queries and
    the record of jobs are ours.
    """

    job_manager: PoolJobManager

    @property
    def job_data_cls(self) -> type[PoolJobData]:
        """The record of the jobs."""
        return PoolJobData

    def create_job_manager(self, **kwargs: Any) -> PoolJobManager:
        """The connection to HTCondor; takes law's settings for pool and scheduler."""
        options = self._get_job_kwargs("submit")
        return PoolJobManager(pool=options["pool"], scheduler=options["scheduler"], **kwargs)

    def create_job_file_factory(self, **kwargs: Any) -> None:
        """None: submit descriptions are written by ``describe``."""

    @property
    def state_file(self) -> Path:
        """The record of the jobs on disk."""
        return Path(self.get_cached_output()["jobs"].abspath)

    def dump_job_data(self) -> None:
        """Write the record, whole."""
        self.job_data["dashboard_config"] = self.dashboard.get_persistent_config()
        with self._dump_lock:
            write_state(self.state_file, self.job_data)

    # run

    def _run_impl(self) -> None:
        manager, path = self.job_manager, self.state_file
        manager.place = _tag(path.parent)
        manager.workflow = _tag(path)
        report_in_one_line(CommandError)
        with only_submitter(path.with_suffix(".lock")) as descriptor:
            manager.inherited_files = (descriptor,)
            self._choose_schedd()
            if not self.task.is_controlling_remote_jobs():
                if not self.state_file.exists():
                    self.task.before_branches()
                self._adopt()
            self._bar = JobBar(self.task.task_family, len(self.task.branch_map))
            try:
                with self._bar:
                    super()._run_impl()
            except KeyboardInterrupt:
                self._interrupted()
                raise

    def _choose_schedd(self) -> None:
        """Talk to the schedd that has the jobs.

        It need not be the one that commands go to by themselves, on another login node or after
        the site has moved its users.
        """
        manager = self.job_manager
        here = manager.schedd()
        recorded = recorded_schedd(self.state_file)
        if recorded and recorded != here and not manager.scheduler:
            print(f"the jobs of {self.task.task_family} are at {recorded}")  # noqa: T201
            manager.scheduler = recorded
        self.job_data.schedd = recorded or here

    def _interrupted(self) -> None:
        number = len(self._active())
        if number and wants_removal(f"{number} jobs are in the queue. Remove them?"):
            self.cancel()
        elif number:
            print(f"{number} jobs go on; the same command waits for them again")  # noqa: T201

    def _active(self) -> list[dict[str, Any]]:
        over = {self.job_manager.FINISHED, self.job_manager.FAILED}
        without_id = {None, self.job_data.dummy_job_id}
        jobs = self.job_data.jobs.values()
        return [d for d in jobs if d["status"] not in over and d["job_id"] not in without_id]

    def cancel(self) -> None:
        """Remove the jobs from the queue, and remember that this is not a failure."""
        active = self._active()
        errors = self.job_manager.cancel_batch([data["job_id"] for data in active])
        if errors:
            raise UserError(f"the jobs could not be removed: {errors[0]}")
        for data in active:
            data["extra"]["removing"] = CANCELLED
        self.dump_job_data()
        print(f"removed {len(active)} jobs")  # noqa: T201

    def _adopt(self) -> None:
        """Take over jobs that are in the queue while their record is gone."""
        recorded = self.state_file.exists()
        if recorded and not self.task.ignore_submission:
            return
        queued = self.job_manager.find_queued()
        self._refuse_overlap([ad for ad in queued if ad.workflow != self.job_manager.workflow])
        queued = [ad for ad in queued if ad.workflow == self.job_manager.workflow]
        if not queued:
            return
        if recorded:
            raise UserError(
                f"{len(queued)} jobs of {self.task.task_family} are still in the queue: run with "
                "--cancel-jobs first, or without --ignore-submission"
            )
        covered: set[int] = set()
        for ad in queued:
            if ad.number is not None and ad.number not in self.job_data.jobs:
                branches = split_ranges(ad.branches)
                covered.update(branches)
                data = self.job_data_cls.job_data(job_id=ad.job_id, branches=branches)
                self.job_data.jobs[ad.number] = data
        rest = sorted(set(self.task.branch_map) - covered)
        chunks = law.util.iter_chunks(rest, self.task.tasks_per_job)
        first = max(self.job_data.jobs) + 1
        self.job_data.unsubmitted_jobs = dict(enumerate(chunks, first))
        self.job_data.since = time.time() - 86400.0
        write_state(self.state_file, self.job_data)

    def _refuse_overlap(self, others: list[JobAd]) -> None:
        """Raise when jobs of another choice of branches are about to make the same outputs."""
        ours = set(self.task.branch_map)
        same = [ad for ad in others if not ours.isdisjoint(split_ranges(ad.branches))]
        if same:
            raise UserError(
                f"{len(same)} jobs for some of these branches are in the queue already, submitted "
                f"with another --branches, such as {same[0].job_id}: wait for them or remove them"
            )

    # submission

    def submit(self, retry_jobs: Mapping[int, list[int]] | None = None) -> Any:
        """Submit jobs that are to be tried again, and as many new ones as may be in the queue.

        law hands over all jobs that failed in a poll, also those that have failed for good.
        """
        jobs, failed = self.job_data.jobs, self.job_manager.FAILED
        again = {n: b for n, b in (retry_jobs or {}).items() if jobs[n]["status"] != failed}
        return super().submit(again)

    def _submit_group(self, submit_jobs: Mapping[int, list[int]], **_kwargs: Any) -> Any:
        submission = uuid.uuid4().hex
        self.job_data.since = self.job_data.since or time.time()
        self.job_manager.since = self.job_data.since
        for number in submit_jobs:
            self.job_data.jobs[number]["extra"]["submission"] = submission
        description = describe(
            self.task,
            Tags(self.job_manager.place, self.job_manager.workflow, submission),
            self.state_file,
            [Job(n, tuple(b), self._memory(n)) for n, b in submit_jobs.items()],
        )
        path = description.directory / "jobs.sub"
        path.write_text(description.text(), encoding="utf-8")
        # from here on, whoever reads the record can tell from the tag whether jobs were submitted
        self.dump_job_data()
        try:
            job_ids: list[Any] = list(self.job_manager.submit_description(path, submission))
        except CommandError as error:
            if not any(data["status"] for data in self.job_data.jobs.values()):
                raise UserError(f"nothing was submitted: {error}") from None
            job_ids = [error] * len(submit_jobs)
        files: dict[int, dict[str, Any]] = OrderedDict()
        for number, job_id in zip(submit_jobs, job_ids, strict=True):
            log = None if isinstance(job_id, Exception) else description.log(number, job_id)
            files[number] = {"job": str(path), "config": None, "log": log}
        return job_ids, files

    def _memory(self, number: int) -> int:
        memory: int = self.job_data.memory.get(number, self.task.htcondor_resources().memory)
        return memory

    # polling

    def poll(self) -> None:
        """Wait for the jobs; law's loop, with states completed by a Supervisor.

        Raises:
            PollingEndedError: more failures than tolerated, too few jobs that can still succeed,
                or no time or patience left.
        """
        supervisor = Supervisor(
            manager=self.job_manager,
            jobs=self.job_data.jobs,
            policy=self.task.htcondor_hold_policy_settings(),
            existing=lambda: self._get_existing_branches(sync=True),
            memory=self._memory,
            set_memory=self.job_data.memory.__setitem__,
            give_up=lambda number: self._job_retries.__setitem__(number, self.task.retries),
            say=self._bar.write,
            hint="" if shared_file_system() else " (do the jobs' machines see the store?)",
        )
        self.job_manager.since = self.job_data.since
        self.job_manager.review = supervisor.review
        self._failures = supervisor.failures
        self._account = Account()
        if self._submitted:
            self._resume()
        try:
            super().poll()
        except Exception as error:
            self._tell_the_end()
            reason = next((r for start, r in _ENDS.items() if str(error).startswith(start)), None)
            if reason is None:
                raise
            message = reason.format(law=str(error).replace("(s)", "s"), task=self.task)
            raise PollingEndedError(f"{self.task.task_family}: {message}") from None
        if not self._tell_the_end():
            # jobs that go on, as those accepted suffice, still read their files there
            shutil.rmtree(self.state_file.with_suffix(""), ignore_errors=True)

    def _tell_the_end(self) -> int:
        """Print why jobs failed, and how many are left in the queue; their number."""
        jobs = self.job_data.jobs.items()
        finished, failed = (
            [number for number, data in jobs if data["status"] == status]
            for status in (self.job_manager.FINISHED, self.job_manager.FAILED)
        )
        for line in self._account.summary(self.task.task_family, finished, failed):
            self._bar.write(line)
        left = sum(data["status"] != self.job_manager.RETRY for data in self._active())
        if left:
            what = f"{counted(left, 'job')} of {self.task.task_family} left in the queue"
            self._bar.write(f"{what}; --cancel-jobs removes them")
        return left

    def _resume(self) -> None:
        """Find jobs of a submission that was cut off, and submit what is still to be done."""
        jobs = self.job_data.jobs
        finished = self.job_manager.FINISHED
        unknown = {
            number
            for number, data in jobs.items()
            if data["job_id"] in {None, self.job_data.dummy_job_id}
            and not self._can_skip_job(number, data["branches"])
        }
        found = self._find_cut_off({n for n in unknown if jobs[n]["status"] != finished})
        for number, job_id in found.items():
            jobs[number]["job_id"] = job_id
        over = {n for n, data in jobs.items() if data["status"] in {"failed", "retry"}}
        over |= self._cancelled_and_gone()
        # by now, more may be there than when this run began
        self._get_existing_branches(sync=True)
        self._skip_jobs.clear()
        for number in sorted((unknown | over) - found.keys()):
            if not self._can_skip_job(number, jobs[number]["branches"]):
                self.job_data.unsubmitted_jobs[number] = jobs.pop(number)["branches"]
        self.poll_data.n_active = sum(data["status"] != finished for data in jobs.values())
        self.submit()

    def _find_cut_off(self, numbers: set[int]) -> dict[int, str]:
        """Ids of jobs whose submitter was killed before it could write them down.

        They are looked for as often as a job must be unseen before it counts as lost.
        """
        jobs, found = self.job_data.jobs, dict[int, str]()
        tags = {jobs[number]["extra"].get("submission") for number in numbers} - {None}
        for look in range(self.job_manager.unseen_before_lost if tags else 0):
            if look:
                time.sleep(min(5.0, self.task.poll_interval * 60))
            for ad in self.job_manager.find_submissions(sorted(tags)):
                if ad.number in numbers:
                    found[ad.number] = ad.job_id
            if found.keys() == numbers:
                break
        return found

    def _cancelled_and_gone(self) -> set[int]:
        """Numbers of jobs that were removed on request and have left the queue."""
        jobs = self.job_data.jobs.items()
        removed = {d["job_id"]: n for n, d in jobs if d["extra"].get("removing") == CANCELLED}
        removed.pop(self.job_data.dummy_job_id, None)
        ads = self.job_manager.look_up(removed.keys()) if removed else {}
        return {n for i, n in removed.items() if i not in ads or not ads[i].in_queue}

    def _print_status_errors(self, failed_jobs: Mapping[int, dict[str, Any]]) -> None:
        failures: list[Failure] = []
        for number, data in failed_jobs.items():
            unexplained = Failure(number, data["branches"], data["error"] or "unknown")
            failures += self._failures.get(number) or [unexplained]
        retry = [n for n, data in failed_jobs.items() if data["status"] == self.job_manager.RETRY]
        for line in self._account.add(failures, retry):
            self._bar.write(f"{self.task.task_family}: {line}")
