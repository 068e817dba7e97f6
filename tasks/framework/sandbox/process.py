"""Run an engine's client so that the container lives no longer than the task that started it."""

import codecs
import multiprocessing
import os
import selectors
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

POLL = 0.5  # seconds between looks at the parent process
GRACE = 15.0  # seconds for a container to end before its client is killed


class Outcome(NamedTuple):
    """Exit code of a client, and the engine's own complaint where the container did not start."""

    code: int
    complaint: str


def run_attached(
    command: Sequence[str], environ: Mapping[str, str], complaint_prefixes: tuple[bytes, ...]
) -> Outcome:
    """Run a client to its end, its output passed on as it comes.

    The client's standard input is a pipe that nothing is written to; it closes when this process
    ends in whatever way, which ends the container (see `inside.py`).

    Args:
        command: the client with its arguments.
        environ: environment of the client, not of the container.
        complaint_prefixes: how the engine's own errors begin; when the first thing on standard
            error begins so, it is kept for the outcome instead of being passed on.
    """
    client = subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # for the type checker:
    assert client.stdin is not None  # noqa: S101
    assert client.stdout is not None  # noqa: S101
    assert client.stderr is not None  # noqa: S101
    complaint = b""
    try:
        with selectors.DefaultSelector() as streams:
            streams.register(client.stdout, selectors.EVENT_READ, _Forwarder(sys.stdout))
            streams.register(client.stderr, selectors.EVENT_READ, _Forwarder(sys.stderr))
            started = False
            while streams.get_map():
                for key, _ in streams.select(POLL):
                    chunk = os.read(key.fd, 1 << 16)
                    if not chunk:
                        streams.unregister(key.fileobj)
                        continue
                    if not started and (complaint or chunk.startswith(complaint_prefixes)):
                        complaint += chunk
                        continue
                    started = True
                    key.data(chunk)
                _end_with_parent()
        code = client.wait()
    finally:
        client.stdin.close()
        try:
            client.wait(GRACE)
        except subprocess.TimeoutExpired:
            client.kill()
            client.wait()
        client.stdout.close()
        client.stderr.close()
    return Outcome(code, complaint.decode(errors="replace").strip())


def _end_with_parent() -> None:
    """Leave when this is a worker process whose parent was killed: nobody else would end it."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid != os.getppid():
        raise SystemExit("the process that started this worker has ended")


class _Forwarder:
    """Pass bytes on to a text stream, characters kept whole."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode

    def __call__(self, chunk: bytes) -> None:
        self._stream.write(self._decode(chunk))
        self._stream.flush()
