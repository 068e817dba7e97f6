"""Opening a ROOT file, and telling in one line why one cannot be opened."""

import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cramjam
import deflate
import uproot
import zstandard

from analysis.errors import AnalysisError
from analysis.reading.branches import CLASSES

DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    AssertionError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    cramjam.DecompressionError,
    deflate.DeflateError,
    zstandard.ZstdError,
    uproot.DeserializationError,
)
"""What the libraries beneath raise on bytes that are missing, unreachable or damaged."""


def open_root(path: str) -> Any:
    """Open a ROOT file, local or remote.

    Args:
        path: a local path, or a ``root://``, ``https://`` or ``http://`` URL.

    Returns:
        The file's `uproot.ReadOnlyDirectory`.

    Raises:
        AnalysisError: the file is missing, empty, truncated, no ROOT file, or out of reach.
    """
    if is_remote(path):
        with explained(path, "cannot be reached or read", "check the address and the credentials"):
            return uproot.open({path: None}, custom_classes=CLASSES, **_handler(path))
    check_local_file(local_path(path))
    with explained(path, "is damaged", "copy it again from its source"):
        return uproot.open({str(local_path(path)): None}, custom_classes=CLASSES)


def is_remote(path: str) -> bool:
    """Whether a path is the URL of another machine.

    >>> is_remote("root://eospublic.cern.ch//eos/file.root"), is_remote("/data/a:b.root")
    (True, False)
    """
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme != "file"


def local_path(path: str) -> Path:
    """The path on this machine, from a path or a ``file://`` URL.

    >>> local_path("file:///data/events.root").as_posix()
    '/data/events.root'
    """
    return Path(path.removeprefix("file://"))


def check_local_file(path: Path) -> None:
    """Raise an `AnalysisError` unless this is a ROOT file of full length.

    The header of a ROOT file says where the file ends (TFile's fEND at byte 12, 4 bytes below
    format version 1,000,000 and 8 bytes from there on), so a partial copy is found out before
    its data is asked for.
    """
    if path.is_dir():
        raise AnalysisError(f"{path}: is a folder, not a ROOT file; name the files in it")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(20)
    except FileNotFoundError:
        raise AnalysisError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror}") from None
    if size == 0:
        raise AnalysisError(f"{path}: is empty (0 bytes); copy it again from its source")
    if not header.startswith(b"root") or len(header) < 20:  # noqa: PLR2004 - magic to fEND
        raise AnalysisError(f"{path}: is not a ROOT file; give a ROOT file with events")
    version, _, end = struct.unpack(">iii", header[4:16])
    if version >= 1_000_000:  # noqa: PLR2004 - files beyond 2 GB have 8-byte positions
        (end,) = struct.unpack(">q", header[12:20])
    if size < end:
        raise AnalysisError(
            f"{path}: is truncated ({size} of {end} bytes); copy it again from its source"
        )


@contextmanager
def explained(path: str, problem: str, remedy: str) -> Iterator[None]:
    """Turn an error of the libraries beneath on the way to bytes into an `AnalysisError`."""
    try:
        yield
    except DAMAGE as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise AnalysisError(f"{path}: {problem} ({reason}); {remedy}") from error


def _handler(path: str) -> dict[str, Any]:
    """Use XRootD's own bindings, with their vector reads; uproot's default would need fsspec's."""
    if path.startswith(("root://", "roots://", "xroot://")):
        return {"handler": uproot.source.xrootd.XRootDSource}
    return {}
