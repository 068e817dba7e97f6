"""Copies that are whole or absent: temporary name, size and adler32, rename."""

import contextlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tasks.framework.temporary import temporary_name
from tasks.framework.xrootd.client import Entry, Server
from tasks.framework.xrootd.errors import (
    CorruptError,
    ExistsError,
    MissingError,
    StoreError,
    WrongKindError,
)

CHUNK = 8 << 20
"""Bytes a request; large enough for the latency between continents not to matter."""
_CLEANING_TIMEOUT = 5  # seconds; a server that does not answer is cleaned up another time
_REPLACE_ATTEMPTS = 10

Write = Callable[[bytes, int], Any]


class Fingerprint(NamedTuple):
    """Size in bytes and adler32 in eight hexadecimal digits, as XRootD and Rucio write it."""

    size: int
    adler32: str


def pump(read: Callable[[int], bytes], write: Write) -> Fingerprint:
    """Hand bytes on until there are no more.

    Args:
        read: gives the bytes at an offset, none at the end.
        write: takes bytes and their offset.

    >>> pump(lambda offset: b"VHbb"[offset:], lambda data, offset: None)
    Fingerprint(size=4, adler32='035a0163')
    """
    size, value = 0, 1
    while data := read(size):
        write(data, size)
        value = zlib.adler32(data, value)
        size += len(data)
    return Fingerprint(size, f"{value:08x}")


def upload(source: Path, server: Server, path: str, mode: int) -> Entry:
    """Copy a local file to a server, replacing what is there.

    Args:
        source: the local file.
        server: where to.
        path: absolute path on the server; its directories are made.
        mode: permissions as for `os.chmod`.

    Returns:
        What then lies at ``path``.

    Raises:
        StoreError: nothing has changed at ``path``.
    """
    with source.open("rb") as stream:
        return _write_new(
            server, path, mode, lambda write: pump(lambda _: stream.read(CHUNK), write)
        )


def copy(origin: Server, source: str, server: Server, path: str, mode: int) -> Entry:
    """Copy from server to server, through this process but not its disk; else as `upload`."""

    def feed(write: Write) -> Fingerprint:
        return _receive(origin, source, write)

    return _write_new(server, path, mode, feed)


def download(server: Server, path: str, destination: Path) -> Fingerprint:
    """Copy a file to a local one, which is replaced in one step.

    Raises:
        StoreError: nothing has changed at ``destination``.
    """
    temporary = Path(temporary_name(str(destination)))
    try:
        with temporary.open("wb") as stream:
            received = _receive(server, path, lambda data, _: stream.write(data))
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)
    return received


def _receive(server: Server, path: str, write: Write) -> Fingerprint:
    """Read a file and compare what came with what the server says it has."""
    with server.reading(path) as remote:
        size = remote.size()
        received = pump(lambda offset: remote.read(offset, CHUNK), write)
    expected = server.adler32(path, size)
    if received.size != size or expected not in {None, received.adler32}:
        raise CorruptError(
            f"read {server.url}/{path}: {received.size} bytes with adler32 {received.adler32} "
            f"arrived, the server has {size} bytes with {expected or 'no checksum'}"
        )
    return received


def _write_new(server: Server, path: str, mode: int, feed: Callable[[Write], Fingerprint]) -> Entry:
    remove_leftovers(server)
    temporary = temporary_name(path)
    try:
        with server.writing(temporary, mode) as file:
            sent = feed(file.write)
        entry = _accepted(server, temporary, path, sent)
    except BaseException:
        server.leftovers.add(temporary)
        remove_leftovers(server)
        raise
    return entry._replace(name=path)


def _accepted(server: Server, temporary: str, path: str, sent: Fingerprint) -> Entry:
    """Check what was written and put it in its place."""
    try:
        entry = _checked(server, temporary, sent)
        put_in_place(server, temporary, path)
    except MissingError as error:
        raise CorruptError(f"{error} (it had just been written)") from error
    return entry


def _checked(server: Server, path: str, sent: Fingerprint) -> Entry:
    """Compare what a server has stored with what was sent; without checksums it is read back."""
    entry = server.stat(path)
    if entry.size == sent.size:
        stored = server.adler32(path, sent.size)
        if stored is None:
            stored = _receive(server, path, lambda _data, _offset: None).adler32
        if stored == sent.adler32:
            return entry
    raise CorruptError(
        f"write {server.url}/{path}: {sent.size} bytes with adler32 {sent.adler32} were sent, "
        f"the server has {entry.size} bytes or another checksum"
    )


def put_in_place(server: Server, temporary: str, path: str) -> None:
    """Rename, on servers that refuse to replace a file (EOS) after removing it."""
    for _ in range(_REPLACE_ATTEMPTS):
        try:
            server.rename(temporary, path)
        except ExistsError:
            with contextlib.suppress(MissingError):  # another writer was first
                if server.stat(path).is_directory:
                    raise WrongKindError(f"{server.url}/{path} is a directory") from None
                server.remove_file(path)
        else:
            return
    server.rename(temporary, path)


def remove_leftovers(server: Server) -> None:
    """Remove temporary files that were left behind, as far as the server lets us now."""
    quick = _impatient(server)
    for path in tuple(server.leftovers):
        try:
            quick.remove_file(path)
        except MissingError:
            pass
        except StoreError:
            return
        server.leftovers.discard(path)


def _impatient(server: Server) -> Server:
    return Server(server.url, _CLEANING_TIMEOUT)
