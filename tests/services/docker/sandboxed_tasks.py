"""Tasks that show what a sandbox lets through; run by `law run` in the tests."""

import hashlib
import os
import socket
import time
from pathlib import Path

import luigi

from tasks.framework.base import AnalysisTask
from tasks.framework.workflow import Workflow


class Numbers(Workflow):
    """A few lines of numbers, a branch per file."""

    count = luigi.IntParameter(default=2)

    def create_branch_map(self):
        return list(range(self.count))

    def output(self):
        return self.targets(numbers=f"numbers_{self.branch}.json")

    def run(self):
        values = [hashlib.sha256(f"{self.branch} {i}".encode()).hexdigest() for i in range(100)]
        with self.localize_output() as output:
            output["numbers"].dump(values, formatter="json")


class Total(AnalysisTask):
    """All numbers and the content of a file, with who wrote it."""

    count = luigi.IntParameter(default=2)
    extra = luigi.Parameter(default="")

    def requires(self):
        return Numbers.req(self)

    def files_read(self):
        return [self.extra] if self.extra else []

    def output(self):
        return self.targets(total="total.json")

    def run(self):
        targets = self.input()["collection"].targets.values()
        parts = [target["numbers"].load(formatter="json") for target in targets]
        extra = Path(self.extra).read_text() if self.extra else ""
        with self.localize_output() as output:
            output["total"].dump([*parts, extra], formatter="json")


class Probe(AnalysisTask):
    """Try one thing and write down what came of it."""

    read = luigi.Parameter(default="", description="a path to list or to read")
    write = luigi.Parameter(default="", description="a path to write")
    connect = luigi.Parameter(default="", description="host:port")
    sleep = luigi.FloatParameter(default=0.0, description="seconds")
    exit = luigi.IntParameter(default=0, description="an exit code to end with at once")
    digest_only = luigi.BoolParameter(default=False, description="do not show what was read")

    def output(self):
        return self.targets(found="found.json")

    def run(self):
        if self.exit:
            os._exit(self.exit)
        found = {"environ": dict(os.environ), "ids": [os.getuid(), os.getgid(), os.getcwd()]}
        if self.read:
            found["read"] = (
                os.listdir(self.read) if os.path.isdir(self.read) else Path(self.read).read_text()
            )
        if self.digest_only:
            found["read"] = hashlib.sha256(found["read"].encode()).hexdigest()
        if self.write:
            Path(self.write).write_text("written")
        if self.connect:
            host, _, port = self.connect.partition(":")
            socket.create_connection((host, int(port)), timeout=3).close()
        with self.localize_output() as output:
            output["found"].dump(found, formatter="json")
            print("sleeping", flush=True)
            time.sleep(self.sleep)


class RemoteProbe(Probe):
    """The same with a file that only the network can give."""

    def files_read(self):
        return ["root://store.invalid//eos/file.root"]
