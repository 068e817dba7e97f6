"""Forking a process that has used XRootD.

luigi forks its workers. The XRootD client (6.2.1 and before) prepares for that in ``fork()``
itself: it takes the lock of its registry of open files and joins its threads. When a file has just
been closed and nobody holds it any longer, one of these threads is on its way to the same lock to
take the file off the registry, and the process that forks never returns. ``CopyProcess`` closes
this way, so does everything that closes a file and lets it go.

Two things avoid it: files of ours are held for a while after closing (`hold`), and every fork waits
for a moment so that threads which finish a request that others made, uproot's for instance, are
through (`protect`).
"""

import collections
import functools
import os
import sys
import time
from typing import Any

HELD_FILES = 64
SETTLING = 0.02
"""Seconds; a client thread needs some ten microseconds from the answer to the end of its work."""

_held: collections.deque[Any] = collections.deque(maxlen=HELD_FILES)


def hold(file: Any) -> None:
    """Keep a closed file, so that it is this thread and not the client's that lets it go."""
    _held.append(file)


@functools.cache
def protect() -> None:
    """Have every fork of this process wait for the client's threads; harmless without XRootD."""
    os.register_at_fork(before=_settle)


def _settle() -> None:
    if "XRootD.client" in sys.modules:
        time.sleep(SETTLING)
