"""The border to the XRootD Python bindings: typed, with timeouts and errors that tell.

Every method is one request and one attempt. The bindings' ``set_property`` is never called: up to
Python 3.11 each call takes a reference of ``True`` away and ends the interpreter sooner or later.
"""

import contextlib
import functools
import importlib
import random
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.framework.xrootd import fork
from tasks.framework.xrootd.errors import (
    EXPIRED,
    UnreachableError,
    UnsupportedError,
    from_status,
)

# Settings of the client; a variable XRD_... of the environment goes before. Without them a timeout
# is a multiple of 15 s, a server that is down is waited for 2 minutes inside one request, and after
# a failure all requests of the process fail for half an hour.
ENVIRONMENT = {
    "TimeoutResolution": 1,
    "ConnectionRetry": 1,
    "ConnectionWindow": 30,
    "StreamErrorWindow": 1,
    "RequestTimeout": 300,  # of requests that give none: closing at the exit, uproot's queries
}
_CLOSE_TIMEOUT = 5  # seconds, for a file that is given up anyway
_PARTIAL = 3  # suPartial: a listing to which some servers have not contributed

_URL = re.compile(r"^(?P<server>(?:x?roots?)://[^/]+)/(?P<path>/*[^?]*)$")


class Entry(NamedTuple):
    """A file or directory as the server describes it; size in bytes, mtime in seconds."""

    name: str
    size: int
    mtime: int
    is_directory: bool
    mode: int
    identity: str
    """The server's own number for the file; another one after it was replaced."""


@dataclass(frozen=True)
class Location:
    """A ``root://`` URL taken apart: server with scheme and port, absolute path on it."""

    server: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "Location":
        """Take a URL apart.

        Raises:
            ValueError: no XRootD URL.

        >>> Location.parse("root://eosuser.cern.ch//eos/user/")
        Location(server='root://eosuser.cern.ch', path='/eos/user')
        """
        found = _URL.match(url)
        if not found:
            raise ValueError(f"'{url}' is no XRootD URL: write root://server//absolute/path")
        return cls(found["server"], "/" + found["path"].strip("/"))

    @property
    def url(self) -> str:
        """The URL, with the double slash that marks an absolute path."""
        return f"{self.server}/{self.path}"


@functools.cache
def bindings() -> Any:
    """The module ``XRootD.client``, with this package's settings."""
    client = importlib.import_module("XRootD.client")
    for name, value in ENVIRONMENT.items():
        client.EnvPutInt(name, value)
    fork.protect()
    return client


@functools.cache
def _flags() -> Any:
    return importlib.import_module("XRootD.client.flags")


