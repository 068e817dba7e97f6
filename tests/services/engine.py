"""What the tests of real services stand on: a Docker engine, and Debian systems to fill it with.

The engine is the one that answers on its usual socket. Where none does, the first user starts
`dockerd` and the last one to leave stops it; an engine somebody else started is left alone.
Debian base systems are made by debootstrap, as no registry may be within reach, and kept as
tarballs in the cache directory (`VHBB_TEST_CACHE`, default `~/.cache/vhbb-tests`), which may be
removed at any time.

    with docker_engine() as engine:
        engine.docker("run", "--rm", engine.base_image("bookworm"), "true")
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SOCKET = Path("/var/run/docker.sock")
STATE = Path("/run/vhbb-docker-engine")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class ServiceUnavailableError(Exception):
    """The machine lacks what a service needs; the message says what."""


def cache_directory() -> Path:
    """Where base systems are kept between runs on one machine."""
    default = Path.home() / ".cache" / "vhbb-tests"
    path = Path(os.environ.get("VHBB_TEST_CACHE", default))
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file: only one process of this machine is inside at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require(*commands: str) -> None:
    """Raise unless we are root and the commands are installed."""
    if os.geteuid() != 0:
        raise ServiceUnavailableError("needs root")
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise ServiceUnavailableError(f"not installed: {', '.join(missing)}")


def debian_tarball(suite: str, packages: Sequence[str] = ()) -> Path:
    """A minimal Debian system with some packages as a tarball, made once per machine.

    Args:
        suite: Debian release, such as "bookworm".
        packages: what to install beyond the essential packages.

    Raises:
        ServiceUnavailableError: without root or debootstrap, or when the mirror cannot be reached.
    """
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:10]
    tarball = cache_directory() / f"debian-{suite}-{digest}.tar"
    with exclusive(tarball.with_suffix(".lock")):
        if tarball.exists():
            return tarball
        require("debootstrap", "chroot")
        bare = debian_tarball(suite) if packages else None
        with _scratch() as scratch:
            root = scratch / "root"
            if bare is None:
                _debootstrap(suite, root)
            else:
                root.mkdir()
                subprocess.run(["tar", "-C", root, "-xf", bare], check=True)
                _install(root, packages)
            subprocess.run(["chroot", root, "apt-get", "clean"], check=True)
            if CERTIFICATES.exists():
                # a proxy's certificate on the host must be known inside as well
                bundle = root / CERTIFICATES.relative_to("/")
                bundle.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(CERTIFICATES, bundle)
            partial = tarball.with_suffix(".partial")
            subprocess.run(["tar", "-C", root, "-cf", partial, "."], check=True)
            partial.rename(tarball)
    return tarball


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder to install systems in: in memory, as a package manager waits for the disk often."""
    with tempfile.TemporaryDirectory(prefix="debian-", dir=cache_directory()) as scratch:
        mount = ["mount", "-t", "tmpfs", "-o", "size=3g,mode=755", "tmpfs", scratch]
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        try:
            yield Path(scratch)
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", scratch], check=True)


def _debootstrap(suite: str, root: Path) -> None:
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", suite, root],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        lines = (made.stdout + made.stderr).strip().splitlines()
        raise ServiceUnavailableError(f"debootstrap {suite} failed: {lines[-1] if lines else ''}")


def _install(root: Path, packages: Sequence[str]) -> None:
    # without this file, packages would start their services inside the chroot
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    command = ["chroot", root, "apt-get", "install", "-y", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise ServiceUnavailableError(f"apt-get install failed: {done.stderr.strip()[-300:]}")


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers."""

    def docker(self, *arguments: str | Path, check: bool = True) -> str:
        """Run the `docker` command and return its standard output."""
        command = ["docker", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def has_image(self, name: str) -> bool:
        """Whether the engine holds an image of this name."""
        return bool(self.docker("images", "--quiet", name))

    def base_image(self, suite: str = "bookworm", packages: Sequence[str] = ()) -> str:
        """Name of a minimal Debian image, imported first where the engine lacks it.

        Without packages the name is that of the public image (`debian:bookworm-slim`), so that an
        ordinary Dockerfile builds on it.
        """
        tag = "-".join([suite, "slim", *packages])
        name = f"debian:{tag}"
        if not self.has_image(name):
            self.docker("import", debian_tarball(suite, packages), name)
        return name


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _start(timeout: float) -> None:
    require("dockerd", "docker", "iptables")
    log = STATE / "dockerd.log"
    # It outlives the first user while others still need it, so it is nobody's child: a shell of
    # its own starts it and ends.
    script = 'setsid dockerd --host "$1" </dev/null >"$2" 2>&1 & echo $!'
    command = ["sh", "-c", script, "sh", f"unix://{SOCKET}", log]
    started = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    pid = int(started.stdout)
    (STATE / "dockerd.pid").write_text(str(pid))
    deadline = time.monotonic() + timeout
    while not _answers():
        if not _alive(pid) or time.monotonic() > deadline:
            _stop()
            tail = log.read_text().strip().splitlines()[-1:]
            raise ServiceUnavailableError(f"dockerd did not start: {' '.join(tail)}")
        time.sleep(0.2)


def _stop() -> None:
    pid_file = STATE / "dockerd.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    pid_file.unlink()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.1)


@contextlib.contextmanager
def docker_engine(timeout: float = 60.0) -> Iterator[Engine]:
    """The machine's Docker engine; started if none answers, stopped by its last user.

    Args:
        timeout: seconds a new engine has to answer.

    Raises:
        ServiceUnavailableError: no engine answers and none can be started here.
    """
    if os.geteuid() != 0 and not _answers():
        raise ServiceUnavailableError("no Docker engine answers, and starting one needs root")
    if os.geteuid() != 0:
        yield Engine()
        return
    users = STATE / "users"
    users.mkdir(parents=True, exist_ok=True)
    ours = users / f"{os.getpid()}-{time.monotonic_ns()}"
    with exclusive(STATE / "lock"):
        if not _answers():
            _start(timeout)
        ours.touch()
    try:
        yield Engine()
    finally:
        with exclusive(STATE / "lock"):
            ours.unlink(missing_ok=True)
            for user in users.iterdir():
                if not _alive(int(user.name.partition("-")[0])):
                    user.unlink()
            if not any(users.iterdir()):
                _stop()
