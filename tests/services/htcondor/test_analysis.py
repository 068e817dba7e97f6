"""The analysis itself on the pool: the same outputs as on one machine, bit for bit."""

import configparser
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import pytest
import uproot

from tests.services.htcondor.bench import give
from tests.services.htcondor.pool import PROJECT, Pool
from tests.services.xrootd_server import Server

pytestmark = [pytest.mark.htcondor, pytest.mark.slow]

REAL = """
signals:
  ttbar:
    title: tt (Powheg+Pythia8)
    files: {data}/uproot-issue-123b.root
    cross_section: 729.77 pb
    filter_efficiency: 0.5439
    k_factor: 1.1398
    resources: {{memory: 1.5 GB, cores: 2, max_runtime: 30 min}}
  ttbar_run3:
    title: tt, Run 3
    files: {data}/uproot-physlite-rntuple_v1-0-0-0.root
    cross_section: 811.2 pb
    filter_efficiency: 0.543816
"""


class Desk:
    """A clone of the repository in the user's home, from which the analysis is run."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.pool = pool
        self.variables: dict[str, str] = {}
        self.home = pool.shared / name
        command = ["git", "clone", "--quiet", f"file://{PROJECT}", self.home]
        subprocess.run(command, check=True)
        shutil.copy(PROJECT / "law.cfg", self.home)
        self.configure("htcondor", requirements="HasSharedFileSystem")
        give(self.home)
        os.chown(self.home, 4242, 4242)

    def configure(self, section: str, **settings: str) -> None:
        """Change law.cfg."""
        config = configparser.ConfigParser(interpolation=None, allow_no_value=True)
        config.optionxform = str  # type: ignore[assignment, method-assign]
        config.read(self.home / "law.cfg")
        if not config.has_section(section):
            config.add_section(section)
        config[section].update(settings)
        with (self.home / "law.cfg").open("w") as stream:
            config.write(stream)

    def law(self, results: str, *arguments: str) -> str:
        """Run `law run` with a results directory of its own."""
        environment = {
            "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(self.home),
            "LAW_HOME": str(self.home / ".law"),
            "LAW_CONFIG_FILE": str(self.home / "law.cfg"),
            "VHBB_HOME": str(self.home),
            "VHBB_RESULTS": str(self.pool.shared / results),
            "MPLCONFIGDIR": str(self.home / ".law" / "matplotlib"),
            **self.variables,
        }
        law = [f"{sys.prefix}/bin/python", f"{sys.prefix}/bin/law", "run", *arguments]
        command = self.pool.submit.command(law, directory=self.home, environment=environment)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self, results: str) -> dict[str, object]:
        """Outputs by path, without the records of when and where they were made."""
        return files_below(self.pool.shared / results)


def files_below(top: Path) -> dict[str, object]:
    """Contents of files by path, without the records of when and where they were made."""
    return {
        str(path.relative_to(top)): content(path)
        for path in sorted(top.rglob("*"))
        if path.is_file() and not path.name.endswith(".provenance.json")
    }


@pytest.fixture(scope="module")
def desk(pool: Pool) -> Desk:
    return Desk(pool, "analysis")


def content(path: Path) -> object:
    """What is in a file; of a ROOT file, which also holds its date of birth, what it stores."""
    if path.suffix != ".root":
        return path.read_bytes()
    with uproot.open(path) as file:
        return {key: stored(file[key]) for key in file.keys(cycle=False)}


def stored(item: Any) -> object:
    if hasattr(item, "to_numpy"):
        arrays = [*item.to_numpy(flow=True), item.variances(flow=True)]
        return [array.tobytes() for array in arrays]
    if not hasattr(item, "arrays"):
        return str(item)
    _, _, buffers = ak.to_buffers(ak.to_packed(item.arrays()))
    return {name: buffer.tobytes() for name, buffer in buffers.items()}


def differing(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def test_the_default_catalogue_gives_the_same_outputs_as_locally(desk: Desk) -> None:
    desk.law("local", "tasks.fit.Fit")
    output = desk.law("pool", "tasks.fit.Fit", "--workflow", "htcondor", "--poll-interval", "1s")
    assert "submitted 1 htcondor job(s)" in output
    assert desk.files("local")
    assert not differing(desk.files("local"), desk.files("pool"))


@pytest.mark.realdata
def test_real_files_give_the_same_outputs_as_locally(desk: Desk, test_data: Path) -> None:
    data = desk.pool.shared / "data"
    data.mkdir()
    for name in ("uproot-issue-123b.root", "uproot-physlite-rntuple_v1-0-0-0.root"):
        shutil.copy(test_data / "physlite" / name, data)
    catalogue = desk.home / "my.yaml"
    catalogue.write_text(REAL.format(data=data))
    options = ["--catalogue", str(catalogue), "--signals", "ttbar,ttbar_run3"]
    desk.law("real-local", "tasks.fit.Fit", *options)
    pool = ["--workflow", "htcondor", "--poll-interval", "1s", "--tasks-per-job", "2"]
    desk.law("real-pool", "tasks.fit.Fit", *options, *pool)
    assert desk.files("real-local")
    assert not differing(desk.files("real-local"), desk.files("real-pool"))
    ours = f'regexp("^{desk.home}/.law/htcondor/Skim/", Iwd) && RequestCpus == 2'
    asked = ["RequestMemory", "MaxRuntime"]
    rows = desk.pool.submit.run("condor_history", "-constraint", ours, "-af", *asked)
    assert rows.split() == ["1500", "1800"]  # one job, of the sample that asks for it


@pytest.fixture
def eos() -> Iterator[Server]:
    if shutil.which("xrootd") is None:
        pytest.skip("needs an XRootD server: apt-get install xrootd-server")
    folder = Path(tempfile.mkdtemp(prefix="vhbb-xrootd-"))
    folder.chmod(0o755)
    server = Server(folder).start()
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.xrootd
def test_machines_that_share_nothing_write_the_same_outputs_to_the_store(
    pool: Pool, eos: Server
) -> None:
    desk = Desk(pool, "analysis without shared files")
    desk.law("alone", "tasks.fit.Fit")
    desk.configure(
        "htcondor", requirements="HasSharedFileSystem == False", shared_file_system="False"
    )
    desk.configure("store_eos", credentials="")
    desk.variables = {"VHBB_EOS": eos.url}
    options = ["--store", "eos", "--workflow", "htcondor", "--poll-interval", "1s"]
    desk.law("unused", "tasks.fit.Fit", *options)
    assert not differing(desk.files("alone"), files_below(eos.files))
    records = [json.loads(p.read_text()) for p in eos.files.rglob("Skim/**/*.provenance.json")]
    assert {record["host"] for record in records} == {"island"}
    assert all(record["code"]["dirty"] for record in records)
    assert not desk.files("unused")
