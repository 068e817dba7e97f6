"""From the settings of a store to its file system."""

import functools
from pathlib import Path

from tasks.framework.errors import UserError
from tasks.framework.xrootd import credentials
from tasks.framework.xrootd.cache import Cache
from tasks.framework.xrootd.client import Location
from tasks.framework.xrootd.filesystem import XRootDFileSystem
from tasks.framework.xrootd.interface import XRootDFileInterface
from tasks.framework.xrootd.retry import Retry


@functools.cache
def file_system(
    base: str,
    *,
    name: str = "",
    timeout: int = 60,
    retry: Retry | None = None,
    cache: Path | None = None,
    cache_size: int | None = None,
    accepted_credentials: tuple[str, ...] = (),
) -> XRootDFileSystem:
    """The file system at a URL, the same object for the same settings.

    Args:
        base: ``root://server[:port]//absolute/path``.
        name: the store's name, for messages.
        timeout: seconds for an answer to one request.
        retry: how often and how soon to ask again.
        cache: directory for local copies of what is read; None: no cache.
        cache_size: limit for them together in bytes; None: the disk's.
        accepted_credentials: kinds of which one has to be valid: krb5, gsi, token.

    Raises:
        UserError: bad URL, or no valid credentials although some are required.
    """
    try:
        host = Location.parse(base).server.partition("://")[2]
    except ValueError as error:
        raise UserError(f"store '{name}': {error}" if name else str(error)) from None
    credentials.require(accepted_credentials, f"store '{name}' ({host})" if name else host)
    interface = XRootDFileInterface(base, name=name, timeout=timeout, retry=retry)
    copies = Cache(cache, cache_size) if cache is not None else None
    return XRootDFileSystem(interface, name or host, copies)
