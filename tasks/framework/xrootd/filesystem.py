"""law's file system on an XRootD server: copies, moves, open files, listings, the local cache."""

import contextlib
import fnmatch
import posixpath
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import law
from law.target.file import add_scheme, remove_scheme
from law.target.remote.base import RemoteFileProxy, RemoteFileSystem

from tasks.framework.xrootd.cache import Cache, Version
from tasks.framework.xrootd.errors import MissingError, UnreachableError
from tasks.framework.xrootd.interface import XRootDFileInterface


class XRootDFileSystem(RemoteFileSystem):
    """A file system on an XRootD server; ``file://`` paths are this machine's, as in law.

    Args:
        interface: does the requests.
        name: the store's name.
        cache: where copies of files that are read are kept; None: nowhere.
    """

    default_instance = None
    file_interface: XRootDFileInterface

    def __init__(
        self, interface: XRootDFileInterface, name: str = "", cache: Cache | None = None
    ) -> None:
        super().__init__(interface, name=name, has_permissions=False, use_cache=cache is not None)
        self.copies = cache

    def listdir(
        self,
        path: Any,
        pattern: str | None = None,
        type: str | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> list[str]:
        """Names in a directory, of one type if told: one request."""
        if type is None or self.is_local(path):
            return list(super().listdir(path, pattern=pattern, type=type, **kwargs))
        entries = self.file_interface.entries(self.abspath(path), **kwargs)
        names = [name for name, entry in entries.items() if entry.is_directory == (type == "d")]
        return names if pattern is None else fnmatch.filter(names, pattern)

    def walk(
        self, path: Any, max_depth: int = -1, **kwargs: Any
    ) -> Iterator[tuple[str, list[str], list[str], int]]:
        """As `os.walk`, with the depth: one request for a directory."""
        if self.is_local(path):
            yield from self.local_fs.walk(path, max_depth=max_depth)
            return
        pending = [(self.abspath(path), 0)]
        while pending:
            place, depth = pending.pop(0)
            entries = self.file_interface.entries(place, **kwargs)
            folders = [name for name, entry in entries.items() if entry.is_directory]
            files = [name for name, entry in entries.items() if not entry.is_directory]
            yield place, folders, files, depth
            if max_depth < 0 or depth < max_depth:
                pending.extend((posixpath.join(place, name), depth + 1) for name in folders)

    def copy(
        self,
        src: Any,
        dst: Any,
        perm: int | None = None,
        dir_perm: int | None = None,
        **kwargs: Any,
    ) -> str:
        """Copy a file; where ``dst`` is a directory, into it.

        Returns:
            The destination as a URL.
        """
        src, dst = self.abspath(src), self._destination(src, self.abspath(dst), dir_perm)
        retries = kwargs.get("retries")
        if self.is_local(src) or not self.is_local(dst) or not self._caching(kwargs.get("cache")):
            return str(self.file_interface.filecopy(src, dst, retries=retries)[1])
        place = Path(remove_scheme(dst))
        with self.local_copy(src, retries=retries) as cached:
            self.local_fs.copy(str(cached), str(place), perm=0o644 if perm is None else perm)
        return dst

    def move(
        self,
        src: Any,
        dst: Any,
        perm: int | None = None,
        dir_perm: int | None = None,
        **kwargs: Any,
    ) -> str:
        """Move a file: a rename on one server, else a copy and a removal."""
        src, dst = self.abspath(src), self.abspath(dst)
        if not self.is_local(src) and not self.is_local(dst) and self._on_one_server(src, dst):
            dst = self._destination(src, dst, dir_perm)
            self.file_interface.rename(src, dst, retries=kwargs.get("retries"))
            return str(self.uri(dst))
        moved = self.copy(src, dst, perm=perm, dir_perm=dir_perm, cache=False, **kwargs)
        (self.local_fs if self.is_local(src) else self).remove(src)
        return moved

    def _on_one_server(self, src: str, dst: str) -> bool:
        locate = self.file_interface.locate
        return locate(src)[0].url == locate(dst)[0].url

    def _destination(self, src: str, dst: str, dir_perm: int | None) -> str:
        """Where a copy goes: into ``dst`` when that is a directory."""
        if self.is_local(dst):
            prepare = self.local_fs._prepare_dst_dir  # noqa: SLF001
            place = prepare(remove_scheme(dst), src=remove_scheme(src), perm=dir_perm)
            return str(add_scheme(str(place), "file"))
        into_directory = posixpath.basename(src) != posixpath.basename(dst) and self.isdir(dst)
        return posixpath.join(dst, posixpath.basename(src)) if into_directory else dst

    def _caching(self, cache: bool | None) -> bool:
        return self.copies is not None and (self.use_cache if cache is None else cache)

    @contextlib.contextmanager
    def local_copy(
        self,
        path: str,
        *,
        cache: bool | None = None,
        retries: int | None = None,
        tmp_dir: Any = None,
    ) -> Iterator[Path]:
        """A local copy of a remote file, from the cache or for the time of the context.

        Raises:
            MissingError: there is no such file.
            StoreError: it cannot be had.
        """
        if self.copies is not None and self._caching(cache):
            version, fetch = self._fetching(path, retries)
            if self.copies.fits(version.size):
                with self.copies.entry(version, fetch) as copy:
                    yield copy
                return
        with temporary_file(posixpath.basename(path), tmp_dir) as place:
            self.file_interface.filecopy(path, f"file://{place}", retries=retries)
            yield place

    def _fetching(self, path: str, retries: int | None) -> tuple[Version, Callable[[Path], None]]:
        """The state of a remote file now, and how to get it in this state and no other."""
        version = self.version(path, retries)

        def fetch(place: Path) -> None:
            got = self.file_interface.fetch(path, place, retries)
            if got.size != version.size or version.adler32 not in {None, got.adler32}:
                raise UnreachableError(f"{version.url}: has changed while it was read; run again")

        return version, fetch

    def version(self, path: str, retries: int | None = None) -> Version:
        """The state of a remote file now: two requests, no data."""
        interface = self.file_interface
        server, place = interface.locate(path)

        def ask() -> Version:
            entry = server.stat(place)
            checksum = server.adler32(place, entry.size)
            url = f"{server.url}/{place}"
            return Version(url, entry.size, entry.mtime, entry.identity, checksum)

        return interface.ask(ask, retries)

    def open(
        self,
        path: Any,
        mode: str,
        cache: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file; what is written is uploaded when it is closed, not after an exception.

        Returns:
            A stream, also usable as a context manager.
        """
        retries, yield_path = kwargs.get("retries"), kwargs.get("_yield_path", False)
        path = self.abspath(path)
        stack = contextlib.ExitStack()
        if mode.startswith("r") and "+" not in mode:
            place = stack.enter_context(self.local_copy(path, cache=cache, retries=retries))
        else:
            update = "a" in mode or "+" in mode
            place = stack.enter_context(self.written(path, update=update, retries=retries))
        try:
            stream = str(place) if yield_path else place.open(mode)
        except BaseException:
            stack.__exit__(*sys.exc_info())
            raise
        return RemoteFileProxy(
            stream,
            close_fn=stack.close,
            success_fn=stack.close,
            failure_fn=lambda: stack.__exit__(*sys.exc_info()),
        )

    @contextlib.contextmanager
    def written(
        self, path: str, *, update: bool = False, retries: int | None = None, tmp_dir: Any = None
    ) -> Iterator[Path]:
        """A local path to write to, uploaded at the end unless by an exception.

        Args:
            path: where the file goes.
            update: start from what is there.
            retries: of each transfer.
            tmp_dir: folder for the local path.

        Raises:
            FileNotFoundError: the block ended without writing the file.
            StoreError: it could not be uploaded.
        """
        with temporary_file(posixpath.basename(path), tmp_dir) as place:
            if update:
                with contextlib.suppress(MissingError), self.local_copy(path) as copy:
                    shutil.copyfile(copy, place)
            yield place
            self.file_interface.filecopy(f"file://{place}", path, retries=retries)


@contextlib.contextmanager
def temporary_file(name: str, folder: Any = None) -> Iterator[Path]:
    """A path that ends in ``name``, in law's folder of temporary files unless told another."""
    parent = Path(str(folder or law.config.get_expanded("target", "tmp_dir")))
    if not parent.is_absolute():  # set by a variable that is not there
        parent = Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    path = parent / f"vhbb-{secrets.token_hex(6)}_{name}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
