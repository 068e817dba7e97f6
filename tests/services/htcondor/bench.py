"""Running the trial workflow on the pool as the user would, and reading what happened."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.services.htcondor.pool import PATIENCE, PROJECT, UID, Pool

TRIAL = Path(__file__).parent / "trial"


@dataclass(frozen=True)
class Run:
    """One execution of a branch, from its trace."""

    branch: int
    start: float
    last: float
    ended: bool
    host: str
    uid: int


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    text: str


class Bench:
    """A user's directory on the submit node, with law's configuration and a plan of faults."""

    def __init__(self, pool: Pool, directory: Path, store: Path | None = None) -> None:
        self.pool = pool
        self.directory = directory
        self.store = store or directory
        self.module = "trial"
        self.variables: dict[str, str] = {}
        self.processes: list[subprocess.Popen[str]] = []
        directory.mkdir()
        os.chown(directory, UID, UID)
        self.store.mkdir(exist_ok=True)
        os.chown(self.store, UID, UID)
        self.configure()
        self.plan({})

    def configure(self, job: Mapping[str, str] | None = None, **settings: str) -> None:
        """Write law.cfg; settings of [job] and of [htcondor] may be given."""
        lines = [
            "[job]",
            *(f"{key}: {value}" for key, value in (job or {}).items()),
            "[htcondor]",
            "memory: 100",
            "requirements: HasSharedFileSystem",
            *(f"{key}: {value}" for key, value in settings.items()),
            "[luigi_core]",
            "local_scheduler: True",
            "log_level: WARNING",
            "[luigi_worker]",
            "check_complete_on_run: True",
        ]
        if "requirements" in settings:
            lines.remove("requirements: HasSharedFileSystem")
        (self.directory / "law.cfg").write_text("\n".join(lines) + "\n")

    def plan(self, plan: Mapping[int, Sequence[str]]) -> None:
        """Say what the branches do, by attempt; they succeed unless told otherwise."""
        (self.store / "plan.json").write_text(json.dumps(plan))

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the user's shell."""
        return {
            "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": f"{PROJECT}:{TRIAL}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAW_HOME": str(self.directory / ".law"),
            "LAW_CONFIG_FILE": str(self.directory / "law.cfg"),
            "VHBB_HOME": str(PROJECT),
            **self.variables,
        }

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs the trial workflow on the pool."""
        law = [f"{sys.prefix}/bin/python", f"{sys.prefix}/bin/law", "run", f"{self.module}.Trial"]
        law += ["--directory", str(self.store), "--workflow", "htcondor"]
        law += ["--poll-interval", "1s", *arguments]
        return self.pool.submit.command(law, directory=self.directory, environment=self.environment)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the workflow; its output goes to `output.txt`."""
        output = self.directory / "output.txt"
        output.write_text("")
        with output.open("a") as stream:  # which another one that still runs may write to as well
            process = subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.processes.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], timeout: float = 2 * PATIENCE) -> Result:
        """Wait for a started workflow."""
        code = process.wait(timeout)
        return Result(code, self.text)

    def run(self, *arguments: str, timeout: float = 2 * PATIENCE) -> Result:
        """Run the workflow to its end."""
        return self.finish(self.start(*arguments), timeout)

    @property
    def text(self) -> str:
        """What the workflow has printed."""
        return (self.directory / "output.txt").read_text()

    def start_on_terminal(self, *arguments: str) -> "Terminal":
        """Start the workflow on a terminal of its own."""
        terminal = Terminal(self.command(*arguments))
        self.processes.append(terminal.process)
        return terminal

    def submitter(self) -> int:
        """Process id, as seen on this machine, of the running `law`."""
        return _law(self.processes[-1])

    def kill_submitter(self) -> None:
        """Kill `law` in the middle of whatever it does, and nothing else."""
        self.signal_submitter(signal.SIGKILL)
        self.processes[-1].wait(PATIENCE)

    def signal_submitter(self, number: signal.Signals) -> None:
        """Send a signal to `law`."""
        os.kill(self.submitter(), number)

    def record(self) -> Path:
        """The file in which the submitter keeps what it knows of the jobs."""
        [path] = (self.directory / ".law" / "htcondor").glob("Trial/*/htcondor_jobs*.json")
        return path

    def outputs(self) -> dict[int, str]:
        """Contents of the outputs by branch."""
        folder = self.store / "out put"
        return {int(path.stem): path.read_text() for path in folder.glob("*.txt")}

    def runs(self, branch: int | None = None) -> list[Run]:
        """Executions, in the order of their start."""
        runs = []
        for path in (self.store / "traces").glob("*.txt"):
            number, start, host, _ = path.stem.split("_")
            lines = path.read_text().splitlines()
            if lines and (branch is None or int(number) == branch):
                last = float(lines[-1].split()[0])
                ended = lines[-1].split()[1] in {"end", "error"}
                uid = int(lines[0].split()[3])
                runs.append(Run(int(number), float(start), last, ended, host, uid))
        return sorted(runs, key=lambda run: run.start)

    def overlaps(self) -> list[tuple[Run, Run]]:
        """Pairs of executions of the same branch that were alive at the same time."""
        runs = self.runs()
        return [
            (first, second)
            for first in runs
            for second in runs
            if first is not second
            and first.branch == second.branch
            and first.start <= second.start < first.last
        ]

    def jobs_submitted(self) -> int:
        """Jobs of this directory that HTCondor has ever seen."""
        # one that is just leaving the queue is in the history already
        return len(set(map(tuple, self.ads("ClusterId", "ProcId"))))

    def ads(self, *attributes: str) -> list[list[str]]:
        """Rows of attributes of all jobs of this directory, ended ones last."""
        rows: list[list[str]] = []
        for command in ("condor_q", "condor_history"):
            constraint = f'regexp("^{self.directory}/", Iwd)'
            text = self.pool.submit.run(command, "-constraint", constraint, "-af", *attributes)
            rows += [line.split() for line in text.splitlines()]
        return rows

    def wait_for_runs(self, number: int, timeout: float = PATIENCE) -> None:
        """Wait until so many executions have started."""
        self.pool.wait_for(lambda: len(self.runs()) >= number, timeout, f"{number} runs")

    def wait_for_text(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until the workflow has printed something."""
        self.pool.wait_for(lambda: text in self.text, timeout, f"'{text}' in {self.text[-2000:]}")

    def close(self) -> None:
        """Leave no process and no job behind."""
        for process in self.processes:
            if process.poll() is None:
                with contextlib.suppress(StopIteration, ProcessLookupError):
                    os.kill(_law(process), signal.SIGKILL)
                process.kill()
                process.wait()
        self.pool.empty_queue()


def give(directory: Path) -> None:
    """Make the user the owner of everything in a directory."""
    for folder, folders, names in os.walk(directory):
        for name in (*folders, *names):
            os.chown(Path(folder, name), UID, UID)


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, command: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            text=True,
        )
        os.close(slave)
        self.text = ""

    def read_until(self, text: str, timeout: float = PATIENCE) -> None:
        """Read what the process prints until a text has appeared."""
        deadline = time.monotonic() + timeout
        while text not in self.text:
            wait = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._master], [], [], wait)
            if not ready:
                raise TimeoutError(f"no '{text}' in {self.text}")
            try:
                self.text += os.read(self._master, 4096).decode(errors="replace")
            except OSError:  # the process has ended
                raise AssertionError(f"no '{text}' in {self.text}") from None

    def write(self, text: str) -> None:
        """Type something."""
        os.write(self._master, text.encode())

    def wait(self) -> int:
        """The exit code, when the process has ended."""
        return self.process.wait(PATIENCE)


def _law(process: subprocess.Popen[str]) -> int:
    """The process that runs `law`, beneath those that lead into the node."""
    found = reversed(_descendants(process.pid))
    return next(pid for pid in found if b"trial.Trial" in _cmdline(pid))


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it has ended by now, as a condor_q does
        return []
    found = [int(child) for child in children]
    return [pid, *(deeper for child in found for deeper in _descendants(child))]


def _cmdline(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
