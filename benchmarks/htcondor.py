"""What running on HTCondor costs: submission, polling, waiting.

    python benchmarks/htcondor.py [--branches 2000] [--queued 10000]

Starts the tests' pool (root, debootstrap), and writes RESULTS-htcondor.md beside this file. Ratios
to a bare `condor_submit` on the same pool say more than seconds, which depend on the machine.
"""

import argparse
import json
import os
import resource
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


class Law(Trivial):
    pass
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
times = []
for _ in range(5):
    start = time.perf_counter()
    states = manager.query_batch(ids)
    times.append(time.perf_counter() - start)
assert {state["status"] for state in states.values()} == {"pending"}, states
print(json.dumps({"seconds": sorted(times)[2], "commands": len(commands) / 5}))
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
        environment={**bench.environment, "PYTHONPATH": f"{PROJECT}:{bench.directory}"},
    )
    seconds = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    outputs = len(list((folder / "out").iterdir()))
    assert outputs == number, f"{outputs} of {number} outputs"
    return seconds, outputs


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


def waiting(bench: Bench, number: int, seconds: float, interval: str) -> float:
    """Share of one core that the submitter and its commands use while jobs wait."""
    options = ["--n", str(number), "--poll-interval", interval]
    process = bench.start(*options, "--htcondor-requirements", "False")
    bench.wait_for_text(f"pending: {number}", 120)
    before = cpu_seconds(bench.submitter())
    time.sleep(seconds)
    used = cpu_seconds(bench.submitter()) - before
    os.kill(bench.submitter(), 9)
    process.wait()
    return used / seconds


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--branches", type=int, default=2000)
    parser.add_argument("--queued", type=int, default=10000)
    options = parser.parse_args()
    rows: list[tuple[str, str, str]] = []
    start = time.perf_counter()
    with running_pool(slots=16) as pool:
        rows.append(
            ("pool from nothing running to taking jobs", f"{time.perf_counter() - start:.1f} s", "")
        )
        bench = Bench(pool, pool.shared / "benchmark")
        (bench.directory / "trivial.py").write_text(MODULE)
        n = options.branches
        bare = run_bare(pool, bench, n, "")
        rows.append((f"bare `queue {n}` of a shell script", f"{bare:.0f} s", "1"))
        python = f'PYTHONPATH="{PROJECT}" {sys.prefix}/bin/python -c "import law"'
        importing = run_bare(pool, bench, n, python)
        rows.append(
            (
                f"bare `queue {n}` that also imports law",
                f"{importing:.0f} s",
                f"{importing / bare:.2f}",
            )
        )
        for per_job in (1, 10, 50):
            seconds, _ = run_workflow(bench, n, "--tasks-per-job", str(per_job))
            what = f"{n} branches as a workflow, {per_job} a job"
            rows.append((what, f"{seconds:.0f} s", f"{seconds / bare:.2f}"))
        figures = poll(pool, bench, options.queued)
        what = f"one poll with {options.queued} jobs in the queue"
        rows.append((what, f"{figures['seconds']:.2f} s, {figures['commands']:.0f} command", ""))
        pool.empty_queue()
        share = waiting(bench, 1000, 60, "10s")
        rows.append(
            ("CPU while waiting for 1000 jobs, a poll every 10 s", f"{share:.1%} of a core", "")
        )
        bench.close()
    lines = [
        "# HTCondor: what it costs\n",
        (
            f"Written by `python benchmarks/htcondor.py` on {os.cpu_count()} cores, which run the "
            "pool (two machines of 16 slots each), the jobs and the submitter alike.\n"
        ),
        "| | | ratio to bare |\n|---|---|---|",
        *(f"| {what} | {value} | {ratio} |" for what, value, ratio in rows),
    ]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"memory of the benchmark itself: {memory} MB")
    RESULTS.write_text("\n".join(lines) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
