import json

import law
import luigi
import pytest

from tasks.framework.base import AnalysisTask
from tasks.framework.workflow import Workflow


class Number(AnalysisTask):
    value = luigi.IntParameter()

    def output(self):
        return self.targets(number=f"number_{self.value}.json")

    def run(self):
        with self.localize_output() as output:
            output["number"].dump(self.value, formatter="json")


class Doubled(Workflow):
    n = luigi.IntParameter(default=3)

    def create_branch_map(self):
        return list(range(self.n))

    def requires(self):
        return Number.req(self, value=self.branch_data)

    def output(self):
        return self.targets(double=f"double_{self.branch}.json")

    def run(self):
        number = self.input()["number"].load(formatter="json")
        if number == 13:
            raise RuntimeError("thirteen")
        with self.localize_output() as output:
            output["double"].dump(2 * number, formatter="json")


def run(task):
    return luigi.build([task], local_scheduler=True, log_level="ERROR")


@pytest.mark.usefixtures("store")
class TestAnalysisTask:
    def test_a_run_leaves_its_outputs_and_the_record_of_how(self, store):
        assert run(Number(value=4))
        directory = store / "Number" / "v1"
        assert sorted(p.name for p in directory.iterdir()) == [
            "number_4.json",
            "number_4.provenance.json",
        ]
        record = json.loads((directory / "number_4.provenance.json").read_text())
        assert record["task"] == "Number"
        assert record["parameters"]["value"] == "4"
        assert record["outputs"] == [
            {"uri": str(directory / "number_4.json"), "size": 1, "adler32": "00350035"}
        ]
        assert set(record["code"]) == {"commit", "dirty"}
        assert record["packages"]["law"] == "0.1.21"
        assert record["seconds"] >= 0

    def test_inputs_are_recorded_with_size_and_checksum(self, store):
        assert run(Doubled(n=1))
        record = json.loads((store / "Doubled" / "v1" / "double_0.provenance.json").read_text())
        assert record["inputs"] == [
            {
                "uri": str(store / "Number" / "v1" / "number_0.json"),
                "size": 1,
                "adler32": "00310031",
            }
        ]

    def test_without_its_record_a_task_is_not_complete(self):
        task = Number(value=5)
        assert run(task)
        task.output()["provenance"].remove()
        assert not task.complete()

    def test_a_failed_run_leaves_nothing(self, store):
        assert not run(Doubled(n=14))
        left = {p.name for p in (store / "Doubled" / "v1").iterdir()}
        assert not {name for name in left if "double_13" in name}
        assert "double_12.json" in left

    def test_only_a_missing_branch_runs_again(self, store):
        assert run(Doubled())
        times = {p: p.stat().st_mtime_ns for p in (store / "Doubled" / "v1").iterdir()}
        removed = store / "Doubled" / "v1" / "double_1.json"
        removed.unlink()
        assert run(Doubled())
        again = {p for p, time in times.items() if p.stat().st_mtime_ns != time}
        assert {p.name for p in again} == {"double_1.json", "double_1.provenance.json"}

    def test_the_version_is_part_of_the_path(self, store):
        assert run(Number(value=1, version="v2"))
        assert (store / "Number" / "v2" / "number_1.json").exists()

    def test_a_tasks_own_store_overrides_the_common_one(self, tmp_path):
        law.config.update({"store_other": {"base": str(tmp_path / "other")}})
        law.config.update({"analysis": {"store_Number": "other"}})
        try:
            assert Number(value=1).store_name == "other"
            assert Number(value=1, store="local").store_name == "local"
            assert Doubled().store_name == "local"
        finally:
            law.config.remove_option("analysis", "store_Number")
            law.config.remove_section("store_other")

    def test_complete_workflows_are_recognised_by_listing_directories(self, monkeypatch):
        workflow = Doubled()
        assert run(workflow)
        listings = []
        listdir = law.LocalFileSystem.listdir
        monkeypatch.setattr(
            law.LocalFileSystem,
            "listdir",
            lambda self, path, **kw: listings.append(path) or listdir(self, path, **kw),
        )
        assert Doubled().complete()
        assert len(listings) == 1
