"""What goes into a job's archives, and what never does."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tasks.framework.errors import UserError
from tasks.framework.htcondor.bundle import environment_archive, repository_archive


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", repository, *identity, *arguments], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "a repository"
    (top / "sub dir").mkdir(parents=True)
    (top / "sub dir" / "file with spaces.py").write_text("1\n")
    (top / "run.sh").write_text("#!/bin/sh\n")
    (top / "run.sh").chmod(0o755)
    (top / "link").symlink_to("run.sh")
    (top / "ümlaut.txt").write_text("ü")
    (top / ".gitignore").write_text("ignored\n")
    git(top, "init", "--quiet")
    git(top, "add", ".")
    git(top, "commit", "--quiet", "-m", "x")
    return top


def members(archive: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive) as tar:
        return {member.name: member for member in tar.getmembers()}


def test_tracked_files_travel_with_their_names_and_kinds(repository, tmp_path):
    found = members(repository_archive(repository, tmp_path))
    names = {"sub dir/file with spaces.py", "run.sh", "link", "ümlaut.txt", ".gitignore"}
    assert set(found) == names
    assert found["run.sh"].mode & 0o100
    assert found["link"].issym()


def test_equal_content_gives_the_same_file_and_bytes(repository, tmp_path):
    first = repository_archive(repository, tmp_path / "one")
    os.utime(repository / "run.sh", (0, 0))
    second = repository_archive(repository, tmp_path / "two")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_local_changes_travel_and_untracked_files_stay(repository, tmp_path):
    before = repository_archive(repository, tmp_path)
    (repository / "run.sh").write_text("#!/bin/sh\necho changed\n")
    (repository / "ümlaut.txt").unlink()
    (repository / "untracked").write_text("x")
    (repository / "ignored").write_text("x")
    after = repository_archive(repository, tmp_path)
    assert after != before
    assert {"untracked", "ignored", "ümlaut.txt"}.isdisjoint(members(after))


@pytest.mark.parametrize(
    "name", ["x509up_u1000", "krb5cc_1000", ".netrc", "my.keytab", "id_ed25519", "userkey.pem"]
)
def test_a_tracked_credential_is_refused_by_name(repository, tmp_path, name):
    (repository / name).write_text("secret")
    git(repository, "add", "--force", name)
    with pytest.raises(UserError, match="looks like a credential"):
        repository_archive(repository, tmp_path)


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN RSA " + "PRIVATE KEY-----\nabc\n",
        # a proxy with the attributes of a virtual organisation comes first
        "-----BEGIN CERTIFICATE-----\n" + "A" * 8192 + "\n-----BEGIN " + "PRIVATE KEY-----\n",
        "TOKEN=eyJ" + "hbGciOiJSUzI1NiJ9.eyJ" + "zdWIiOiJtZSIsImlzcyI6IngifQ." + "c2lnbmF0dXJl" * 3,
    ],
)
def test_a_tracked_secret_is_refused_by_content(repository, tmp_path, secret):
    (repository / "notes.txt").write_text(secret)
    git(repository, "add", "notes.txt")
    with pytest.raises(UserError, match=r"'notes\.txt' looks like a credential"):
        repository_archive(repository, tmp_path)


def test_no_repository_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot bundle"):
        repository_archive(tmp_path, tmp_path)


@pytest.mark.slow
def test_the_environment_runs_from_where_it_is_unpacked(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["law"]\n')
    archive = environment_archive(tmp_path / "pyproject.toml", tmp_path)
    assert environment_archive(tmp_path / "pyproject.toml", tmp_path) == archive
    place = tmp_path / "some where"
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="tar")
    done = subprocess.run(
        [place / "bin" / "python", "-c", "import law, sys; print(law.__file__, sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
        env={"LD_LIBRARY_PATH": str(place / "lib"), "LAW_HOME": str(tmp_path)},
    )
    assert done.stdout.count(str(place)) == 2
    with tarfile.open(archive) as tar:
        assert not [
            name
            for name in tar.getnames()
            if "-packages/numpy/" in name or "-packages/pip/" in name
        ]
