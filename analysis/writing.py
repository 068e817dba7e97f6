"""Output files of the commands: all of them whole, or none."""

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from analysis.errors import AnalysisError


@contextmanager
def whole_files(*paths: str | None, inputs: Iterable[str | None] = ()) -> Iterator[dict[str, str]]:
    """Give a temporary name for each of ``paths``; all are renamed when the block succeeds.

    Args:
        paths: local files to write; None is left out.
        inputs: files that are read, which must stay as they are; None is left out.

    Raises:
        AnalysisError: a folder is missing or cannot be written, or a path is that of an input or of
            another output.
    """
    outputs = [path for path in paths if path is not None]
    taken = {os.path.realpath(path): "an input" for path in inputs if path is not None}
    for path in outputs:
        place = os.path.realpath(path)
        if place in taken:
            raise AnalysisError(f"{path}: is {taken[place]} too; write to another name")
        taken[place] = "another output"
    temporary: dict[str, str] = {}
    try:
        for path in outputs:
            temporary[path] = _beside(path)
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
    if not os.path.isdir(folder):
        raise AnalysisError(f"{path}: {folder} is not a folder; make it, or write to another place")
    if os.path.isdir(path):
        raise AnalysisError(f"{path}: is a folder; give the name of a file")
    new = os.path.join(folder, f".{uuid.uuid4().hex[:8]}~{name}")
    try:
        with open(new, "xb"):
            return new
    except OSError as error:
        raise AnalysisError(
            f"{path}: {folder} cannot be written ({error.strerror}); write to another place"
        ) from None
