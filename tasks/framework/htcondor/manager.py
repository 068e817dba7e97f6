"""Talking to HTCondor: one submission, one query and one removal for any number of jobs."""

import os
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import law
from law.contrib.htcondor.job import HTCondorJobManager

from tasks.framework.errors import UserError
from tasks.framework.htcondor.ads import ATTRIBUTES, JobAd, Phase, parse_ads

law.contrib.load("htcondor")

State = dict[str, Any]


class CommandError(Exception):
    """A condor command failed: the schedd cannot be asked now, which says nothing of the jobs."""


class PoolJobManager(HTCondorJobManager):
    """Job manager that knows what HTCondor's statuses mean and asks once for all jobs.

    Attributes:
        place: tag of the directory of the workflow's record.
        workflow: tag of the jobs that are ours.
        since: UNIX time before which no job of ours can have ended; the history is read back to it.
        review: called with all states of a poll before law sees them; may change them.
    """

    # queries in a row in which a job must be unknown to queue and history before it counts as lost
    unseen_before_lost = 3

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place = ""
        self.workflow = ""
        self.since = time.time()
        self.review: Callable[[Mapping[str, JobAd], dict[str, State]], None] = lambda _a, _s: None
        self.inherited_files: Collection[int] = ()
        self.queries = 0
        self._unseen: Counter[str] = Counter()
        self._last: dict[str, State] = {}

    # submission

    def submit_description(self, path: Path, submission: str, *, retries: int = 3) -> list[str]:
        """Submit a description file once, whatever happens on the way.

        Args:
            path: the submit description.
            submission: its tag, by which a submission that arrived although the command failed is
                recognised.
            retries: further attempts after a failure.

        Returns:
            Ids of the jobs, in the order of the description.

        Raises:
            CommandError: the schedd refused the jobs.
        """
        command = [*self._command("submit"), "-terse", path.name]
        for attempts_left in range(retries, -1, -1):
            try:
                # an interrupt from the keyboard must not tear the submission in two
                text = self._run(command, cwd=path.parent, start_new_session=True)
                return expand_clusters(text)
            except CommandError:
                arrived = {ad.number: ad.job_id for ad in self.find_submissions([submission])}
                if arrived:
                    return [arrived[number] for number in sorted(arrived, key=lambda n: n or 0)]
                if not attempts_left:
                    raise
                time.sleep(3)
        raise AssertionError

    # queries

    def schedd(self) -> str:
        """Name of the schedd that commands go to on this machine; empty when none answers."""
        try:
            text = self._run([*self._command("q"), "-totals"])
        except CommandError:
            return ""
        found = re.search(r"^-- (?:Schedd|Submitter): (\S+)", text, flags=re.MULTILINE)
        return found[1] if found else ""

    def find_queued(self) -> list[JobAd]:
        """All jobs in the queue that make outputs of this workflow, for any choice of branches."""
        return self._queue(f'LawPlace == "{self.place}"')

    def find_submissions(self, submissions: Iterable[str]) -> list[JobAd]:
        """All jobs with one of these submission tags, in the queue or in the history."""
        tags = " || ".join(f'LawSubmission == "{tag}"' for tag in submissions)
        # the queue first: a job that leaves it in between is in the history then
        found = {ad.job_id: ad for ad in self._queue(tags)}
        found.update({ad.job_id: ad for ad in self._history(f"({tags})", [])})
        return list(found.values())

    def look_up(self, job_ids: Collection[str]) -> dict[str, JobAd]:
        """The ads of jobs, from the queue and, for those not in it, from the history.

        Raises:
            CommandError: queue or history could not be asked.
        """
        constraint = f'LawWorkflow == "{self.workflow}"'
        wanted = set(job_ids)
        ads = {ad.job_id: ad for ad in self._queue(constraint) if ad.job_id in wanted}
        missing = wanted - ads.keys()
        if missing:
            past = self._history(constraint, sorted(missing))
            ads.update({ad.job_id: ad for ad in past if ad.job_id in missing})
        return ads

    def query_batch(self, job_ids: Sequence[str], **_kwargs: Any) -> dict[str, Any]:
        """States of jobs for law's polling; one exception when HTCondor did not answer."""
        if not job_ids:
            return {}
        self.queries += 1
        try:
            ads = self.look_up(job_ids)
        except CommandError as error:
            return {job_ids[0]: error}  # once, not once a job
        states = {job_id: self._state(job_id, ads.get(job_id)) for job_id in job_ids}
        self.review(ads, states)
        self._last = states
        return states

    def _state(self, job_id: str, ad: JobAd | None) -> State:
        if ad is None:
            return self._unseen_state(job_id)
        self._unseen.pop(job_id, None)
        status = {
            Phase.WAITING: self.PENDING,
            Phase.HELD: self.PENDING,
            Phase.ACTIVE: self.RUNNING,
            Phase.SUCCEEDED: self.FINISHED,
            Phase.FAILED: self.FAILED,
        }[ad.phase]
        extra = {"remote_host": ad.host, "mem_peak_mb": ad.memory_usage}
        return self._job_state(job_id, status, ad.exit_code or 0, ad.end or None, extra)

    def _unseen_state(self, job_id: str) -> State:
        """A job in neither queue nor history: between the two, or gone."""
        self._unseen[job_id] += 1
        if self._unseen[job_id] < self.unseen_before_lost:
            last = self._last.get(job_id, {}).get("status")
            status = last if last in {self.PENDING, self.RUNNING} else self.PENDING
            return self._job_state(job_id, status)
        error = "lost: HTCondor knows it neither in the queue nor in the history"
        return self._job_state(job_id, self.FAILED, error=error)

    def _job_state(
        self,
        job_id: str,
        status: str,
        code: int | None = None,
        error: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> State:
        return dict(
            self.job_status_dict(job_id=job_id, status=status, code=code, error=error, extra=extra)
        )

    # control

    def cancel_batch(self, job_ids: Sequence[str], **_kwargs: Any) -> list[Exception]:
        """Remove jobs by command; the errors, none if it worked."""
        return self._act("rm", job_ids)

    def release(self, job_ids: Sequence[str]) -> list[Exception]:
        """Release held jobs."""
        return self._act("release", job_ids)

    def _act(self, verb: str, job_ids: Sequence[str]) -> list[Exception]:
        if not job_ids:
            return []
        processes = [f"(ClusterId == {c} && ProcId == {p})" for c, p in map(_split, job_ids)]
        errors: list[Exception] = []
        for start in range(0, len(processes), 500):
            constraint = " || ".join(processes[start : start + 500])
            try:
                self._run([*self._command(verb), "-constraint", constraint])
            except CommandError as error:
                # a job that ended in the meantime need not be removed
                if (
                    "no jobs" not in str(error).lower()
                    and "couldn't find" not in str(error).lower()
                ):
                    errors.append(error)
        return errors

    # commands

    def _command(self, verb: str) -> list[str]:
        default = f"condor_{verb}"
        command = law.config.get_expanded("job", f"htcondor_cmd_{verb}", default=default)
        pool = ["-pool", self.pool] if self.pool else []
        return [
            *shlex.split(command),
            *pool,
            *(["-name", self.scheduler] if self.scheduler else []),
        ]

    def _queue(self, constraint: str) -> list[JobAd]:
        output = ["-json", "-attributes", ",".join(ATTRIBUTES)]
        text = self._run([*self._command("q"), "-constraint", constraint, *output])
        return parse_ads(text, in_queue=True)

    def _history(self, constraint: str, job_ids: Sequence[str]) -> list[JobAd]:
        command = [*self._command("history"), "-constraint", constraint]
        # newest first: stop at the first job that ended before any of ours can have
        command += ["-since", f"EnteredCurrentStatus < {int(self.since) - 600}"]
        if job_ids:
            # many jobs of the workflow may be in the history, collected long ago
            first = min(int(job_id.split(".")[0]) for job_id in job_ids)
            command[command.index("-constraint") + 1] += f" && ClusterId >= {first}"
        text = self._run([*command, "-json", "-attributes", ",".join(ATTRIBUTES)])
        return parse_ads(text, in_queue=False)

    def _run(self, command: list[str], **options: Any) -> str:
        """Standard output of a command that must succeed."""
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
                pass_fds=self.inherited_files,
                env={**os.environ, "LC_ALL": "C"},
                **options,
            )
        except FileNotFoundError:
            raise UserError(
                f"'{command[0]}' is not on this machine: submit from a node of an HTCondor pool, "
                "or name the command in [job] of law.cfg"
            ) from None
        except subprocess.TimeoutExpired:
            raise CommandError(f"{command[0]} did not answer within 600 s") from None
        if done.returncode:
            message = " ".join((done.stderr or done.stdout).split())
            raise CommandError(f"{command[0]} failed ({done.returncode}): {message[-500:]}")
        return done.stdout


def _split(job_id: str) -> tuple[int, int]:
    cluster, process = job_id.split(".")
    return int(cluster), int(process)


def expand_clusters(text: str) -> list[str]:
    """Job ids in the output of `condor_submit -terse`.

    >>> expand_clusters("7.0 - 7.2")
    ['7.0', '7.1', '7.2']

    Raises:
        CommandError: the text names no job.
    """
    ranges = re.findall(r"^(\d+)\.(\d+) - \1\.(\d+)$", text, flags=re.MULTILINE)
    if not ranges:
        raise CommandError(f"no job ids in the answer of condor_submit: {text.strip()[-200:]}")
    return [f"{c}.{p}" for c, low, high in ranges for p in range(int(low), int(high) + 1)]
