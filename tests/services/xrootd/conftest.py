"""Servers, wires and stores for the tests of this folder."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import law
import pytest

from tasks.framework.xrootd import XRootDDirectoryTarget, XRootDFileSystem
from tasks.framework.xrootd.cache import Cache
from tasks.framework.xrootd.interface import XRootDFileInterface
from tasks.framework.xrootd.retry import Retry
from tests.services.xrootd_server import Server, Wire

KEYTAB_USER = "physicist"
IMPATIENT = Retry(retries=2, delay=0.1)


def pytest_collection_modifyitems(items):
    """Everything in this folder needs the server."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("xrootd")


@pytest.fixture(autouse=True)
def temporary_files(tmp_path, monkeypatch):
    """law's temporary files of a test lie in the test's own folder."""
    monkeypatch.setenv("LAW_HOME", str(tmp_path / "law"))
    law.config.update({"target": {"tmp_dir": str(tmp_path / "law/tmp")}})


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[..., Server]]:
    """Start servers; they end with the tests."""
    if not shutil.which("xrootd"):
        pytest.skip("needs an XRootD server: apt-get install xrootd-server")
    made = []

    def start(settings: str = "", prepare: Callable[[Path], None] | None = None) -> Server:
        folder = Path(tempfile.mkdtemp(prefix="vhbb-xrootd-"))
        folder.chmod(0o755)
        if prepare:
            prepare(folder)
        made.append(Server(folder, settings))
        return made[-1].start()

    yield start
    for server in made:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def common_server(new_server) -> Server:
    return new_server()


@pytest.fixture
def server(common_server) -> Server:
    """A running server whose store is empty."""
    for item in common_server.files.iterdir():
        shutil.rmtree(item) if item.is_dir() else item.unlink()
    return common_server


@pytest.fixture
def fragile_server(new_server) -> Iterator[Server]:
    """A server of the test's own, to be killed and started."""
    made = new_server()
    yield made
    made.kill()


@pytest.fixture(scope="session")
def guarded_server(new_server):
    """A server that lets nobody in without the shared secret in ``key``."""
    if not shutil.which("xrdsssadmin"):
        pytest.skip("needs xrdsssadmin: apt-get install xrootd-server")

    def make_key(folder):
        command = ["xrdsssadmin", "-k", "test", "-u", KEYTAB_USER, "-g", "users", "add"]
        subprocess.run([*command, folder / "key"], check=True, capture_output=True)
        (folder / "key").chmod(0o600)

    made = new_server(prepare=make_key)
    made.kill()
    made.settings = f"xrootd.seclib libXrdSec.so\nsec.protocol sss -s {made.folder}/key\n"
    return made.start()


@pytest.fixture
def key(guarded_server, tmp_path):
    """The client's copy of the secret: the key must belong to who uses it."""
    shutil.copy(guarded_server.folder / "key", tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    return tmp_path / "key"


@pytest.fixture
def new_wire() -> Iterator[Callable[[Server], Wire]]:
    made = []

    def lay(server: Server) -> Wire:
        made.append(Wire(server.port).start())
        return made[-1]

    yield lay
    for wire in made:
        wire.stop()


@pytest.fixture
def wire(server, new_wire) -> Wire:
    return new_wire(server)


@pytest.fixture
def store() -> Callable[..., XRootDDirectoryTarget]:
    """The directory target of a server's or wire's store, with a short patience."""

    def at(place, *, timeout: int = 5, retry: Retry = IMPATIENT, cache: Cache | None = None):
        interface = XRootDFileInterface(place.url, name="eos", timeout=timeout, retry=retry)
        return XRootDDirectoryTarget("/", XRootDFileSystem(interface, "eos", cache))

    return at
