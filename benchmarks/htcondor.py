"""What running on HTCondor costs: submission, polling, waiting.

    python benchmarks/htcondor.py [--branches 2000] [--queued 10000]

Starts the tests' pool (root, debootstrap), and writes RESULTS-htcondor.md beside this file, a line
as soon as it is measured. Ratios to a bare `condor_submit` on the same pool say more than seconds,
which depend on the machine. Takes about 40 minutes on two cores.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.services.htcondor.bench import Bench
from tests.services.htcondor.pool import PROJECT, UID, Pool, running_pool

RESULTS = Path(__file__).with_name("RESULTS-htcondor.md")
MODULE = """
import law
import luigi
import time

from pathlib import Path
from tasks.framework.htcondor import HTCondorWorkflow


class Trivial(law.LocalWorkflow, HTCondorWorkflow):
    directory = luigi.Parameter()
    n = luigi.IntParameter()
    output_collection_cls = law.SiblingFileCollection

    def create_branch_map(self):
        return dict(enumerate(range(self.n)))

    def output(self):
        return law.LocalFileTarget(str(Path(self.directory, "out", f"{self.branch}.txt")))

    def run(self):
        self.output().parent.touch()
        Path(self.output().abspath).touch()
"""
POLL = """
import json, resource, sys, time
from tasks.framework.htcondor.manager import PoolJobManager

manager = PoolJobManager(pool="", scheduler="")
commands = []
run = manager._run
manager._run = lambda command, **options: (commands.append(command[0]), run(command, **options))[1]
manager.workflow = "queued"
cluster, number = sys.argv[1], int(sys.argv[2])
ids = [f"{cluster}.{process}" for process in range(number)]
times, used = [], []


def cpu():
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


for _ in range(5):
    start = time.perf_counter()
    before = cpu()
    states = manager.query_batch(ids)
    times.append(time.perf_counter() - start)
    used.append(cpu() - before)
assert {state["status"] for state in states.values()} == {"pending"}, states
figures = {"seconds": sorted(times)[2], "cpu": sorted(used)[2], "commands": len(commands) / 5}
print(json.dumps(figures))
"""


def submit_bare(pool: Pool, bench: Bench, name: str, body: str, number: int) -> str:
    """Submit jobs without law; the cluster's number."""
    description = bench.directory / f"{name}.sub"
    description.write_text(body.format(directory=bench.directory, number=number))
    text = pool.submit.run("condor_submit", "-terse", description, directory=bench.directory)
    return text.split(".")[0]


def timed(action: Callable[[], object]) -> float:
    """Seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def run_bare(pool: Pool, bench: Bench, number: int, start_python: str) -> float:
    """Seconds until jobs that only touch their output are done, submitted in one cluster."""
    (bench.directory / "touch.sh").write_text(
        f'#!/bin/sh\n{start_python}\ntouch "{bench.directory}/bare/$1"\n'
    )
    (bench.directory / "touch.sh").chmod(0o755)
    (bench.directory / "bare").mkdir(exist_ok=True)
    os.chown(bench.directory / "bare", UID, UID)
    body = (
        "executable = {directory}/touch.sh\narguments = $(Process)\ninitialdir = {directory}\n"
        "output = {directory}/bare/o.$(Process)\nshould_transfer_files = YES\n"
        "request_memory = 100\nrequirements = HasSharedFileSystem\nqueue {number}\n"
    )

    def run() -> None:
        submit_bare(pool, bench, "bare", body, number)
        pool.wait_for(lambda: not pool.queue(), 3600, "the bare jobs")

    return timed(run)


def run_workflow(bench: Bench, number: int, *options: str) -> tuple[float, int]:
    """Seconds and jobs of the trivial workflow."""
    folder = bench.directory / f"law{'-'.join(options)}"
    folder.mkdir()
    os.chown(folder, UID, UID)
    command = bench.pool.submit.command(
        [
            *(f"{sys.prefix}/bin/python", f"{sys.prefix}/bin/law", "run", "trivial.Trivial"),
            *("--directory", folder, "--n", str(number), "--workflow", "htcondor"),
            *("--poll-interval", "2s", *options),
        ],
        directory=bench.directory,
        environment=trivial_environment(bench),
    )
    seconds = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    outputs = len(list((folder / "out").iterdir()))
    assert outputs == number, f"{outputs} of {number} outputs"
    return seconds, outputs


def trivial_environment(bench: Bench) -> dict[str, str]:
    """Variables of the user's shell, with the trivial workflow on the path."""
    return {**bench.environment, "PYTHONPATH": f"{PROJECT}:{bench.directory}"}


def poll(pool: Pool, bench: Bench, number: int) -> dict[str, float]:
    """Seconds and condor commands of one poll with many jobs in the queue."""
    body = (
        "executable = /bin/true\nrequest_memory = 100\nrequirements = False\n"
        'My.LawWorkflow = "queued"\nMy.LawPlace = "queued"\nqueue {number}\n'
    )
    cluster = submit_bare(pool, bench, "queued", body, number)
    command = pool.submit.command(
        [f"{sys.prefix}/bin/python", "-c", POLL, cluster, str(number)],
        directory=bench.directory,
        environment=bench.environment,
    )
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(text)
    return figures


