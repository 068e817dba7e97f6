"""The analysis on a store: `law run ... --store eos` as a user types it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import uproot

from analysis.synthetic import write_synthetic_file
from tests.framework.xrootd.kerberos import credential_cache

ROOT = Path(__file__).resolve().parents[3]
SECRET = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aGlnZ3MifQ.s3cr3t"  # noqa: S105


@dataclass
class Workspace:
    """A folder to run law in, with a store on a server."""

    folder: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "LAW_HOME": str(self.folder / ".law"),
            "LAW_CONFIG_FILE": str(self.folder / "law.cfg"),
            "PYTHONPATH": str(ROOT),
            "VHBB_HOME": str(ROOT),
            "VHBB_RESULTS": str(self.folder / "results"),
            "VHBB_EOS": f"{self.url}/vhbb",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def start(self, *options: str, store: str = "eos") -> subprocess.Popen:
        return subprocess.Popen(
            ["law", "run", *options, *(["--store", store] if store else [])],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def law(self, *options: str, store: str = "eos") -> str:
        process = self.start(*options, store=store)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        return output


@pytest.fixture
def new_workspace(tmp_path):
    def at(url: str, *, credentials: str = "", retries: int = 2) -> Workspace:
        text = (ROOT / "law.cfg").read_text()
        text = text.replace("credentials: krb5, gsi, token", f"credentials: {credentials}")
        text = text.replace("retries: 4", f"retries: {retries}\nretry_delay: 0.2s")
        (tmp_path / "law.cfg").write_text(text)
        (tmp_path / ".law").mkdir(exist_ok=True)
        made = Workspace(tmp_path, url)
        index = ["law", "index", "--quiet"]
        subprocess.run(index, cwd=tmp_path, env=made.environment, check=True, timeout=120)
        return made

    return at


@pytest.fixture
def workspace(new_workspace, server) -> Workspace:
    return new_workspace(server.url)


@pytest.fixture
def remote_signal(workspace, server, test_data) -> Workspace:
    """A catalogue whose events, data and background are on the server."""
    for path in ("physlite/uproot-issue-123b.root", "hep-examples/data.root"):
        found = test_data / path
        if found.exists():
            shutil.copy(found, server.files / found.name)
    (workspace.folder / "my.yaml").write_text(
        f"""\
signals:
  ttbar:
    title: tt (Powheg+Pythia8)
    files: {server.url}/uproot-issue-123b.root
    cross_section: 729.77 pb
    filter_efficiency: 0.5439
    k_factor: 1.1398
