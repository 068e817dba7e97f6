"""RESULTS-overhead.md from what benchmarks/overhead.py measured."""

import os
import platform
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

Key = tuple[str, ...]


@dataclass
class Run:
    """Seconds by the clock, of processors, and peak memory in MB of the runs of one command."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds)

    @property
    def busy(self) -> float:
        """Median of the processor seconds, which say more on a machine that others use too."""
        return statistics.median(self.cpu)

    @property
    def peak(self) -> float:
        """The most memory in MB."""
        return max(self.memory)


def report(runs: Mapping[Key, Run]) -> str:
    """The tables and the ratios to reach, as Markdown."""
    parts = [HEAD.format(machine=machine()), *goals(runs)]
    for group, title, remark in GROUPS:
        if any(key[0] == group for key in runs):
            parts += ["", f"## {title}", "", *([remark, ""] if remark else []), *table(runs, group)]
    return "\n".join(parts) + "\n"


HEAD = """\
# What workflows cost beside their work

Written by `python benchmarks/overhead.py`: every number is of whole processes, one after another
in one run, medians where there are several. Processor seconds hold on a machine that others use
too, the clock's do not. {machine}

| to reach | reached |
|---|---|"""

GROUPS = (
    ("status", "Status of existing outputs (`law run ... --print-status 0`)", ""),
    (
        "xrootd",
        "The same on an XRootD server of this machine",
        (
            "law's own remote targets need gfal2: `LawOutputs` is law's workflow with law's listing\n"
            "collection on this project's XRootD targets."
        ),
    ),
    ("run", "Running branches that create an empty file (ways, branches, workers)", ""),
    (
        "chain",
        "The real chain: Skim, MergeSkim, Scale, Fit of one dataset",
        (
            "The files' skims are laid out beforehand. `merge, scale, fit` reads every skim with two\n"
            "workers."
        ),
    ),
    ("start", "Start-up", ""),
)


def machine() -> str:
    """What it ran on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("law", "luigi"))
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"{packages}, {platform.system()} {platform.release()}."
    )


def table(runs: Mapping[Key, Run], group: str) -> Iterator[str]:
    """A group of measurements as rows of a Markdown table."""
    yield "| what | seconds | processor seconds | peak MB |"
    yield "|---|---|---|---|"
    for (first, *rest), run in runs.items():
        if first == group:
            yield f"| {' '.join(rest)} | {run.median:.2f} | {run.busy:.2f} | {run.peak:.0f} |"


def goals(runs: Mapping[Key, Run]) -> Iterator[str]:
    """The figures the project sets itself, where this run has what they need."""

    def ratio(label: str, ours: Key, theirs: Key) -> Iterator[str]:
        if ours in runs and theirs in runs:
            a, b = runs[ours], runs[theirs]
            yield (
                f"| {label} | {a.median / b.median:.3f} ({a.median:.2f} s against "
                f"{b.median:.1f} s), processors {a.busy / b.busy:.3f} |"
            )

    def value(label: str, key: Key, text: str) -> Iterator[str]:
        if key in runs:
            yield f"| {label} | {text.format(run=runs[key])} |"

    n = "40000"
    yield from ratio(
        "status of 40,000 local outputs <= 1/10 of law",
        ("status", "here, with records", n),
        ("status", "law", n),
    )
    yield from ratio("the same on XRootD", ("xrootd", "OurOutputs", n), ("xrootd", "LawOutputs", n))
    for workers in "1", "2":
        here = ("run", "here", "3000", workers)
        label = f"3,000 trivial branches, {workers} worker(s),"
        yield from ratio(f"{label} <= 1/8 of law", here, ("run", "law", "3000", workers))
        yield from ratio(f"{label} <= 1.5 x luigi", here, ("run", "luigi", "3000", workers))
        yield from ratio(f"{label} and snakemake", here, ("run", "snakemake", "3000", workers))
    yield from value(
        "rerun of the complete chain of 40,000 <= 5 s",
        ("chain", "rerun", n),
        "{run.median:.2f} s, processors {run.busy:.2f} s",
    )
    yield from value(
        "its whole status tree",
        ("chain", "status", n),
        "{run.median:.2f} s, processors {run.busy:.2f} s",
    )
    yield from growth(runs)
    yield from value(
        "memory of a status of 40,000 <= 150 MB", ("chain", "status", n), "{run.peak:.0f} MB"
    )
    yield from value(
        "memory of running 40,000", ("run", "here, with records", n, "1"), "{run.peak:.0f} MB"
    )
    yield from value(
        "`law run Fit --print-status -1` < 0.6 s",
        ("start", "status"),
        "{run.median:.2f} s, processors {run.busy:.2f} s",
    )
    yield from ratio(
        "`law run --help` against law alone", ("start", "help"), ("start", "help, law alone")
    )


def growth(runs: Mapping[Key, Run]) -> Iterator[str]:
    """Time a branch at 1,000 and at 40,000, without what a process takes to start."""
    for label, key in (("run", ("run", "here")), ("status", ("status", "here, with records"))):
        tail = ("1",) if label == "run" else ()
        small, large = ((*key, size, *tail) for size in ("1000", "40000"))
        if small in runs and large in runs and ("start", "help") in runs:
            start = runs["start", "help"].busy
            each = [1e3 * (runs[k].busy - start) / n for k, n in ((small, 1000), (large, 40000))]
            yield (
                f"| linear growth of {label}, processor ms a branch at 1,000 and at 40,000 | "
                f"{each[0]:.3f}, {each[1]:.3f} |"
            )
