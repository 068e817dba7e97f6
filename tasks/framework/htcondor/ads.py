"""What HTCondor says about a job, and what that means. No process is started here."""

import enum
import json
from dataclasses import dataclass
from typing import Any

ATTRIBUTES = (
    "ClusterId", "ProcId", "JobStatus", "ExitBySignal", "ExitSignal", "ExitCode",
    "HoldReason", "HoldReasonCode", "RemoveReason", "MemoryUsage", "RequestMemory",
    "NumJobStarts", "RemoteHost", "LastRemoteHost",
    "LawWorkflow", "LawSubmission", "LawJob", "LawBranches",
)  # fmt: skip

# https://htcondor.readthedocs.io/en/latest/classad-attributes/job-classad-attributes.html
HELD_BY_USER = 1
HELD_FOR_MEMORY = 34


class JobStatus(enum.IntEnum):
    """Values of `JobStatus` in a job's ClassAd."""

    UNEXPANDED = 0
    IDLE = 1
    RUNNING = 2
    REMOVED = 3
    COMPLETED = 4
    HELD = 5
    TRANSFERRING_OUTPUT = 6
    SUSPENDED = 7
    FAILED = 8
    BLOCKED = 9


class Phase(enum.Enum):
    """What a status means to the one who waits for the job."""

    WAITING = "waiting"
    ACTIVE = "active"
    HELD = "held"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class JobAd:
    """One job as the queue or the history describes it.

    Attributes:
        job_id: `cluster.process`.
        in_queue: False when the ad comes from the history: the job is over for good.
        memory_usage: peak in MB, None before the first measurement.
        request_memory: in MB, None where it is an expression.
    """

    job_id: str
    status: JobStatus
    in_queue: bool = True
    exit_code: int | None = None
    exit_signal: int | None = None
    hold_reason: str = ""
    hold_code: int = 0
    remove_reason: str = ""
    memory_usage: int | None = None
    request_memory: int | None = None
    starts: int = 0
    host: str = ""
    workflow: str = ""
    submission: str = ""
    number: int | None = None
    branches: str = ""

    @property
    def phase(self) -> Phase:
        """Whether the job waits, is active, is held, or how it ended.

        A job marked for removal is active until it has left the queue, as its process may live
        until then; so is a job whose output is being transferred, or that is suspended.
        """
        if self.status is JobStatus.HELD and self.in_queue:
            return Phase.HELD
        if self.status is JobStatus.COMPLETED:
            return Phase.SUCCEEDED if self.exit_code == 0 else Phase.FAILED
        if not self.in_queue:
            return Phase.FAILED
        if self.status in {JobStatus.UNEXPANDED, JobStatus.IDLE, JobStatus.BLOCKED}:
            return Phase.WAITING
        return Phase.ACTIVE

    @property
    def held_for_memory(self) -> bool:
        """Whether the job was put on hold because it used more memory than it had asked for."""
        if self.hold_code == HELD_BY_USER:
            return False
        return self.hold_code == HELD_FOR_MEMORY or "memory" in self.hold_reason.lower()

    @property
    def removed_by_user(self) -> bool:
        """Whether somebody removed the job by command, so that it should stay removed."""
        return self.status is JobStatus.REMOVED and "condor_rm" in self.remove_reason

    @property
    def end(self) -> str:
        """How the job ended, in words; empty for success and for jobs that have not ended."""
        if self.phase is not Phase.FAILED:
            return ""
        if self.status is JobStatus.REMOVED:
            return f"removed: {self.remove_reason or 'no reason given'}"
        if self.exit_signal is not None:
            return f"killed by signal {self.exit_signal}"
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        return "ended without an exit code"


def parse_ads(text: str, *, in_queue: bool) -> list[JobAd]:
    """Jobs in the JSON output of `condor_q` or `condor_history`.

    >>> text = '[{"ClusterId": 7, "ProcId": 0, "JobStatus": 4, "ExitBySignal": true,'
    >>> text += ' "ExitSignal": 9}]'
    >>> [ad] = parse_ads(text, in_queue=False)
    >>> ad.job_id, ad.phase.value, ad.end
    ('7.0', 'failed', 'killed by signal 9')
    """
    # nothing at all is printed for no jobs by some versions, an empty list by others
    return [_parse_ad(ad, in_queue=in_queue) for ad in (json.loads(text) if text.strip() else [])]


def _parse_ad(ad: dict[str, Any], *, in_queue: bool) -> JobAd:
    by_signal = ad.get("ExitBySignal") is True
    return JobAd(
        job_id=f"{ad['ClusterId']}.{ad['ProcId']}",
        status=_status(ad.get("JobStatus")),
        in_queue=in_queue,
        # after a kill the code is undefined, or left over from an earlier start
        exit_code=None if by_signal else _integer(ad.get("ExitCode")),
        exit_signal=_integer(ad.get("ExitSignal")) if by_signal else None,
        hold_reason=_text(ad.get("HoldReason")),
        hold_code=_integer(ad.get("HoldReasonCode")) or 0,
        remove_reason=_text(ad.get("RemoveReason")),
        memory_usage=_integer(ad.get("MemoryUsage")),
        request_memory=_integer(ad.get("RequestMemory")),
        starts=_integer(ad.get("NumJobStarts")) or 0,
        host=_text(ad.get("RemoteHost") or ad.get("LastRemoteHost")),
        workflow=_text(ad.get("LawWorkflow")),
        submission=_text(ad.get("LawSubmission")),
        number=_integer(ad.get("LawJob")),
        branches=_text(ad.get("LawBranches")),
    )


def _status(value: object) -> JobStatus:
    try:
        return JobStatus(value)  # type: ignore[arg-type]
    except ValueError:  # of a version of HTCondor yet to come: not a reason to give up the job
        return JobStatus.UNEXPANDED


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
