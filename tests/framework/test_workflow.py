"""What a workflow promises, whatever its branches do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import law
import luigi
import pytest
from luigi.cmdline_parser import CmdlineParser

from tasks.framework import branches as running
from tasks.framework import patches
from tasks.framework.base import AnalysisTask
from tasks.framework.errors import UserError, report_in_one_line
from tasks.framework.processes import Slots
from tasks.framework.workflow import Workflow

pytestmark = pytest.mark.usefixtures("store")
WORKERS = pytest.mark.parametrize("workers", [1, 2, 3])


class Source(AnalysisTask):
    value = luigi.IntParameter()

    def output(self):
        return self.targets(value=f"source_{self.value}.json")

    def run(self):
        with self.localize_output() as output:
            output["value"].dump(self.value, formatter="json")


class Common(AnalysisTask):
    def output(self):
        return self.targets(common="common.json")

    def run(self):
        with self.localize_output() as output:
            output["common"].dump(100, formatter="json")


class Chunks(Workflow):
    n = luigi.IntParameter(default=6)

    def create_branch_map(self):
        return list(range(self.n))

    def output(self):
        return self.targets(chunk=f"chunk_{self.branch}.json")

    def run(self):
        with self.localize_output() as output:
            output["chunk"].dump(self.branch_data, formatter="json")


class Work(Workflow):
    """Has every kind of requirement, and branches that go wrong in every way."""

    n = luigi.IntParameter(default=6)
    wrong = luigi.Parameter(default="")
    seconds = luigi.FloatParameter(default=0.0, significant=False)

    def create_branch_map(self):
        return list(range(self.n))

    def workflow_requires(self):
        return {**super().workflow_requires(), "common": Common.req(self)}

    def requires(self):
        return {
            "common": Common.req(self),
            "source": Source.req(self, value=self.branch_data),
            "chunk": Chunks.req(self),
        }

    def output(self):
        return self.targets(text=f"text_{self.branch}.json", pid=f"pid_{self.branch}.txt")

    def run(self):
        time.sleep(self.seconds)
        if str(self.branch) in self.wrong.split("-"):
            self.go_wrong()
        with self.localize_output() as output:
            values = [target[key].load(formatter="json") for key, target in self.parts()]
            output["text"].dump(sum(values), formatter="json")
            output["pid"].dump(str(os.getpid()), formatter="text")

    def parts(self):
        return [(key if key != "source" else "value", t) for key, t in self.input().items()]

    def go_wrong(self):
        match self.branch:
            case 0:
                raise ValueError("zero is wrong")
            case 1 | 2:
                raise UserError("file x.root: not a ROOT file")
            case 3:
                os.kill(os.getpid(), signal.SIGKILL)
            case 4:
                sys.exit(3)


class Slow(Chunks):
    def run(self):
        time.sleep(0.05)
        super().run()


def build(task, workers=1):
    return luigi.build([task], local_scheduler=True, workers=workers, log_level="ERROR")


def made(store, pattern="text_*.json"):
    return {int(p.stem.split("_")[1].split(".")[0]) for p in (store / "Work").rglob(pattern)}


@WORKERS
def test_all_branches_run_with_what_they_and_the_workflow_require(store, workers):
    assert build(Work(), workers)
    values = [
        t["text"].load(formatter="json") for t in Work().output()["collection"].targets.values()
    ]
    assert values == [100 + 2 * branch for branch in range(6)]


@WORKERS
def test_a_second_run_in_the_same_process_makes_what_was_deleted(store, workers):
    task = Work()
    assert build(task, workers)
    gone = next((store / "Work").rglob("text_3.json"))
    gone.unlink()
    assert not task.complete()
    assert build(task, workers)
    assert gone.exists()
    assert task.complete()


@pytest.mark.parametrize("workers", [1, 2])
def test_failures_lose_no_other_branch_and_are_told_in_one_line_by_cause(store, workers, caplog):
    report_in_one_line()
    assert not build(Work(wrong="0-1-2-4"), workers)
    assert made(store) == {3, 5}
    assert not made(store, "pid_[0124].txt")
    if workers == 1:
        (line,) = [r.getMessage() for r in caplog.records if "branches failed" in r.getMessage()]
        assert line == (
            "Work: 4 of 6 branches failed: 1:3: file x.root: not a ROOT file; 0: ValueError: zero "
            "is wrong; 4: SystemExit: 3 (2 done now; a rerun tries only what is missing)"
        )
        traces = [r.getMessage() for r in caplog.records if "Traceback" in r.getMessage()]
        assert len([t for t in traces if "zero is wrong" in t]) == 1
        assert not [t for t in traces if "not a ROOT file" in t]


def test_many_failed_branches_are_told_briefly(caplog):
    class Odd(Chunks):
        def run(self):
            if self.branch % 2:
                raise ValueError(f"{self.branch} is odd")
            super().run()

    report_in_one_line()
    assert not build(Odd(n=100))
    (line,) = [r.getMessage() for r in caplog.records if "branches failed" in r.getMessage()]
    assert "1,3,5,7,9,11,13,15,17,19,... (50 branches): ValueError: 1 is odd (50 done" in line
    assert len(line) < 400


def test_a_branch_whose_process_is_killed_fails_alone(store):
    task = Work(wrong="3")
    for required in Common(), Chunks(), *(Source(value=v) for v in range(6)):
        assert build(required)
    task.process_slots = Slots(2)
    with pytest.raises(UserError, match=r"3: its process died \(SIGKILL, perhaps out of memory\)"):
        list(task.run())
    assert made(store) == {0, 1, 2, 4, 5}


@pytest.mark.parametrize(
    ("options", "succeeds"),
    [
        ({}, False),
        ({"tolerance": 0.5}, False),
        ({"acceptance": 0.5}, False),
        ({"tolerance": 0.5, "acceptance": 0.5}, True),
        ({"tolerance": 2, "acceptance": 4}, True),
        ({"tolerance": 0.1, "acceptance": 4}, False),
    ],
)
def test_tolerance_and_acceptance_mean_what_they_mean_for_batch_jobs(store, options, succeeds):
    assert build(Work(wrong="0-1", **options)) is succeeds
    assert made(store) == {2, 3, 4, 5}


def test_only_the_chosen_branches_run(store):
    assert build(Work(branches=((0, 2), (4,))))
    assert made(store) == {0, 1, 4}


def test_branches_share_processes_and_there_are_no_more_than_workers(store):
    assert build(Work(n=20, seconds=0.01), workers=3)
    pids = {p.read_text() for p in (store / "Work").rglob("pid_*.txt")}
    assert 2 <= len(pids) <= 3


def test_one_worker_runs_branches_in_this_process(store):
    assert build(Work())
    assert {p.read_text() for p in (store / "Work").rglob("pid_*.txt")} == {str(os.getpid())}


def test_every_branch_has_its_record(store):
    assert build(Work(), workers=2)
    record = json.loads(next((store / "Work").rglob("text_5.provenance.json")).read_text())
    assert record["parameters"]["branch"] == "5"
    assert {Path(i["uri"]).name for i in record["inputs"]} == {
        "common.json",
        "source_5.json",
        "chunk_5.json",
    }


def test_handlers_of_luigis_events_hear_of_every_branch(store):
    heard = []
    for name in (luigi.Event.START, luigi.Event.SUCCESS, luigi.Event.FAILURE):
        Work.event_handler(name)(lambda task, *_, name=name: heard.append((name, task.branch)))
    try:
        build(Work(wrong="1"))
    finally:
        for name in (luigi.Event.START, luigi.Event.SUCCESS, luigi.Event.FAILURE):
            Work._event_callbacks[Work].pop(name)
    of_branches = [(name, branch) for name, branch in heard if branch >= 0]
    assert of_branches.count((luigi.Event.START, 1)) == 1
    assert {b for name, b in of_branches if name == luigi.Event.SUCCESS} == {0, 2, 3, 4, 5}
    assert {b for name, b in of_branches if name == luigi.Event.FAILURE} == {1}


def test_a_branch_alone_is_a_task_like_any_other(store):
    assert build(Work(branch=2))
    assert made(store) == {2}


class Dynamic(Workflow):
    def create_branch_map(self):
        return [1, 2]

    def output(self):
        return self.targets(sum=f"sum_{self.branch}.json")

    def run(self):
        sources = yield [Source.req(self, value=v) for v in range(self.branch_data + 1)]
        total = sum(source["value"].load(formatter="json") for source in sources)
        with self.localize_output() as output:
            output["sum"].dump(total, formatter="json")


@WORKERS
def test_branches_may_yield_requirements(store, workers):
    assert build(Dynamic(), workers)
    found = Dynamic().output()["collection"].targets
    assert [found[b]["sum"].load(formatter="json") for b in (0, 1)] == [1, 3]


class Conditional(Workflow):
    """Its branches are known only when what it requires is there: law's dynamic condition."""

    def workflow_requires(self):
        return {**super().workflow_requires(), "source": Source.req(self, value=3)}

    @law.dynamic_workflow_condition(condition_as_workflow=True)
    def workflow_condition(self):
        return self.input()["source"]["value"].exists()

    @workflow_condition.create_branch_map
    def create_branch_map(self):
        return list(range(self.input()["source"]["value"].load(formatter="json")))

    @workflow_condition.output
    def output(self):
        return self.targets(branch=f"branch_{self.branch}.json")

    def run(self):
        with self.localize_output() as output:
            output["branch"].dump(self.branch, formatter="json")


