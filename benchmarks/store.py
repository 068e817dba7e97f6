"""What a store costs: status, small files, reading in place; ours against law's gfal interface.

Starts an XRootD server of its own; writes benchmarks/RESULTS-store.md. The rows of gfal need a
Python with gfal2 (Debian: python3-gfal2 gfal2-plugin-xrootd), the others nothing.

    python benchmarks/store.py [--outputs 40000] [--files 300] [--events 400000]
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import law

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.services.xrootd_server import Server, Wire  # noqa: E402

ROUNDS = 5
COUNTED = 50
LATENCY = 0.02  # seconds, a server across the continent
GFAL_PYTHON = "/usr/bin/python3"
Row = tuple[str, str, str, str]


class Cost(NamedTuple):
    """Seconds on the clock, and of the client's processor."""

    clock: float
    processor: float

    def cells(self, n: int = 1) -> tuple[str, str]:
        """Both in a table, for one of n."""
        if n == 1:
            return f"{self.clock:.3f} s", f"{self.processor:.3f} s"
        return f"{self.clock / n * 1000:.2f} ms", f"{self.processor / n * 1000:.2f} ms"


SUBJECT = """
import json, sys, time, law
url, what, kind, n = sys.argv[1:4] + [int(sys.argv[4])]
law.config.update({{"target": {{"tmp_dir": "{tmp}"}}}})
{make}
if what == "small":
    files = [root.child("small/%s-%d.json" % (kind, i), type="f") for i in range(n)]
    root.exists()
    start = time.perf_counter(), time.process_time()
    for file in files:
        file.dump({{"x": [0.5] * 200}}, formatter="json")
else:
    if what == "listing":
        collection = siblings(n)
    else:
        files = [root.child("status/%d.json" % i, type="f") for i in range(n)]
        collection = law.TargetCollection(files)
    root.child("warm", type="f").exists()
    start = time.perf_counter(), time.process_time()
    assert collection.count() == n
print(json.dumps([time.perf_counter() - start[0], time.process_time() - start[1]]))
"""
OURS = """
from tasks.framework.outputs import BranchOutputs, BranchTargets
from tasks.framework.places import Sketch
from tasks.framework.xrootd import XRootDDirectoryTarget, file_system
root = XRootDDirectoryTarget("/", file_system(url))
law.config.update({"store_benchmark": {"base": url}})

def siblings(n):
    def places():
        sketch = Sketch("benchmark")
        folder = sketch.directory(("status",))
        names = ("%d.json" % i for i in range(n))
        files = [folder.child(name, type="f") for name in names]
        return sketch, {i: sketch.places(file) for i, file in enumerate(files)}
    return BranchOutputs(BranchTargets(range(n), None), places, n)
"""
GFAL = """
law.contrib.load("wlcg")
fs = law.wlcg.WLCGFileSystem(base=[url], name="gfal", random_base=False)
root = law.wlcg.WLCGDirectoryTarget("/", fs)

def siblings(n):
    return law.SiblingFileCollection(
        [root.child("status/%d.json" % i, type="f") for i in range(n)]
    )
"""
LOCAL = """
from tasks.framework.storage import LocalDirectoryTarget
root = LocalDirectoryTarget(url)
"""


