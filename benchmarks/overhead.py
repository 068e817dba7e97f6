"""What workflows cost beside their work: law, luigi, snakemake and this project, in one run.

    python benchmarks/overhead.py [--quick] [--environment FOLDER] [--xrootd]

Builds an environment with snakemake the first time, runs every way in turn in processes of their
own and writes RESULTS-overhead.md beside this file. `--quick` leaves out what takes minutes.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from overhead_report import Run, report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WAYS = "benchmarks.overhead_ways"
REPEATED = 1000  # runs of more branches than this take too long to repeat


class Bench:
    """Runs commands in a scratch folder and keeps what they took."""

    def __init__(self, scratch: Path, snakemake: Path | None) -> None:
        self.scratch, self.snakemake = scratch, snakemake
        self.files = scratch / "files"
        self.store = scratch / "store"
        self.runs: dict[tuple[str, ...], Run] = {}
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "BENCH_FILES": str(self.files),
            "VHBB_RESULTS": str(self.store),
            "VHBB_HOME": str(ROOT),
            "LAW_HOME": str(scratch / "law"),
            "LAW_CONFIG_FILE": str(ROOT / "law.cfg"),
        }
        (scratch / "law").mkdir()

    def clear(self) -> None:
        """Empty the folders that outputs go to."""
        for folder in (self.files, self.store):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()

    def fill(self, n: int) -> None:
        """Make the outputs of a complete workflow of both layouts."""
        self.clear()
        outputs = self.store / "OurOutputs" / "v1"
        outputs.mkdir(parents=True)
        for branch in range(n):
            (self.files / f"file_{branch}.txt").touch()
            (outputs / f"file_{branch}.txt").touch()
            (outputs / f"file_{branch}.provenance.json").touch()

    def time(
        self,
        key: tuple[str, ...],
        command: Sequence[str],
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Run a command and add what it took to the runs under ``key``."""
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd or self.scratch,
            env=environment or self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{text}")
        run = self.runs.setdefault(key, Run())
        run.seconds.append(time.perf_counter() - start)
        run.cpu.append(usage.ru_utime + usage.ru_stime)
        run.memory.append(usage.ru_maxrss / 1024)
        took = f"{run.seconds[-1]:8.2f} s {run.cpu[-1]:8.2f} s {run.memory[-1]:6.0f} MB"
        print(f"{' '.join(key):50s} {took}", flush=True)
        return run

    def law(self, key: tuple[str, ...], task: str, *options: str) -> Run:
        """Run a task of the ways with `law run`."""
        return self.time(key, ["law", "run", f"{WAYS}.{task}", *options])


def measure_status(bench: Bench, numbers: Sequence[int], repeats: int) -> None:
    """What `--print-status` takes when all outputs are there."""
    for n in numbers:
        bench.fill(n)
        for _ in range(1 if n > REPEATED else repeats):
            for way, task in (
                ("law", "law_way.LawFiles"),
                ("law, listed", "law_way.LawFilesListed"),
                ("here", "our_way.OurFiles"),
                ("here, with records", "our_way.OurOutputs"),
            ):
                options = ("--n", str(n), "--print-status", "0")
                bench.law(("status", way, str(n)), task, *options)


