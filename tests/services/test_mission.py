"""The whole mission at once: a pool of batch machines, a store on a server, a container a step.

`law run Fit --workflow htcondor --store eos --sandbox docker` as a user of a login node would call
it, from real ATLAS files that lie on the server, on a real HTCondor pool, a real XRootD server and
a real Docker engine. What it makes equals what a plain local run makes, bit for bit.
"""

import configparser
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import uproot

from tests.services.docker.conftest import engine, images  # noqa: F401  (fixtures)
from tests.services.engine import ServiceUnavailableError, require
from tests.services.htcondor.pool import PROJECT, UID, Pool
from tests.services.xrootd.conftest import Server

pytestmark = [
    pytest.mark.docker, pytest.mark.htcondor, pytest.mark.xrootd, pytest.mark.realdata,
    pytest.mark.slow,
]  # fmt: skip
DATA = ("uproot-issue-123b.root", "uproot-physlite-rntuple_v1-0-0-0.root")
STEPS = {"Skim": "skim", "MergeSkim": "skim", "Scale": "scale", "Fit": "fit"}
CONDOR = 100  # user of the daemons in the nodes' Debian
DOCKER_SOCKET = "/var/run/docker.sock"
CATALOGUE = """\
signals:
  ttbar:
    files: {url}/data/uproot-issue-123b.root
    cross_section: 0.73 pb
  run3:
    files: {url}/data/uproot-physlite-rntuple_v1-0-0-0.root
    cross_section: 0.44 pb
"""


@pytest.fixture
def engine_for_all(tmp_path_factory):
    """A socket by which every user of the machine may talk to the engine; gives its path."""
    folder = Path(tempfile.mkdtemp(prefix="vhbb-engine-", dir="/var/lib"))
    folder.chmod(0o755)
    path = folder / "docker.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(64)

    def relay(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)  # the end of input must reach the container

    def serve(client):
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(DOCKER_SOCKET)
            back = threading.Thread(target=relay, args=(server, client), daemon=True)
            back.start()
            relay(client, server)
            back.join()

    def accept():
        with contextlib.suppress(OSError):  # closed
            while True:
                threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    shutil.rmtree(folder)


@pytest.fixture
def store(tmp_path_factory, test_data):
    """An XRootD server with the event files, whose store the user may write to."""
    if shutil.which("xrootd") is None:
        pytest.skip("no XRootD server installed")
    server = Server(Path(tempfile.mkdtemp(prefix="vhbb-store-", dir="/var/lib")))
    server.folder.chmod(0o755)
    (server.files / "data").mkdir(parents=True)
    for name in DATA:
        shutil.copy(test_data / "physlite" / name, server.files / "data")
    yield server.start()
    server.kill()
    shutil.rmtree(server.folder)


@pytest.fixture
def pool(engine, engine_for_all):  # noqa: F811
    """Machines whose users find the engine's client and socket, and whose jobs it can see."""
    try:
        require("unshare", "nsenter", "mount", "chroot")
        directory = Path(tempfile.mkdtemp(prefix="vhbb-mission-", dir="/var/lib"))
        directory.chmod(0o755)
        pool = Pool(directory)
    except ServiceUnavailableError as error:
        pytest.skip(f"no HTCondor pool: {error}")
    client = pool.shared / "docker"
    shutil.copy(shutil.which("docker"), pool.shared / "docker-client")
    client.write_text(f'#!/bin/sh\nDOCKER_HOST=unix://{engine_for_all} exec {client}-client "$@"\n')
    client.chmod(0o755)
    for node in (pool.submit, *pool.workers):
        node.binds = {**node.binds, engine_for_all.parent: True}
        scratch = pool.shared / f"execute-{node.name}"
        scratch.mkdir()
        os.chown(scratch, CONDOR, CONDOR + 1)
        node.configuration += f"\nEXECUTE = {scratch}\n"
    try:
        pool.start()
        yield pool
    finally:
        pool.stop()
        shutil.rmtree(directory, ignore_errors=True)


class User:
    """Somebody on the login node."""

    def __init__(self, pool, store, images):  # noqa: F811
        self.pool, self.store = pool, store
        self.home = pool.shared / "user"
        self.home.mkdir()
        settings = configparser.ConfigParser(interpolation=None, allow_no_value=True)
        settings.optionxform = str
        settings.read(PROJECT / "law.cfg")
        settings.read_dict(
            {
                "docker_images": {task: images[step] for task, step in STEPS.items()},
                "docker_sandbox": {"engine": str(pool.shared / "docker"), "network": "host"},
                "store_eos": {"credentials": ""},
                "htcondor": {"memory": "1000", "requirements": "HasSharedFileSystem"},
            }
        )
        with (self.home / "law.cfg").open("w") as file:
            settings.write(file)
        (self.home / "my.yaml").write_text(CATALOGUE.format(url=store.url))
        for path in (self.home, *self.home.iterdir()):
            os.chown(path, UID, UID)

    def law(self, *options):
        """Run Fit; exit code and output."""
        environment = {
            "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(PROJECT),
            "LAW_HOME": str(self.home / ".law"),
            "LAW_CONFIG_FILE": str(self.home / "law.cfg"),
            "VHBB_HOME": str(PROJECT),
            "VHBB_RESULTS": str(self.home / "results"),
            "VHBB_EOS": f"{self.store.url}/vhbb",
            "TMPDIR": str(self.home),  # what is handed in must lie where the engine sees it
        }
        law = [f"{sys.prefix}/bin/python", f"{sys.prefix}/bin/law", "run", "tasks.fit.Fit"]
        law += ["--catalogue=my.yaml", "--signals=ttbar,run3", *options]
        command = self.pool.submit.command(law, directory=self.home, environment=environment)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
        return done.returncode, done.stdout + done.stderr


def histograms(path):
    with uproot.open(path) as file:
        names = file.keys(cycle=False, filter_classname="TH1*")
        parts = {name: (*file[name].to_numpy(True), file[name].variances(True)) for name in names}
    return {name: [np.asarray(part).tobytes() for part in three] for name, three in parts.items()}


def test_batch_system_remote_store_and_containers_at_once(pool, store, images):  # noqa: F811
    user = User(pool, store, images)
    code, output = user.law("--sandbox=none")
    assert code == 0, output
    mission = (
        "--workflow=htcondor",
        "--poll-interval=1s",
        "--Skim-poll-interval=1s",
        "--store=eos",
        "--sandbox=docker",
    )
    code, output = user.law(*mission)
    assert code == 0, output
    assert "ttbar" in output
    plain, remote = user.home / "results", store.files / "vhbb"
    outputs = {path.relative_to(plain) for path in plain.rglob("*.*") if path.is_file()}
    assert {path.parts[0] for path in outputs} == set(STEPS)
    machines = set()
    for path in outputs:
        if path.name.endswith(".provenance.json"):
            record = json.loads((remote / path).read_text())
            assert record["image"] == images[STEPS[record["task"]]]
            if record["task"] in {"Skim", "Fit"}:
                machines.add(record["host"])
        elif path.suffix == ".root":
            assert histograms(remote / path) == histograms(plain / path)
        else:
            assert (remote / path).read_bytes() == (plain / path).read_bytes()
    assert machines <= {"worker1", "worker2"}, "branches run in the pool"
    code, output = user.law(*mission, "--print-status=-1")
    assert code == 0
    assert not re.search("absent", output), output
