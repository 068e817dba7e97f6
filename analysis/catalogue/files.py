"""Input files of a catalogue: paths, patterns and URIs, and what they stand for."""

import os
import re
import stat
from collections.abc import Iterable
from glob import glob, has_magic
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from analysis.errors import AnalysisError

REMOTE_SCHEMES: Final = ("root", "https", "http")

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_VARIABLE: Final = re.compile(r"\$(\w+|\{[^}]*\})")


def absolute(pattern: str, folder: Path) -> str:
    """A pattern as the user wrote it, made independent of place and environment.

    Args:
        pattern: local path or glob, with ``~`` and ``$VARIABLES``, ``file://``, ``root://`` or
            ``https://`` URI.
        folder: what relative paths are relative to: that of the catalogue.

    Returns:
        An absolute local path (or glob), or a remote URI as it stands.

    Raises:
        AnalysisError: unknown scheme, unset variable, or a glob in a remote URI.
    """
    expanded = os.path.expandvars(pattern)
    unset = _VARIABLE.search(expanded)
    if unset is not None:
        raise AnalysisError(f"'{pattern}': the variable {unset[0]} is not set: export it")
    scheme = _SCHEME.match(expanded)
    if scheme is None:
        return os.path.normpath(folder / home_expanded(expanded))
    try:
        uri = urlsplit(expanded)
    except ValueError as error:
        raise AnalysisError(f"'{pattern}' is not a valid URI: {error}") from None
    if scheme[1] == "file":
        if uri.netloc not in ("", "localhost") or not uri.path:
            raise AnalysisError(f"'{pattern}' must have three slashes: file:///path/of/file.root")
        return os.path.normpath(unquote(uri.path))
    if scheme[1] not in REMOTE_SCHEMES:
        known = ", ".join(f"{known}://" for known in (*REMOTE_SCHEMES, "file"))
        raise AnalysisError(f"'{pattern}' has an unknown scheme: give a local path or {known}")
    if "*" in expanded:
        raise AnalysisError(f"'{pattern}': patterns are for local paths: list remote files by name")
    return expanded


def home_expanded(path: str) -> Path:
    """The path with ``~`` or ``~user`` expanded.

    Raises:
        AnalysisError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise AnalysisError(f"'{path}': there is no such user: correct what follows '~'") from None


def is_remote(path: str) -> bool:
    """Whether a path is a URI of a server.

    Examples:
        >>> is_remote("root://eospublic.cern.ch//eos/file.root"), is_remote("/tmp/file.root")
        (True, False)
    """
    return _SCHEME.match(path) is not None


def expand(patterns: Iterable[str]) -> tuple[str, ...]:
    """The files that absolute patterns stand for, in their order; those of one glob sorted.

    Args:
        patterns: absolute paths, globs (``**`` for any folders) and URIs; from `absolute`.

    Raises:
        AnalysisError: a local pattern matches nothing, or a folder; a file occurs twice.
    """
    found = tuple(path for pattern in patterns for path in _matches(pattern))
    refuse_duplicates(found)
    return found


def _matches(pattern: str) -> list[str]:
    if is_remote(pattern):
        return [pattern]
    try:
        mode = Path(pattern).stat().st_mode  # also of a file whose name has brackets in it
    except (FileNotFoundError, NotADirectoryError):
        return _globbed(pattern)
    except OSError as error:
        raise AnalysisError(f"'{pattern}' cannot be looked up: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise AnalysisError(f"'{pattern}' is a folder: write '{pattern}/*.root' for its files")
    return [pattern]


def _globbed(pattern: str) -> list[str]:
    matches = glob(pattern, recursive=True)
    paths = sorted(path for path in matches if not Path(path).is_dir())
    if not paths:
        problem = "no file matches" if has_magic(pattern) else "there is no file"
        raise AnalysisError(f"{problem} '{pattern}': correct the path under 'files'")
    return paths


def refuse_duplicates(paths: Iterable[str]) -> None:
    """Refuse a file that occurs twice, as its events would count twice.

    Raises:
        AnalysisError: two paths name the same file (also by a link, or by another spelling).
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        key = _remote_key(path) if is_remote(path) else _real_path(path, folders)
        if key in seen:
            spelled = "" if seen[key] == path else f" (also as '{seen[key]}')"
            raise AnalysisError(f"'{path}' occurs twice{spelled}: its events would count twice")
        seen[key] = path


def _real_path(path: str, folders: dict[str, str]) -> str:
    """The path without links; ``folders`` keeps those of the folders of many files."""
    if os.path.islink(path):
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)


def _remote_key(uri: str) -> str:
    """The same for spellings of a URI that a server does not tell apart."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2].lower()
    if parts.scheme == "root":
        host = host.removesuffix(":1094")
    return f"{parts.scheme}://{host}/{re.sub('/+', '/', parts.path).lstrip('/')}?{parts.query}"
