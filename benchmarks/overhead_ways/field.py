# ruff: noqa: D102
"""The field's full size with empty payloads: 70,000 files, 40 shifts, 1,000 tasks."""

import os
from collections.abc import Sequence
from typing import Any

import law
import luigi

from tasks.framework.base import AnalysisTask
from tasks.framework.merging import Merge, MergeStep, Merging
from tasks.framework.variants import VariedTask
from tasks.framework.workflow import Workflow


class Shifted(VariedTask, Workflow):
    """A file and its shifts a branch, each with a record, as Skim has them."""

    n = luigi.IntParameter()
    shifts = luigi.IntParameter()

    def create_branch_map(self) -> list[int]:
        return list(range(self.n))

    def variants(self) -> dict[str, str]:
        return {f"shift_{shift}": f"shift_{shift}-1234abcd" for shift in range(self.shifts)}

    def output(self) -> Any:
        name = f"file_{self.branch}.root"
        return self.targets(histograms=name) | self.variant_targets(histograms=name)

    def run(self) -> None:
        raise NotImplementedError


class Link(AnalysisTask):
    """One of many tasks, each on two of the level before."""

    index = luigi.IntParameter()

    def requires(self) -> list["Link"]:
        below = {self.index // 2, self.index // 3} if self.index else set()
        return [Link(index=index) for index in sorted(below)]

    def output(self) -> dict[str, Any]:
        return self.targets(file=f"link_{self.index}.txt")

    def run(self) -> None:
        with self.localize_output() as output:
            output["file"].touch()


class ManyTasks(law.WrapperTask):
    """A thousand tasks that depend on each other."""

    n = luigi.IntParameter()

    def requires(self) -> list[Link]:
        return [Link(index=index) for index in range(self.n)]


class Numbers(Workflow):
    """Files that hold their number, to be merged."""

    n = luigi.IntParameter(default=10)

    def create_branch_map(self) -> list[int]:
        return list(range(self.n))

    def output(self) -> Any:
        return {"number": law.LocalFileTarget(f"{os.environ['BENCH_FILES']}/{self.branch}.txt")}

    def run(self) -> None:
        raise NotImplementedError


class Adding(Merging):
    """Adds numbers."""

    n = luigi.IntParameter(default=10)
    merges = Numbers

    def output(self) -> dict[str, Any]:
        return self.targets(number=f"sum{self.part}.txt")

    def merge(self, parts: Sequence[Any], output: Any) -> None:
        total = sum(int(part["number"].load(formatter="text") or 0) for part in parts)
        output["number"].dump(str(total), formatter="text")


class AddSome(Adding, MergeStep):
    """A step."""


class AddAll(Adding, Merge):
    """The sum."""

    step = AddSome
