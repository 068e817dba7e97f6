"""What breaks between us and a store: a clear error or a completed rerun, nothing truncated."""

import contextlib
import os
import subprocess
import threading
import time

import pytest

from tasks.framework.collection import SiblingFileCollection
from tasks.framework.xrootd.errors import (
    CorruptError,
    MissingError,
    NoSpaceError,
    RefusedError,
    UnreachableError,
)
from tasks.framework.xrootd.retry import Retry

BIG = os.urandom(3 << 20) * 12  # several requests
PATIENT = Retry(retries=60, delay=0.3, longest=1)
ONCE = Retry(retries=0)
ALWAYS = float("inf")


def put(target, content: bytes) -> None:
    with target.open("wb") as stream:
        stream.write(content)


def get(target) -> bytes:
    with target.open("rb") as stream:
        return stream.read()


def test_a_server_that_is_down_is_an_error_with_its_name_not_a_missing_file(fragile_server, store):
    target = store(fragile_server).child("x.txt", type="f")
    target.touch()
    fragile_server.kill()
    for ask in (target.exists, target.parent.listdir, target.stat, target.parent.exists):
        with pytest.raises(UnreachableError, match=r"store 'eos' \(127.*asked 3 times.*run again"):
            ask()
    for ask in (target.remove, target.load, lambda: target.dump("y", formatter="text")):
        with pytest.raises(UnreachableError):
            ask()
    fragile_server.start()
    assert store(fragile_server, retry=PATIENT).child("x.txt", type="f").exists()


def test_a_status_call_outlives_a_restart(fragile_server, new_wire, store):
    for number in range(3000):
        (fragile_server.files / f"{number}.json").touch()
    wire = new_wire(fragile_server)
    files = store(wire, retry=PATIENT)
    outputs = [files.child(f"{number}.json", type="f") for number in range(4000)]
    wire.cut(after=10_000)
    with restarted_when_cut(fragile_server, wire):
        assert SiblingFileCollection(outputs).count() == 3000


@pytest.mark.parametrize("after", [0, 1 << 20, 20 << 20])
def test_an_upload_outlives_a_restart(fragile_server, new_wire, store, after):
    wire = new_wire(fragile_server)
    target = store(wire, retry=PATIENT).child("x.bin", type="f")
    wire.cut(after=after, direction="up")
    with restarted_when_cut(fragile_server, wire):
        put(target, BIG)
    assert get(target) == BIG
    assert not fragile_server.temporaries()


@pytest.mark.parametrize("after", [0, 1 << 20, 20 << 20])
def test_a_download_outlives_a_restart(fragile_server, new_wire, store, after):
    put(store(fragile_server).child("x.bin", type="f"), BIG)
    wire = new_wire(fragile_server)
    wire.cut(after=after)
    with restarted_when_cut(fragile_server, wire):
        assert get(store(wire, retry=PATIENT).child("x.bin", type="f")) == BIG


@contextlib.contextmanager
def restarted_when_cut(server, wire):
    def restart() -> None:
        wire.struck.wait()
        server.kill()
        time.sleep(0.5)
        server.start()

    thread = threading.Thread(target=restart, daemon=True)
    thread.start()
    yield
    assert wire.struck.is_set()
    thread.join()


def test_an_upload_that_fails_for_good_leaves_nothing_and_changes_nothing(server, wire, store):
    target, direct = (store(w, retry=ONCE).child("x.bin", type="f") for w in (wire, server))
    put(direct, b"old")
    wire.cut(after=6 << 20, direction="up", times=ALWAYS)
    with pytest.raises(UnreachableError):
        put(target, BIG)
    assert get(direct) == b"old"
    assert direct.parent.listdir() == ["x.bin"]
    wire.mend()
    target.fs.file_interface.retry_policy = PATIENT
    put(target, b"new")
    assert get(direct) == b"new"
    assert not server.temporaries()


def test_a_download_that_fails_leaves_nothing(server, wire, store, tmp_path):
    put(store(server).child("x.bin", type="f"), BIG)
    wire.cut(after=6 << 20, times=ALWAYS)
    with pytest.raises(UnreachableError):
        store(wire).child("x.bin", type="f").copy_to_local(str(tmp_path / "new/x.bin"))
    assert wire.struck.is_set()
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("direction", ["up", "down"])
def test_bytes_changed_on_the_wire_are_noticed_and_sent_again(server, wire, store, direction):
    content, target = os.urandom(1 << 20), store(wire).child("x.bin", type="f")
    if direction == "down":
        put(store(server).child("x.bin", type="f"), content)
    wire.flip(after=1000, direction=direction)
    if direction == "up":
        put(target, content)
    else:
        assert get(target) == content
    assert wire.struck.is_set()
    assert get(store(server).child("x.bin", type="f")) == content
    assert not server.temporaries()


def test_a_wire_that_always_changes_bytes_is_an_error(server, wire, store):
    wire.flip(after=1000, direction="up", times=ALWAYS)
    target = store(wire).child("x.bin", type="f")
    with pytest.raises(CorruptError, match=r"were sent"):
        put(target, os.urandom(1 << 20))
    assert not store(server).child("x.bin", type="f").exists()


