"""What becomes of the states of a poll, without a pool."""

from typing import Any

import pytest

from tasks.framework.errors import UserError
from tasks.framework.htcondor.ads import JobAd, JobStatus
from tasks.framework.htcondor.manager import CommandError, PoolJobManager
from tasks.framework.htcondor.state import PoolJobData, only_submitter, write_state
from tasks.framework.htcondor.supervision import HoldPolicy, Supervisor


class Queue(PoolJobManager):
    """A manager whose pool is a dictionary, and which notes what it is asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.ads: dict[str, JobAd] = {}
        self.removed: list[str] = []
        self.released: list[str] = []

    def look_up(self, job_ids: Any) -> dict[str, JobAd]:
        return {job_id: self.ads[job_id] for job_id in job_ids if job_id in self.ads}

    def cancel_batch(self, job_ids: Any, **_kwargs: Any) -> list[Exception]:
        self.removed += job_ids
        return []

    def release(self, job_ids: Any) -> list[Exception]:
        self.released += job_ids
        return []


class Desk:
    """One job, number 1 with branches 0 and 1, under a supervisor."""

    def __init__(self, policy: str = "resubmit", max_memory: int = 16000) -> None:
        self.queue = Queue()
        self.jobs = {1: {"job_id": "5.0", "branches": [0, 1], "extra": {}, "status": "running"}}
        self.outputs: set[int] = set()
        self.memory = {1: 1000}
        self.given_up: list[int] = []
        self.said: list[str] = []
        self.supervisor = Supervisor(
            manager=self.queue,
            jobs=self.jobs,
            policy=HoldPolicy(policy, retries=2, max_memory=max_memory),
            existing=lambda: self.outputs,
            memory=self.memory.__getitem__,
            set_memory=self.memory.__setitem__,
            give_up=self.given_up.append,
            say=self.said.append,
        )
        self.queue.review = self.supervisor.review

    def poll(self, status: JobStatus | None, **fields: Any) -> dict[str, Any]:
        self.queue.ads = {} if status is None else {"5.0": JobAd("5.0", status, **fields)}
        state: dict[str, Any] = self.queue.query_batch(["5.0"])["5.0"]
        self.jobs[1]["extra"].update(state["extra"] or {})
        return state


def test_finished_needs_all_outputs():
    desk = Desk()
    desk.outputs = {0}
    done = {"in_queue": False, "exit_code": 0}
    states = [desk.poll(JobStatus.COMPLETED, **done)["status"] for _ in range(3)]
    assert states == ["running", "running", "failed"]
    desk.outputs = {0, 1}
    assert desk.poll(JobStatus.COMPLETED, **done)["status"] == "finished"


def test_complete_outputs_are_a_success_however_the_job_ended():
    desk = Desk()
    desk.outputs = {0, 1}
    state = desk.poll(JobStatus.COMPLETED, in_queue=False, exit_signal=9)
    assert (state["status"], state["code"]) == ("finished", 0)


def test_an_unknown_job_is_looked_up_three_times():
    desk = Desk()
    assert desk.poll(JobStatus.RUNNING)["status"] == "running"
    assert [desk.poll(None)["status"] for _ in range(3)] == ["running", "running", "failed"]


def test_seeing_a_job_again_starts_the_count_anew():
    desk = Desk()
    sequence = [None, None, JobStatus.IDLE, None, None]
    assert [desk.poll(status)["status"] for status in sequence] == ["pending"] * 5


def test_a_held_job_is_no_failure_before_it_has_left_the_queue():
    desk = Desk()
    held = {"hold_reason": "disk full", "hold_code": 12}
    assert desk.poll(JobStatus.HELD, **held)["status"] == "pending"
    assert desk.queue.removed == ["5.0"]
    assert desk.poll(JobStatus.REMOVED)["status"] == "running"
    gone = desk.poll(JobStatus.REMOVED, in_queue=False, remove_reason="via condor_rm")
    assert (gone["status"], gone["error"]) == ("failed", "held: disk full")
    assert not desk.given_up
    assert len(desk.said) == 1


def test_a_memory_hold_asks_for_more_up_to_the_limit():
    desk = Desk(max_memory=3000)
    held = {"hold_reason": "memory usage exceeded request_memory", "hold_code": 34}
    desk.poll(JobStatus.HELD, memory_usage=1800, **held)
    assert desk.memory == {1: 2700}
    desk.jobs[1]["extra"].clear()
    desk.poll(JobStatus.HELD, memory_usage=2800, **held)
    assert desk.memory == {1: 3000}
    assert not desk.given_up
    desk.jobs[1]["extra"].clear()
    desk.poll(JobStatus.HELD, memory_usage=3100, **held)
    assert desk.given_up == [1]


def test_released_jobs_are_removed_when_they_are_held_too_often():
    desk = Desk("release")
    for _ in range(3):
        desk.poll(JobStatus.HELD, hold_reason="disk full", hold_code=12)
    assert (desk.queue.released, desk.queue.removed) == (["5.0", "5.0"], ["5.0"])


@pytest.mark.parametrize("policy", ["resubmit", "wait"])
def test_a_hold_by_the_user_is_respected(policy):
    desk = Desk(policy)
    state = desk.poll(JobStatus.HELD, hold_reason="via condor_hold", hold_code=1)
    assert state["status"] == "pending"
    assert not desk.queue.removed + desk.queue.released


def test_a_job_removed_by_the_user_is_not_tried_again():
    desk = Desk()
    desk.poll(JobStatus.REMOVED, in_queue=False, remove_reason="via condor_rm (by user x)")
    assert desk.given_up == [1]


def test_an_unanswered_query_is_one_error_and_no_state(monkeypatch):
    queue = Queue()

    def fail(_job_ids: Any) -> dict[str, JobAd]:
        raise CommandError("condor_q failed")

    monkeypatch.setattr(queue, "look_up", fail)
    [answer] = queue.query_batch([f"1.{n}" for n in range(1000)]).values()
    assert isinstance(answer, CommandError)


def test_a_missing_client_is_a_users_mistake(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="'condor_q' is not on this machine"):
        PoolJobManager().find_queued()


def test_the_record_comes_back_with_its_numbers(tmp_path):
    data = PoolJobData()
    data.memory[3] = 4000
    data.jobs[3] = PoolJobData.job_data(job_id="1.0", branches=[2])
    write_state(tmp_path / "jobs.json", data)
    import json

    read = PoolJobData()
    read.update(json.loads((tmp_path / "jobs.json").read_text()))
    assert read.memory == {3: 4000}
    assert read.jobs[3]["branches"] == [2]


def test_there_is_one_submitter_at_a_time(tmp_path):
    with only_submitter(tmp_path / "lock"), pytest.raises(UserError, match="already looked after"):
        with only_submitter(tmp_path / "lock"):
            pass
    with only_submitter(tmp_path / "lock"):
        pass
