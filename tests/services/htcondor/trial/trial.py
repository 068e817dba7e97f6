"""A workflow whose branches do as a plan says, and leave a trace of when they ran and where."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import law
import luigi

from tasks.framework.errors import UserError
from tasks.framework.htcondor import HTCondorWorkflow


class Trial(law.LocalWorkflow, HTCondorWorkflow):
    """One number per branch; `plan.json` in the directory says what goes wrong, by attempt."""

    directory = luigi.Parameter()
    n = luigi.IntParameter(default=4)
    note = luigi.Parameter(default="", significant=False)

    output_collection_cls = law.SiblingFileCollection

    def create_branch_map(self):
        return dict(enumerate(range(self.n)))

    def output(self):
        return law.LocalFileTarget(str(Path(self.directory, "out put", f"{self.branch}.txt")))

    def run(self):
        directory = Path(self.directory)
        plan = json.loads((directory / "plan.json").read_text())
        steps = plan.get(str(self.branch), ["ok"])
        trace = Trace(directory / "traces", self.branch)
        step = steps[min(trace.attempt, len(steps) - 1)]
        with trace:
            self.act(*step.split(":", 1))

    def act(self, verb, value=""):
        if verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "exit":
            os._exit(int(value))
        elif verb == "fail":
            raise ValueError(value)
        elif verb == "mistake":
            raise UserError(value)
        elif verb == "memory":
            hoard = bytearray(os.urandom(1 << 20)) * int(value)
            time.sleep(120)
            del hoard
        elif verb == "sleep":
            time.sleep(float(value))
        elif verb == "wait":  # until a file appears
            while not Path(self.directory, value).exists():
                time.sleep(0.1)
        self.output().parent.touch()
        part = Path(f"{self.output().abspath}.{os.getpid()}")
        part.write_text(f"{self.branch_data**2} {self.note}")
        part.rename(self.output().abspath)


class Trace:
    """A file per run of a branch: start, signs of life, end."""

    def __init__(self, directory, branch):
        directory.mkdir(exist_ok=True)
        self.attempt = len(list(directory.glob(f"{branch}_*.txt")))
        name = f"{branch}_{time.time():.6f}_{socket.gethostname()}_{os.getpid()}.txt"
        self.path = directory / name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def _write(self, what):
        with self.path.open("a") as stream:
            stream.write(f"{time.time():.6f} {what}\n")

    def _live(self):
        while not self._ended.wait(0.1):
            self._write("alive")

    def __enter__(self):
        self._write(f"start uid {os.getuid()}")
        self._thread.start()

    def __exit__(self, kind, error, trace):
        self._ended.set()
        self._thread.join()
        self._write("end" if error is None else f"error {kind.__name__}")
