"""What to make of the state of each job: held ones, ended ones, and whether their output is there.

law takes a job's status as HTCondor reports it. Here a poll's states are completed before law sees
them: an ended job has succeeded when its outputs exist, and only then; a held job is reported and
dealt with by policy, and counts as failed only after it has left the queue.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.framework.htcondor.ads import HELD_BY_USER, JobAd, Phase
from tasks.framework.htcondor.failures import Failure, last_words, read_report
from tasks.framework.htcondor.manager import PoolJobManager, State

HOLD_POLICIES = ("resubmit", "release", "wait")


@dataclass(frozen=True)
class HoldPolicy:
    """What is done about held jobs.

    Attributes:
        name: "resubmit" removes the job and submits it again, "release" lets the same job go on,
            "wait" leaves it to the user. A job that lacked memory is resubmitted with more except
            under "wait", and one that a user has put on hold is left except under "release".
        retries: how often a job is released before it is removed.
        max_memory: MB beyond which no job asks for more.
    """

    name: str = "resubmit"
    retries: int = 5
    max_memory: int = 16000

    def action(self, ad: JobAd, released: int) -> str:
        """One of "resubmit", "release" and "wait" for a held job."""
        if self.name == "wait" or (ad.hold_code == HELD_BY_USER and self.name != "release"):
            return "wait"
        if ad.held_for_memory or self.name == "resubmit" or released >= self.retries:
            return "resubmit"
        return "release"

    def more_memory(self, requested: int, used: int | None) -> int:
        """The next request in MB, after one that did not suffice."""
        return min(self.max_memory, max(2 * requested, round(1.5 * (used or 0))))


@dataclass
class Supervisor:
    """Completes the states of the jobs of one workflow at each poll.

    Attributes:
        existing: branches whose outputs exist now, from one look at the store.
        memory: request of a job in MB, by its number.
        give_up: called with the number of a job that must not be tried again.
        say: prints a line for the user.
        hint: added to the message on a missing output.
        failures: why jobs failed, by number, for the summary.
    """

    manager: PoolJobManager
    jobs: Mapping[int, dict[str, Any]]
    policy: HoldPolicy
    existing: Callable[[], Collection[int]]
    memory: Callable[[int], int]
    set_memory: Callable[[int, int], None]
    give_up: Callable[[int], None]
    say: Callable[[str], None]
    hint: str = ""
    failures: dict[int, list[Failure]] = field(default_factory=dict)
    # polls for which a job may be over before its output is seen: file systems and stores cache
    missing_polls = 2
    _released: Counter[int] = field(default_factory=Counter)
    _missing: Counter[str] = field(default_factory=Counter)
    _reported: set[tuple[str, str]] = field(default_factory=set)

    def review(self, ads: Mapping[str, JobAd], states: dict[str, State]) -> None:
        """Complete the states of one poll."""
        numbers = {data["job_id"]: number for number, data in self.jobs.items()}
        held = [ad for ad in ads.values() if ad.phase is Phase.HELD and ad.job_id in numbers]
        self._handle_held(held, states, numbers)
        ended = {self.manager.FINISHED, self.manager.FAILED}
        over = {job_id: state for job_id, state in states.items() if state["status"] in ended}
        if over:
            existing = self.existing()
            for job_id, state in over.items():
                self._judge(numbers[job_id], ads.get(job_id), state, existing)

    # held jobs

    def _handle_held(
        self, held: list[JobAd], states: dict[str, State], numbers: Mapping[str, int]
    ) -> None:
        actions: dict[str, list[str]] = defaultdict(list)
        for ad in held:
            number = numbers[ad.job_id]
            state = states[ad.job_id]
            state["extra"] = {**(state["extra"] or {}), "held": ad.hold_reason}
            if self.jobs[number]["extra"].get("removing"):
                actions["resubmit"].append(ad.job_id)  # again, as it is still there
                continue
            action = self.policy.action(ad, self._released[number])
            actions[action].append(ad.job_id)
            if action == "release":
                self._released[number] += 1
            elif action == "resubmit":
                state["extra"]["removing"] = f"held: {ad.hold_reason}"
                if ad.held_for_memory:
                    self._raise_memory(number, ad)
        self._report(held, {job_id: name for name, ids in actions.items() for job_id in ids})
        errors = self.manager.cancel_batch(actions["resubmit"])
        errors += self.manager.release(actions["release"])
        for error in errors:
            self.say(str(error))

    def _raise_memory(self, number: int, ad: JobAd) -> None:
        requested = self.memory(number)
        more = self.policy.more_memory(requested, ad.memory_usage)
        if more <= requested:
            self.give_up(number)
        self.set_memory(number, more)

    def _report(self, held: list[JobAd], actions: Mapping[str, str]) -> None:
        """One line for each reason that was not reported before."""
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ad in held:
            if (ad.job_id, ad.hold_reason) not in self._reported:
                self._reported.add((ad.job_id, ad.hold_reason))
                groups[ad.hold_reason, actions[ad.job_id]].append(ad.job_id)
        means = {
            "wait": "left on hold: condor_release lets it go on, condor_rm gives it up",
            "release": "released",
            "resubmit": "removed, then submitted again",
        }
        for (reason, action), ids in groups.items():
            which = ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} more"
            self.say(f"job {which} is on hold: {reason} ({means[action]})")

    # ended jobs

    def _judge(
        self, number: int, ad: JobAd | None, state: State, existing: Collection[int]
    ) -> None:
        data = self.jobs[number]
        missing = [branch for branch in data["branches"] if branch not in existing]
        if not missing:
            # complete is complete, however the job ended after writing its outputs
            state.update(status=self.manager.FINISHED, code=0, error="")
            return
        job_id = state["job_id"]
        if state["status"] == self.manager.FINISHED:
            self._missing[job_id] += 1
            if self._missing[job_id] <= self.missing_polls:
                state["status"] = self.manager.RUNNING
                return
            state.update(
                status=self.manager.FAILED, error=f"output missing, exit code 0{self.hint}"
            )
        else:
            self._explain(number, ad, state)
        if number not in self.failures:
            log = data["extra"].get("log", "")
            self.failures[number] = [Failure(number, missing, state["error"], log)]

    def _explain(self, number: int, ad: JobAd | None, state: State) -> None:
        """The cause of a failure, from the job itself where it could tell."""
        data = self.jobs[number]
        log = data["extra"].get("log", "")
        self.failures.pop(number, None)
        removing = data["extra"].get("removing")
        report = None if removing else read_report(log)
        if removing:
            state["error"] = removing
        elif report is not None and ad is not None and ad.exit_code is not None and report.failed:
            by_cause: dict[str, list[int]] = defaultdict(list)
            for branch, cause in report.failed.items():
                by_cause[cause].append(branch)
            self.failures[number] = [Failure(number, b, c, log) for c, b in by_cause.items()]
            state["error"] = "; ".join(by_cause)
            if report.permanent:
                self.give_up(number)
        elif ad is not None and ad.removed_by_user:
            self.give_up(number)
        elif ad is not None and ad.exit_code is not None and (words := last_words(log)):
            state["error"] = f"{state['error']}: {words}"
