"""What goes wrong on a pool: no branch runs twice at a time, and the end is the right one."""

import contextlib
import signal
import subprocess
from pathlib import Path

import pytest

from tests.services.htcondor.bench import Bench, Result

pytestmark = [pytest.mark.htcondor, pytest.mark.slow]

FAILED = 40  # law's exit code of a failed task


def assert_success(bench: Bench, result: Result, branches: int = 4) -> None:
    assert result.code == 0, result.text
    assert sorted(bench.outputs()) == list(range(branches)), result.text
    assert not bench.overlaps()


def assert_says(result: Result, text: str) -> None:
    assert text in result.text, f"'{text}' is not in\n{result.text}"


def test_a_job_killed_by_a_signal_is_run_again(bench: Bench) -> None:
    bench.plan({1: ["kill", "ok"]})
    result = bench.run()
    assert_success(bench, result)
    assert_says(result, "killed by signal 9")
    assert [len(bench.runs(branch)) for branch in range(4)] == [1, 2, 1, 1]
    assert bench.jobs_submitted() == 5


def test_a_job_that_lacks_memory_is_run_again_with_more(bench: Bench) -> None:
    bench.plan({1: ["memory:400", "ok"]})
    result = bench.run()
    assert_success(bench, result)
    assert_says(result, "is on hold")
    assert len(bench.runs(1)) == 2
    constraint = f'regexp("{bench.directory}/", Iwd) && LawJob == 2'
    command = ["condor_history", "-constraint", constraint, "-af", "RequestMemory"]
    after, before = map(int, bench.pool.submit.run(*command).split())
    assert (before, after >= 200) == (100, True)
    assert bench.jobs_submitted() == 5


def test_a_job_that_lacks_memory_at_the_limit_fails(bench: Bench) -> None:
    bench.configure(max_memory="100")
    bench.plan({0: ["memory:400"]})
    result = bench.run("--n", "1")
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): held:")
    assert len(bench.runs()) == 1


def test_a_job_that_the_user_holds_waits_for_its_release(bench: Bench) -> None:
    bench.plan({1: ["wait:go"]})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_hold", "-constraint", "LawJob == 2")
    bench.wait_for_text("is on hold: via condor_hold")
    assert "left on hold" in bench.text
    (bench.directory / "go").touch()
    bench.pool.submit.run("condor_release", "-constraint", "LawJob == 2")
    assert_success(bench, bench.finish(process))
    assert bench.jobs_submitted() == 4


def test_held_jobs_are_released_under_that_policy(bench: Bench) -> None:
    bench.plan({1: ["wait:never", "ok"]})
    process = bench.start("--htcondor-hold", "release")
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_hold", "-constraint", "LawJob == 2")
    assert_success(bench, bench.finish(process))
    assert "(released)" in bench.text
    assert bench.jobs_submitted() == 4


def test_jobs_that_are_held_again_and_again_fail_with_the_reason(bench: Bench) -> None:
    bench.configure(description="transfer_input_files = /does/not/exist")
    result = bench.run("--n", "2", "--retries", "1")
    assert result.code == FAILED
    assert_says(result, "2 jobs (2 branches): held:")
    assert_says(result, "/does/not/exist")
    assert not bench.runs()
    assert bench.jobs_submitted() == 4


