"""Code and software that travel with a job to machines that do not see the submitter's files."""

import gzip
import hashlib
import importlib.metadata
import io
import os
import re
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.framework.errors import UserError
from tasks.framework.storage import whole_file

# names under which credentials are kept; such a file in a repository is a mistake
_CREDENTIAL = re.compile(
    r"^(\.netrc|\.rootrc\.auth|krb5cc.*|x509up_.*|id_(rsa|dsa|ecdsa|ed25519)|.*\.(keytab|pem|p12|pfx"
    r"|key)|usercert.*|userkey.*|bt_u\d+|\.git-credentials|\.pypirc|.*_token|credentials(\.json)?)$"
)
# a private key, which in a VOMS proxy follows kilobytes of certificates, or a signed token (JWT)
_SECRET = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"
)


def repository_archive(repository: Path, directory: Path) -> Path:
    """The repository as git tracks it, with local changes, as a file named by its content.

    Untracked and ignored files stay behind, as does `.git`; tracked files have the content they
    have on disk, and those deleted on disk are absent. Equal content gives an equal file.

    Args:
        repository: top directory of a git repository.
        directory: where archives are kept.

    Returns:
        Path of `repository-<digest>.tgz`.

    Raises:
        UserError: no git repository, or a tracked file looks like a credential.
    """
    files = []
    for name in tracked_files(repository):
        path = repository / name
        if not (path.is_symlink() or path.is_file()):
            continue  # deleted on disk, or a submodule, which git lists by its directory
        if _is_credential(path):
            raise UserError(
                f"'{name}' looks like a credential and would travel with the jobs: "
                "remove it from the repository (git rm --cached)"
            )
        files.append((name, path))
    return _archive("repository", files, directory)


def tracked_files(repository: Path) -> list[str]:
    """Names of the files that git tracks, relative to the top directory, submodules included."""
    command = ["git", "-C", str(repository), "ls-files", "-z", "--recurse-submodules"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split())
        raise UserError(f"cannot bundle {repository} for jobs: {reason}")
    return sorted(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)


def _is_credential(path: Path) -> bool:
    if path.is_symlink():
        return False
    if _CREDENTIAL.match(path.name):
        return True
    return _SECRET.search(path.read_bytes()) is not None


def environment_archive(pyproject: Path, directory: Path) -> Path:
    """The running interpreter with what the project depends on, as a file named by its content.

    The archive can be unpacked anywhere on a machine with the same kind of processor and a C
    library that is not older than the submitter's. It holds `bin/python`, the standard library and
    the distributions that `dependencies` in pyproject.toml leads to, and nothing else of the
    environment.

    Args:
        pyproject: the project's pyproject.toml.
        directory: where archives are kept.

    Returns:
        Path of `environment-<digest>.tgz`.
    """
    with pyproject.open("rb") as stream:
        wanted = tomllib.load(stream)["project"].get("dependencies", [])
    distributions = sorted(_closure(wanted), key=lambda d: d.name)
    versions = [f"{d.name}=={d.version}" for d in distributions]
    digest = _digest([sys.version, sys.base_prefix, *versions])
    archive = directory / f"environment-{digest}.tgz"
    if not archive.exists():
        files = [*_interpreter_files(), *_distribution_files(distributions)]
        _write_archive(archive, files)
    return archive


def _closure(requirements: Iterable[str]) -> Iterator[importlib.metadata.Distribution]:
    """Installed distributions that requirements need, directly or not."""
    from packaging.requirements import Requirement

    seen: set[tuple[str, str]] = set()
    yielded: set[str] = set()
    pending = [(Requirement(text), "") for text in requirements]
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        distribution = importlib.metadata.distribution(requirement.name)
        name = distribution.name.lower()
        if name not in yielded:
            yielded.add(name)
            yield distribution
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                needs = map(Requirement, distribution.requires or [])
                pending += [(need, wanted) for need in needs]


def _interpreter_files() -> Iterator[tuple[str, Path]]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    yield "bin/python", Path(sys.base_prefix, "bin", version).resolve()
    library = sysconfig.get_config_var("LDLIBRARY") or ""
    if library.endswith(".so"):
        shared = Path(sysconfig.get_config_var("LIBDIR"), library).resolve()
        yield f"lib/{shared.name}", shared
    top = Path(sysconfig.get_path("stdlib"))
    # tests, graphical toolkits and installed packages are no part of what jobs need
    left_out = {
        "site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo", "tkinter",
        "ensurepip", "__pycache__",
    }  # fmt: skip
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(set(folders) - left_out)
        for name in sorted(names):
            path = Path(folder, name)
            if not name.endswith((".a", ".pyc")):
                yield f"lib/{version}/{path.relative_to(top)}", path


def _distribution_files(
    distributions: Iterable[importlib.metadata.Distribution],
) -> Iterator[tuple[str, Path]]:
    target = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for distribution in distributions:
        for file in distribution.files or []:
            name = file.as_posix()
            # scripts lie outside, and name an interpreter that the job does not have
            if not name.startswith("..") and not name.endswith(".pyc"):
                path = Path(str(file.locate()))
                if path.is_file():
                    yield f"{target}/{name}", path


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _archive(kind: str, files: list[tuple[str, Path]], directory: Path) -> Path:
    digest = hashlib.sha256()
    for name, path in files:
        information = path.lstat()
        executable = bool(information.st_mode & stat.S_IXUSR)
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        header = f"{name}\0{path.is_symlink()}\0{executable}\0{len(content)}\0"
        digest.update(os.fsencode(header) + content)
    archive = directory / f"{kind}-{digest.hexdigest()[:16]}.tgz"
    if not archive.exists():
        _write_archive(archive, files)
    return archive


def _write_archive(archive: Path, files: Iterable[tuple[str, Path]]) -> None:
    """A tar file whose bytes depend on names, contents and execute permissions only."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        whole_file(str(archive)) as temporary,
        Path(temporary).open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files:
            member = tar.gettarinfo(path, name)
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
            if member.isreg():
                with path.open("rb") as stream:
                    tar.addfile(member, stream)
            else:
                tar.addfile(member, io.BytesIO())
