"""A server that wants to know who asks."""

import os
import subprocess
import sys

ASK = """
from tasks.framework.xrootd import XRootDFileTarget, file_system
from tasks.framework.xrootd.retry import Retry
fs = file_system({url!r}, name="eos", timeout=10, retry=Retry(1, 0.1))
target = XRootDFileTarget("/x.txt", fs)
target.dump("VHbb", formatter="text")
print(target.load(formatter="text"))
"""


def ask(url, **variables) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", ASK.format(url=url)],
        env=os.environ | {"XrdSecPROTOCOL": "sss", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


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