def seconds(kind: str, url: str, what: str, n: int, folder: Path) -> Cost:
    """One round in a process of its own."""
    make = {"ours": OURS, "gfal": GFAL, "local": LOCAL}[kind]
    python = GFAL_PYTHON if kind == "gfal" else sys.executable
    done = subprocess.run(
        [python, "-c", SUBJECT.format(make=make, tmp=folder / "tmp"), url, what, kind, str(n)],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{Path(law.__file__).parents[1]}",
            "LAW_HOME": str(folder / "law"),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def has_gfal() -> bool:
    """Whether the system's Python has gfal2."""
    command = [GFAL_PYTHON, "-c", "import gfal2"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def best(measure: Callable[[], Cost], rounds: int = ROUNDS) -> Cost:
    """The fastest of several rounds: what disturbs only adds."""
    return min(measure() for _ in range(rounds))


def status_rows(server: Server, n: int, folder: Path) -> list[Row]:
    """Seconds and requests for the completeness of a workflow with ``n`` outputs."""
    (server.files / "status").mkdir(mode=0o755)
    for number in range(n):
        (server.files / "status" / f"{number}.json").touch()
    subjects = [
        ("listing", "ours", "this project, a workflow's outputs"),
        ("each", "ours", "- one by one"),
    ]
    if has_gfal():
        subjects += [("listing", "gfal", "law + gfal2, sibling collection")]
        subjects += [("each", "gfal", "- one by one")]
    rows = []
    for what, kind, title in subjects:
        rounds = ROUNDS if what == "listing" else 1
        took = best(lambda w=what, k=kind: seconds(k, server.url, w, n, folder), rounds)
        wire = Wire(server.port).start()
        seconds(kind, wire.url, what, n, folder)
        asked = wire.requests
        asked["stat"] = asked.get("stat", 0) - 1  # the one that opens the connection
        wire.stop()
        told = ", ".join(f"{count:,} {name}" for name, count in asked.items() if count > 0)
        rows.append((title, *took.cells(), told))
    return rows


def small_file_rows(server: Server, n: int, folder: Path) -> list[Row]:
    """Milliseconds and requests for writing a JSON of 1 kB."""
    places = [("this project", "ours", server.url), ("local disk", "local", str(folder / "disk"))]
    if has_gfal():
        places.insert(1, ("law + gfal2", "gfal", server.url))
    rows = []
    for title, kind, url in places:
        took = best(lambda k=kind, u=url: seconds(k, u, "small", n, folder), 3)
        told = ""
        if kind != "local":
            wire = Wire(server.port).start()
            seconds(kind, wire.url, "small", COUNTED, folder)
            counts = wire.requests.items()
            told = ", ".join(f"{c / COUNTED:.0f} {name}" for name, c in counts if c >= COUNTED)
            wire.stop()
        rows.append((title, *took.cells(n), told))
    return rows


def write_events(path: Path, n_events: int) -> None:
    """Invented events in PHYSLITE's tree: four columns a selection needs, and twenty others."""
    import awkward as ak
    import numpy as np
    import uproot

    random, batch = np.random.default_rng(1), 50_000
    jets = [f"AnalysisJetsAuxDyn.{name}" for name in ("pt", "eta", "phi", "m")]
    jets += [f"AnalysisJetsAuxDyn.other{number}" for number in range(20)]
    weight = "EventInfoAuxDyn.mcEventWeights"
    with uproot.recreate(path) as file:
        file.mktree("CollectionTree", dict.fromkeys([*jets, weight], "var * float32"))
        for _ in range(0, n_events, batch):
            counts = random.poisson(5, batch)
            columns = {
                name: ak.unflatten(random.exponential(4e4, counts.sum()).astype("f4"), counts)
                for name in jets
            }
            columns[weight] = ak.unflatten(np.ones(batch, "f4"), np.ones(batch, "i8"))
            file["CollectionTree"].extend(columns)


def reading_rows(server: Server, n_events: int, folder: Path) -> list[Row]:
    """A skim of a remote file in place, and of its copy, near and far from the server."""
    from analysis.catalogue import load_catalogue
    from analysis.skimming import skim
    from tasks.framework.remote import file_target

    law.config.update({"target": {"tmp_dir": str(folder / "tmp")}})
    write_events(folder / "events.root", n_events)
    shutil.copy(folder / "events.root", server.files / "events.root")
    (server.files / "events.root").chmod(0o644)
    catalogue = load_catalogue()
    selection = catalogue.selection(catalogue.default_selection)

    def in_place(url: str) -> None:
        skim([f"{url}/events.root"], selection, with_sum_of_weights=False)

    def copied(url: str) -> None:
        with file_target(f"{url}/events.root").localize("r") as local:
            skim([local.abspath], selection, with_sum_of_weights=False)

    def cost(way: Callable[[str], None], url: str) -> Cost:
        start = time.perf_counter(), time.process_time()
        way(url)
        return Cost(time.perf_counter() - start[0], time.process_time() - start[1])

    rows = []
    for title, delay in (("same machine", 0.0), (f"{LATENCY * 1000:.0f} ms away", LATENCY)):
        for way, measure in (("in place", in_place), ("copy, then read", copied)):
            wire = Wire(server.port, delay=delay).start()
            took = best(lambda m=measure, w=wire: cost(m, w.url))
            wire.forget()
            measure(wire.url)
            asked, size = sum(wire.requests.values()), wire.bytes_down / 1e6
            rows.append((f"{way}, {title}", *took.cells(), f"{asked} requests, {size:.1f} MB"))
            wire.stop()
    return rows


def table(title: str, rows: list[Row], columns: tuple[str, str, str, str]) -> str:
    """A section in Markdown."""
    lines = [f"## {title}", "", "| " + " | ".join(columns) + " |", "|---|---:|---:|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outputs", type=int, default=40_000)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--events", type=int, default=400_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vhbb-store-"))
    folder.chmod(0o755)
    (folder / "server").mkdir(mode=0o755)
    server = Server(folder / "server").start()
    try:
        sections = [
            table(
                f"Status of a workflow with {options.outputs:,} outputs in a directory",
                status_rows(server, options.outputs, folder),
                ("way", "time", "processor", "requests"),
            ),
            table(
                "Writing a file of 1 kB",
                small_file_rows(server, options.files, folder),
                ("way", "time a file", "processor", "requests a file"),
            ),
            table(
                f"Skimming a remote file of {options.events:,} events, 5 of its 25 columns",
                reading_rows(server, options.events, folder),
                ("way", "time", "processor", "on the wire"),
            ),
        ]
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
    head = (
        "# What a store costs\n\nBest of several rounds against an XRootD server on the same "
        f"machine ({platform.machine()}, Python {platform.python_version()}); "
        "`python benchmarks/store.py` writes this file.\n"
    )
    text = "\n".join([head, *sections])
    Path(__file__).with_name("RESULTS-store.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
