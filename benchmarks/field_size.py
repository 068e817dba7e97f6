"""The field's full size, 70,000 files, 40 shifts, 1,000 tasks, with empty payloads.

    python benchmarks/field_size.py [--files 70000] [--shifts 40] [--tasks 1000]

Prints what status, submission, polling and merging take; docs/scale.md tells what follows.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from overhead import HERE, Bench


def status(bench: Bench, files: int, shifts: int) -> None:
    """A workflow with all shifts: a file and its record for each."""
    bench.clear()
    options = ("--n", str(files), "--shifts", str(shifts))
    bench.law(("nothing there", *options), "field.Shifted", *options, "--print-status", "0")
    folder = bench.store / "Shifted" / "v1"
    folder.mkdir(parents=True)
    tags = ("", *(f".shift_{shift}-1234abcd" for shift in range(shifts)))
    for number in range(files):
        for tag in tags:
            for suffix in ("root", "provenance.json"):
                os.mknod(f"{folder}/file_{number}{tag}.{suffix}")
    bench.law(("all there", *options), "field.Shifted", *options, "--print-status", "0")
    bench.law(("scheduling", *options), "field.Shifted", *options)


def tasks(bench: Bench, n: int) -> None:
    """A graph of many tasks."""
    bench.clear()
    bench.law(("run", str(n), "tasks"), "field.ManyTasks", "--n", str(n))
    bench.law(("nothing to do", str(n), "tasks"), "field.ManyTasks", "--n", str(n))


def jobs(bench: Bench, n: int) -> None:
    """Submission and two polls of one job a file."""
    bench.clear()
    programs = bench.scratch / "condor"
    programs.mkdir()
    for name in ("condor_submit", "condor_q", "condor_history", "condor_rm"):
        shutil.copy(HERE / "overhead_ways" / "condor.py", programs / name)
    bench.environment |= {
        "BENCH_CONDOR": str(programs),
        "BENCH_JOBS": str(n),
        "PATH": f"{programs}:{bench.environment['PATH']}",
    }
    options = ("--n", str(n), "--workflow", "htcondor", "--poll-interval", "1s")
    bench.law(("submit and poll", str(n), "jobs"), "our_way.OurFiles", *options)
    size = (programs / "description").stat().st_size / 1e6
    print(f"submit description: {size:.1f} MB")


def merging(bench: Bench, n: int) -> None:
    """A merge in steps."""
    bench.clear()
    for number in range(n):
        (bench.files / f"{number}.txt").write_text(str(number))
    for workers in "1", "2":
        shutil.rmtree(bench.store)
        options = ("--n", str(n), "--workers", workers)
        bench.law(("merge", str(n), "files", workers, "workers"), "field.AddAll", *options)
    (whole,) = bench.store.rglob("sum.txt")
    assert int(whole.read_text()) == n * (n - 1) // 2


def main() -> None:
    """Run all in turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=70_000)
    parser.add_argument("--shifts", type=int, default=40)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--only", choices=("tasks", "jobs", "merging", "status"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vhbb-field-") as scratch:
        bench = Bench(Path(scratch), None)
        parts = {
            "tasks": lambda: tasks(bench, options.tasks),
            "jobs": lambda: jobs(bench, options.files),
            "merging": lambda: merging(bench, options.files),
            "status": lambda: status(bench, options.files, options.shifts),
        }
        for name, part in parts.items():
            if options.only in {None, name}:
                part()


if __name__ == "__main__":
    main()
