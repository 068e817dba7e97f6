import json

import luigi
import pytest

from tasks.framework.merging import Merge, MergeStep, Merging
from tasks.framework.workflow import Workflow

pytestmark = pytest.mark.usefixtures("store")


class Numbers(Workflow):
    n = luigi.IntParameter(default=10)

    def create_branch_map(self):
        return list(range(self.n))

    def output(self):
        return self.targets(number=f"number_{self.branch}.json")

    def run(self):
        with self.localize_output() as output:
            output["number"].dump(self.branch_data, formatter="json")


class AddNumbers(Merging):
    merges = Numbers
    n = luigi.IntParameter(default=10)
    exclude_index = True

    def output(self):
        return self.targets(number=f"sum{self.part}.json")

    def merge(self, parts, output):
        assert len(parts) <= max(2, self.merge_size)
        total = sum(part["number"].load(formatter="json") for part in parts)
        output["number"].dump(total, formatter="json")


class AddNumbersStep(AddNumbers, MergeStep):
    pass


class AddAllNumbers(AddNumbers, Merge):
    step = AddNumbersStep


def build(task, workers=1):
    return luigi.build([task], local_scheduler=True, workers=workers, log_level="ERROR")


def steps(store):
    return sorted(p.name for p in (store / "AddNumbersStep").rglob("sum-*[0-9a-f].json"))


@pytest.mark.parametrize(
    ("n", "size", "n_steps"),
    [(1, 3, 0), (3, 3, 0), (4, 3, 2), (9, 3, 3), (10, 3, 6), (28, 3, 16), (5, 1, 5)],
)
def test_many_are_merged_in_steps_and_few_at_once(store, n, size, n_steps):
    task = AddAllNumbers(n=n, merge_size=size)
    assert build(task, workers=2)
    assert task.output()["number"].load(formatter="json") == sum(range(n))
    steps_made = [name for name in steps(store) if "provenance" not in name]
    assert len(steps_made) == n_steps


def test_an_interrupted_merge_goes_on_where_it_was(store):
    task = AddAllNumbers(n=10, merge_size=3)
    assert build(task)
    task.output()["number"].remove()
    (gone,) = (store / "AddNumbersStep").rglob("sum-1-2-??????????.json")
    gone.unlink()
    (above,) = (store / "AddNumbersStep").rglob("sum-2-0-??????????.json")
    above.unlink()
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*.json")}
    assert build(task)
    again = {p.name for p in store.rglob("*.json") if before.get(p) != p.stat().st_mtime_ns}
    assert {name for name in again if "provenance" not in name} == {
        gone.name,
        above.name,
        "sum.json",
    }


def test_a_step_records_only_what_it_read(store):
    assert build(AddAllNumbers(n=7, merge_size=3))
    (record,) = (store / "AddNumbersStep").rglob("sum-1-2-??????????.provenance.json")
    inputs = [i["uri"].rsplit("/", 1)[1] for i in json.loads(record.read_text())["inputs"]]
    assert inputs == ["number_6.json"]
    whole = json.loads((store / "AddAllNumbers" / "v1" / "sum.provenance.json").read_text())
    assert len(whole["inputs"]) == 3


def test_a_step_is_named_after_what_it_merges(store):
    build(AddNumbersStep(n=4, merge_size=3))
    build(AddNumbersStep(n=5, merge_size=3))
    names = [name for name in steps(store) if "provenance" not in name]
    assert len(names) == 3, "of 0-2 and of 3, then of 3-4"
