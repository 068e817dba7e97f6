"""Our reading against the peers, in one command: ``python benchmarks/skim.py``.

Makes an environment with the peers and the input files, as ROOT writes them, once; then runs every
way in turn, several times round, and writes the medians to ``benchmarks/RESULTS.md``.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from ways import FIRST_FILE, IN_TURN, NO_MASSES, PEERS, WAYS

HERE = Path(__file__).parent
FOLDER = HERE.parent / "results" / "benchmark"
PACKAGES = ("root", "coffea", "snakemake")
FILES = {
    "atlas": "As ATLAS writes it: zstd, a flush every 500 events, 106 branches",
    "large": "Large baskets: a flush every 18,000 events",
    "lz4": "LZ4, a flush every 500 events",
    "lzma": "LZMA, a flush every 500 events",
    "zlib": "zlib, a flush every 500 events",
    "nanoaod": "NanoAOD: arrays with counters, a flush every 18,000 events",
    "rntuple": "RNTuple, as ROOT clusters it",
    "small": "A small file: 300 events",
}
TWO_CORES = (
    "vhbb",
    "vhbb, without compiled code",
    "coffea Runner",
    "RDataFrame, compiled function",
    "decompress only",
)
"""Ways that are run on two cores too, on the first file."""

Result = dict[str, Any]
Runs = dict[tuple[str, str, int], list[Result]]


def peers_python(folder: Path) -> Path:
    """Python of an environment with the peers, made if it is not there."""
    given = os.environ.get("VHBB_ROOT_PYTHON")
    if given:
        return Path(given)
    python = folder / "venv" / "bin" / "python"
    done = folder / "venv" / "complete"
    if not done.exists():
        venv.create(folder / "venv", with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        done.touch()
    return python


def make_input(python: Path, folder: Path, events: int) -> Path:
    """The folder of the input files, written by ROOT if they are not there."""
    target = folder / f"input-{events}"
    subprocess.run([python, HERE / "root_files.py", target, "--events", str(events)], check=True)
    return target


def run(python: Path, way: str, path: Path, cores: int) -> Result:
    """One run of one way in a process of its own."""
    interpreter = python if way in PEERS else Path(sys.executable)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "VHBB_CORES": str(cores)}
    done = subprocess.run(
        [interpreter, HERE / "ways.py", way, path, str(cores)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{way} on {path} failed:\n{done.stderr}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(python: Path, folder: Path, files: list[str], rounds: int) -> Runs:
    """Every way on every file, in turn."""
    runs: Runs = {}
    for turn in range(rounds):
        for name in files:
            if len(os.sched_getaffinity(0)) > 1:
                result = run(python, IN_TURN, folder / f"{name}.root", 2)
                runs.setdefault((name, IN_TURN, 2), []).append(result)
                print(f"{turn + 1}/{rounds} {name:8} {result}", flush=True)
            for way in WAYS if name == "atlas" else (way for way in WAYS if way not in FIRST_FILE):
                for cores in (1, 2) if name == "atlas" and way in TWO_CORES else (1,):
                    result = run(python, way, folder / f"{name}.root", cores)
                    runs.setdefault((name, way, cores), []).append(result)
                    print(
                        f"{turn + 1}/{rounds} {name:8} {way:30} {cores} "
                        f"{result['seconds']:8.4f} s {result['cpu']:8.4f} s CPU",
                        flush=True,
                    )
    return runs


def check_sums(runs: Runs, name: str) -> None:
    """Stop unless all ways selected the same events, with the same masses."""
    sums = {
        way: results[0]["sums"]
        for (file, way, _), results in runs.items()
        if file == name and way not in (*NO_MASSES, IN_TURN)
    }
    expected = sums["vhbb"]
    for way, found in sums.items():
        # ROOT sums the components of the momenta in other precision.
        same = all(abs(a - b) <= 1e-6 * abs(b) for a, b in zip(found, expected, strict=True))
        if not same:
            raise SystemExit(f"{name}: {way} gives {found}, vhbb {expected}")


def table(runs: Runs, name: str) -> list[str]:
    """Markdown table of one file."""
    own = {key[1:]: results for key, results in runs.items() if key[0] == name}
    turns = own.pop((IN_TURN, 2), [])
    wall, cpu = (
        {key: median(result[clock] for result in results) for key, results in own.items()}
        for clock in ("seconds", "cpu")
    )
    bound, ours = ("decompress only", 1), ("vhbb", 1)
    lines = [
        "| way | cores | s | x decompress | x vhbb | CPU s | x decompress | x vhbb | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in sorted(own, key=lambda key: wall[key]):
        cells = [f"{key[0]} | {key[1]}"]
        for clock in (wall, cpu):
            cells += [
                f"{clock[key]:.4f}",
                f"{clock[key] / clock[bound]:.2f}",
                f"{clock[key] / clock[ours]:.2f}",
            ]
        cells.append(f"{max(result['megabytes'] for result in own[key]):.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    if turns:
        ratio, cores, limit = (median(turn[key] for turn in turns) for key in turns[0])
        said = (
            f"Run after run in one process: vhbb takes {ratio:.2f} times as long as decompression "
            f"alone; on two cores it is {cores:.2f} times as fast as on one, decompression alone "
            f"{limit:.2f} times."
        )
        lines = [said, "", *lines]
    return lines


def report(runs: Runs, python: Path, events: int, rounds: int) -> str:
    """The results as a page of markdown."""
    versions = json.loads(
        subprocess.run(
            [python, "-c", VERSIONS], check=True, capture_output=True, text=True
        ).stdout.splitlines()[-1]
    )
    own: Mapping[str, str] = {
        name: version(name) for name in ("numpy", "uproot", "awkward", "zstandard", "deflate")
    }
    lines = [
        "# Benchmark",
        "",
        "Written by `python benchmarks/skim.py`; do not edit. See [README](README.md).",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} cores with a load of {os.getloadavg()[2]:.1f}, "
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {number}" for name, number in {**own, **versions}.items())
        + f". {events:,} events, medians of {rounds} rounds; all ways gave the same sums.",
    ]
    if ("atlas", "vhbb", 1) in runs:
        nominal, shifts = (
            median(result["cpu"] for result in runs["atlas", way, 1])
            for way in ("vhbb", "vhbb, nominal and ten shifts")
        )
        what = "Nominal and ten shifts of the jets' energy scale from one reading"
        ratio = f"{shifts / nominal:.2f} times the CPU seconds of the nominal alone (first file)"
        lines += ["", f"{what}: {ratio}."]
        whole, quarter = (
            max(result["megabytes"] for result in runs["atlas", way, 1])
            for way in ("vhbb", "vhbb, a quarter of the events")
        )
        lines += [
            f"Peak memory: {whole:.0f} MB for all events of it, {quarter:.0f} MB for a quarter."
        ]
    for name, title in FILES.items():
        if (name, "vhbb", 1) in runs:
            lines += ["", f"## {title}", "", *table(runs, name)]
    return "\n".join(lines) + "\n"


VERSIONS = """
import json
from importlib.metadata import version
print(json.dumps({name: version(name) for name in ("root", "coffea")}))
"""


def main() -> None:
    """Make what is needed, measure, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="environment and input")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    python = peers_python(options.folder)
    folder = make_input(python, options.folder, options.events)
    runs = measure(python, folder, options.files, options.rounds)
    for name in options.files:
        check_sums(runs, name)
    options.output.write_text(report(runs, python, options.events, options.rounds))
    print(options.output.read_text())


if __name__ == "__main__":
    main()
