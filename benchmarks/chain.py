"""Where the time of a whole skim goes: ``python benchmarks/chain.py``.

Runs ``law run Skim`` over many files as ATLAS writes them with two workers, and writes to
``RESULTS-chain.md`` which share of the workers' time was spent in reading and selecting events, and
where the rest went. Needs the input of ``skim.py``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
EVENTS = ROOT / "results" / "benchmark" / "input-1000000" / "atlas.root"
DATASET = """
datasets:
  chain:
    files: {files}/*.root
    cross_section: 1 pb
"""
READING, WRITING = "reading and selecting events", "writing histograms"
IMPORTING, BRANCH = "importing packages", "branch"

Spans = dict[str, list[tuple[float, float]]]
"""Begins and ends in seconds of a clock that all processes share, by what was done."""


def noted(log: Path, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which leaves a line with its begin and end."""

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        start = time.monotonic()
        try:
            return function(*arguments, **options)
        finally:
            line = json.dumps([what, start, time.monotonic()]) + "\n"
            with log.open("a") as file:  # lines this short are written at once
                file.write(line)

    return run


def run_law(log: Path, arguments: list[str]) -> None:
    """``law run`` in this process, with notes of what the branches of Skim do."""
    from law.cli.cli import run

    from tasks.skim import Skim

    def import_packages() -> None:
        from analysis import skim_files, skimming

        if not hasattr(skimming.skim_variations, "__wrapped__"):
            skimming.skim_variations = noted(log, READING, skimming.skim_variations)
            skim_files.write_skim = noted(log, WRITING, skim_files.write_skim)

    importing, branch = noted(log, IMPORTING, import_packages), Skim.run

    def run_branch(self: Any) -> Any:
        importing()
        return branch(self)

    Skim.run = noted(log, BRANCH, run_branch)
    sys.argv = ["law", "run", *arguments]
    sys.exit(run())


def measure(events: Path, n_files: int, workers: int, scratch: Path) -> tuple[Spans, float, float]:
    """Run the chain in a process of its own; what its branches did, its begin and its end."""
    files, log, catalogue = scratch / "files", scratch / "log", scratch / "chain.yaml"
    files.mkdir()
    for number in range(n_files):
        (files / f"events_{number:03}.root").hardlink_to(events.resolve())
    catalogue.write_text(DATASET.format(files=files))
    command = [sys.executable, __file__, "--log", log, "Skim", "--dataset", "chain"]
    command += ["--catalogue", catalogue, "--workers", str(workers)]
    environment = {**os.environ, "VHBB_RESULTS": str(scratch / "results"), "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    stop = time.monotonic()
    if done.returncode:
        raise SystemExit(f"law run Skim failed:\n{done.stdout}{done.stderr}")
    spans: Spans = {}
    for line in log.read_text().splitlines():
        what, begin, end = json.loads(line)
        spans.setdefault(what, []).append((begin, end))
    if len(spans[BRANCH]) != n_files:
        raise SystemExit(f"{len(spans[BRANCH])} branches instead of {n_files}")
    return spans, start, stop


def shares(spans: Spans, start: float, stop: float, workers: int) -> dict[str, float]:
    """Seconds of all workers together, by what they went into."""
    total = {what: sum(end - begin for begin, end in each) for what, each in spans.items()}
    first = min(begin for begin, _ in spans[BRANCH])
    last = max(end for _, end in spans[BRANCH])
    parts = {what: total[what] for what in (READING, WRITING, IMPORTING)}
    parts["records of how outputs were made, moving them in place"] = total[BRANCH] - sum(
        parts.values()
    )
    parts["law, until the first branch begins"] = workers * (first - start)
    parts["law, after the last branch has ended"] = workers * (stop - last)
    everything = workers * (stop - start)
    parts["between branches, and workers that wait for the last"] = everything - sum(parts.values())
    return parts


def report(parts: dict[str, float], n_files: int, workers: int, events: Path) -> str:
    """A page of markdown."""
    everything = sum(parts.values())
    size = events.stat().st_size / 1e6
    what = f"`law run Skim --workers {workers}` over {n_files} files of {size:.0f} MB"
    machine = f"{os.cpu_count()} cores with a load of {os.getloadavg()[1]:.1f}"
    lines = [
        "# The whole chain",
        "",
        "Written by `python benchmarks/chain.py`; do not edit. See [README](README.md).",
        "",
        f"{what} took {everything / workers:.1f} s on {machine}.",
        "",
        "| what the workers did | seconds of all workers | share |",
        "|---|---|---|",
        *(
            f"| {what} | {seconds:.2f} | {seconds / everything:.1%} |"
            for what, seconds in parts.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the chain and write where its time went."""
    if sys.argv[1:2] == ["--log"]:
        run_law(Path(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=Path, default=EVENTS, help="file that is read")
    parser.add_argument("--files", type=int, default=100, help="how many times")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS-chain.md")
    options = parser.parse_args()
    options.events = options.events.resolve()
    if not options.events.exists():
        raise SystemExit(f"{options.events}: no such file; run `python benchmarks/skim.py` first")
    scratch = Path(tempfile.mkdtemp(prefix="chain-", dir=options.events.parent))
    try:
        measured = measure(options.events, options.files, options.workers, scratch)
    finally:
        shutil.rmtree(scratch)
    parts = shares(*measured, options.workers)
    options.output.write_text(report(parts, options.files, options.workers, options.events))
    print(options.output.read_text())


if __name__ == "__main__":
    main()
