"""The local cache on a real server: what is served is what the server has now."""

import os
import subprocess
import sys
import time

import pytest

from tasks.framework.xrootd.cache import Cache
from tasks.framework.xrootd.errors import MissingError


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache", max_size=1_000_000)


@pytest.fixture
def target(store, wire, cache):
    found = store(wire, cache=cache).child("x.txt", type="f")
    found.dump("first", formatter="text")
    return found


def test_a_file_is_transferred_once(target, wire):
    for _ in range(3):
        assert target.load(formatter="text") == "first"
    assert wire.requests["open"] == 2  # written, read
    with target.localize("r") as local:
        assert local.path == target.cache_path


def test_a_file_changed_to_the_same_size_and_time_is_not_served(target, server, store):
    path = server.files / "x.txt"
    for content in ("other", "third"):
        target.load(formatter="text")
        before = path.stat()
        store(server).child("x.txt", type="f").dump(content, formatter="text")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert target.load(formatter="text") == content


def test_a_file_that_was_removed_is_missing_although_cached(target):
    assert target.load(formatter="text") == "first"
    target.remove()
    with pytest.raises(MissingError):
        target.load(formatter="text")


def test_a_truncated_copy_is_fetched_again(target):
    target.load(formatter="text")
    os.chmod(target.cache_path, 0o600)
    os.truncate(target.cache_path, 2)
    assert target.load(formatter="text") == "first"


def test_copies_come_from_the_cache_and_can_go_past_it(target, wire, tmp_path):
    target.load(formatter="text")
    wire.forget()
    target.copy_to_local(str(tmp_path / "copy.txt"))
    assert "open" not in wire.requests
    assert os.access(tmp_path / "copy.txt", os.W_OK)
    assert target.load(formatter="text", cache=False) == "first"
    assert wire.requests["open"] == 1


def test_a_file_larger_than_the_cache_is_read_past_it(target, cache):
    with target.open("wb") as stream:
        stream.write(b"x" * 2_000_000)
    with target.open("rb") as stream:
        assert len(stream.read()) == 2_000_000
    assert not list((cache.root / "entries").iterdir())


def test_processes_killed_while_fetching_do_not_block_others(server, store, tmp_path):
    (server.files / "big.bin").write_bytes(os.urandom(1 << 20) * 100)
    script = (
        "from pathlib import Path\n"
        "from tasks.framework.xrootd import XRootDFileTarget, file_system\n"
        f"fs = file_system('{server.url}', cache=Path('{tmp_path}/cache'))\n"
        "with XRootDFileTarget('/big.bin', fs).localize('r') as local:\n"
        "    print(local.stat().st_size)\n"
    )
    for moment in (0.01, 0.03, 0.1):
        process = subprocess.Popen([sys.executable, "-c", script])
        while not list(tmp_path.glob("cache/fetching/*/*")) and process.poll() is None:
            time.sleep(0.001)
        time.sleep(moment)
        process.kill()
        process.wait()
    start = time.monotonic()
    together = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [p.communicate(timeout=60)[0].strip() for p in together] == [str(100 << 20)] * 4
    assert time.monotonic() - start < 30
    assert len(list((tmp_path / "cache/entries").iterdir())) == 1
    assert not list((tmp_path / "cache/fetching").iterdir())