def test_a_job_whose_machine_dies_runs_on_another(bench: Bench) -> None:
    bench.plan({branch: ["sleep:3"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    name = bench.runs()[0].host
    worker = next(node for node in bench.pool.workers if node.name == name)
    lost = sum(run.host == name for run in bench.runs())
    worker.kill()
    try:
        result = bench.finish(process)
    finally:
        worker.start()
        bench.pool.wait_for(bench.pool.ready, 60, "the worker to come back")
    assert_success(bench, result)
    assert len(bench.runs()) == 4 + lost
    assert bench.jobs_submitted() == 4


def test_jobs_survive_the_death_of_the_startd(bench: Bench) -> None:
    bench.plan({branch: ["sleep:3"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    for worker in bench.pool.workers:
        worker.kill_process("condor_startd")
    assert_success(bench, bench.finish(process))
    assert bench.jobs_submitted() == 4


def test_jobs_survive_the_death_of_the_schedd(bench: Bench) -> None:
    bench.plan({branch: ["sleep:6"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.kill_schedd()
    assert_success(bench, bench.finish(process))
    assert bench.jobs_submitted() == 4


def test_a_killed_submitter_goes_on_where_it_was(bench: Bench) -> None:
    bench.plan({branch: ["sleep:4"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(2)
    bench.kill_submitter()
    assert_success(bench, bench.run())
    assert len(bench.runs()) == 4
    assert bench.jobs_submitted() == 4


@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_is_submitted_twice_when_killed_while_submitting(bench: Bench, moment: str) -> None:
    slow = bench.directory / "slow_submit"
    steps = ["sleep 3", 'condor_submit "$@"', f"touch {bench.directory}/submitted", "sleep 3"]
    slow.write_text("\n".join(["#!/bin/sh", f"touch {bench.directory}/submitting", *steps]))
    slow.chmod(0o755)
    bench.configure(job={"htcondor_cmd_submit": str(slow)})
    bench.start()
    seen = bench.directory / ("submitting" if moment == "before" else "submitted")
    bench.pool.wait_for(seen.exists, 30, seen.name)
    bench.kill_submitter()
    assert_success(bench, bench.run())
    assert bench.jobs_submitted() == 4


def test_a_submitter_killed_at_any_time_leaves_a_record_to_go_on_with(bench: Bench) -> None:
    bench.plan({branch: ["sleep:1"] for branch in range(8)})
    for delay in (0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8):
        process = bench.start("--n", "8", "--parallel-jobs", "3")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        assert process.returncode in {0, None}, bench.text
        if process.returncode is None:
            bench.kill_submitter()
    assert_success(bench, bench.run("--n", "8", "--parallel-jobs", "3"), branches=8)
    assert len(bench.runs()) == 8
    assert bench.jobs_submitted() == 8


def test_jobs_whose_record_is_gone_are_taken_over(bench: Bench) -> None:
    bench.plan({branch: ["sleep:4"] for branch in range(4)})
    bench.start("--tasks-per-job", "2")
    bench.wait_for_runs(2)
    bench.kill_submitter()
    bench.record().unlink()
    assert_success(bench, bench.run("--tasks-per-job", "2"))
    assert bench.jobs_submitted() == 2


def test_a_second_submitter_is_refused(bench: Bench) -> None:
    bench.plan({0: ["wait:go"]})
    first = bench.start()
    bench.wait_for_runs(4)
    second = bench.start("--retries", "4")  # luigi itself refuses the very same command
    bench.wait_for_text("already looked after by process")
    assert second.wait(60) == FAILED
    (bench.directory / "go").touch()
    assert_success(bench, bench.finish(first))
    assert bench.jobs_submitted() == 4


def test_a_lost_job_is_looked_up_again_before_it_is_replaced(bench: Bench) -> None:
    bench.plan({0: ["wait:never", "ok"]})
    bench.start()
    bench.wait_for_runs(4)
    bench.pool.wait_for(lambda: len(bench.outputs()) == 3, 30, "three outputs")
    bench.kill_submitter()
    bench.pool.empty_queue()
    bench.pool.submit.run("sh", "-c", ": > /var/spool/condor/history", user=False)
    result = bench.run()
    assert_success(bench, result)
    assert_says(result, "lost: HTCondor knows it neither in the queue nor in the history")
    polls = [line for line in result.text.splitlines() if "all: 4" in line]
    assert sum("pending: 1" in line for line in polls) >= 2
    assert len(bench.runs(0)) == 2


def test_a_branch_that_fails_once_is_run_again(bench: Bench) -> None:
    bench.plan({2: ["fail:no luck", "ok"]})
    result = bench.run()
    assert_success(bench, result)
    assert_says(result, "1 job (1 branch): ValueError: no luck")
    assert bench.jobs_submitted() == 5


def test_a_branch_that_always_fails_ends_the_workflow(bench: Bench) -> None:
    bench.plan({2: ["fail:no luck"]})
    result = bench.run("--retries", "2")
    assert result.code == FAILED
    assert "Traceback" not in result.text
    assert_says(result, "Trial: tolerance exceeded for jobs 3")
    assert sorted(bench.outputs()) == [0, 1, 3]
    assert len(bench.runs(2)) == 3
    assert not bench.overlaps()
    again = bench.run("--retries", "0")
    assert again.code == FAILED
    assert len(bench.runs(2)) == 4


def test_tolerance_and_acceptance_let_a_branch_fail(bench: Bench) -> None:
    bench.plan({2: ["fail:no luck"]})
    result = bench.run("--retries", "0", "--tolerance", "1", "--acceptance", "0.75")
    assert result.code == 0, result.text
    assert sorted(bench.outputs()) == [0, 1, 3]
    result = bench.run("--retries", "0", "--tolerance", "1")
    assert result.code == FAILED
    assert_says(result, "acceptance of 4.0 not reached")


def test_a_mistake_is_not_tried_again(bench: Bench) -> None:
    bench.plan({1: ["mistake:branch `pt` missing in /eos/a 1.root"]})
    result = bench.run()
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): branch `pt` missing in /eos/a 1.root; log: ")
    assert len(bench.runs(1)) == 1
    log = Path(result.text.split("; log: ")[1].split("\n")[0])
    assert "branch `pt` missing" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_equal_causes_are_one_line(bench: Bench) -> None:
    bench.plan({n: [f"fail:branch pt missing in /eos/file_{n}.root"] for n in range(6)})
    result = bench.run("--n", "8", "--retries", "0", "--tolerance", "8", "--acceptance", "2")
    assert_says(result, "6 jobs (6 branches): ValueError: branch pt missing in FILE; log: ")


def test_a_missing_output_is_a_failure_though_the_job_says_zero(bench: Bench) -> None:
    bench.plan({1: ["exit:0"]})
    result = bench.run("--retries", "1")
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): output missing, exit code 0")
    assert len(bench.runs(1)) == 2
    assert not bench.overlaps()


def test_a_job_that_the_user_removes_stays_removed(bench: Bench) -> None:
    bench.plan({1: ["wait:never"]})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_rm", "-constraint", "LawJob == 2")
    result = bench.finish(process)
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): removed: via condor_rm")
    assert len(bench.runs(1)) == 1


def test_a_refused_submission_is_one_line(bench: Bench) -> None:
    result = bench.run("--htcondor-requirements", "(((")
    assert result.code == FAILED
    assert_says(result, "nothing was submitted: condor_submit failed")
    assert "Traceback" not in result.text
    assert_success(bench, bench.run())
    assert bench.jobs_submitted() == 4


def test_an_interrupt_without_a_terminal_leaves_the_jobs(bench: Bench) -> None:
    bench.plan({branch: ["sleep:4"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.signal_submitter(signal.SIGINT)
    assert process.wait(30) != 0
    assert "4 jobs go on; the same command waits for them again" in bench.text
    assert_success(bench, bench.run())
    assert bench.jobs_submitted() == 4


@pytest.mark.parametrize(("answer", "left"), [("n", 4), ("y", 0)])
def test_an_interrupt_on_a_terminal_asks_what_to_do(bench: Bench, answer: str, left: int) -> None:
    bench.plan({branch: ["wait:never"] for branch in range(4)})
    terminal = bench.start_on_terminal()
    bench.wait_for_runs(4)
    terminal.read_until("job/s")  # the progress bar
    # what Ctrl-C does; typed here, it would also end the processes that lead into the node
    bench.signal_submitter(signal.SIGINT)
    terminal.read_until("4 jobs are in the queue. Remove them? [y/N]")
    terminal.write(f"{answer}\n")
    terminal.read_until("removed 4 jobs" if answer == "y" else "4 jobs go on")
    terminal.wait()
    bench.pool.wait_for(lambda: len(bench.pool.queue("JobStatus != 3")) == left, 20, "removal")


def test_cancel_jobs_removes_them(bench: Bench) -> None:
    bench.plan({branch: ["wait:never", "ok"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(4)
    bench.kill_submitter()
    assert bench.run("--cancel-jobs").code == 0
    bench.pool.wait_for(lambda: not bench.pool.queue(), 20, "the queue to empty")
    assert_success(bench, bench.run())


def test_ignoring_the_record_does_not_double_the_jobs(bench: Bench) -> None:
    bench.plan({branch: ["sleep:5"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(4)
    bench.kill_submitter()
    result = bench.run("--ignore-submission")
    assert result.code == FAILED
    assert_says(result, "4 jobs of Trial are still in the queue")
    assert_success(bench, bench.run())
    assert bench.jobs_submitted() == 4
