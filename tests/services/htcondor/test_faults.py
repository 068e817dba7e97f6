"""What goes wrong on a pool: no branch runs twice at a time, and the end is the right one."""

import contextlib
import signal
import subprocess
from pathlib import Path

import pytest

from tests.services.htcondor.bench import Bench, Result
from tests.services.htcondor.pool import PATIENCE

pytestmark = [pytest.mark.htcondor, pytest.mark.slow]

FAILED = 40  # law's exit code of a failed task


def assert_success(bench: Bench, result: Result, branches: int = 4) -> None:
    assert result.code == 0, result.text
    assert sorted(bench.outputs()) == list(range(branches)), result.text
    assert not bench.overlaps()


def assert_ran(bench: Bench, *, jobs: int, runs: int) -> None:
    """So many jobs were submitted, and so often did a branch start, never twice at a time."""
    assert (bench.jobs_submitted(), len(bench.runs())) == (jobs, runs), bench.text
    assert not bench.overlaps()


def release(bench: Bench) -> None:
    """Let the branches that wait for the file `go` end."""
    (bench.store / "go").touch()


def assert_says(result: Result, text: str) -> None:
    assert text in result.text, f"'{text}' is not in\n{result.text}"


def test_a_job_killed_by_a_signal_is_run_again(bench: Bench) -> None:
    bench.plan({1: ["kill", "ok"]})
    result = bench.run()
    assert_success(bench, result)
    assert_says(result, "Trial: job 2 failed, to be tried again: killed by signal 9; log: ")
    assert_says(result, "1 job of Trial succeeded after failures:\n  1 job (1 branch): killed by")
    assert [len(bench.runs(branch)) for branch in range(4)] == [1, 2, 1, 1]
    assert_ran(bench, jobs=5, runs=5)


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
    assert_ran(bench, jobs=5, runs=5)


def test_a_job_that_lacks_memory_at_the_limit_fails(bench: Bench) -> None:
    bench.configure(max_memory="100")
    bench.plan({0: ["memory:400"]})
    result = bench.run("--n", "1")
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): held:")
    assert_ran(bench, jobs=1, runs=1)


def test_a_job_that_the_user_holds_waits_for_its_release(bench: Bench) -> None:
    bench.plan({1: ["wait:go"]})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_hold", "-constraint", "LawJob == 2")
    bench.wait_for_text("is on hold: via condor_hold")
    assert "left on hold" in bench.text
    release(bench)
    bench.pool.submit.run("condor_release", "-constraint", "LawJob == 2")
    assert_success(bench, bench.finish(process))
    assert_ran(bench, jobs=4, runs=5)


def test_a_suspended_job_runs_as_far_as_we_are_concerned(bench: Bench) -> None:
    bench.plan({1: ["wait:go"]})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_suspend", "-constraint", "LawJob == 2")
    bench.pool.wait_for(
        lambda: bench.pool.queue("JobStatus == 7"), PATIENCE, "the job to be suspended"
    )
    polls = bench.text.count("all: 4")
    bench.pool.wait_for(lambda: bench.text.count("all: 4") > polls + 1, PATIENCE, "two polls")
    assert "failed: 1" not in bench.text
    release(bench)
    bench.pool.submit.run("condor_continue", "-constraint", "LawJob == 2")
    assert_success(bench, bench.finish(process))
    assert_ran(bench, jobs=4, runs=4)


def test_held_jobs_are_released_under_that_policy(bench: Bench) -> None:
    bench.plan({1: ["wait:never", "ok"]})
    process = bench.start("--htcondor-hold", "release")
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_hold", "-constraint", "LawJob == 2")
    assert_success(bench, bench.finish(process))
    assert "(released)" in bench.text
    assert_ran(bench, jobs=4, runs=5)


def test_jobs_that_are_held_again_and_again_fail_with_the_reason(bench: Bench) -> None:
    bench.configure(description="transfer_input_files = /does/not/exist")
    # all may fail, so that the end does not depend on which fails first
    result = bench.run("--n", "2", "--retries", "1", "--tolerance", "1")
    assert result.code == FAILED
    assert_says(result, "2 jobs (2 branches): held:")
    assert_says(result, "/does/not/exist")
    assert_ran(bench, jobs=4, runs=0)


