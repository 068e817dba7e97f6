"""Output files of the commands: all of them whole, or none."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from analysis.errors import AnalysisError


@contextmanager
def whole_files(*paths: str | None) -> Iterator[dict[str, str]]:
    """Give a temporary name for each of ``paths``; all are renamed when the block succeeds.

    Args:
        paths: local files to write; None is left out.

    Raises:
        AnalysisError: a folder is missing or cannot be written.
    """
    temporary = {path: _beside(path) for path in paths if path is not None}
    try:
        yield temporary
        for path, new in temporary.items():
            os.replace(new, path)
    finally:
        for new in temporary.values():
            with suppress(FileNotFoundError):
                os.unlink(new)


def _beside(path: str) -> str:
    """A hidden name on the same file system with the same suffix."""
    folder, name = os.path.split(os.path.abspath(path))
    if not os.access(folder, os.W_OK):
        what = "cannot be written" if os.path.isdir(folder) else "is not a folder"
        raise AnalysisError(f"{path}: {folder} {what}; make it, or write to another place")
    return os.path.join(folder, f".{uuid.uuid4().hex[:8]}~{name}")
