"""Targets on an XRootD server, with the interface and the habits of law's local targets."""

import contextlib
from collections.abc import Iterator
from typing import Any

import law
from law.target.file import add_scheme
from law.target.local import LocalTarget
from law.target.remote.base import RemoteDirectoryTarget, RemoteFileTarget, RemoteTarget

from tasks.framework.xrootd.filesystem import XRootDFileSystem
from tasks.framework.xrootd.transfer import Fingerprint

_OPEN_FILES = {"uproot", "root"}
"""Formatters of law whose load and dump give an open file."""


class XRootDTarget(RemoteTarget):
    """A place on an XRootD server; local targets may be the other side of a copy or move."""

    fs: XRootDFileSystem

    def __init__(self, path: Any, fs: XRootDFileSystem, **kwargs: Any) -> None:
        if not isinstance(fs, XRootDFileSystem):
            raise TypeError(f"fs must be an XRootDFileSystem, got {fs!r}")
        super().__init__(path, fs, **kwargs)

    def copy_to(self, dst: Any, **kwargs: Any) -> Any:
        return super().copy_to(_prepared(dst), **kwargs)

    def move_to(self, dst: Any, **kwargs: Any) -> Any:
        return super().move_to(_prepared(dst), **kwargs)

    def copy_from(self, src: Any, **kwargs: Any) -> Any:
        return super().copy_from(_with_scheme(src), **kwargs)

    def move_from(self, src: Any, **kwargs: Any) -> Any:
        return super().move_from(_with_scheme(src), **kwargs)


class XRootDFileTarget(XRootDTarget, RemoteFileTarget):
    """A file: it exists whole or not at all, however it is written."""

    @property
    def cache_path(self) -> str | None:
        """Where a local copy of the file as it is now lies or would lie."""
        if self.fs.copies is None:
            return None
        return str(self.fs.copies.path(self.fs.version(self.path)))

    def fingerprint(self) -> Fingerprint:
        """Size and checksum as the server tells them; no checksum is an empty one."""
        version = self.fs.version(self.path)
        return Fingerprint(version.size, version.adler32 or "")

    def _prepare_dir(self, **kwargs: Any) -> None:
        """Do nothing: writing a file makes its directories, without a request of their own."""

    @contextlib.contextmanager
    def localize(self, mode: str = "r", **kwargs: Any) -> Iterator[Any]:
        options = {name: kwargs[name] for name in ("retries", "tmp_dir") if name in kwargs}
        if mode == "r":
            with self.fs.local_copy(self.path, cache=kwargs.get("cache"), **options) as path:
                yield law.LocalFileTarget(str(path))
        elif mode in {"w", "a"}:
            with self.fs.written(self.path, update=mode == "a", **options) as path:
                yield law.LocalFileTarget(str(path))
        else:
            raise ValueError(f"unknown mode '{mode}', use 'r', 'w' or 'a'")

    def load(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("formatter") == "uproot":
            kwargs.pop("formatter")
            return self._open_in_place(*args, **kwargs)
        return super().load(*args, **kwargs)

    def _open_in_place(self, *args: Any, **kwargs: Any) -> Any:
        """Have uproot read the file where it is: a copy would be gone before it is read."""
        import uproot

        handler = uproot.source.xrootd.XRootDSource
        return uproot.open({self.uri(): None}, *args, handler=handler, **kwargs)

    def dump(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("formatter") in _OPEN_FILES:
            return self._dump_open_file(*args, **kwargs)
        remote, kwargs = self.fs.split_remote_kwargs(kwargs)
        with self.localize("w", **remote) as local:
            return local.dump(*args, **kwargs)

    @contextlib.contextmanager
    def _dump_open_file(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        update = str(kwargs.get("mode")).lower() == "update"
        remote, kwargs = self.fs.split_remote_kwargs(kwargs)
        mode = "a" if update else "w"
        with self.localize(mode, **remote) as local, local.dump(*args, **kwargs) as stream:
            yield stream


class XRootDDirectoryTarget(XRootDTarget, RemoteDirectoryTarget):
    """A directory."""


XRootDTarget.file_class = XRootDFileTarget
XRootDTarget.directory_class = XRootDDirectoryTarget


def _with_scheme(place: Any) -> Any:
    """A local target as the URL by which a remote file system knows it."""
    return add_scheme(place.abspath, "file") if isinstance(place, LocalTarget) else place


def _prepared(destination: Any) -> Any:
    """As `_with_scheme`, its directory made."""
    if isinstance(destination, LocalTarget):
        destination._prepare_dir()  # noqa: SLF001
    return _with_scheme(destination)