@WORKERS
def test_branches_may_depend_on_a_condition(store, workers):
    assert not Conditional().complete()
    assert build(Conditional(), workers)
    assert Conditional().complete()
    assert len(list((store / "Conditional").rglob("branch_?.json"))) == 3


def test_a_requirement_that_fails_keeps_only_its_branches_from_running(store, monkeypatch):
    class Fragile(Source):
        def run(self):
            if self.value == 1:
                raise ValueError("one")
            super().run()

    class OnFragile(Chunks):
        def requires(self):
            return Fragile.req(self, value=self.branch_data)

    build(OnFragile(n=3, branches=((0, 1),)))
    assert not build(OnFragile(n=3))
    assert {p.name for p in (store / "OnFragile").rglob("chunk_?.json")} == {"chunk_0.json"}
    assert {p.name for p in (store / "Fragile").rglob("source_?.json")} == {
        "source_0.json",
        "source_2.json",
    }


def test_copied_branch_tasks_are_those_law_would_make():
    workflow = Work(n=30)
    task = running.BranchTasks(workflow)
    assert task._template is not None
    for branch in (0, 7, 29):
        made, real = task(branch), workflow.as_branch(branch)
        assert made == real
        assert hash(made) == hash(real)
        assert made.task_id == real.task_id
        assert made.to_str_params() == real.to_str_params()
        assert made.branch_data == real.branch_data
        assert made.as_workflow() is workflow
    assert made._message_cache is not task(1)._message_cache


