"""Stores that are not a folder of this machine: XRootD by our own targets, others by gfal."""

import contextlib
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import law
from law.util import parse_bytes, parse_duration

from tasks.framework.errors import UserError
from tasks.framework.xrootd import (
    StoreError,
    XRootDDirectoryTarget,
    XRootDFileTarget,
    credentials,
    file_system,
)
from tasks.framework.xrootd.client import Location
from tasks.framework.xrootd.interface import listings as xrootd_listings
from tasks.framework.xrootd.retry import Retry

_XROOTD = re.compile(r"^x?roots?://")


def is_remote(item: Any) -> bool:
    """Whether a target, path or URL is on another machine.

    >>> is_remote("root://eosuser.cern.ch//eos/x.root"), is_remote("file:///data/x.root")
    (True, False)
    """
    if isinstance(item, str):
        return "://" in item and not item.startswith("file://")
    return isinstance(item, law.target.remote.RemoteTarget)


def directory(store: str, parts: tuple[str, ...]) -> Any:
    """The directory target of ``parts`` in the store of section ``store_<store>`` of law.cfg.

    Raises:
        UserError: the section is wrong, or no valid credentials although it asks for some.
    """
    target = _root(store)
    return target.child("/".join(parts), type="d") if parts else target


@functools.cache
def _root(store: str) -> Any:
    """The directory target of a store's base."""
    section = f"store_{store}"
    base = str(law.config.get_expanded(section, "base"))
    interface = law.config.get_expanded(section, "interface", default="xrootd")
    if interface == "gfal":
        from tasks.framework import gfal

        settings = _settings(section)
        credentials.require(settings["accepted_credentials"], f"store '{store}'")
        return gfal.directory(base, store, settings["retry"])
    if interface != "xrootd":
        raise UserError(f"[{section}] interface: '{interface}' is neither xrootd nor gfal")
    if not _XROOTD.match(base):
        raise UserError(f"[{section}] base: '{base}' needs `interface: gfal` and gfal2")
    return XRootDDirectoryTarget("/", file_system(base, name=store, **_settings(section)))


def _settings(section: str) -> dict[str, Any]:
    """The options of a section that are set, as arguments of `file_system`."""
    config = law.config

    def option(name: str) -> str | None:
        value = config.get_expanded(section, name, default=None)
        return None if value in {None, "", law.NO_STR} else str(value)

    settings: dict[str, Any] = {}
    try:
        if timeout := option("timeout"):
            settings["timeout"] = round(parse_duration(timeout, input_unit="s", unit="s"))
        delay = parse_duration(option("retry_delay") or "1s", input_unit="s", unit="s")
        settings["retry"] = Retry(int(option("retries") or Retry.retries), delay)
        if config.get_expanded_bool(section, "use_cache", default=False):
            settings["cache"] = Path(option("cache_root") or "$LAW_HOME/cache")
            if size := option("cache_max_size"):
                settings["cache_size"] = round(parse_bytes(size, input_unit="MB", unit="bytes"))
    except ValueError as error:
        raise UserError(f"[{section}] of law.cfg: {error}") from None
    kinds = (option("credentials") or "").split(",")
    settings["accepted_credentials"] = tuple(filter(None, map(str.strip, kinds)))
    return settings


def file_target(url: str) -> XRootDFileTarget:
    """The target of a single file on an XRootD server, an input for instance.

    Raises:
        UserError: no XRootD URL.
    """
    if not _XROOTD.match(url):
        raise UserError(f"'{url}' is no XRootD URL (root://server//path)")
    location = Location.parse(url)
    return XRootDFileTarget(location.path, file_system(f"{location.server}//"))


def out_of_reach(paths: Iterable[str]) -> dict[str, StoreError]:
    """Files whose XRootD server refuses or cannot be reached, with what it answered.

    Each server is asked for one of its files; that this is missing is no refusal.

    Args:
        paths: local paths and URLs.
    """
    by_server: dict[str, list[str]] = {}
    for path in filter(_XROOTD.match, paths):
        by_server.setdefault(Location.parse(path).server, []).append(path)
    reasons: dict[str, StoreError] = {}
    for there in by_server.values():
        try:
            file_target(there[0]).exists()
        except StoreError as error:
            reasons |= dict.fromkeys(there, error)
    return reasons


@contextlib.contextmanager
def staged(paths: Sequence[str], *, copy: bool) -> Iterator[list[str]]:
    """The paths, those on XRootD servers as local copies for the time of the context.

    Args:
        paths: local paths and URLs.
        copy: whether to copy at all.

    Raises:
        StoreError: a file is missing or cannot be had.
    """
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(file_target(path).localize("r")).abspath
            if copy and _XROOTD.match(path)
            else path
            for path in paths
        ]


def fingerprint(item: Any) -> dict[str, Any]:
    """URI, size in bytes and adler32 of a remote file, None for what the server does not tell."""
    uri = item if isinstance(item, str) else item.uri()
    size = checksum = None
    with contextlib.suppress(StoreError):
        target = file_target(uri) if isinstance(item, str) and _XROOTD.match(uri) else item
        if isinstance(target, XRootDFileTarget):
            size, checksum = target.fingerprint()
        elif not isinstance(target, str):
            size = target.stat().st_size
    return {"uri": uri, "size": size, "adler32": checksum or None}


@contextlib.contextmanager
def listings() -> Iterator[None]:
    """Answer whether outputs exist from one listing per directory: for status reports."""
    with xrootd_listings():
        yield
