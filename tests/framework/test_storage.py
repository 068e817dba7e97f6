import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import law
import pytest

from tasks.framework import storage
from tasks.framework.errors import UserError


def names(directory):
    return sorted(entry.name for entry in directory.iterdir())


@pytest.fixture
def target(tmp_path):
    return storage.LocalFileTarget(str(tmp_path / "out" / "limits.json"))


def test_a_dump_appears_whole_and_leaves_nothing_beside_it(target, tmp_path):
    target.dump({"mu": 1.5}, formatter="json")
    assert target.load(formatter="json") == {"mu": 1.5}
    assert names(tmp_path / "out") == ["limits.json"]


@pytest.mark.parametrize("way", ["dump", "localize", "open"])
def test_a_failed_write_leaves_the_old_content(target, tmp_path, way):
    target.dump({"mu": 1.5}, formatter="json")
    with pytest.raises((TypeError, RuntimeError)):
        if way == "dump":
            target.dump({"mu": object()}, formatter="json")
        elif way == "localize":
            with target.localize("w") as local:
                local.dump({"half": 1}, formatter="json")
                raise RuntimeError
        else:
            with target.open("w") as stream:
                stream.write("half")
                raise RuntimeError
    assert target.load(formatter="json") == {"mu": 1.5}
    assert names(tmp_path / "out") == ["limits.json"]


def test_localising_without_writing_is_an_error_and_not_an_empty_output(target):
    with pytest.raises(FileNotFoundError), target.localize("w"):
        pass
    assert not target.exists()


def test_appending_starts_from_the_present_content(target):
    with target.open("w") as stream:
        stream.write("one ")
    with target.localize("a") as local, open(local.abspath, "a") as stream:
        stream.write("two")
    with target.open("r") as stream:
        assert stream.read() == "one two"


@pytest.mark.parametrize("way", ["copy_from_local", "move_from_local"])
def test_copies_and_moves_replace_in_one_step(target, tmp_path, way):
    source = tmp_path / "source.json"
    source.write_text('{"a": 1}')
    getattr(target, way)(law.LocalFileTarget(str(source)))
    assert target.load(formatter="json") == {"a": 1}
    assert source.exists() is (way == "copy_from_local")


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second file system")
def test_a_move_between_file_systems_is_whole_too(target):
    source = f"/dev/shm/vhbb-test-{os.getpid()}.json"
    with open(source, "w") as stream:
        stream.write("{}")
    target.parent.touch()
    storage.LocalFileTarget(source).move_to(target)
    assert target.load(formatter="json") == {}
    assert not os.path.exists(source)


def test_a_temporary_name_keeps_the_extension_and_hides(tmp_path):
    name = os.path.basename(storage.temporary_name(str(tmp_path / "a.root")))
    assert name.startswith(".")
    assert name.endswith("a.root")


def test_what_a_killed_writer_left_is_removed_but_a_living_writers_file_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = tmp_path / os.path.basename(storage.temporary_name("x.root"))
    left = tmp_path / mine.name.replace(f"~{os.getpid()}~", f"~{dead.pid}~")
    elsewhere = tmp_path / left.name.replace(".vhbb-", ".vhbb-otherhost-")
    for path in (mine, left, elsewhere):
        path.touch()
    storage.remove_abandoned(str(tmp_path))
    assert names(tmp_path) == sorted([mine.name, elsewhere.name])


def _write_for_ever(path):
    target = storage.LocalFileTarget(path)
    while True:
        with target.localize("w") as local, open(local.abspath, "w") as stream:
            for _ in range(1000):
                stream.write("x" * 1000)


def test_a_writer_killed_at_any_moment_never_leaves_a_partial_file(tmp_path):
    path = tmp_path / "out.txt"
    for _ in range(15):
        writer = multiprocessing.get_context("fork").Process(
            target=_write_for_ever, args=(str(path),)
        )
        writer.start()
        time.sleep(random.uniform(0.01, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert not path.exists() or path.stat().st_size == 1_000_000


@pytest.mark.parametrize("part", ["..", "a/b", "", "."])
def test_a_path_cannot_leave_its_store(part):
    with pytest.raises(UserError, match="cannot be part of an output path"):
        storage.directory("local", "Skim", part)


def test_an_unknown_store_is_named_with_those_there_are():
    with pytest.raises(UserError, match=r"store 'moon'.*\[store_moon\]"):
        storage.directory("moon", "Skim")


def test_adler32_is_what_xrootd_prints(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"Wikipedia")
    assert storage.adler32(path) == "11e60398"  # the worked example of RFC 1950's checksum


def test_a_full_disk_leaves_no_output(tmp_path, monkeypatch):
    target = storage.LocalFileTarget(str(tmp_path / "a.txt"))
    monkeypatch.setattr(shutil, "copy2", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    source = tmp_path / "s.txt"
    source.write_text("x")
    with pytest.raises(OSError, match="full"):
        target.copy_from_local(str(source))
    assert names(tmp_path) == ["s.txt"]