def waiting(bench: Bench, number: int, polls: int, interval: str) -> tuple[float, float]:
    """What the submitter and its commands use while jobs wait, over a number of polls.

    Returns:
        CPU seconds a poll, and the share of one core.
    """
    options = ["--n", str(number), "--poll-interval", interval]
    process = bench.start(*options, "--htcondor-requirements", "False")
    try:
        bench.wait_for_text(f"pending: {number}", 900)
        marks = []
        for seen in (1, 1 + polls):
            bench.pool.wait_for(lambda s=seen: bench.text.count("all: ") > s, 3600, "polls")
            marks.append((time.perf_counter(), cpu_seconds(bench.submitter())))
    finally:
        bench.kill_submitter()
        process.wait()
    (start, before), (end, after) = marks
    return (after - before) / polls, (after - before) / (end - start)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def one_process(bench: Bench, number: int) -> tuple[float, float]:
    """CPU seconds a branch of one job: in one process as here, and as law's own job script does.

    The latter starts `law run --print-deps` and then `law run` for every branch.
    """
    one, other = bench.directory / "one", bench.directory / "other"
    payload = {
        "module": "trivial",
        "family": "Trivial",
        "parameters": [f"--directory={one}", f"--n={number}"],
        "workers": 1,
    }
    (bench.directory / "task.json").write_text(json.dumps(payload))
    python = f"{sys.prefix}/bin/python"
    runner = [python, "-m", "tasks.framework.htcondor.runner", "task.json", "1", f"0-{number - 1}"]
    here = user_seconds(bench, runner, one) / number
    task = ["trivial.Trivial", "--directory", str(other), "--n", str(number)]
    law = [python, f"{sys.prefix}/bin/law", "run", *task, "--branch", "0"]
    theirs = user_seconds(bench, [*law, "--print-deps", "0"], other)
    theirs += user_seconds(bench, law, other)
    assert len(list((one / "out").iterdir())) == number
    assert (other / "out" / "0.txt").exists()
    return here, theirs


def user_seconds(bench: Bench, command: list[str], made: Path) -> float:
    """CPU seconds of a command of the user that makes a directory, the least of two."""
    full = bench.pool.submit.command(
        command, directory=bench.directory, environment=trivial_environment(bench)
    )
    used = []
    for _ in range(2):
        shutil.rmtree(made, ignore_errors=True)
        process = subprocess.Popen(full, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, full
        used.append(usage.ru_utime + usage.ru_stime)
    return min(used)


class Table:
    """The results, written anew with every line."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        load = os.getloadavg()[0]
        self.head = (
            "# HTCondor: what it costs\n\n"
            f"Written by `python benchmarks/htcondor.py` on {os.cpu_count()} cores with a load of "
            f"{load:.1f} before it began. They run the pool (two machines of 16 slots each), the "
            "jobs and the submitter alike. Lines come in the order in which they were measured.\n\n"
            "| | | ratio to bare |\n|---|---|---|\n"
        )

    def add(self, what: str, value: str, ratio: float | None = None) -> None:
        """One more line."""
        self.rows.append(f"| {what} | {value} | {'' if ratio is None else f'{ratio:.2f}'} |")
        print(self.rows[-1], flush=True)
        RESULTS.write_text(self.head + "\n".join(self.rows) + "\n")


def costs_of_waiting(table: Table, pool: Pool, bench: Bench, number: int) -> None:
    """Queries, and the submitter while its jobs wait."""
    figures = poll(pool, bench, number)
    value = "{seconds:.2f} s, {cpu:.2f} s of CPU, {commands:.0f} query".format(**figures)
    table.add(f"one poll with {number} jobs in the queue", value)
    pool.empty_queue()
    each, share = waiting(bench, number, 3, "1m")
    value = f"{each:.1f} s a poll, {share:.1%} of a core"
    table.add(f"CPU of the submitter while {number} jobs wait, a poll a minute", value)
    pool.empty_queue()


def costs_of_running(table: Table, pool: Pool, bench: Bench, number: int) -> None:
    """Trivial branches from submission to collection, beside bare jobs."""
    bare = run_bare(pool, bench, number, "")
    table.add(f"bare `queue {number}` of a shell script", f"{bare:.0f} s", 1.0)
    for per_job in (50, 10, 1):
        seconds, _ = run_workflow(bench, number, "--tasks-per-job", str(per_job))
        what = f"{number} branches as a workflow, {per_job} a job"
        table.add(what, f"{seconds:.0f} s", seconds / bare)
    python = f'PYTHONPATH="{PROJECT}" {sys.prefix}/bin/python -c "import law"'
    importing = run_bare(pool, bench, number, python)
    table.add(
        f"bare `queue {number}` that also imports law", f"{importing:.0f} s", importing / bare
    )


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--branches", type=int, default=2000)
    parser.add_argument("--queued", type=int, default=10000)
    options = parser.parse_args()
    table = Table()
    start = time.perf_counter()
    with running_pool(slots=16) as pool:
        table.add(
            "pool from nothing running to taking jobs", f"{time.perf_counter() - start:.1f} s"
        )
        bench = Bench(pool, pool.shared / "benchmark")
        (bench.directory / "trivial.py").write_text(MODULE)
        here, theirs = one_process(bench, 50)
        table.add(
            "CPU of a trivial branch, 50 in one process; with law's two interpreters a branch",
            f"{here:.3f} s; {theirs:.2f} s",
        )
        costs_of_waiting(table, pool, bench, options.queued)
        costs_of_running(table, pool, bench, options.branches)
        bench.close()
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
