# ruff: noqa: D102
"""A workflow as law's documentation writes it; nothing of this project is imported."""

import os
from typing import Any

import law
import luigi


class LawFiles(law.LocalWorkflow):
    """Creates an empty file in every branch."""

    n = luigi.IntParameter(default=10)

    def create_branch_map(self) -> list[int]:
        return list(range(self.n))

    def output(self) -> Any:
        return law.LocalFileTarget(f"{os.environ['BENCH_FILES']}/file_{self.branch}.txt")

    def run(self) -> None:
        self.output().touch()


class LawFilesListed(LawFiles):
    """The same with law's own remedy: one listing instead of a look at every file."""

    output_collection_cls = law.SiblingFileCollection
