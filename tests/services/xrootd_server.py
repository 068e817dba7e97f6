"""A real XRootD server, and a wire to it that counts requests and breaks on demand."""

import collections
import contextlib
import os
import queue
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SERVER_USER = "nobody"  # xrootd refuses to serve as root
# XProtocol.hh: the requests these tests count
REQUESTS = {
    3001: "query", 3002: "chmod", 3003: "close", 3004: "dirlist", 3006: "protocol", 3007: "login",
    3008: "mkdir", 3009: "mv", 3010: "open", 3013: "read", 3014: "rm", 3015: "rmdir",
    3017: "stat", 3019: "write", 3025: "readv", 3026: "pgwrite", 3030: "pgread",
}  # fmt: skip
BULK = 4096  # bytes; shorter ones are requests and answers, not content
SESSION = {"protocol", "login", "auth"}


@dataclass
class Server:
    """An XRootD server that serves the folder ``files`` as ``/store``."""

    folder: Path
    settings: str = ""
    port: int = 0
    process: subprocess.Popen | None = None

    @property
    def files(self) -> Path:
        return self.folder / "data" / "store"

    @property
    def url(self) -> str:
        return f"root://127.0.0.1:{self.port}//store"

    def start(self) -> "Server":
        """Start, on the same port as before if there was one."""
        for _ in range(3):
            port = self.port or free_port()
            if self._start(port):
                self.port = port
                return self
            self.kill()
        raise AssertionError((self.folder / "log").read_text())

    def _start(self, port: int) -> bool:
        for name in ("data/store", "admin"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        config = self.folder / "xrootd.cfg"
        config.write_text(
            f"all.export /store\noss.localroot {self.folder}/data\nxrd.port {port}\n"
            f"all.adminpath {self.folder}/admin\nall.pidpath {self.folder}/admin\n"
            f"xrootd.chksum max 2 adler32\n{self.settings}\n"
        )
        user = []
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", SERVER_USER, self.folder], check=True)
            user = ["-R", SERVER_USER]
        self.process = subprocess.Popen(
            ["xrootd", "-c", config, "-l", self.folder / "log", *user],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return eventually(lambda: can_connect(port), seconds=10)

    def kill(self) -> None:
        """End without a chance to tidy up, as on a power cut."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """A server that accepts and never answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def temporaries(self) -> list[Path]:
        return [path for path in self.files.rglob(".vhbb-*") if path.is_file()]


@dataclass
class Wire:
    """A TCP relay to a server.

    Attributes:
        counts: requests by name.
        silent: pass nothing on.
        delay: seconds that what a client sends takes to arrive.
        bytes_down: from the server, over all connections.
        struck: set when a fault strikes.
    """

    target: int
    port: int = 0
    counts: collections.Counter = field(default_factory=collections.Counter)
    silent: bool = False
    delay: float = 0.0
    bytes_down: int = 0
    struck: threading.Event = field(default_factory=threading.Event)
    _fault: "Fault | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"root://127.0.0.1:{self.port}//store"

    @property
    def requests(self) -> dict[str, int]:
        """Requests by name since the start or the last `forget`, without those of logging in."""
        return {name: n for name, n in self.counts.items() if name not in SESSION}

    def forget(self) -> None:
        self.counts.clear()
        self.bytes_down = 0

    def cut(self, *, after: int, direction: str = "down", times: float = 1) -> None:
        """Cut all connections when so many more bytes have passed, whatever connections carry them.

        Reconnecting does not help before it has been done ``times`` times.
        """
        self._set(Fault("cut", after, direction, times))

    def flip(self, *, after: int, direction: str = "down", times: float = 1) -> None:
        """Change a bit of content when so many more bytes have passed."""
        self._set(Fault("flip", after, direction, times))

    def mend(self) -> None:
        """Take a fault away."""
        self._set(None)

    def _set(self, fault: "Fault | None") -> None:
        with self._lock:
            self._fault = fault
            self.struck.clear()

    def start(self) -> "Wire":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Cut all connections, but none that is made meanwhile."""
        cut, self._open = self._open, []
        for end in cut:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self._listener.fileno() < 0:
                    return
                client.close()
                continue
            self._open += [client, server]
            for source, sink, direction in ((client, server, "up"), (server, client, "down")):
                threading.Thread(
                    target=self._relay, args=(source, sink, direction), daemon=True
                ).start()

    def _relay(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        requests = Requests(self.counts) if direction == "up" else None
        late = Late(sink, self.delay) if requests and self.delay else None
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if requests:
                    requests.feed(data)
                else:
                    self.bytes_down += len(data)
                if self.silent:
                    continue
                data = self._spoiled(data, direction)
                (late or sink).sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if late:
            late.sendall(b"")

    def _spoiled(self, data: bytes, direction: str) -> bytes:
        with self._lock:
            kind = self._fault.strikes(data, direction) if self._fault else None
        if not kind:
            return data
        self.struck.set()
        if kind == "cut":
            self.drop()
            raise OSError
        place = len(data) // 2
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@dataclass
class Fault:
    """What is wrong with a wire, for ``times`` more times it strikes."""

    kind: str
    after: int
    direction: str
    times: float
    passed: int = 0

    def strikes(self, data: bytes, direction: str) -> str | None:
        """What happens to these bytes."""
        if direction != self.direction:
            return None
        self.passed += len(data)
        too_small = self.kind == "flip" and len(data) <= BULK
        if self.passed <= self.after or self.times <= 0 or too_small:
            return None
        self.times -= 1
        return self.kind


class Late:
    """A socket that what is sent reaches later: what is sent meanwhile does not wait for it."""

    def __init__(self, sink: socket.socket, delay: float) -> None:
        self._sink = sink
        self._delay = delay
        self._pending: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._pass_on, daemon=True).start()

    def sendall(self, data: bytes) -> None:
        """Send; nothing ends it."""
        self._pending.put((time.monotonic() + self._delay, data))

    def _pass_on(self) -> None:
        with contextlib.suppress(OSError):
            while (item := self._pending.get())[1]:
                time.sleep(max(0.0, item[0] - time.monotonic()))
                self._sink.sendall(item[1])


class Requests:
    """Counts the requests in what a client sends: 20 bytes of greeting, then headers and data."""

    def __init__(self, counts: collections.Counter) -> None:
        self._counts = counts
        self._buffer = b""
        self._skip = 20

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while True:
            skipped = min(self._skip, len(self._buffer))
            self._buffer, self._skip = self._buffer[skipped:], self._skip - skipped
            if self._skip or len(self._buffer) < 24:
                return
            code, size = struct.unpack(">2xH16xI", self._buffer[:24])
            self._counts[REQUESTS.get(code, "auth" if code == 3000 else str(code))] += 1
            self._skip = 24 + size


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def can_connect(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
