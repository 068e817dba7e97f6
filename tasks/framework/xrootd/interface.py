"""law's file interface on the XRootD client: requests with retries, errors that name the store."""

import contextlib
import os
import posixpath
import stat as modes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from law.target.file import get_scheme, remove_scheme
from law.target.remote.interface import RemoteFileInterface

from tasks.framework.errors import UserError
from tasks.framework.temporary import is_abandoned, is_temporary
from tasks.framework.xrootd import transfer
from tasks.framework.xrootd.client import Entry, Location, Server
from tasks.framework.xrootd.errors import (
    ExistsError,
    MissingError,
    WrongKindError,
)
from tasks.framework.xrootd.retry import Retry

Answer = TypeVar("Answer")
_listings: dict[str, frozenset[str]] | None = None


@contextlib.contextmanager
def listings() -> Iterator[None]:
    """Answer `exists` from one listing per directory: for status reports, not for runs."""
    global _listings  # noqa: PLW0603
    outer, _listings = _listings, {}
    try:
        yield
    finally:
        _listings = outer


class XRootDFileInterface(RemoteFileInterface):
    """Files below one ``root://`` URL.

    Paths are relative to the base, as everywhere in law. ``False`` and ``None`` mean that the
    server said so; whoever could not be asked raises a StoreError.

    Args:
        base: ``root://server[:port]//absolute/path``.
        name: the store's name, for messages.
        timeout: seconds for an answer to one request.
        retry: how often and how soon to ask again.
        file_perm: permissions of new files, as for `os.chmod`.
    """

    def __init__(
        self,
        base: str,
        *,
        name: str = "",
        timeout: int = 60,
        retry: Retry | None = None,
        file_perm: int = 0o644,
    ) -> None:
        location = Location.parse(base)
        super().__init__(base=[location.url], random_base=False)
        self.root = location.path
        self.server = Server(location.server, timeout)
        self.retry_policy = retry or Retry()
        self.file_perm = file_perm
        host = location.server.partition("://")[2]
        self.store = f"store '{name}' ({host})" if name else f"store {host}"

    def locate(self, path: str) -> tuple[Server, str]:
        """Server and absolute path of a path below the base or of a full ``root://`` URL.

        Raises:
            UserError: a path with ``..``, which could leave the store.
        """
        if ".." in path.split("/"):
            raise UserError(f"{self.store}: '{path}' is no path below the store's base")
        if get_scheme(path) is None:
            return self.server, posixpath.join(self.root, path.strip("/")).rstrip("/") or "/"
        location = Location.parse(path)
        if location.server == self.server.url:
            return self.server, location.path
        return Server(location.server, self.server.timeout), location.path

    def uri(self, path: str, **kwargs: Any) -> Any:
        """The full URL of a path; a URL stays as it is."""
        if get_scheme(path) is not None:
            return [path] if kwargs.get("return_all") else path
        return super().uri(path, **kwargs)

    def ask(self, request: Callable[[], Answer], retries: int | None = None) -> Answer:
        """The answer to ``request``, with the retries of this store."""
        policy = self.retry_policy
        if retries is not None:
            policy = Retry(retries, policy.delay, policy.longest)
        return policy(request, self.store)

    def entry(self, path: str, retries: int | None = None) -> Entry | None:
        """What lies at a path, None when the server says nothing does."""
        server, place = self.locate(path)
        try:
            return self.ask(lambda: server.stat(place), retries)
        except (MissingError, WrongKindError):  # of the second kind: below a file
            return None

    def exists(self, path: str, stat: bool = False, **kwargs: Any) -> Any:
        if _listings is not None and not stat:
            return self._exists_in_listing(path, _listings)
        found = self.entry(path, kwargs.get("retries"))
        if stat:
            return _stat_result(found) if found else None
        return found is not None

    def stat(self, path: str, **kwargs: Any) -> os.stat_result:
        server, place = self.locate(path)
        return _stat_result(self.ask(lambda: server.stat(place), kwargs.get("retries")))

    def isdir(self, path: str, stat: Any = None, **kwargs: Any) -> bool:
        found = stat or self.exists(path, stat=True, **kwargs)
        return bool(found) and modes.S_ISDIR(found.st_mode)

    def isfile(self, path: str, stat: Any = None, **kwargs: Any) -> bool:
        found = stat or self.exists(path, stat=True, **kwargs)
        return bool(found) and not self.isdir(path, stat=found)

    def chmod(self, path: str, perm: int | None, silent: bool = False, **kwargs: Any) -> bool:
        if perm is None:
            return True
        server, place = self.locate(path)
        return self._done(lambda: server.change_mode(place, perm), silent=silent, **kwargs)

    def unlink(self, path: str, silent: bool = True, **kwargs: Any) -> bool:
        server, place = self.locate(path)
        return self._done(lambda: server.remove_file(place), silent=silent, **kwargs)

    def rmdir(self, path: str, silent: bool = True, **kwargs: Any) -> bool:
        server, place = self.locate(path)
        return self._done(lambda: server.remove_directory(place), silent=silent, **kwargs)

    def _done(
        self,
        request: Callable[[], None],
        *,
        silent: bool,
        retries: int | None = None,
        **_kwargs: Any,
    ) -> bool:
        """Whether there was something to do; what is not there is an error unless silent."""
        try:
            self.ask(request, retries)
        except MissingError:
            if silent:
                return False
            raise
        return True

    def remove(self, path: str, silent: bool = True, **kwargs: Any) -> bool:
        """Remove a file, or a directory with all that is in it: one listing per directory."""
        try:
            return self.unlink(path, silent=silent, **kwargs)
        except WrongKindError:
            pass
        for name, entry in self.entries(path, hidden=True, **kwargs).items():
            inside = posixpath.join(path, name)
            if entry.is_directory:
                self.remove(inside, silent=True, **kwargs)
            else:
                self.unlink(inside, silent=True, **kwargs)
        return self.rmdir(path, silent=silent, **kwargs)

    def mkdir(self, path: str, perm: int, silent: bool = True, **kwargs: Any) -> bool:
        return self._make_directory(path, perm, silent=silent, parents=False, **kwargs)

    def mkdir_rec(self, path: str, perm: int, silent: bool = True, **kwargs: Any) -> bool:
        return self._make_directory(path, perm, silent=silent, parents=True, **kwargs)

    def _make_directory(
        self,
        path: str,
        perm: int,
        *,
        silent: bool,
        parents: bool,
        retries: int | None = None,
        **_kwargs: Any,
    ) -> bool:
        server, place = self.locate(path)
        if not silent and self.exists(path):
            raise ExistsError(f"{self.store}: {server.url}/{place} exists already")
        try:
            self.ask(lambda: server.make_directory(place, perm, parents=parents), retries)
        except ExistsError:
            if not self.isdir(path):
                raise
            return False
        return True

    def listdir(self, path: str, **kwargs: Any) -> list[str]:
        """Names in a directory, without files that are being written: one request."""
        server, place = self.locate(path)
        names = self.ask(lambda: server.names(place), kwargs.get("retries"))
        return self._visible(server, place, names)

    def entries(
        self, path: str, *, hidden: bool = False, retries: int | None = None, **_kwargs: Any
    ) -> dict[str, Entry]:
        """What lies in a directory, by name: one request.

        Args:
            path: the directory.
            hidden: with files that are being written or were left behind.
            retries: as in `ask`.
        """
        server, place = self.locate(path)
        found = {e.name: e for e in self.ask(lambda: server.entries(place), retries)}
        visible = list(found) if hidden else self._visible(server, place, list(found))
        return {name: found[name] for name in visible}

    def _visible(self, server: Server, directory: str, names: list[str]) -> list[str]:
        """Names of finished files; abandoned ones are removed with the next upload."""
        hidden = {name for name in names if name.startswith(".") and is_temporary(name)}
        server.leftovers.update(posixpath.join(directory, n) for n in hidden if is_abandoned(n))
        return [name for name in names if name not in hidden]

    def _exists_in_listing(self, path: str, known: dict[str, frozenset[str]]) -> bool:
        server, place = self.locate(path)
        directory, name = posixpath.split(place)
        if not name:
            return self.entry(path) is not None
        url = f"{server.url}/{directory}"
        if url not in known:
            try:
                known[url] = frozenset(self.listdir(url))
            except (MissingError, WrongKindError):
                known[url] = frozenset()
        return name in known[url]

    def filecopy(self, src: str, dst: str, **kwargs: Any) -> tuple[str, str]:
        """Copy a file; ``file://`` says that a side is local.

        Returns:
            Source and destination as URLs.
        """
        if _is_local(src) and _is_local(dst):
            raise ValueError(f"neither '{src}' nor '{dst}' is on a store")
        self.ask(self._transfer(src, dst), kwargs.get("retries"))
        return self.uri(src), self.uri(dst)

    def fetch(self, path: str, place: Path, retries: int | None = None) -> transfer.Fingerprint:
        """Copy a file here and tell what has come."""
        server, source = self.locate(path)
        return self.ask(lambda: transfer.download(server, source, place), retries)

    def _transfer(self, src: str, dst: str) -> Callable[[], object]:
        """One attempt at a copy, as a function to call."""
        if _is_local(src):
            server, place = self.locate(dst)
            return lambda: transfer.upload(_local(src), server, place, self.file_perm)
        origin, source = self.locate(src)
        if _is_local(dst):
            return lambda: transfer.download(origin, source, _local(dst))
        server, place = self.locate(dst)
        return lambda: transfer.copy(origin, source, server, place, self.file_perm)

    def rename(self, src: str, dst: str, **kwargs: Any) -> None:
        """Rename a file on this server, replacing what is there."""
        (server, source), (_, destination) = self.locate(src), self.locate(dst)
        before = self.ask(lambda: server.stat(source), kwargs.get("retries"))

        def renamed() -> None:
            try:
                transfer.put_in_place(server, source, destination)
            except MissingError:
                # the answer to an earlier attempt was lost
                if server.stat(destination).identity != before.identity:
                    raise

        self.ask(renamed, kwargs.get("retries"))


def _is_local(path: str) -> bool:
    return get_scheme(path) == "file"


def _local(path: str) -> Path:
    return Path(remove_scheme(path))


def _stat_result(entry: Entry) -> os.stat_result:
    times = (entry.mtime,) * 3
    return os.stat_result((entry.mode, 0, 0, 1, 0, 0, entry.size, *times))
