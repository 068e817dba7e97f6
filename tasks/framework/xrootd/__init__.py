"""Outputs and inputs on XRootD servers such as EOS, on the bindings that pip installs."""

from tasks.framework.xrootd.errors import StoreError
from tasks.framework.xrootd.filesystem import XRootDFileSystem
from tasks.framework.xrootd.store import file_system
from tasks.framework.xrootd.target import (
    XRootDDirectoryTarget,
    XRootDFileTarget,
    XRootDTarget,
)

__all__ = [
    "StoreError",
    "XRootDDirectoryTarget",
    "XRootDFileSystem",
    "XRootDFileTarget",
    "XRootDTarget",
    "file_system",
]
