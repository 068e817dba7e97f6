"""Stores through gfal2, where it is installed: SRM, WebDAV, dCache and whatever it has plugins for.

law's interface, but for what these stores shall share with ours: who cannot be asked is asked again
and then an error, where law says that nothing is there; and a file is there whole or not at all.
"""

import contextlib
import errno
import importlib
import os
from collections.abc import Callable
from typing import Any, TypeVar

import law
from law.target.file import get_scheme, remove_scheme

from tasks.framework.errors import UserError
from tasks.framework.temporary import is_temporary, temporary_name
from tasks.framework.xrootd.errors import (
    CorruptError,
    MissingError,
    NoSpaceError,
    RefusedError,
    StoreError,
    UnreachableError,
    without_secrets,
)
from tasks.framework.xrootd.retry import Retry

# of gfal's XRootD plugin, which else waits for a server that is down for more than ten minutes
_PATIENCE = {"XRD_CONNECTIONRETRY": "1", "XRD_CONNECTIONWINDOW": "30"}
_KINDS: dict[int, type[StoreError]] = {
    errno.ENOENT: MissingError,
    errno.ENOTDIR: MissingError,
    errno.EACCES: RefusedError,
    errno.EPERM: RefusedError,
    errno.ENOSPC: NoSpaceError,
    errno.EDQUOT: NoSpaceError,
}
Answer = TypeVar("Answer")


def directory(base: str, name: str, retry: Retry) -> Any:
    """The directory target of a base URL.

    Args:
        base: URL of any scheme that gfal2 has a plugin for.
        name: the store's name, for messages.
        retry: how often and how soon to ask again.

    Raises:
        UserError: gfal2 is not installed.
    """
    law.contrib.load("wlcg")
    if not law.contrib.gfal.target.HAS_GFAL2:
        raise UserError(
            f"store '{name}': `interface: gfal` needs gfal2 with its Python bindings; install "
            "them (conda-forge: gfal2-util; Debian: python3-gfal2 and a plugin for each protocol, "
            "such as gfal2-plugin-http) or use a root:// store"
        )
    for variable, value in _PATIENCE.items():
        os.environ.setdefault(variable, value)
    file_system = _file_system_class()(base=[base], name=name, random_base=False)
    file_system.file_interface.retry_policy = retry
    file_system.file_interface.store = f"store '{name}'"
    return law.wlcg.WLCGDirectoryTarget("/", file_system)


def _file_system_class() -> Any:
    gfal2: Any = importlib.import_module("gfal2")

    class GFALFileInterface(law.gfal.GFALFileInterface):
        """law's, with missing told from unreachable and files that are whole or absent."""

        retry_policy = Retry()
        store = "gfal"

        def _ask(self, uri: str, request: Callable[[Any], Answer]) -> Answer:
            """What gfal answers, asked again while the store cannot be."""

            def once() -> Answer:
                try:
                    with self.context() as context:
                        return request(context)
                except gfal2.GError as error:
                    raise _told(uri, error) from error

            return self.retry_policy(once, self.store)

        def exists(self, path: Any, stat: bool = False, **kwargs: Any) -> Any:
            uri = self.uri(path, base_name="stat", base=kwargs.get("base"))
            try:
                found = self._ask(uri, lambda context: context.stat(uri))
            except MissingError:
                return None if stat else False
            return found if stat else True

        def listdir(self, path: Any, **kwargs: Any) -> list[str]:
            uri = self.uri(path, base_name="listdir", base=kwargs.get("base"))
            names = self._ask(uri, lambda context: context.listdir(uri))
            return [name for name in names if name not in {".", ".."} and not is_temporary(name)]

        def filecopy(self, src: Any, dst: Any, **kwargs: Any) -> tuple[str, str]:
            source, destination = (
                str(place) if get_scheme(place) else self.uri(place, base=kwargs.get("base"))
                for place in (src, dst)
            )

            def copy(context: Any) -> None:
                with self.transfer_parameters(context) as parameters:
                    _copy_whole(context, parameters, source, destination)

            self._ask(source, copy)
            return source, destination

    class GFALFileSystem(law.wlcg.WLCGFileSystem):
        """law's, with this interface."""

        file_interface_cls = GFALFileInterface

    return GFALFileSystem


def _copy_whole(context: Any, parameters: Any, source: str, destination: str) -> None:
    """Copy to a temporary name, compare, and put the copy in its place."""
    temporary = temporary_name(destination)
    try:
        context.filecopy(parameters, source, temporary)
        _require_same_size(context, source, temporary)
        _rename(context, temporary, destination)
    except BaseException:
        with contextlib.suppress(Exception):  # what cannot be reached now is hidden from listings
            _remove(context, temporary)
        raise


def _require_same_size(context: Any, source: str, copied: str) -> None:
    sent, stored = _size(context, source), _size(context, copied)
    if sent != stored:
        raise CorruptError(f"copy {source}: {stored} of {sent} bytes arrived")


def _size(context: Any, uri: str) -> int:
    """Bytes of a file; gfal needs a plugin to look at local ones."""
    if get_scheme(uri) == "file":
        return os.stat(remove_scheme(uri)).st_size
    return int(context.stat(uri).st_size)


def _remove(context: Any, uri: str) -> None:
    if get_scheme(uri) == "file":
        os.unlink(remove_scheme(uri))
    else:
        context.unlink(uri)


def _rename(context: Any, source: str, destination: str) -> None:
    """Rename, also where a server refuses to replace a file."""
    if get_scheme(destination) == "file":
        os.replace(remove_scheme(source), remove_scheme(destination))
        return
    try:
        context.rename(source, destination)
    except importlib.import_module("gfal2").GError as error:
        if error.code != errno.EEXIST:
            raise
        context.unlink(destination)
        context.rename(source, destination)


def _told(uri: str, error: Any) -> StoreError:
    kind = _KINDS.get(error.code, UnreachableError)
    return kind(without_secrets(f"{uri}: {' '.join(str(error.message).split())}"))
