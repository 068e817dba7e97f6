"""What made an output: task, inputs, code, software, place and time, as a small JSON."""

import functools
import importlib.metadata
import os
import platform
import socket
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import law

from tasks.framework import remote, storage

PACKAGES = (
    "law", "luigi", "uproot", "awkward", "hist", "boost-histogram", "numpy", "scipy", "pyhf",
    "iminuit", "cabinetry", "matplotlib", "mplhep", "xrootd",
)  # fmt: skip

LARGE = 16 * 1024**2
"""Bytes of a ROOT file from which on it is told by its UUID: a checksum takes 0.02 s then."""

RECORD_SUFFIX = ".provenance.json"
"""End of the name of a record of how outputs were made."""


class Stopwatch:
    """Start of a run and the seconds since."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start


def record(task: Any, stopwatch: Stopwatch, outputs: Iterable[Any]) -> dict[str, Any]:
    """Everything needed to say how outputs of ``task`` came about.

    Args:
        task: an AnalysisTask that was run.
        stopwatch: started when the run was.
        outputs: what it has written.

    Returns:
        A JSON object; sizes in bytes, checksums adler32, times in UTC and seconds. Large ROOT files
        that no task made have no checksum but the UUID that ROOT gave them, see
        `source_fingerprint`.
    """
    # what a task made has a checksum from then on, by which it is found again
    identify = fingerprint if law.util.flatten(task.input()) else source_fingerprint
    return {
        "task": task.get_task_family(),
        "parameters": task.to_str_params(only_significant=True),
        "inputs": [identify(item) for item in input_files(task)],
        "outputs": [fingerprint(target) for target in outputs],
        "code": code_version(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "image": os.environ.get("VHBB_IMAGE"),
        "host": os.environ.get("VHBB_HOST") or socket.gethostname(),  # a container has its own
        "platform": platform.platform(),
        "started": stopwatch.started.isoformat(timespec="seconds"),
        "seconds": round(stopwatch.seconds, 3),
    }


def input_files(task: Any) -> Iterator[Any]:
    """The files that ``task`` reads: outputs of required tasks and what ``files_read`` tells.

    Of the many files of a required workflow a task that tells reads only these. Records of how
    inputs were made are none of them.
    """
    told = tuple(task.files_read())
    for target in law.util.flatten(without_jobs(task.input())):
        is_collection = isinstance(target, law.TargetCollection)
        if is_collection and told:
            continue
        for member in target._flat_target_list if is_collection else [target]:  # noqa: SLF001
            if not member.basename.endswith(RECORD_SUFFIX):
                yield member
    yield from told


def without_jobs(structure: Any) -> Any:
    """A task's input without what workflows in a batch system keep of their jobs."""
    if isinstance(structure, Mapping):
        collection = structure.get("collection")
        if isinstance(collection, law.TargetCollection):
            return collection
        return {key: without_jobs(value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [without_jobs(value) for value in structure]
    return structure


def fingerprint(item: Any) -> dict[str, Any]:
    """URI, size in bytes and adler32 of a file target, a local path or a URL.

    For remote files the server is asked and nothing downloaded; what it does not tell is None.
    """
    if remote.is_remote(item):
        return remote.fingerprint(item)
    path = Path(item if isinstance(item, str) else item.abspath)
    return {
        "uri": str(path),
        "size": path.stat().st_size,
        "adler32": storage.adler32(path),
    }


def source_fingerprint(item: Any) -> dict[str, Any]:
    """`fingerprint`, but of a local ROOT file of more than `LARGE` bytes without its checksum.

    A task reads some columns of it, and reading all bytes for a checksum would take longer than
    the task. In its place are the UUID that ROOT makes for every file it creates, and when the
    file was last written to; ``adler32`` is None. Bytes damaged in place are not found out by it.
    """
    if not remote.is_remote(item):
        path = Path(item if isinstance(item, str) else item.abspath)
        status = path.stat()
        identity = root_uuid(path) if status.st_size > LARGE else None
        if identity is not None:
            modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
            return {
                "uri": str(path),
                "size": status.st_size,
                "adler32": None,
                "root_uuid": identity,
                "modified": modified,
            }
    return fingerprint(item)


def root_uuid(path: Path) -> str | None:
    """The UUID in the header of a ROOT file; None for any other file.

    It follows 4-byte numbers, three of which have 8 bytes from format version 1,000,000 on, one
    byte, and its own version of 2 bytes; see TFile::WriteHeader.
    """
    with path.open("rb") as file:
        header = file.read(75)
    if len(header) < 75 or not header.startswith(b"root"):  # noqa: PLR2004
        return None
    begin = 47 if int.from_bytes(header[4:8], "big") < 1_000_000 else 59  # noqa: PLR2004
    return str(uuid.UUID(bytes=header[begin : begin + 16]))


@functools.cache
def code_version() -> dict[str, Any]:
    """Commit of the code that runs and whether it differs from it.

    Where there is no repository, in an image or a job's bundle, VHBB_CODE_VERSION tells.
    """
    told = os.environ.get("VHBB_CODE_VERSION")
    if told:
        return {"commit": told.removesuffix("-dirty"), "dirty": told.endswith("-dirty")}
    root = Path(__file__).resolve().parents[2]
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain").strip())}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@functools.cache
def package_versions() -> dict[str, str]:
    """Installed versions of the packages that can change a result."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
