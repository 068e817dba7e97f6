"""Local copies of remote files, shared by the processes of a machine.

An entry's name holds what the file was when it was copied (URL, size, mtime, server's number,
adler32), so a file that changed has another name and a stale copy is never found. Locks are
`flock`s on the entries themselves: the kernel releases them with the process, however it ends.
"""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

LOCK = "lock"


class Version(NamedTuple):
    """What tells one state of a remote file from another."""

    url: str
    size: int
    mtime: int
    identity: str
    adler32: str | None

    @property
    def entry_name(self) -> str:
        """Name of the local copy: a digest, then the file's name for the formatters."""
        digest = hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:32]
        return f"{digest}_{os.path.basename(self.url)}"


class Cache:
    """A directory of local copies.

    Args:
        root: the directory, on a local disk; made when missing.
        max_size: limit for all entries together in bytes, None for the disk's.
    """

    def __init__(self, root: Path, max_size: int | None = None) -> None:
        self.root = root
        self.max_size = max_size
        self._entries = root / "entries"
        self._fetching = root / "fetching"
        for folder in (self._entries, self._fetching):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def fits(self, size: int) -> bool:
        """Whether a file of ``size`` bytes can be cached at all."""
        return self.max_size is None or size <= self.max_size

    def path(self, version: Version) -> Path:
        """Where the copy of this version lies, if there is one."""
        return self._entries / version.entry_name

    @contextlib.contextmanager
    def entry(self, version: Version, fetch: Callable[[Path], object]) -> Iterator[Path]:
        """The local copy, made when there is none, kept from eviction inside the context.

        Args:
            version: the file's state on the server now.
            fetch: writes the file, of the version's size, to a path; runs in one process at a
                time for a file.
        """
        path = self.path(version)
        while True:
            with self._in_use(path, version.size) as found:
                if found:
                    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
                    yield path
                    return
            self._make(path, version.size, fetch)

    @contextlib.contextmanager
    def _in_use(self, path: Path, size: int) -> Iterator[bool]:
        """Hold an entry against eviction; False when there is none."""
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            yield False
            return
        with stream:
            fcntl.flock(stream, fcntl.LOCK_SH)
            found = _still_at(stream, path)
            if found and os.fstat(stream.fileno()).st_size != size:
                path.unlink(missing_ok=True)
                found = False
            yield found

    def _make(self, path: Path, size: int, fetch: Callable[[Path], object]) -> None:
        """Fetch a file; return without it when another process was at it."""
        folder = self._fetching / path.name
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        try:
            lock = (folder / LOCK).open("ab")
        except FileNotFoundError:
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _still_at(lock, folder / LOCK):
                return
            try:
                self._reserve(lock, size)
                fetched = folder / path.name
                fetch(fetched)
                if fetched.stat().st_size != size:
                    raise ValueError(f"{fetched}: {size} bytes should have been fetched")
                fetched.chmod(0o400)
                fetched.replace(path)
            finally:
                _clear(folder)

    def _reserve(self, lock: BinaryIO, size: int) -> None:
        """Make room for a file: what was used least recently goes first."""
        with (self.root / LOCK).open("ab") as common:
            fcntl.flock(common, fcntl.LOCK_EX)
            os.truncate(lock.fileno(), size)  # sparse: tells others what is being fetched
            in_flight = self._in_flight()
            if self.max_size is None:
                return
            entries = self._sizes()
            excess = sum(stat.st_size for _, stat in entries) + in_flight - self.max_size
            for item, stat in sorted(entries, key=lambda entry: entry[1].st_atime_ns):
                if excess <= 0:
                    break
                with _unused(item) as free:
                    if free:
                        item.unlink()
                        excess -= stat.st_size

    def _sizes(self) -> list[tuple[Path, os.stat_result]]:
        """All entries with their sizes and times of last use."""
        found = []
        for item in self._entries.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append((item, item.stat()))
        return found

    def _in_flight(self) -> int:
        """Bytes of files being fetched; what killed processes left is removed.

        They may have left a folder without a lock: one is made and taken, and whoever was about to
        make one there finds it gone and starts again.
        """
        size = 0
        for folder in self._fetching.iterdir():
            with _unused(folder / LOCK, "ab") as free:
                if free:
                    _clear(folder)
                    continue
            with contextlib.suppress(FileNotFoundError):
                size += (folder / LOCK).stat().st_size
        return size


@contextlib.contextmanager
def _unused(path: Path, mode: Literal["rb", "ab"] = "rb") -> Iterator[bool]:
    """Whether nobody held a lock on a file; inside the context nobody gets one."""
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(path.open(mode))
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            yield False
            return
        yield _still_at(stream, path)


def _clear(folder: Path) -> None:
    """Remove a folder whose lock is held, the lock last: until then nobody else writes there."""
    for item in folder.iterdir():
        if item.name != LOCK:
            item.unlink(missing_ok=True)
    (folder / LOCK).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # another process has made a new lock
        folder.rmdir()


def _still_at(stream: BinaryIO, path: Path) -> bool:
    """Whether an open file is still what lies at ``path``."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
