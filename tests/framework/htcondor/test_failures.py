"""Reports at the end of a log, and their summary."""

from tasks.framework.htcondor.failures import (
    Account,
    Failure,
    Report,
    last_words,
    read_report,
    summary,
)


def test_a_report_is_read_back_from_the_end_of_a_log(tmp_path):
    log = tmp_path / "job.log"
    report = Report({3: "branch `pt` missing"}, permanent=True)
    log.write_text("x" * 200_000 + f"\n{report.line()}\nfree memory at exit\n")
    assert read_report(log) == report


def test_a_log_without_report_gives_its_last_words(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("start\nSegmentation fault\n\n")
    assert read_report(log) is None
    assert last_words(log) == "Segmentation fault"
    assert last_words(tmp_path / "absent") == ""


def test_a_report_that_was_cut_off_is_none(tmp_path):
    log = tmp_path / "job.log"
    log.write_text(Report({3: "cause"}).line()[:-5])
    assert read_report(log) is None


def test_different_causes_stay_apart_and_equal_ones_join():
    failures = [Failure(n, [n], f"slot1_{n}@worker{n}.pool lost /a/{n}.root") for n in range(3)]
    failures.append(Failure(9, [9], "no luck", "/logs/9.log"))
    assert summary(failures) == [
        "3 jobs (3 branches): MACHINE lost FILE",
        "1 job (1 branch): no luck; log: /logs/9.log",
    ]


def test_one_cause_keeps_its_details():
    same = [Failure(n, [n], "missing in /eos/a 1.root") for n in range(2)]
    assert summary(same) == ["2 jobs (2 branches): missing in /eos/a 1.root"]


def test_many_causes_are_cut():
    failures = [Failure(n, [n], "cause " + "x" * n) for n in range(15)]
    assert summary(failures, shown=10)[-1] == "5 jobs with 5 other causes"


def test_a_job_that_fails_in_several_branches_is_one_job():
    files = [Failure(1, [n], f"missing in /eos/{n}.root") for n in range(10)]
    assert summary(files) == ["1 job (10 branches): missing in FILE"]


def test_a_cause_is_told_once_while_it_comes_and_with_all_jobs_at_the_end():
    account = Account()
    first = [Failure(n, [n], f"missing in /eos/{n}.root", f"/logs/{n}") for n in (1, 2)]
    assert account.add(first) == ["job 1 and 1 more failed: missing in FILE; log: /logs/1"]
    assert account.add([Failure(3, [3], "missing in /eos/3.root")]) == []
    assert account.add([Failure(4, [4], "no luck")], tried_again=[4]) == [
        "job 4 failed, to be tried again: no luck"
    ]
    assert account.summary("Skim", finished=[4, 5], failed=[1, 2]) == [
        "3 failed jobs of Skim, 1 of them to be tried again:",
        "  3 jobs (3 branches): missing in FILE; log: /logs/1",
        "1 job of Skim succeeded after failures:",
        "  1 job (1 branch): no luck",
    ]


def test_a_job_that_is_lost_counts_with_its_last_cause_and_one_that_was_saved_with_all():
    account = Account()
    for cause in ("killed by signal 9", "no luck", "no luck"):
        account.add([Failure(1, [1], cause)])
    assert account.summary("Skim", finished=[], failed=[1])[1:] == ["  1 job (1 branch): no luck"]
    assert account.summary("Skim", finished=[1], failed=[])[1:] == [
        "  1 job (1 branch): killed by signal 9",
        "  1 job (1 branch): no luck",
    ]


def test_a_workflow_without_failures_has_no_summary():
    assert Account().summary("Skim", finished=[1], failed=[]) == []
