"""A real HTCondor pool on one machine, for as long as a test session needs it.

Four nodes run Debian's HTCondor, each in mount, process and host-name namespaces of its own over
one read-only Debian tree, which takes a few seconds and no container engine:

- `submit` is an lxplus-like login node with the pool's central services.
- `worker1` and `worker2` execute jobs and see the files of the user: the shared file system.
- `island` executes jobs too, but sees nothing of the project or the user except the `store`
  directory, which stands for a storage service.

Jobs choose by `HasSharedFileSystem`. Everything runs as, and belongs to, a user without privileges.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.engine import (
    ServiceUnavailableError,
    cache_directory,
    debian_tarball,
    exclusive,
    require,
)

PROJECT = Path(__file__).resolve().parents[3]
USER, UID = "physicist", 4242
PATIENCE = 180.0  # s, with what must come, however loaded the machine is
PACKAGES = ("minihtcondor", "git")

CONFIGURATION = """
use security:host_based
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADMINISTRATOR = root@$(UID_DOMAIN) condor@$(UID_DOMAIN)
SEC_DEFAULT_AUTHENTICATION = OPTIONAL
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:{collector}
SHARED_PORT_PORT = {port}
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
UID_DOMAIN = pool
TRUST_UID_DOMAIN = True
SOFT_UID_DOMAIN = True
DEFAULT_DOMAIN_NAME = pool
NO_DNS = False
FILESYSTEM_DOMAIN = {name}
DAEMON_LIST = MASTER SHARED_PORT {daemons}
# waiting times of a pool of thousands of machines would be most of a test
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
UPDATE_INTERVAL = 2
STARTER_UPDATE_INTERVAL = 2
STARTER_INITIAL_UPDATE_INTERVAL = 1
SHADOW_QUEUE_UPDATE_INTERVAL = 2
PERIODIC_EXPR_INTERVAL = 2
MAX_PERIODIC_EXPR_INTERVAL = 4
POLLING_INTERVAL = 1
MASTER_BACKOFF_CONSTANT = 1
MASTER_BACKOFF_CEILING = 2
PREEN =
RUNBENCHMARKS = False
# a machine that vanished is noticed in seconds
JOB_DEFAULT_LEASE_DURATION = 12
ALIVE_INTERVAL = 3
MAX_CLAIM_ALIVES_MISSED = 2
CLASSAD_LIFETIME = 20
# a clone of the project below /tmp is seen by jobs
MOUNT_UNDER_SCRATCH =
# more slots than cores, as the jobs of tests mostly sleep
NUM_CPUS = {slots}
MEMORY = 65536
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True
START = True
SUSPEND = False
PREEMPT = False
KILL = False
HasSharedFileSystem = {shared}
STARTD_ATTRS = $(STARTD_ATTRS) HasSharedFileSystem
use policy:HOLD_IF_MEMORY_EXCEEDED
"""

# the rest of the boot, inside the node, where absolute links lead to the node's own files
INSIDE = f"""
set -e
chmod 1777 /tmp
for directory in /run/condor /var/lock/condor /var/log/condor /var/spool/condor \\
        /var/lib/condor /var/lib/condor/execute; do
    mkdir -p $directory
    chown condor:condor $directory
    chmod 755 $directory
done
# the two nodes trust each other by address: they are on one machine, on the loopback interface
rm -f /etc/condor/config.d/00-htcondor-9.0.config
id {USER} > /dev/null 2>&1 || useradd -u {UID} -m {USER}
# the shell stays the first process: condor_master, which changes its user, would lose the signal
# that ends the node with the test session
/usr/sbin/condor_master -f
exit $?
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def debian_tree() -> Path:
    """The pool's Debian system, unpacked once per machine."""
    tarball = debian_tarball("trixie", PACKAGES)
    tree = cache_directory() / tarball.stem
    with exclusive(tree.with_suffix(".tree.lock")):
        if not tree.exists():
            partial = Path(tempfile.mkdtemp(prefix="tree-", dir=cache_directory()))
            subprocess.run(["tar", "-C", partial, "-xf", tarball], check=True)
            partial.chmod(0o755)
            partial.rename(tree)
    return tree


