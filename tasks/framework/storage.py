"""Where outputs lie: local targets that exist whole or not at all, and the stores of law.cfg."""

import contextlib
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import law

from tasks.framework import remote
from tasks.framework.errors import UserError
from tasks.framework.temporary import is_abandoned, temporary_name

_tidied: set[str] = set()


def remove_abandoned(directory: str) -> None:
    """Delete temporary files that killed processes of this host left in ``directory``."""
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if is_abandoned(entry.name):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Give a temporary name to write to; on success it becomes ``path`` in one step.

    Raises:
        FileNotFoundError: the block ended without writing the file.
    """
    directory = os.path.dirname(path)
    if directory not in _tidied:
        _tidied.add(directory)
        remove_abandoned(directory)
    temporary = temporary_name(path)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


class LocalFileSystem(law.LocalFileSystem):
    """law's local file system with copies and moves that are whole or absent."""

    def copy(self, src: Any, dst: Any, perm: int | None = None, **kwargs: Any) -> str:
        destination = self._prepare_dst_dir(dst, src=src, perm=kwargs.get("dir_perm"))
        with whole_file(self.abspath(destination)) as temporary:
            shutil.copy2(self.abspath(src), temporary)
        self.chmod(destination, self.default_file_perm if perm is None else perm)
        return str(destination)

    def move(self, src: Any, dst: Any, perm: int | None = None, **kwargs: Any) -> str:
        destination = self._prepare_dst_dir(dst, src=src, perm=kwargs.get("dir_perm"))
        source = self.abspath(src)
        try:
            os.replace(source, self.abspath(destination))
        except OSError:  # another file system
            self.copy(src, destination)
            os.unlink(source)
        self.chmod(destination, self.default_file_perm if perm is None else perm)
        return str(destination)


_local = LocalFileSystem()


class LocalTarget(law.LocalTarget):
    """A place on a local or mounted file system."""

    fs = _local

    def __init__(self, path: Any = None, fs: law.LocalFileSystem = _local, **kwargs: Any) -> None:
        super().__init__(path=path, fs=fs, **kwargs)


class LocalFileTarget(law.LocalFileTarget, LocalTarget):
    """A local file: every way of writing it leaves it whole or absent."""

    @contextlib.contextmanager
    def localize(self, mode: str = "r", **kwargs: Any) -> Iterator[Any]:
        if mode == "r":
            with super().localize(mode, **kwargs) as target:
                yield target
            return
        self.parent.touch(perm=kwargs.get("dir_perm"))
        with whole_file(self.abspath) as temporary:
            if mode == "a" and self.exists():
                shutil.copy2(self.abspath, temporary)
            yield law.LocalFileTarget(temporary)
        perm = kwargs.get("perm")
        self.chmod(self.fs.default_file_perm if perm is None else perm, silent=True)

    def dump(self, *args: Any, **kwargs: Any) -> Any:
        with self.localize("w") as temporary:
            return temporary.dump(*args, **kwargs)

    def open(self, mode: str = "r", **kwargs: Any) -> Any:
        return super().open(mode, **kwargs) if mode.startswith("r") else self._open_whole(mode)

    @contextlib.contextmanager
    def _open_whole(self, mode: str) -> Iterator[Any]:
        whole = self.localize("a" if "a" in mode else "w")
        with whole as temporary, open(temporary.abspath, mode) as stream:
            yield stream


class LocalDirectoryTarget(law.LocalDirectoryTarget, LocalTarget):
    """A local directory."""


LocalTarget.file_class = LocalFileTarget
LocalTarget.directory_class = LocalDirectoryTarget


def directory(store: str, *parts: str) -> Any:
    """The directory target of ``parts`` in the store that law.cfg names ``store``.

    Args:
        store: a section ``store_<name>`` of law.cfg with ``base``, a path or URL.
        parts: names below the base, none of them absolute or pointing upwards.

    Raises:
        UserError: there is no such store, or a part would leave it, or it cannot be used now.
    """
    bad = [part for part in parts if part in {"", ".", ".."} or "/" in part]
    if bad:
        raise UserError(f"'{bad[0]}' cannot be part of an output path: use a plain name")
    base = store_base(store)
    if remote.is_remote(os.path.expandvars(base)):
        return remote.directory(store, parts)
    return LocalDirectoryTarget(str(Path(base.removeprefix("file://"), *parts)))


def store_base(store: str) -> str:
    """Base path or URL of a store, with variables left as law.cfg has them.

    So the paths that law prints stay short, and the same for everyone.

    Raises:
        UserError: law.cfg has no section for it, or its base is a variable that is not set.
    """
    config = law.config
    section = f"store_{store}"
    if not config.has_section(section) or not config.get_default(section, "base"):
        known = sorted(s.removeprefix("store_") for s in config.sections() if s[:6] == "store_")
        raise UserError(
            f"store '{store}': law.cfg has no [{section}] with a base; known: {', '.join(known)}"
        )
    base = str(config.get(section, "base"))
    if os.path.expandvars(base).startswith("$"):
        raise UserError(f"store '{store}': {base} is not set; export it or change [{section}] base")
    return base


def adler32(path: str | os.PathLike[str], block: int = 1 << 20) -> str:
    """Checksum of a local file as XRootD and Rucio write it: eight hexadecimal digits."""
    value = 1
    with open(path, "rb") as stream:
        while data := stream.read(block):
            value = zlib.adler32(data, value)
    return f"{value:08x}"