"""
    )
    return workspace


def outputs(server) -> set[str]:
    found = (path for path in server.files.rglob("*") if path.is_file())
    return {str(path.relative_to(server.files / "vhbb")) for path in found}


def families(server) -> set[str]:
    return {path.split("/")[0] for path in outputs(server)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_fit_runs_on_the_store_and_a_rerun_does_nothing(workspace, server, workers, monkeypatch):
    monkeypatch.setenv("BEARER_TOKEN", SECRET)
    text = workspace.law("Fit", "--workers", workers)
    assert SECRET not in text
    written = (*server.files.rglob("*"), *workspace.folder.rglob("*"))
    assert not [path for path in written if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert f"files: {server.url}/vhbb/Fit/" in text
    assert families(server) == {"GenerateSynthetic", "Skim", "MergeSkim", "Scale", "Fit"}
    assert not (workspace.folder / "results").exists()
    assert not server.temporaries()
    before = {path: (server.files / "vhbb" / path).stat().st_mtime_ns for path in outputs(server)}
    workspace.law("Fit", "--workers", workers)
    after = {path: (server.files / "vhbb" / path).stat().st_mtime_ns for path in outputs(server)}
    assert before == after
    record = json.loads(next(server.files.rglob("selected_scaled.provenance.json")).read_text())
    for item in record["inputs"] + record["outputs"]:
        assert item["uri"].startswith(server.url)
        assert item["size"] > 0
        assert len(item["adler32"]) == 8


def test_results_on_the_store_are_those_on_disk(workspace, server):
    workspace.law("Fit")
    workspace.law("Fit", store="local")
    for name in ("limits.json", "workspace.json"):
        there = json.loads(next(server.files.rglob(name)).read_text())
        here = json.loads(next((workspace.folder / "results").rglob(name)).read_text())
        assert there == here


@pytest.mark.realdata
def test_remote_events_become_remote_limits(remote_signal, server):
    remote_signal.law("Fit", "--catalogue", "my.yaml", "--signals", "ttbar", "--workers", "2")
    limits = json.loads(next(server.files.rglob("limits.json")).read_text())
    assert limits["signal"] == "ttbar"
    record = json.loads(next(server.files.rglob("vhbb/Skim/**/*.provenance.json")).read_text())
    source = server.files / "uproot-issue-123b.root"
    assert record["inputs"][0]["uri"] == f"{server.url}/{source.name}"
    assert record["inputs"][0]["size"] == source.stat().st_size


def test_catalogue_data_and_background_may_be_remote_too(workspace, server):
    contents, edges = np.linspace(1000, 10, 20), np.linspace(0, 500, 21)
    with uproot.recreate(server.files / "histograms.root") as file:
        file["data"], file["background"] = (contents.round(), edges), (contents, edges)
    url = f"{server.url}/histograms.root"
    (server.files / "my.yaml").write_text(
        f"data: {{file: '{url}', histogram: data}}\n"
        f"background: {{file: '{url}', histogram: background}}\n"
    )
    workspace.law("Fit", "--catalogue", f"{server.url}/my.yaml")
    record = json.loads(next(server.files.rglob("limits.provenance.json")).read_text())
    assert record["parameters"]["catalogue"] == f"{server.url}/my.yaml"
    assert url in {item["uri"] for item in record["inputs"]}


def test_copying_remote_events_first_is_a_choice(new_workspace, server, new_wire):
    events = server.files / "events.root"
    write_synthetic_file(str(events), seed=1, index=0, n_events=100_000)
    wire, sizes = new_wire(server), []
    workspace = new_workspace(wire.url)
    catalogue = (
        f"signals: {{mine: {{title: x, files: '{wire.url}/events.root', cross_section: 1 fb}}}}"
    )
    (workspace.folder / "my.yaml").write_text(catalogue)
    for version, choice in (("a", ()), ("b", ("--Skim-stage-in", "True"))):
        wire.forget()
        options = ("--catalogue", "my.yaml", "--dataset", "mine", "--version", version)
        workspace.law("MergeSkim", *options, *choice, store="local")
        sizes.append(wire.bytes_down)
    assert sizes[0] < events.stat().st_size < sizes[1]


def test_status_fetching_and_removing_work_on_the_store(workspace, server):
    absent = workspace.law("Fit", "--print-status", "-1")
    assert "existent" not in absent
    workspace.law("Fit")
    status = workspace.law("Fit", "--print-status", "-1")
    assert "absent" not in status
    workspace.law("Fit", "--fetch-output", "1,a,fetched")
    assert len(list((workspace.folder / "fetched").glob("*limits.json"))) == 1
    assert len(list((workspace.folder / "fetched").glob("*selected_scaled.root"))) == 1
    workspace.law("Fit", "--remove-output", "1,a")
    assert families(server) == {"GenerateSynthetic", "Skim", "MergeSkim"}
    workspace.law("Fit")
    assert families(server) == {"GenerateSynthetic", "Skim", "MergeSkim", "Scale", "Fit"}


def test_a_status_report_costs_a_listing_per_directory(new_workspace, server, new_wire):
    new_workspace(server.url).law("Fit")
    wire = new_wire(server)
    text = new_workspace(wire.url).law("Fit", "--print-status", "-1")
    assert "absent" not in text
    assert wire.requests == {"dirlist": 5}  # Fit, Scale, MergeSkim, Skim, GenerateSynthetic


@pytest.mark.parametrize(
    "options",
    [(), ("--print-status", "0"), ("--fetch-output", "1,a,x"), ("--remove-output", "1,a")],
)
def test_a_store_that_is_down_is_one_line_and_nothing_is_run(new_workspace, options):
    workspace = new_workspace("root://127.0.0.1:1//store")
    process = workspace.start("Fit", *options)
    output, _ = process.communicate(timeout=120)
    assert process.returncode not in {0, None}
    assert "store 'eos' (127.0.0.1:1)" in output
    assert "Traceback" not in output
    assert "absent" not in output
    assert "not existing" not in output
    assert not list(workspace.folder.rglob("*.root"))


def test_a_run_outlives_a_restart_of_the_server_and_redoes_nothing(fragile_server, new_workspace):
    workspace = new_workspace(fragile_server.url, retries=10)
    process = workspace.start("Fit")
    while not list(fragile_server.files.rglob("synthetic_1.root")) and process.poll() is None:
        time.sleep(0.01)
    fragile_server.kill()
    time.sleep(1)
    fragile_server.start()
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert "Fit" in families(fragile_server)
    assert not fragile_server.temporaries()


def test_a_run_that_lost_its_server_goes_on_where_it_was(fragile_server, new_workspace):
    workspace = new_workspace(fragile_server.url, retries=1)
    process = workspace.start("Fit")
    while not list(fragile_server.files.rglob("*selected.root")) and process.poll() is None:
        time.sleep(0.01)
    fragile_server.kill()
    output, _ = process.communicate(timeout=200)
    assert process.returncode != 0
    assert "store 'eos'" in output
    fragile_server.start()
    done = {p: (fragile_server.files / "vhbb" / p).stat().st_ino for p in outputs(fragile_server)}
    workspace.law("Fit")
    assert not fragile_server.temporaries()
    for path, inode in done.items():
        if path.startswith(("Skim/", "GenerateSynthetic/")) and ".vhbb-" not in path:
            assert (fragile_server.files / "vhbb" / path).stat().st_ino == inode


def test_a_killed_run_leaves_only_whole_outputs(workspace, server):
    for family in ("GenerateSynthetic", "Skim", "Fit"):
        process = workspace.start("Fit", "--workers", "2")
        while not (server.files / "vhbb" / family).exists() and process.poll() is None:
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for path in server.files.rglob("[!.]*"):
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".root":
                with uproot.open(path) as file:
                    assert [file[key] for key in file]
    workspace.law("Fit", "--workers", "2")
    assert "Fit" in families(server)


@pytest.mark.parametrize("options", [(), ("--print-status", "-1")])
def test_an_expired_ticket_is_told_before_any_work(
    new_workspace, server, wire, monkeypatch, tmp_path, options
):
    for name in ("X509_USER_PROXY", "BEARER_TOKEN_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    ticket = tmp_path / "krb5cc"
    ticket.write_bytes(credential_cache(datetime.now(UTC) - timedelta(hours=1)))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{ticket}")
    process = new_workspace(wire.url, credentials="krb5, token").start("Fit", *options)
    output, _ = process.communicate(timeout=120)
    assert process.returncode not in {0, None}
    assert f"no valid credentials (Kerberos ticket in {ticket} expired at" in output
    assert "renew them with kinit or" in output
    assert "Traceback" not in output
    assert not wire.counts
    assert not list(server.files.iterdir())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_of_inputs_that_refuses_is_told_once_before_any_event_is_read(
    new_workspace, guarded_server, key, monkeypatch, workers
):
    """Some files lie here: they are not skimmed when others cannot be had, unless some may fail."""
    workspace = new_workspace(guarded_server.url)
    write_synthetic_file(str(workspace.folder / "here.root"), seed=1, index=0, n_events=100)
    for number in range(3):
        shutil.copy(workspace.folder / "here.root", guarded_server.files / f"there_{number}.root")
    remote = "".join(f", {guarded_server.url}/there_{number}.root" for number in range(3))
    (workspace.folder / "my.yaml").write_text(
        f"signals:\n  zh:\n    files: [here.root{remote}]\n    cross_section: 1 pb\n"
    )
    command = ("Skim", "--dataset", "zh", "--catalogue", "my.yaml", "--workers", workers)
    monkeypatch.setenv("XrdSecPROTOCOL", "sss")
    monkeypatch.setenv("XrdSecSSSKT", str(workspace.folder / "none"))
    for too_few in ((), ("--tolerance", "0.5")):
        process = workspace.start(*command, *too_few, store="local")
        output, _ = process.communicate(timeout=120)
        assert process.returncode != 0
        assert output.count("renew your credentials (kinit") == 1, output
        assert "branches failed" not in output
        assert "Traceback" not in output
        assert not list((workspace.folder / "results").rglob("*.root"))
    workspace.law(*command, "--tolerance", "3", "--acceptance", "0.25", store="local")
    assert len(list((workspace.folder / "results/Skim").rglob("*.root"))) == 1
    monkeypatch.setenv("XrdSecSSSKT", str(key))
    workspace.law(*command, store="local")
    assert len(list((workspace.folder / "results/Skim").rglob("*.root"))) == 4


def test_the_store_can_be_chosen_per_task(workspace, server):
    config = workspace.folder / "law.cfg"
    config.write_text(
        config.read_text().replace("store: local\n", "store: local\nstore_Fit: eos\n")
    )
    workspace.law("Fit", store="")
    assert families(server) == {"Fit"}
    made = {path.name for path in (workspace.folder / "results").iterdir()}
    assert made == {"GenerateSynthetic", "Skim", "MergeSkim", "Scale"}


def test_a_cache_is_filled_and_used(workspace, server):
    config = workspace.folder / "law.cfg"
    config.write_text(config.read_text().replace("use_cache: False", "use_cache: True"))
    workspace.law("Fit")
    workspace.law("Summary")
    assert list((workspace.folder / ".law/cache/entries").iterdir())


def test_a_yadage_workflow_runs_on_the_store(workspace, server):
    folder = ROOT / "tests/services/recast/specifications/reduction"
    options = ["Yadage", "--spec", str(folder / "workflow.yml")]
    options += ["--inputs", str(folder / "inputs.yml"), "--containers", "none"]
    contents = {}
    for store, base in (("local", workspace.folder / "results"), ("eos", server.files / "vhbb")):
        workspace.law(*options, store=store)
        found = [
            path for name in ("*.txt", "*.yml") for path in base.glob(f"YadageSteps/**/{name}")
        ]
        contents[store] = {str(path.relative_to(base)): path.read_text() for path in found}
    assert contents["eos"] == contents["local"]
    assert sum(path.endswith("report.txt") for path in contents["eos"]) == 1