def _interpreter() -> list[Path]:
    """Paths of this Python, to be seen at the same place on the submit node."""
    base = Path(sys.base_prefix)
    if base == Path("/usr"):  # the system's own: the rest of /usr stays the node's
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return [base / "bin" / version, base / "lib" / version, Path(sys.prefix)]
    return [base, Path(sys.prefix)]


@dataclass
class Node:
    """One machine of the pool; may be killed and started again."""

    name: str
    directory: Path
    tree: Path
    configuration: str
    binds: Mapping[Path, bool] = field(default_factory=dict)  # path -> writable
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Boot: file systems, the user, the condor daemons."""
        root = self.directory / "root"
        for name in ("root", "upper", "work"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        upper, work = self.directory / "upper", self.directory / "work"
        layers = f"lowerdir={self.tree},upperdir={upper},workdir={work}"
        lines = [
            "set -e",
            "mount --make-rprivate /",
            f"hostname {self.name}",
            f"mount -t overlay overlay -o {layers} {root}",
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            f"chmod 755 {root}/root",
        ]
        for path, writable in self.binds.items():
            make = "mkdir -p" if path.is_dir() else "touch"
            lines += [f"{make} {root}{path}", f"mount --rbind {path} {root}{path}"]
            if not writable:
                lines.append(f"mount -o remount,bind,ro {root}{path}")
        lines += [
            f"cp {self.directory}/condor.config {root}/etc/condor/config.d/00-minicondor",
            f"cp {self.directory}/hosts {root}/etc/hosts",
            f"cp {self.directory}/inside.sh {root}/inside.sh",
            f"exec chroot {root} sh /inside.sh",
        ]
        (self.directory / "inside.sh").write_text(INSIDE)
        (self.directory / "condor.config").write_text(self.configuration)
        (self.directory / "hosts").write_text(
            f"127.0.0.1 localhost\n127.0.0.1 {self.name}.pool {self.name}\n"
        )
        script = self.directory / "boot.sh"
        script.write_text("\n".join(lines) + "\n")
        with (self.directory / "boot.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # gone with the test session, even when that is killed
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child"),
                    *("sh", script),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            )

    @property
    def init(self) -> int:
        """The process whose end is the end of everything on this node."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is down")
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise RuntimeError(f"{self.name} is down: {self.boot_log()}")
        return int(children[0])

    def boot_log(self) -> str:
        """What the node said last while it started."""
        return (self.directory / "boot.log").read_text()[-500:]

    def alive(self) -> bool:
        """Whether the node runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Pull the plug: every process on this node ends at once."""
        if self._process is None:
            return
        if self.alive():
            with contextlib.suppress(ProcessLookupError, RuntimeError):
                os.kill(self.init, signal.SIGKILL)
            self._process.terminate()
        self._process.wait()
        self._process = None

    def kill_process(self, name: str) -> None:
        """Kill the processes of this node with a name."""
        ours = os.readlink(f"/proc/{self.init}/ns/pid")
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                same = os.readlink(path / "ns" / "pid") == ours
                if same and (path / "comm").read_text().strip() == name[:15]:
                    os.kill(int(path.name), signal.SIGKILL)

    def command(
        self,
        arguments: Sequence[str | Path],
        *,
        user: bool = True,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> list[str]:
        """The command line that runs `arguments` on this node."""
        command = ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-r", "-w"]
        if user:
            command += ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
        command += ["env", "-i"]
        if directory is not None:
            command.append(f"--chdir={directory}")
        variables = {
            "HOME": f"/home/{USER}" if user else "/root",
            "USER": USER if user else "root",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            **(environment or {}),
        }
        command += [f"{name}={value}" for name, value in variables.items()]
        return [*command, *map(str, arguments)]

    def run(
        self,
        *arguments: str | Path,
        user: bool = True,
        directory: Path | None = None,
        check: bool = True,
    ) -> str:
        """Run a command on this node, by default as the user, and return its output."""
        done = subprocess.run(
            self.command(arguments, user=user, directory=directory),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout


class Pool:
    """The running pool: `submit`, `workers`, `island`, and the directories they share.

    Attributes:
        shared: belongs to the user; seen by `submit`, by the workers and by the test.
        store: seen by all nodes and by the test; stands for a storage service.
    """

    def __init__(self, directory: Path, slots: int = 16) -> None:
        self.directory = directory
        self.shared = directory / "shared"
        self.store = directory / "store"
        for path in (self.shared, self.store):
            path.mkdir(parents=True)
            os.chown(path, UID, UID)
        tree = debian_tree()
        collector = _free_port()
        seen = {
            **dict.fromkeys(_interpreter(), False),
            PROJECT: False,
            self.shared: True,
            self.store: True,
        }
        central = ("COLLECTOR NEGOTIATOR SCHEDD", collector)
        self.submit = self._node("submit", tree, collector, central, slots, seen)
        self.workers = [
            self._node(name, tree, collector, ("STARTD", _free_port()), slots, seen)
            for name in ("worker1", "worker2")
        ]
        self.island = self._node(
            "island", tree, collector, ("STARTD", _free_port()), slots, {self.store: True}
        )

    def _node(
        self,
        name: str,
        tree: Path,
        collector: int,
        daemons: tuple[str, int],
        slots: int,
        binds: Mapping[Path, bool],
    ) -> Node:
        text = CONFIGURATION.format(
            name=name,
            collector=collector,
            port=daemons[1],
            slots=slots,
            shared=self.shared in binds,
            daemons=daemons[0],
        )
        return Node(name, self.directory / name, tree, text, binds)

    def start(self, timeout: float = PATIENCE) -> None:
        """Start all nodes and wait until they offer slots and take jobs."""
        for node in self.nodes:
            node.start()
        self.wait_for(self.ready, timeout, "the pool to come up")

    @property
    def nodes(self) -> list[Node]:
        """All machines, the central one first."""
        return [self.submit, *self.workers, self.island]

    def ready(self) -> bool:
        """Whether all machines offer slots and the schedd answers."""
        return self.machines() == {"worker1", "worker2", "island"} and self.schedd_answers()

    def machines(self) -> set[str]:
        """Names of the machines that offer slots."""
        with contextlib.suppress(RuntimeError):
            names = self.submit.run("condor_status", "-startd", "-af", "Machine", check=False)
            return {name.partition(".")[0] for name in names.split()}
        return set()

    def schedd_answers(self) -> bool:
        """Whether `condor_q` is served."""
        with contextlib.suppress(RuntimeError):
            self.submit.run("condor_q", "-allusers", "-totals")
            return True
        return False

    def queue(self, constraint: str = "true", *attributes: str) -> list[list[str]]:
        """Rows of attributes (default: the job status) of the jobs in the queue."""
        wanted = attributes or ("JobStatus",)
        text = self.submit.run("condor_q", "-allusers", "-constraint", constraint, "-af", *wanted)
        return [line.split() for line in text.splitlines()]

    def empty_queue(self) -> None:
        """Remove all jobs, and wait until they are gone."""
        self.submit.run("condor_rm", "-all", user=False, check=False)
        self.wait_for(lambda: not self.queue(), PATIENCE, "the queue to empty")

    def kill_schedd(self) -> None:
        """Kill the schedd; its master starts it again."""
        self.submit.kill_process("condor_schedd")

    def wait_for(self, condition: object, timeout: float, what: str) -> None:
        """Wait until a callable is true, or fail naming what was waited for."""
        deadline = time.monotonic() + timeout
        while not condition():  # type: ignore[operator]
            if not self.submit.alive():
                raise ServiceUnavailableError(f"HTCondor ended: {self.submit.boot_log()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:.0f} s for {what}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End every process of the pool."""
        for node in reversed(self.nodes):
            node.kill()


@contextlib.contextmanager
def running_pool(slots: int = 16) -> Iterator[Pool]:
    """A pool that is up; gone with all its files afterwards.

    Raises:
        ServiceUnavailableError: the machine lacks what a pool needs.
    """
    require("unshare", "nsenter", "mount", "chroot")
    # jobs have a /tmp and a /var/tmp of their own
    home = Path("/var/lib")
    for left in home.glob("vhbb-pool-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"vhbb-pool-{os.getpid()}-", dir=home))
    directory.chmod(0o755)
    pool = Pool(directory, slots)
    try:
        pool.start()
        yield pool
    finally:
        pool.stop()
        shutil.rmtree(directory, ignore_errors=True)
