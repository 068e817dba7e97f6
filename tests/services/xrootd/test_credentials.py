"""A server that wants to know who asks."""

import os
import shutil
import subprocess
import sys

import pytest

KEYTAB_USER = "physicist"
ASK = """
from tasks.framework.xrootd import XRootDFileTarget, file_system
from tasks.framework.xrootd.retry import Retry
fs = file_system({url!r}, name="eos", timeout=10, retry=Retry(1, 0.1))
target = XRootDFileTarget("/x.txt", fs)
target.dump("VHbb", formatter="text")
print(target.load(formatter="text"))
"""


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


def ask(url, **variables) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", ASK.format(url=url)],
        env=os.environ | {"XrdSecPROTOCOL": "sss", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def key(guarded_server, tmp_path):
    """The client's copy of the secret: the key must belong to who uses it."""
    shutil.copy(guarded_server.folder / "key", tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    return tmp_path / "key"


def test_with_the_credentials_the_server_wants_all_is_well(guarded_server, key):
    done = ask(guarded_server.url, XrdSecSSSKT=str(key))
    assert done.stdout.strip() == "VHbb", done.stderr


def test_without_them_the_error_names_the_store_and_what_to_do(guarded_server, tmp_path):
    done = ask(guarded_server.url, XrdSecSSSKT=str(tmp_path / "none"))
    last = done.stderr.strip().splitlines()[-1]
    assert "RefusedError: store 'eos' (127.0.0.1" in last
    assert "kinit" in last
    assert done.returncode != 0


def test_the_secret_is_in_no_message(guarded_server, key):
    secret = next(
        word.removeprefix("k:") for word in key.read_text().split() if word.startswith("k:")
    )
    done = ask(guarded_server.url, XrdSecSSSKT=str(key), XRD_LOGLEVEL="Debug")
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