class Server:
    """Requests to one server, each limited in time.

    Args:
        url: ``root://host[:port]``.
        timeout: seconds for an answer to a request.

    Every method raises a StoreError of the kind that fits the answer.
    """

    def __init__(self, url: str, timeout: int) -> None:
        self.url = url
        self.timeout = timeout
        self.leftovers: set[str] = set()
        """Paths of temporary files known to be left behind."""

    @functools.cached_property
    def _requests(self) -> Any:
        return bindings().FileSystem(self.url)

    def _answer(self, outcome: Any, what: str) -> Any:
        status, response = outcome
        if not status.ok or status.code == _PARTIAL:
            raise from_status(status, what)
        return response

    def stat(self, path: str) -> Entry:
        """Describe what lies at ``path``."""
        outcome = self._requests.stat(path, timeout=self.timeout)
        return _entry(path, self._answer(outcome, f"stat {self.url}/{path}"))

    def names(self, path: str) -> list[str]:
        """Names in a directory: one request, however many there are."""
        return [item.name for item in self._list(path, _flags().DirListFlags.NONE)]

    def entries(self, path: str) -> list[Entry]:
        """Names in a directory with what they are: still one request."""
        found = self._list(path, _flags().DirListFlags.STAT)
        return [
            _entry(item.name, item.statinfo)
            if item.statinfo
            else self.stat(f"{path.rstrip('/')}/{item.name}")._replace(name=item.name)
            for item in found
        ]

    def _list(self, path: str, flags: int) -> Any:
        outcome = self._requests.dirlist(path, flags, timeout=self.timeout)
        return self._answer(outcome, f"list {self.url}/{path}")

    def remove_file(self, path: str) -> None:
        """Remove a file (some servers: an empty directory as well)."""
        outcome = self._requests.rm(path, timeout=self.timeout)
        self._answer(outcome, f"remove {self.url}/{path}")

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        outcome = self._requests.rmdir(path, timeout=self.timeout)
        self._answer(outcome, f"remove {self.url}/{path}")

    def make_directory(self, path: str, mode: int, *, parents: bool) -> None:
        """Make a directory; with ``parents`` it may exist already."""
        flag = _flags().MkDirFlags.MAKEPATH if parents else _flags().MkDirFlags.NONE
        outcome = self._requests.mkdir(path, flag, mode, timeout=self.timeout)
        self._answer(outcome, f"make directory {self.url}/{path}")

    def change_mode(self, path: str, mode: int) -> None:
        """Set permissions, given as for `os.chmod`."""
        outcome = self._requests.chmod(path, mode & 0o777, timeout=self.timeout)
        self._answer(outcome, f"chmod {self.url}/{path}")

    def rename(self, source: str, destination: str) -> None:
        """Rename; whether an existing destination is replaced or refused is up to the server."""
        outcome = self._requests.mv(source, destination, timeout=self.timeout)
        self._answer(outcome, f"rename to {self.url}/{destination}")

    def adler32(self, path: str, size: int) -> str | None:
        """The server's checksum of a file as eight digits, None when it keeps none.

        A server computes few checksums at a time and tells others to come back in 30 s. The client
        obeys, or reports a timeout at once when less is allowed: then we ask again sooner.

        Args:
            path: the file.
            size: its size in bytes; a server that has to read it is given time for 10 MB/s.
        """
        allowed = 10 + size // 10_000_000
        end = time.monotonic() + self.timeout + allowed
        while True:
            asked = time.monotonic()
            outcome = self._requests.query(_flags().QueryCode.CHECKSUM, path, timeout=allowed)
            is_busy = outcome[0].code == EXPIRED and time.monotonic() < asked + allowed / 2
            if not is_busy or time.monotonic() > end:
                break
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311
        try:
            answer = self._answer(outcome, f"checksum of {self.url}/{path}")
        except UnsupportedError:
            return None
        words = bytes(answer).rstrip(b"\0\n").decode().split()
        return words[1].zfill(8).lower() if words[:1] == ["adler32"] else None

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator["RemoteFile"]:
        """Open a file for reading."""
        with self._open(path, _flags().OpenFlags.READ, 0) as file:
            yield file

    @contextlib.contextmanager
    def writing(self, path: str, mode: int) -> Iterator["RemoteFile"]:
        """Open a new file, its directories made, that stays only if it is closed properly.

        Args:
            path: the file; one that exists is replaced.
            mode: permissions as for `os.chmod`.
        """
        flags = _flags().OpenFlags
        with self._open(path, flags.DELETE | flags.POSC | flags.MAKEPATH, mode) as file:
            yield file

    @contextlib.contextmanager
    def _open(self, path: str, flags: int, mode: int) -> Iterator["RemoteFile"]:
        file = bindings().File()
        url = f"{self.url}/{path}"
        try:
            outcome = file.open(url, flags, mode & 0o777, timeout=self.timeout)
            self._answer(outcome, f"open {url}")
            try:
                yield RemoteFile(file, url, self.timeout)
            except BaseException:
                file.close(timeout=_CLOSE_TIMEOUT)
                raise
            self._answer(file.close(timeout=self.timeout), f"close {url}")
        finally:
            fork.hold(file)


class RemoteFile:
    """An open file on a server."""

    def __init__(self, file: Any, url: str, timeout: int) -> None:
        self._file = file
        self._url = url
        self._timeout = timeout

    def size(self) -> int:
        """Size in bytes as known from opening: no request."""
        status, info = self._file.stat(timeout=self._timeout)
        if not status.ok:
            raise from_status(status, f"stat {self._url}")
        return int(info.size)

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``, fewer only at the end of the file."""
        status, data = self._file.read(offset, length, timeout=self._timeout)
        if not status.ok:
            raise from_status(status, f"read {self._url}")
        return bytes(data)

    def write(self, data: bytes, offset: int) -> None:
        """Write all of ``data`` at ``offset``."""
        status, _ = self._file.write(data, offset, timeout=self._timeout)
        if not status.ok:
            raise from_status(status, f"write {self._url}")


def _entry(name: str, info: Any) -> Entry:
    if info is None:
        raise UnreachableError(f"{name}: the server's answer says nothing about it")
    is_directory = bool(info.flags & _flags().StatInfoFlags.IS_DIR)
    permissions = int(getattr(info, "mode", "") or ("0755" if is_directory else "0644"), 8)
    kind = stat.S_IFDIR if is_directory else stat.S_IFREG
    return Entry(
        name, int(info.size), int(info.mtime), is_directory, kind | permissions, str(info.id)
    )