def test_a_server_that_never_answers_costs_the_timeouts_and_no_more(server, wire, store):
    wire.silent = True
    target = store(wire, timeout=1, retry=ONCE).child("x", type="f")
    for ask in (target.exists, target.parent.listdir, lambda: put(target, b"x"), target.load):
        start = time.monotonic()
        with pytest.raises(UnreachableError, match=r"no answer in time|Socket"):
            ask()
        assert time.monotonic() - start < 30


def test_a_server_that_stops_in_the_middle_is_a_timeout(fragile_server, store):
    files = store(fragile_server, timeout=2, retry=ONCE)
    put(files.child("x.bin", type="f"), BIG)
    with fragile_server.paused():
        start = time.monotonic()
        for ask in (files.listdir, lambda: get(files.child("x.bin", type="f"))):
            with pytest.raises(UnreachableError, match="no answer in time"):
                ask()
        assert time.monotonic() - start < 20
    files.fs.file_interface.retry_policy = PATIENT
    assert get(files.child("x.bin", type="f")) == BIG


def test_a_full_disk_is_told_and_leaves_what_was_there(new_server, store):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")

    def small_disk(folder):
        (folder / "data").mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs", folder / "data"]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("cannot mount a small file system here")

    server = new_server(prepare=small_disk)
    try:
        target = store(server).child("x.bin", type="f")
        put(target, b"old")
        with pytest.raises(NoSpaceError, match=r"store 'eos'.*free space"):
            put(target, BIG)
        assert get(target) == b"old"
        assert not server.temporaries()
        put(target, b"new")
    finally:
        server.kill()
        subprocess.run(["umount", "-l", server.folder / "data"], check=False)


def test_permission_denied_is_not_missing(server, store):
    files = store(server)
    target = files.child("closed/x.txt", type="f")
    target.touch()
    (server.files / "closed").chmod(0)
    try:
        for ask in (target.exists, target.parent.listdir, lambda: put(target, b"x"), target.load):
            with pytest.raises(RefusedError, match=r"store 'eos'.*(kinit|voms-proxy-init)"):
                ask()
    finally:
        (server.files / "closed").chmod(0o755)


def test_a_path_that_the_server_does_not_export_is_refused_not_missing(server, store):
    server_url = server.url.replace("//store", "//elsewhere")
    elsewhere = type("Place", (), {"url": server_url})
    with pytest.raises(RefusedError):
        store(elsewhere).child("x", type="f").exists()


def test_a_file_removed_between_listing_and_reading_is_missing(server, store):
    files = store(server)
    for name in ("a.txt", "b.txt"):
        files.child(name, type="f").touch()
    listed = files.listdir()
    (server.files / "b.txt").unlink()
    with pytest.raises(MissingError, match=r"b\.txt"):
        [files.child(name, type="f").load(formatter="text") for name in sorted(listed)]
    files.child("b.txt", type="f").remove()


def test_two_writers_of_one_file_end_with_one_whole_file(server, store):
    contents = [os.urandom(1 << 20) * n for n in (1, 2, 3, 4)]
    failures = []

    def write(content: bytes) -> None:
        try:
            for _ in range(5):
                put(store(server).child("x.bin", type="f"), content)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with contextlib.suppress(FileNotFoundError):
            assert get(store(server, retry=PATIENT).child("x.bin", type="f")) in contents
    assert not failures
    assert get(store(server).child("x.bin", type="f")) in contents
    assert [path.name for path in server.files.iterdir()] == ["x.bin"]


def test_uploads_of_killed_processes_do_not_show_and_are_removed(server, store):
    files = store(server)
    files.child("x.txt", type="f").touch()
    ended = subprocess.Popen(["true"])
    ended.wait()
    ours = f".vhbb-{os.uname().nodename}~"
    dead, alive = f"{ours}{ended.pid}~67-00000000~x.txt", f"{ours}1~67-00000000~x.txt"
    for name in (dead, alive):
        (server.files / name).write_text("half")
        os.chown(server.files / name, (server.files / "x.txt").stat().st_uid, -1)
    assert files.listdir() == ["x.txt"]
    assert files.listdir(type="f") == ["x.txt"]
    files.child("y.txt", type="f").touch()
    assert [path.name for path in server.temporaries()] == [alive]


def test_a_process_killed_while_uploading_leaves_nothing_that_counts(server, store, tmp_path):
    script = tmp_path / "upload.py"
    script.write_text(
        "from tasks.framework.xrootd import XRootDFileTarget, file_system\n"
        f"target = XRootDFileTarget('/x.bin', file_system('{server.url}'))\n"
        "with target.open('wb') as stream:\n    stream.write(b'x' * (200 << 20))\n"
    )
    import sys

    for moment in (0.02, 0.1, 0.3):
        process = subprocess.Popen([sys.executable, script])
        while not server.temporaries() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(moment)
        process.kill()
        process.wait()
        whole = [p.stat().st_size for p in server.files.glob("x.bin")]
        assert whole in ([], [200 << 20])
        if not whole:
            assert not store(server).child("x.bin", type="f").exists()
            assert store(server).listdir() == []
