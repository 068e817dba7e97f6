"""Names of files that are being written: no reader takes them for outputs."""

import os
import re
import secrets
import socket
import time

ABANDONED_AFTER = 24 * 3600
"""Seconds after which a file being written by another machine counts as left behind."""
_PATTERN = re.compile(r"^\.vhbb-(?P<host>[^~]+)~(?P<pid>\d+)~(?P<since>[0-9a-f]+)-[0-9a-f]{8}~")


def temporary_name(path: str) -> str:
    """A name beside ``path``, on the same file system, for the time it is written.

    It starts with a dot, says which process writes it and since when, and ends like ``path``, so
    that formatters still recognise the file type.
    """
    head, tail = os.path.split(path)
    token = f"{int(time.time()):x}-{secrets.token_hex(4)}"
    return os.path.join(head, f".vhbb-{socket.gethostname()}~{os.getpid()}~{token}~{tail}")


def is_temporary(name: str) -> bool:
    """Whether a file of this name is being written, or was when its process ended."""
    return _PATTERN.match(name) is not None


def is_abandoned(name: str) -> bool:
    """Whether nobody writes this temporary file any more.

    Its process has ended, if it was one of this host; of other hosts nothing can be asked and a
    day is enough for any file.
    """
    found = _PATTERN.match(name)
    if not found:
        return False
    if found["host"] == socket.gethostname():
        return not _alive(int(found["pid"]))
    return time.time() - int(found["since"], 16) > ABANDONED_AFTER


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
