# ruff: noqa: D102
"""The same workflow on this project's framework."""

import os
from typing import Any

import law
import luigi

from tasks.framework.base import AnalysisTask
from tasks.framework.workflow import Workflow


class OurFiles(Workflow):
    """Creates an empty file in every branch, at the same place and in the same way as law's."""

    n = luigi.IntParameter(default=10)

    def create_branch_map(self) -> list[int]:
        return list(range(self.n))

    def output(self) -> Any:
        return law.LocalFileTarget(f"{os.environ['BENCH_FILES']}/file_{self.branch}.txt")

    def run(self) -> None:
        self.output().touch()


OurFiles.run = OurFiles.run.__wrapped__  # no record: law's way writes none


class OurOutputs(OurFiles):
    """Creates it as the project's tasks do: in a store, flushed to disk, with its record."""

    def output(self) -> Any:
        return self.targets(file=f"file_{self.branch}.txt")

    def run(self) -> None:
        with self.localize_output() as output:
            output["file"].touch()


class LawOutputs(AnalysisTask, law.LocalWorkflow):
    """law's own workflow with its own remedy, on the project's stores."""

    n = luigi.IntParameter(default=10)
    output_collection_cls = law.NestedSiblingFileCollection

    def store_parts(self) -> tuple[str, ...]:
        return ("OurOutputs",)

    def create_branch_map(self) -> list[int]:
        return list(range(self.n))

    def output(self) -> Any:
        return self.targets(file=f"file_{self.branch}.txt")

    def run(self) -> None:
        raise NotImplementedError
