"""Whether files still are what they were when a result was made from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.framework import provenance, remote


def changes(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not as it was, a line for each file, nothing when all is.

    Args:
        files: ``uri``, ``size`` and ``adler32`` (or ``root_uuid``) as they were.
    """
    found = []
    for file in files:
        uri = str(file["uri"])
        if not remote.is_remote(uri) and not Path(uri).exists():
            found.append(f"{uri}: is gone")
            continue
        by_uuid = file.get("root_uuid") is not None
        now = provenance.source_fingerprint(uri) if by_uuid else provenance.fingerprint(uri)
        for what in ("size", "adler32", "root_uuid"):
            was, is_now = file.get(what), now.get(what)
            if was is not None and is_now is not None and str(was) != str(is_now):
                found.append(f"{uri}: {what} was {was} and is {is_now}")
                break
    return found
