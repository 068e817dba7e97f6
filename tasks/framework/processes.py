"""Processes that run branches: how many there may be, how they are fed, how they end."""

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, cast

GRACE_SECONDS = 5.0
CORES = "VHBB_CORES"
"""Environment variable with the number of cores that a process may use for its threads."""

_fork = multiprocessing.get_context("fork")


def interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
    """Let a termination unwind like Ctrl-C.

    Not SystemExit: law takes that for success and would move a half-written output into place.
    """
    raise KeyboardInterrupt


@contextlib.contextmanager
def child_of_main() -> Iterator[None]:
    """In a process of its own: end cleanly and silently on a kill, and when the parent is gone."""
    signal.signal(signal.SIGTERM, interrupt)
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(128 + signal.SIGTERM)


def share_cores(processes: int) -> None:
    """Leave this process, one of several that work at the same time, its share of the cores.

    Of those that `CORES` tells, or else that the scheduler lets this process run on.
    """
    told = os.environ.get(CORES, str(len(os.sched_getaffinity(0))))
    if told.isdecimal():  # else whoever makes use of it says what is wrong
        os.environ[CORES] = str(max(1, int(told) // processes))


class Slots:
    """How many processes `--workers` allows, shared by all tasks that run at the same time.

    Every running task takes a slot. Workflows divide among themselves what plain tasks leave.
    """

    def __init__(self, total: int) -> None:
        self.total = max(1, total)
        self._plain: Any = None
        self._workflows: Any = None
        if self.total > 1:
            self._plain = _fork.Array("q", self.total)
            self._workflows = _fork.Array("q", self.total)

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Count this process among those that run a plain task."""
        self._move(None, self._plain)
        try:
            yield
        finally:
            self._move(self._plain, None)
            self._move(self._workflows, None)

    @contextlib.contextmanager
    def as_workflow(self) -> Iterator[None]:
        """Count this process among those whose pools do the work."""
        self._move(self._plain, self._workflows)
        try:
            yield
        finally:
            self._move(self._workflows, self._plain)

    def share(self) -> int:
        """Number of processes that the workflow of this process may keep busy now."""
        if self._plain is None:
            return 1
        workflows = sorted(_living(self._workflows)) or [os.getpid()]
        free = self.total - len(_living(self._plain))
        share, rest = divmod(free, len(workflows))
        me = os.getpid()
        rank = workflows.index(me) if me in workflows else len(workflows)
        return max(1, share + (rank < rest))

    def _move(self, source: Any, destination: Any) -> None:
        me = os.getpid()
        if source is not None:
            with source.get_lock():
                source[:] = [0 if pid == me else pid for pid in source]
        if destination is not None:
            with destination.get_lock():
                pids = [pid if pid and _alive(pid) else 0 for pid in destination]
                if 0 in pids:
                    pids[pids.index(0)] = me
                destination[:] = pids


def _living(pids: Any) -> list[int]:
    return [pid for pid in pids if pid and _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Pool:
    """Long-lived processes that each do one piece of work after another.

    Args:
        work: does one piece; what it returns is handed back, and it does not raise.
        lost: what to hand back for a piece whose process died, given its exit code.
        limit: tells, whenever asked, how many processes may be busy.
    """

    def __init__(
        self,
        work: Callable[[int], Any],
        lost: Callable[[int, int | None], Any],
        limit: Callable[[], int],
    ) -> None:
        self._work, self._lost, self._limit = work, lost, limit
        self._processes: dict[Connection, Any] = {}
        self._together = 1

    def run(self, pieces: Iterable[int]) -> Iterator[Any]:
        """Do all pieces; yields what comes of them as they finish."""
        waiting = deque(pieces)
        busy: dict[Connection, int] = {}
        idle: list[Connection] = []
        self._together = max(1, min(self._limit(), len(waiting)))
        try:
            while waiting or busy:
                limit = self._limit()
                while waiting and len(busy) < limit:
                    connection = idle.pop() if idle else self._start()
                    busy[connection] = waiting.popleft()
                    # a process that has just died shows when it is waited for
                    with contextlib.suppress(BrokenPipeError):
                        connection.send(busy[connection])
                for connection in cast("list[Connection]", wait(list(busy), timeout=0.5)):
                    piece = busy.pop(connection)
                    try:
                        result = connection.recv()
                        idle.append(connection)
                    except (EOFError, ConnectionResetError):
                        result = self._lost(piece, self._bury(connection))
                    yield result
        finally:
            self._stop()

    def _start(self) -> Connection:
        here, there = _fork.Pipe()
        process = _fork.Process(target=_serve, args=(there, self._work, self._together))
        sys.stdout.flush()
        process.start()
        there.close()
        self._processes[here] = process
        return here

    def _bury(self, connection: Connection) -> int | None:
        process = self._processes.pop(connection)
        process.join(GRACE_SECONDS)
        connection.close()
        code: int | None = process.exitcode
        return code

    def _stop(self) -> None:
        for connection, process in self._processes.items():
            with contextlib.suppress(BrokenPipeError):
                connection.send(None)
            if sys.exc_info()[0] is not None:
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        self._processes.clear()


def _serve(connection: Connection, work: Callable[[int], Any], together: int) -> None:
    _silence_bars()
    share_cores(together)
    with child_of_main(), contextlib.suppress(EOFError):
        while (piece := connection.recv()) is not None:
            connection.send(work(piece))
            sys.stdout.flush()


def _silence_bars() -> None:
    """Several processes would draw their progress bars over each other's."""
    os.environ["TQDM_DISABLE"] = "1"
    if "tqdm" in sys.modules:
        tqdm = sys.modules["tqdm"].tqdm
        tqdm.__init__ = functools.partialmethod(tqdm.__init__, disable=True)
