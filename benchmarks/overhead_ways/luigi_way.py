# ruff: noqa: D102
"""One plain luigi task a file."""

import os
import sys
from collections.abc import Iterator

import luigi


class LuigiFile(luigi.Task):
    """Creates an empty file."""

    branch = luigi.IntParameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"{os.environ['BENCH_FILES']}/file_{self.branch}.txt")

    def run(self) -> None:
        with open(self.output().path, "w"):
            pass


class LuigiFiles(luigi.WrapperTask):
    """Requires all files."""

    n = luigi.IntParameter(default=10)

    def requires(self) -> Iterator[LuigiFile]:
        return (LuigiFile(branch=branch) for branch in range(self.n))


if __name__ == "__main__":
    number, workers = map(int, sys.argv[1:])
    done = luigi.build(
        [LuigiFiles(n=number)], local_scheduler=True, workers=workers, log_level="ERROR"
    )
    sys.exit(not done)
