"""What a submitter has to remember, so that another can go on where it was killed."""

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from law.workflow.remote import JobData

from tasks.framework.errors import UserError
from tasks.framework.storage import whole_file

LOCK_PATIENCE = 60.0  # s


class PoolJobData(JobData):
    """law's record of the jobs of a workflow, with what else must survive the submitter.

    Attributes:
        memory: request in MB by job number, of jobs that were held for want of memory.
        since: UNIX time of the first submission.
        schedd: name of the schedd that has the jobs, whose ids mean nothing to another.
    """

    attributes = {  # noqa: RUF012
        **JobData.attributes,
        "memory": {},
        "since": 0.0,
        "schedd": "",
    }

    def update(self, other: Mapping[str, Any]) -> None:
        """Take over what was read from JSON, in which keys are strings."""
        super().update(other)
        self["memory"] = {int(number): value for number, value in self["memory"].items()}


def recorded_schedd(path: Path) -> str:
    """The schedd that a record names; empty when there is none."""
    if not path.exists():
        return ""
    return str(json.loads(path.read_text(encoding="utf-8")).get("schedd", ""))


def write_state(path: Path, data: Mapping[str, Any]) -> None:
    """Write the record; a reader finds the old one or the new one."""
    with whole_file(str(path)) as temporary:
        Path(temporary).write_text(json.dumps(data), encoding="utf-8")


@contextlib.contextmanager
def only_submitter(path: Path) -> Iterator[int]:
    """Be the only submitter of a workflow.

    The lock is inherited by `condor_submit`: after a kill it is free only when a submission under
    way has ended, so that its jobs can be found.

    Args:
        path: the lock file.

    Yields:
        The file descriptor that a child process has to inherit.

    Raises:
        UserError: another process has the lock and keeps it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, path)
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                return  # a file system without locks: go on without
        else:
            return
        owner = path.read_text(encoding="utf-8").strip()
        if _lives(owner) or time.monotonic() > deadline:
            raise UserError(
                f"these jobs are already looked after by {owner or 'another process'}: "
                "wait for it or stop it first"
            )
        time.sleep(0.2)


def _lives(owner: str) -> bool:
    """Whether the process that wrote itself into the lock file is one of this host, and lives."""
    words = owner.split()
    if len(words) != 4 or words[3] != socket.gethostname():  # noqa: PLR2004
        return False
    return Path(f"/proc/{words[1]}").exists()