def measure_xrootd(bench: Bench, numbers: Sequence[int], repeats: int) -> None:
    """The status of outputs on an XRootD server, where that is installed."""
    program = shutil.which("xrootd")
    if program is None:
        print("no xrootd installed: its part is left out")
        return
    bench.clear()
    bench.store.chmod(0o777)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    folder.chmod(0o777)
    bench.scratch.chmod(0o755)
    config = folder / "xrootd.cfg"
    config.write_text(
        f"all.export {bench.store}\nxrd.port {port}\n"
        f"all.adminpath {folder}/admin\nall.pidpath {folder}/admin\n"
    )
    user = ["-R", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([program, "-c", config, "-l", folder / "log", *user]) as server:
        time.sleep(3)
        remote = bench.environment | {"VHBB_RESULTS": f"root://127.0.0.1:{port}/{bench.store}"}
        for n in numbers:
            bench.fill(n)
            options = ("--n", str(n), "--print-status", "0")
            for _ in range(1 if n > REPEATED else repeats):
                for way in ("LawOutputs", "OurOutputs"):
                    command = ["law", "run", f"{WAYS}.our_way.{way}", *options]
                    bench.time(("xrootd", way, str(n)), command, environment=remote)
        server.terminate()


def measure_running(bench: Bench, numbers: Sequence[int], most: int, repeats: int) -> None:
    """What it takes to create ``n`` empty files with one and two workers."""
    ways: dict[str, Callable[[int, str], None]] = {
        "law": lambda n, w: run_law(bench, "law", "law_way.LawFiles", n, w),
        "luigi": lambda n, w: run_luigi(bench, n, w),
        "snakemake": lambda n, w: run_snakemake(bench, n, w),
        "here": lambda n, w: run_law(bench, "here", "our_way.OurFiles", n, w),
        "here, with records": lambda n, w: run_law(
            bench, "here, with records", "our_way.OurOutputs", n, w
        ),
    }
    for n in numbers:
        for _ in range(1 if n > REPEATED else repeats):
            for name, run in ways.items():
                for workers in ("1", "2"):
                    if n > most and (not name.startswith("here") or workers == "2"):
                        continue
                    if name == "snakemake" and bench.snakemake is None:
                        continue
                    bench.clear()
                    run(n, workers)


def run_law(bench: Bench, way: str, task: str, n: int, workers: str) -> None:
    """Run a law workflow."""
    bench.law(("run", way, str(n), workers), task, "--n", str(n), "--workers", workers)


def run_luigi(bench: Bench, n: int, workers: str) -> None:
    """Run plain luigi tasks."""
    command = [sys.executable, str(HERE / "overhead_ways" / "luigi_way.py"), str(n), workers]
    bench.time(("run", "luigi", str(n), workers), command)


def run_snakemake(bench: Bench, n: int, workers: str) -> None:
    """Run snakemake with its faster scheduler."""
    command = [str(bench.snakemake), "-s", str(HERE / "overhead_ways" / "Snakefile")]
    command += ["-q", "all", "--cores", workers, "--scheduler", "greedy", "--config", f"number={n}"]
    bench.time(("run", "snakemake", str(n), workers), command, cwd=bench.files)


def measure_start(bench: Bench) -> None:
    """The default from a cold process, and law itself without this project."""
    bench.time(("start", "index"), ["law", "index", "--quiet"])
    own = bench.environment | {"LAW_CONFIG_FILE": os.devnull}
    for _ in range(7):
        bench.time(("start", "status"), ["law", "run", "Fit", "--print-status", "-1"])
        bench.time(("start", "help"), ["law", "run", "--help"])
        bench.time(("start", "help, law alone"), ["law", "run", "--help"], environment=own)


def measure_chain(bench: Bench, sizes: Sequence[int]) -> None:
    """Skim, merge, scale and fit of one dataset whose files are skimmed."""
    for n in sizes:
        bench.clear()
        folder = bench.scratch / f"chain_{n}"
        folder.mkdir()
        lay_out = [sys.executable, "-m", f"{WAYS}.chain", str(folder), str(n)]
        bench.time(("chain", "lay out", str(n)), lay_out)
        fit = ["law", "run", "Fit", "--catalogue", str(folder / "big.yaml"), "--signals", "big"]
        bench.time(("chain", "merge, scale, fit", str(n)), [*fit, "--workers", "2"])
        for _ in range(3):
            bench.time(("chain", "rerun", str(n)), fit)
            bench.time(("chain", "status", str(n)), [*fit, "--print-status", "-1"])


def build_snakemake(environment: Path) -> Path:
    """The snakemake of an environment of its own."""
    program = environment / "bin" / "snakemake"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        pip = [str(environment / "bin" / "pip"), "install", "--quiet", "snakemake"]
        subprocess.run(pip, check=True)
    return program


def main() -> None:
    """Run all and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="at most 1,000 branches")
    parser.add_argument("--rounds", type=int, default=3, help="of what is quick; default: 3")
    parser.add_argument("--environment", type=Path, default=ROOT / ".law" / "snakemake")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS-overhead.md")
    options = parser.parse_args()
    sizes = (1000,) if options.quick else (1000, 40000)
    runs = (300, 1000) if options.quick else (1000, 3000, 40000)
    with tempfile.TemporaryDirectory(prefix="vhbb-overhead-") as scratch:
        bench = Bench(Path(scratch), build_snakemake(options.environment))
        for measure in (
            lambda: measure_start(bench),
            lambda: measure_status(bench, sizes, options.rounds),
            lambda: measure_xrootd(bench, sizes, options.rounds),
            lambda: measure_running(bench, runs, 3000, options.rounds),
            lambda: measure_chain(bench, sizes),
        ):
            measure()
            options.output.write_text(report(bench.runs))


if __name__ == "__main__":
    main()