def test_branch_tasks_that_differ_in_more_are_constructed():
    class Special(Chunks):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.own = 10 * self.branch

    task = running.BranchTasks(Special())
    assert [task(branch).own for branch in (0, 3, 5)] == [0, 30, 50]


class TestOutputs:
    def test_they_are_known_without_branch_tasks(self, monkeypatch):
        monkeypatch.setattr(Work, "as_branch", lambda *_, **__: pytest.fail("made a branch task"))
        outputs = Work(n=50).output()["collection"]
        assert len(outputs) == 50
        assert not outputs.exists()
        assert outputs.targets[3]["text"].basename == "text_3.json"
        assert not Work(n=50).complete()

    def test_they_are_those_of_the_branch_tasks(self):
        workflow = Work()
        for branch, output in workflow.output()["collection"].targets.items():
            real = workflow.as_branch(branch).output()
            assert {k: t.path for k, t in output.items()} == {k: t.path for k, t in real.items()}
        assert dict(workflow.output()["collection"].targets)[5]["text"].path.endswith("text_5.json")

    def test_a_half_complete_branch_is_missing_and_is_removed_with_the_rest(self, store):
        workflow = Work()
        assert build(workflow)
        next((store / "Work").rglob("text_2.json")).unlink()
        collection = workflow.output()["collection"]
        assert collection.count(keys=True) == (5, [0, 1, 3, 4, 5])
        assert list(collection.count(existing=False, keys=True)[1]) == [2]
        collection.remove()
        assert [p for p in (store / "Work").rglob("*") if p.is_file()] == []

    def test_a_store_that_cannot_be_asked_is_an_error_and_not_a_reason_to_rerun(self, monkeypatch):
        workflow = Chunks()
        assert build(workflow)

        def refuse(*_, **__):
            raise PermissionError("no access")

        monkeypatch.setattr(law.LocalFileSystem, "listdir", refuse)
        with pytest.raises(PermissionError):
            workflow.complete()

    def test_their_status_is_short_however_many_there_are(self, store):
        workflow = Chunks(n=500)
        assert build(Chunks(n=500, branches=((0, 100), (200, 500))))
        collection = workflow.output()["collection"]
        assert collection.status_text() == "absent (400/500)"
        assert collection.status_text(flags=("missing",)) == (
            "absent (400/500), missing branches: 100:200"
        )
        assert len(collection.status_text(max_depth=1).splitlines()) < 60
        assert "Chunks" in repr(collection)

    def test_their_locations_are_short_too_unless_all_are_asked_for(self, capsys):
        with pytest.raises(SystemExit):
            Chunks(n=500, print_output=("0",))
        assert len(capsys.readouterr().out.splitlines()) == 3
        with pytest.raises(SystemExit):
            Chunks(n=500, print_output=("0", "False", "all"))
        assert len(capsys.readouterr().out.splitlines()) == 1002

    def test_localized_and_mapped_they_are_plain_collections(self):
        assert build(Chunks())
        collection = Chunks().output()["collection"]
        with collection.localize("r") as local:
            assert local.targets[4]["chunk"].load(formatter="json") == 4
        assert collection.map(lambda target: target.basename).targets[1]["chunk"] == "chunk_1.json"


