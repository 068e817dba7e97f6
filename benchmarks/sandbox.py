"""What a container costs a branch: a workflow of empty branches, with and without a sandbox.

    python docker/build.py skim
    python benchmarks/sandbox.py [--sandbox docker::vhbb-skim] [--branches 20] [--rounds 5]

Runs in turn, each round: the engine with `true` in the image, the workflow without sandbox and the
workflow with it, all branches one after another. Prints the medians as a table and writes it to
RESULTS-sandbox.md; exits with 1 when a branch costs a second or more above the engine alone.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TASK = "benchmarks.overhead_ways.our_way.OurOutputs"
LIMIT = 1.0  # seconds a branch above the engine alone

REPORT = """\
# What a sandbox costs a branch

Written by `python benchmarks/sandbox.py`: {sandbox}, {branches} empty branches one after another,
medians of {rounds} rounds, seconds by the clock. {cores} cores, {system}; {engine}.

| | s |
|---|---|
| the engine alone: `{alone}` | {bare:.2f} |
| a branch without sandbox | {plain:.2f} |
| a branch in the sandbox | {inside:.2f} |
| **a branch in the sandbox above the engine alone** (to stay below {limit:g}) | **{above:.2f}** |
"""


def engine_alone(sandbox: str) -> list[str]:
    """The engine's own command with `true` in the image."""
    kind, _, image = sandbox.partition("::")
    if kind == "docker":
        return ["docker", "run", "--rm", image, "true"]
    client = "apptainer" if shutil.which("apptainer") else "singularity"
    return [client, "exec", image, "true"]


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """How long a command takes; RuntimeError with its output when it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return taken


def measure(sandbox: str, branches: int, rounds: int) -> dict[str, float]:
    """Medians over the rounds: the engine alone, and a branch without and in the sandbox."""
    taken: dict[str, list[float]] = {"bare": [], "plain": [], "inside": []}
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "VHBB_HOME": str(ROOT),
            "VHBB_RESULTS": f"{scratch}/results",
            "LAW_HOME": f"{scratch}/law",
            "LAW_CONFIG_FILE": str(ROOT / "law.cfg"),
        }
        Path(scratch, "law").mkdir()
        for number in range(-1, rounds):  # the first one only warms up
            once = {"bare": seconds(engine_alone(sandbox), environment)}
            for name, choice in (("plain", "none"), ("inside", sandbox)):
                law = ["law", "run", TASK, f"--n={branches}", f"--sandbox={choice}"]
                law.append(f"--version={name}{number}")
                all_branches = seconds(law, environment)
                nothing_to_do = seconds(law, environment)
                once[name] = (all_branches - nothing_to_do) / branches
            for name, value in once.items():
                if number >= 0:
                    taken[name].append(value)
            print(", ".join(f"{name} {value:.2f} s" for name, value in once.items()), flush=True)
    return {name: statistics.median(values) for name, values in taken.items()}


def version(sandbox: str) -> str:
    """What the engine says of itself."""
    done = subprocess.run(
        [engine_alone(sandbox)[0], "--version"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def main() -> int:
    """Measure, write the report, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sandbox", default="docker::vhbb-skim", help="docker or singularity")
    parser.add_argument("--branches", type=int, default=20, help="of the workflow (default: 20)")
    parser.add_argument("--rounds", type=int, default=5, help="to repeat (default: 5)")
    parsed = parser.parse_args()
    values = measure(parsed.sandbox, parsed.branches, parsed.rounds)
    above = values["inside"] - values["bare"]
    text = REPORT.format(
        **vars(parsed),
        **values,
        above=above,
        limit=LIMIT,
        alone=" ".join(engine_alone(parsed.sandbox)),
        cores=os.cpu_count(),
        system=f"{platform.system()} {platform.release()}",
        engine=version(parsed.sandbox),
    )
    (ROOT / "benchmarks" / "RESULTS-sandbox.md").write_text(text)
    print(text)
    return int(above >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