def test_a_job_whose_machine_dies_runs_on_another(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    name = bench.runs()[0].host
    worker = next(node for node in bench.pool.workers if node.name == name)
    lost = sum(run.host == name for run in bench.runs())
    worker.kill()
    release(bench)
    try:
        result = bench.finish(process)
    finally:
        worker.start()
        bench.pool.wait_for(bench.pool.ready, PATIENCE, "the worker to come back")
    assert_success(bench, result)
    assert_ran(bench, jobs=4, runs=4 + lost)


def test_jobs_survive_the_death_of_the_startd(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    for worker in bench.pool.workers:
        worker.kill_process("condor_startd")
    bench.wait_for_runs(8)
    release(bench)
    assert_success(bench, bench.finish(process))
    assert_ran(bench, jobs=4, runs=8)


def test_jobs_survive_the_death_of_the_schedd(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.kill_schedd()
    bench.pool.wait_for(bench.pool.schedd_answers, PATIENCE, "the schedd to come back")
    release(bench)
    assert_success(bench, bench.finish(process))
    assert_ran(bench, jobs=4, runs=4)


def test_a_killed_submitter_goes_on_where_it_was(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(2)
    bench.kill_submitter()
    release(bench)
    assert_success(bench, bench.run())
    assert_ran(bench, jobs=4, runs=4)


def test_jobs_are_waited_for_where_they_are_when_the_login_node_has_another_schedd(
    bench: Bench,
) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(4)
    bench.kill_submitter()
    bench.variables = {"_CONDOR_SCHEDD_HOST": "another.pool"}
    process = bench.start()
    bench.wait_for_text("running: 4")
    release(bench)
    assert_success(bench, bench.finish(process))
    assert_says(Result(0, bench.text), "the jobs of Trial are at submit")
    assert_ran(bench, jobs=4, runs=4)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_is_submitted_twice_when_killed_while_submitting(bench: Bench, moment: str) -> None:
    slow = bench.directory / "slow_submit"
    steps = ["sleep 3", 'condor_submit "$@"', f"touch {bench.directory}/submitted", "sleep 3"]
    slow.write_text("\n".join(["#!/bin/sh", f"touch {bench.directory}/submitting", *steps]))
    slow.chmod(0o755)
    bench.configure(job={"htcondor_cmd_submit": str(slow)})
    bench.start()
    seen = bench.directory / ("submitting" if moment == "before" else "submitted")
    bench.pool.wait_for(seen.exists, PATIENCE, seen.name)
    bench.kill_submitter()
    assert_success(bench, bench.run())
    assert_ran(bench, jobs=4, runs=4)


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
    assert_ran(bench, jobs=8, runs=8)


def test_jobs_whose_record_is_gone_are_taken_over(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    bench.start("--tasks-per-job", "2")
    bench.wait_for_runs(2)
    bench.kill_submitter()
    bench.record().unlink()
    process = bench.start("--tasks-per-job", "2")
    bench.wait_for_text("all: 2")
    release(bench)
    assert_success(bench, bench.finish(process))
    assert_ran(bench, jobs=2, runs=4)


def test_a_second_submitter_is_refused(bench: Bench) -> None:
    bench.plan({0: ["wait:go"]})
    first = bench.start()
    bench.wait_for_runs(4)
    second = bench.start("--retries", "4")  # luigi itself refuses the very same command
    bench.wait_for_text("already looked after by process")
    assert second.wait(PATIENCE) == FAILED
    release(bench)
    assert_success(bench, bench.finish(first))
    assert_ran(bench, jobs=4, runs=4)


def test_a_lost_job_is_looked_up_again_before_it_is_replaced(bench: Bench) -> None:
    bench.plan({0: ["wait:never", "ok"]})
    bench.start()
    bench.wait_for_runs(4)
    bench.pool.wait_for(lambda: len(bench.outputs()) == 3, PATIENCE, "three outputs")
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
    assert_ran(bench, jobs=5, runs=5)


def test_a_branch_that_always_fails_ends_the_workflow(bench: Bench) -> None:
    bench.plan({2: ["fail:no luck"]})
    result = bench.run("--retries", "2")
    assert result.code == FAILED
    assert "Traceback" not in result.text
    assert_says(result, "Trial: tolerance exceeded for jobs 3")
    assert_says(result, "1 failed job of Trial:\n  1 job (1 branch): ValueError: no luck; log: ")
    bench.pool.wait_for(lambda: sorted(bench.outputs()) == [0, 1, 3], PATIENCE, "the other outputs")
    assert_ran(bench, jobs=6, runs=6)
    again = bench.run("--retries", "0")
    assert again.code == FAILED
    assert_ran(bench, jobs=7, runs=7)


def test_tolerance_and_acceptance_let_a_branch_fail(bench: Bench) -> None:
    bench.plan({2: ["fail:no luck"]})
    result = bench.run("--retries", "0", "--tolerance", "1", "--acceptance", "0.75")
    assert result.code == 0, result.text
    assert sorted(bench.outputs()) == [0, 1, 3]
    result = bench.run("--retries", "0", "--tolerance", "1")
    assert result.code == FAILED
    assert_says(result, "acceptance of 4.0 not reached")
    assert_ran(bench, jobs=5, runs=5)


def test_jobs_that_were_not_waited_for_still_end_well(bench: Bench) -> None:
    bench.plan({2: ["wait:go"]})
    # of the others one runs and one still has to read its files
    machine = "HasSharedFileSystem && MY.LawJob != 4"
    result = bench.run("--acceptance", "0.5", "--htcondor-requirements", machine)
    assert result.code == 0, result.text
    assert_says(result, "2 jobs of Trial left in the queue; --cancel-jobs removes them")
    bench.pool.submit.run("condor_qedit", "-constraint", "LawJob == 4", "Requirements", "true")
    release(bench)
    bench.pool.wait_for(lambda: len(bench.outputs()) == 4, PATIENCE, "the other outputs")
    assert_ran(bench, jobs=4, runs=4)


def test_no_more_time_is_one_line_and_the_jobs_go_on(bench: Bench) -> None:
    bench.plan({1: ["wait:go"]})
    result = bench.run("--walltime", "3s")
    assert result.code == FAILED
    assert_says(result, "Trial: exceeded walltime: 3 seconds; the same command waits on")
    assert_says(result, "left in the queue")
    assert "Traceback" not in result.text
    release(bench)
    assert_success(bench, bench.run())
    assert_ran(bench, jobs=4, runs=4)


def test_a_mistake_is_not_tried_again(bench: Bench) -> None:
    bench.plan({1: ["mistake:branch `pt` missing in /eos/a 1.root"]})
    result = bench.run()
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): branch `pt` missing in /eos/a 1.root; log: ")
    assert len(bench.runs(1)) == 1
    assert bench.jobs_submitted() == 4
    log = Path(result.text.split("; log: ")[1].split("\n")[0])
    assert "branch `pt` missing" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(("tolerance", "code"), [("1", 0), ("5", FAILED)])
def test_equal_causes_are_one_line_at_the_end(bench: Bench, tolerance: str, code: int) -> None:
    plan = {n: [f"fail:branch pt missing in /eos/file_{n}.root"] for n in range(6)}
    bench.plan({**plan, 6: ["wait:go"], 7: ["wait:go"]})
    options = ["--retries", "0", "--tolerance", tolerance, "--acceptance", "2"]
    process = bench.start("--n", "8", *options)
    bench.wait_for_text("failed: 6")
    release(bench)
    result = bench.finish(process)
    assert result.code == code, result.text
    cause = "ValueError: branch pt missing in"
    assert_says(result, f"6 failed jobs of Trial:\n  6 jobs (6 branches): {cause} FILE; log: ")
    # while they came, in however many polls, the cause was told once
    assert result.text.count(cause) == 2
    assert len(bench.runs()) == bench.jobs_submitted() == 8


def test_a_missing_output_is_a_failure_though_the_job_says_zero(bench: Bench) -> None:
    bench.plan({1: ["exit:0"]})
    result = bench.run("--retries", "1")
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): output missing, exit code 0")
    assert_ran(bench, jobs=5, runs=5)


def test_a_job_that_the_user_removes_stays_removed(bench: Bench) -> None:
    bench.plan({1: ["wait:never"]})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.pool.submit.run("condor_rm", "-constraint", "LawJob == 2")
    result = bench.finish(process)
    assert result.code == FAILED
    assert_says(result, "1 job (1 branch): removed: via condor_rm")
    assert_ran(bench, jobs=4, runs=4)


def test_a_refused_submission_is_one_line(bench: Bench) -> None:
    result = bench.run("--htcondor-requirements", "(((")
    assert result.code == FAILED
    assert_says(result, "nothing was submitted: condor_submit failed")
    assert "Traceback" not in result.text
    assert_success(bench, bench.run())
    assert bench.jobs_submitted() == 4


def test_an_interrupt_without_a_terminal_leaves_the_jobs(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    process = bench.start()
    bench.wait_for_runs(4)
    bench.signal_submitter(signal.SIGINT)
    assert process.wait(PATIENCE) != 0
    assert "4 jobs go on; the same command waits for them again" in bench.text
    release(bench)
    assert_success(bench, bench.run())
    assert_ran(bench, jobs=4, runs=4)


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
    bench.pool.wait_for(
        lambda: len(bench.pool.queue("JobStatus != 3")) == left, PATIENCE, "removal"
    )


def test_cancel_jobs_removes_them(bench: Bench) -> None:
    bench.plan({branch: ["wait:never", "ok"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(4)
    bench.kill_submitter()
    assert bench.run("--cancel-jobs").code == 0
    bench.pool.wait_for(lambda: not bench.pool.queue(), PATIENCE, "the queue to empty")
    assert_success(bench, bench.run())
    assert_ran(bench, jobs=8, runs=8)


def test_ignoring_the_record_does_not_double_the_jobs(bench: Bench) -> None:
    bench.plan({branch: ["wait:go"] for branch in range(4)})
    bench.start()
    bench.wait_for_runs(4)
    bench.kill_submitter()
    result = bench.run("--ignore-submission")
    assert result.code == FAILED
    assert_says(result, "4 jobs of Trial are still in the queue")
    release(bench)
    assert_success(bench, bench.run())
    assert_ran(bench, jobs=4, runs=4)
