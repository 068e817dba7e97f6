"""gfal2 as a cross-check of what we write, and as the other interface to a store."""

import os
import shutil
import subprocess
import zlib
from pathlib import Path

import law
import pytest

from tests.services.xrootd_server import Server, free_port

ROOT = Path(__file__).resolve().parents[3]
CONTENT = os.urandom(1 << 20) * 3


@pytest.fixture(scope="module")
def python_with_gfal() -> str:
    """An interpreter that has gfal2; pip cannot install it into ours."""
    for python in (shutil.which("python3", path="/usr/bin"), shutil.which("python3")):
        command = [python or "false", "-c", "import gfal2"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return str(python)
    pytest.skip("needs gfal2: apt-get install python3-gfal2 gfal2-plugin-{xrootd,http,file}")


@pytest.fixture
def gfal(python_with_gfal, tmp_path):
    """Run a script with gfal2, law and this repository."""

    def run(script: str) -> str:
        done = subprocess.run(
            [python_with_gfal, "-c", script],
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": f"{ROOT}:{Path(law.__file__).parents[1]}",
                "LAW_HOME": str(tmp_path / "law"),
                "LAW_CONFIG_FILE": str(tmp_path / "law.cfg"),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    return run


def test_gfal_reads_what_we_wrote_and_we_read_what_gfal_wrote(server, store, gfal, tmp_path):
    files = store(server)
    with files.child("a/x.bin", type="f").open("wb") as stream:
        stream.write(CONTENT)
    url = f"{server.url}/a/x.bin"
    told = gfal(
        "import gfal2\n"
        "context = gfal2.creat_context()\n"
        f"print(context.listdir('{server.url}/a'))\n"
        f"print(context.stat('{url}').st_size, context.checksum('{url}', 'ADLER32'))\n"
        f"copy = lambda a, b: context.filecopy(context.transfer_parameters(), a, b)\n"
        f"copy('{url}', 'file://{tmp_path}/x.bin')\n"
        f"copy('file://{tmp_path}/x.bin', '{server.url}/a/y.bin')\n"
    )
    assert told.splitlines() == ["['x.bin']", f"{len(CONTENT)} {zlib.adler32(CONTENT):08x}"]
    assert (tmp_path / "x.bin").read_bytes() == CONTENT
    with files.child("a/y.bin", type="f").open("rb") as stream:
        assert stream.read() == CONTENT


CONFIG = (
    "[store_grid]\nbase: {url}/grid\ninterface: gfal\nretries: 1\nretry_delay: 0.1s\n"
    "[target]\ntmp_dir: $LAW_HOME/tmp\n"
)


@pytest.fixture(scope="module")
def doors(new_server) -> tuple[Server, dict[str, str]]:
    """A server and its URLs by protocol: XRootD and WebDAV."""
    port = free_port()
    made = new_server(f"if exec xrootd\nxrd.protocol http:{port} libXrdHttp.so\nfi")
    return made, {"root": made.url, "dav": f"dav://127.0.0.1:{port}/store"}


@pytest.mark.parametrize("protocol", ["root", "dav"])
def test_a_store_can_be_reached_through_gfal(doors, gfal, tmp_path, protocol):
    server, urls = doors
    (tmp_path / "law.cfg").write_text(CONFIG.format(url=f"{urls[protocol]}/{protocol}"))
    told = gfal(
        "from tasks.framework import remote, storage\n"
        "target = storage.directory('grid', 'Fit', 'v1').child('x.json', type='f')\n"
        "assert not target.exists()\n"
        "target.dump([1, 2], formatter='json')\n"
        "assert target.exists()\n"
        "print(target.load(formatter='json'), target.parent.listdir())\n"
        "print(remote.fingerprint(target)['size'])\n"
        "target.dump([3], formatter='json')\n"
    )
    assert told.splitlines() == ["[1, 2] ['x.json']", "6"]
    assert (server.files / f"{protocol}/grid/Fit/v1/x.json").read_text() == "[3]"
    assert not server.temporaries()


@pytest.mark.parametrize("protocol", ["root", "dav"])
def test_through_gfal_too_an_upload_is_whole_or_absent(doors, new_wire, gfal, tmp_path, protocol):
    server, urls = doors
    wire = new_wire(server)
    port = urls[protocol].split(":")[2].split("/")[0]
    wire.target = int(port)
    url = urls[protocol].replace(port, str(wire.port))
    (tmp_path / "law.cfg").write_text(CONFIG.format(url=f"{url}/cut-{protocol}"))
    wire.cut(after=1 << 20, direction="up", times=float("inf"))
    told = gfal(
        "from tasks.framework import storage\n"
        "from tasks.framework.xrootd.errors import UnreachableError\n"
        "target = storage.directory('grid', 'Fit').child('x.txt', type='f')\n"
        "try:\n"
        "    target.dump('x' * (3 << 20), formatter='text')\n"
        "except UnreachableError as error:\n"
        "    print(error)\n"
    )
    assert "store 'grid'" in told
    assert "asked 2 times" in told
    assert wire.struck.is_set()
    assert not (server.files / f"cut-{protocol}/grid/Fit/x.txt").exists()


def test_through_gfal_too_unreachable_is_not_missing(gfal, tmp_path):
    (tmp_path / "law.cfg").write_text(CONFIG.format(url="root://127.0.0.1:1//store"))
    told = gfal(
        "from tasks.framework import storage\n"
        "from tasks.framework.xrootd.errors import UnreachableError\n"
        "directory = storage.directory('grid', 'Fit', 'v1')\n"
        "for ask in (directory.exists, directory.listdir):\n"
        "    try:\n"
        "        print('answered', ask())\n"
        "    except UnreachableError as error:\n"
        "        print('unreachable', \"store 'grid'\" in str(error), 'asked 2' in str(error))\n"
    )
    assert told.splitlines() == ["unreachable True True"] * 2


def test_without_gfal_the_store_says_what_to_install(tmp_path, monkeypatch):
    from tasks.framework import gfal as module
    from tasks.framework.errors import UserError
    from tasks.framework.xrootd.retry import Retry

    law.contrib.load("wlcg")
    monkeypatch.setattr(law.contrib.gfal.target, "HAS_GFAL2", False)
    with pytest.raises(UserError, match=r"store 'grid': `interface: gfal` needs gfal2"):
        module.directory("davs://host/path", "grid", Retry())
