"""HTCondor's statuses, one by one."""

import json

import pytest

from tasks.framework.htcondor.ads import JobAd, JobStatus, Phase, parse_ads


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (JobStatus.IDLE, Phase.WAITING),
        (JobStatus.RUNNING, Phase.ACTIVE),
        (JobStatus.TRANSFERRING_OUTPUT, Phase.ACTIVE),
        (JobStatus.SUSPENDED, Phase.ACTIVE),
        (JobStatus.HELD, Phase.HELD),
        (JobStatus.REMOVED, Phase.ACTIVE),
    ],
)
def test_a_job_in_the_queue_has_not_failed(status, phase):
    assert JobAd("1.0", status).phase is phase


def test_only_exit_code_zero_is_success():
    done = {"status": JobStatus.COMPLETED, "in_queue": False}
    assert JobAd("1.0", exit_code=0, **done).phase is Phase.SUCCEEDED
    assert JobAd("1.0", exit_code=3, **done).end == "exit code 3"
    assert JobAd("1.0", **done).end == "ended without an exit code"


def test_a_kill_is_a_failure_whatever_exit_code_an_earlier_start_left():
    ad = {"ClusterId": 1, "ProcId": 2, "JobStatus": 4, "ExitBySignal": True, "ExitSignal": 11}
    [job] = parse_ads(json.dumps([{**ad, "ExitCode": 0}]), in_queue=False)
    assert job.phase is Phase.FAILED
    assert job.end == "killed by signal 11"


def test_a_removed_job_is_over_only_when_it_has_left_the_queue():
    reason = "via condor_rm (by user x)"
    assert JobAd("1.0", JobStatus.REMOVED, remove_reason=reason).phase is Phase.ACTIVE
    gone = JobAd("1.0", JobStatus.REMOVED, in_queue=False, remove_reason=reason)
    assert gone.phase is Phase.FAILED
    assert gone.removed_by_user


def test_a_status_of_a_later_version_is_no_failure():
    [job] = parse_ads('[{"ClusterId": 1, "ProcId": 2, "JobStatus": 99}]', in_queue=True)
    assert job.phase is Phase.WAITING


def test_expressions_and_nothing_at_all_are_understood():
    text = '[{"ClusterId": 1, "ProcId": 2, "JobStatus": 1, "RequestMemory": "/Expr(a + b)/"}]'
    [job] = parse_ads(text, in_queue=True)
    assert job.request_memory is None
    assert parse_ads("", in_queue=True) == parse_ads("[]", in_queue=True) == []


def test_a_hold_by_the_user_is_never_for_memory():
    held = {"status": JobStatus.HELD, "hold_reason": "memory usage exceeded request_memory"}
    assert JobAd("1.0", hold_code=34, **held).held_for_memory
    assert JobAd("1.0", hold_code=26, **held).held_for_memory
    assert not JobAd("1.0", hold_code=1, **held).held_for_memory
