"""Stores through gfal2, where it is installed: SRM, WebDAV, dCache and whatever it has plugins for.

law's interface, but for two answers: a store that cannot be asked is an error here, where law says
that nothing is there.
"""

import errno
import importlib
import os
from typing import Any

import law

from tasks.framework.errors import UserError
from tasks.framework.xrootd.errors import MissingError, UnreachableError, without_secrets

# of gfal's XRootD plugin, which else waits for a server that is down for more than ten minutes
_PATIENCE = {"XRD_CONNECTIONRETRY": "1", "XRD_CONNECTIONWINDOW": "30"}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}


def directory(base: str, name: str) -> Any:
    """The directory target of a base URL.

    Raises:
        UserError: gfal2 is not installed.
    """
    law.contrib.load("wlcg")
    if not law.contrib.gfal.target.HAS_GFAL2:
        raise UserError(
            f"store '{name}': `interface: gfal` needs gfal2 with its Python bindings; install "
            "them (conda-forge: gfal2-util; Debian: python3-gfal2) or use a root:// store"
        )
    for variable, value in _PATIENCE.items():
        os.environ.setdefault(variable, value)
    file_system = _file_system_class()(base=[base], name=name, random_base=False, retries=2)
    return law.wlcg.WLCGDirectoryTarget("/", file_system)


def _file_system_class() -> Any:
    gfal2: Any = importlib.import_module("gfal2")

    class GFALFileInterface(law.gfal.GFALFileInterface):
        """law's, with missing told from unreachable."""

        def exists(self, path: Any, stat: bool = False, **kwargs: Any) -> Any:
            uri = self.uri(path, base_name="stat", base=kwargs.get("base"))
            try:
                with self.context() as context:
                    found = context.stat(uri)
            except gfal2.GError as error:
                if error.code in _ABSENT:
                    return None if stat else False
                raise _told(uri, error) from error
            return found if stat else True

        def listdir(self, path: Any, **kwargs: Any) -> list[str]:
            uri = self.uri(path, base_name="listdir", base=kwargs.get("base"))
            try:
                with self.context() as context:
                    return [name for name in context.listdir(uri) if name not in {".", ".."}]
            except gfal2.GError as error:
                raise _told(uri, error) from error

    class GFALFileSystem(law.wlcg.WLCGFileSystem):
        """law's, with this interface."""

        file_interface_cls = GFALFileInterface

    return GFALFileSystem


def _told(uri: str, error: Any) -> Exception:
    kind = MissingError if error.code in _ABSENT else UnreachableError
    return kind(without_secrets(f"{uri}: {error.message}; {kind.remedy}".rstrip("; ")))