def test_options_are_collected_once_for_the_same_tasks(monkeypatch):
    parser = CmdlineParser._build_parser(root_task="Fit")
    assert CmdlineParser._build_parser(root_task="Fit") is parser
    assert CmdlineParser._build_parser(root_task="Skim") is not parser

    class OneMore(law.Task):
        sort_of = luigi.Parameter(default="late")

    later = CmdlineParser._build_parser(root_task="Fit")
    assert later.parse_args(["Fit", "--OneMore-sort-of", "kind"]).OneMore_sort_of == "kind"


def test_the_patches_are_in_force_for_the_pinned_versions(monkeypatch):
    assert patches.apply()
    monkeypatch.setattr(law, "__version__", "0.2.0")
    assert not patches.apply.__wrapped__()


def test_the_history_finds_what_it_holds_without_looking_through_it():
    history = patches.History()
    history.append(("task", "DONE", None))
    assert ("task", "DONE", None) in history
    assert ("task", "PENDING", None) not in history
    assert list(history) == [("task", "DONE", None)]


def test_the_cause_of_a_dead_process_is_named():
    assert running.died(1, -11).cause == "its process died (SIGSEGV)"
    assert running.died(1, 7).cause == "its process died (exit code 7)"


def test_a_killed_run_leaves_no_process_and_nothing_partial(tmp_path):
    pytest.importorskip("psutil")
    import psutil

    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import luigi, test_workflow as t\n"
        "luigi.build([t.Slow(n=200)], local_scheduler=True, workers=3)\n"
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(
            [sys.executable, str(script)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "VHBB_RESULTS": str(tmp_path / number.name)},
        ) as run:
            started = psutil.Process(run.pid)
            deadline = time.monotonic() + 30
            while not list(tmp_path.glob(f"{number.name}/Slow/*/*.provenance.json")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            family = started.children(recursive=True)
            assert len(family) >= 3
            run.send_signal(number)
            _, alive = psutil.wait_procs(family, timeout=10)
            assert not alive
        for chunk in tmp_path.glob(f"{number.name}/Slow/*/chunk_*.json"):
            json.loads(chunk.read_text())
