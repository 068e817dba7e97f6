"""Workflows of 10,000 branches that are done, fail and go on."""

import os
import time
from pathlib import Path

import law
import luigi

from tasks.framework.workflow import Workflow

FOLDER = Path(os.environ.get("MANY_BRANCHES", "/nonexistent"))


class Many(Workflow):
    n = luigi.IntParameter(default=10_000)
    exclude_index = True

    def create_branch_map(self):
        return list(range(self.n))

    def output(self):
        return law.LocalFileTarget(f"{FOLDER}/{self.task_family}_{self.branch}.txt")

    def run(self):
        self.act()
        with open(self.output().path, "w"):
            pass


class Done(Many):
    def act(self):
        pass


class Failing(Many):
    def act(self):
        if self.branch % 2:
            raise ValueError("an odd branch")


class Running(Many):
    def act(self):
        time.sleep(0.05 if self.branch < 300 else 3600)


Many.run = Many.run.__wrapped__  # no record: only the scheduling is of interest
