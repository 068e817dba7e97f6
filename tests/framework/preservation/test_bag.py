"""Bags are as RFC 8493 has them, checked with nothing but sha256sum."""

import subprocess
import tarfile

import pytest

from tasks.framework.preservation.bag import make_bag, pack


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "bundle" / "data"
    (data / "deep").mkdir(parents=True)
    (data / "a file.txt").write_text("one")
    (data / "deep" / "file.txt").write_text("two!")
    make_bag(data.parent, {"External-Description": "two\nfiles"})
    return data.parent


def check(folder, manifest):
    command = ["sha256sum", "--quiet", "--strict", "--check", manifest]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_every_file_is_in_a_manifest(folder):
    assert check(folder, "manifest-sha256.txt") == 0
    assert check(folder, "tagmanifest-sha256.txt") == 0
    listed = (folder / "manifest-sha256.txt").read_text().splitlines()
    assert [line.partition("  ")[2] for line in listed] == ["data/a file.txt", "data/deep/file.txt"]
    assert (folder / "bag-info.txt").read_text() == (
        "External-Description: two files\nPayload-Oxum: 7.2\n"
    )


def test_a_changed_byte_is_found(folder):
    (folder / "data/a file.txt").write_text("0ne")
    assert check(folder, "manifest-sha256.txt") != 0


def test_equal_folders_give_equal_archives(folder, tmp_path):
    archives = [tmp_path / name for name in ("1.tar.gz", "2.tar.gz")]
    pack(folder, str(archives[0]))
    (folder / "data/a file.txt").touch()
    pack(folder, str(archives[1]))
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as archive:
        names = archive.getnames()
    assert names[0] == "bundle"
    assert "bundle/data/deep/file.txt" in names
