"""A task in a container, whatever engine runs it: what it sees, its environment, its end."""

import os
import re
import shlex
import shutil
import socket
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import law
from law.sandbox.base import Sandbox

from tasks.framework.errors import UserError
from tasks.framework.provenance import code_version, without_jobs
from tasks.framework.sandbox import inside, mounts
from tasks.framework.sandbox.credentials import find_credentials
from tasks.framework.sandbox.mounts import Mount
from tasks.framework.sandbox.process import Outcome, run_attached

SCRATCH = "/tmp"  # noqa: S108  (of the container)
OWN_INSIDE = ("PATH", "HOME", "USER", "LAW_HOME", "PYTHONPATH")  # never handed on


@dataclass
class Container:
    """What a container is started with, in no engine's words."""

    image: str
    command: list[str]
    mounts: list[Mount] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    network: str = "none"
    label: str = ""


class ContainerSandbox(Sandbox):
    """Common to all engines. One container a task: its environment is not asked for beforehand.

    Settings in law.cfg, `[<type>_sandbox]` or `[<type>_sandbox_<image>]`: `engine` (the client's
    name or path), `network` (for tasks with remote files: `bridge` or `host`), `python` and
    `law_executable` in the image, `arguments` (further arguments of the engine). Variables to set
    or hand on are in `[<type>_sandbox_env]`, volumes beside a task's own in
    `[<type>_sandbox_volumes]`, as law documents them.
    """

    complaint_prefixes: tuple[bytes, ...] = ()
    remedy = ""

    @property
    def image(self) -> str:
        """The image as the user named it."""
        return str(self.name)

    @property
    def config_section_prefix(self) -> str:
        return str(self.sandbox_type)

    @property
    def env_cache_key(self) -> str:
        return self.image

    def create_env(self) -> dict[str, str]:
        """The client's environment is the caller's: PATH, DOCKER_HOST and the like stay."""
        return dict(os.environ)

    @abstractmethod
    def resolve_image(self) -> tuple[str, str]:
        """What to start, and its name with digest for the record; UserError if it cannot be."""

    @abstractmethod
    def client_command(self, container: Container) -> list[str]:
        """The engine's command line."""

    def get_config_section(self, postfix: str | None = None) -> str:
        """The image's section of law.cfg, completed by the engine's, else the engine's."""
        own = str(super().get_config_section(postfix))
        common = f"{self.sandbox_type}_sandbox" + (f"_{postfix}" if postfix else "")
        config = law.config.Config.instance()
        if own != common:
            options = config.options(common, expand_vars=False, expand_user=False)
            values = {option: config.get(common, option) for option in options}
            config.update({own: values}, overwrite_sections=True, overwrite_options=False)
        return own

    def setting(self, name: str, default: str = "") -> str:
        """A setting of the image or the engine."""
        return str(law.config.get_expanded(self.get_config_section(), name, default=default))

    def find_client(self, *names: str) -> str:
        """Path of the engine's client; UserError when it is not installed."""
        names = (configured,) if (configured := self.setting("engine")) else names
        for name in names:
            if path := shutil.which(name):
                return path
        raise UserError(
            f"sandbox {self.key}: no engine, '{names[0]}' is not installed or not on PATH; install "
            "it, or run without sandbox: --sandbox none"
        )

    def cmd(self, proxy_cmd: Any) -> str:
        """The whole command line; checks first what can be checked."""
        image, recorded = self.resolve_image()
        proxy_cmd.add_arg("--local-scheduler", "True", overwrite=True)
        container = Container(image=image, command=[], label=self.task.live_task_id)
        self._see_files(container)
        self._see_code(container)
        container.environment.update(self._environment(), VHBB_IMAGE=recorded)
        self._hand_in(container)
        self._stage(container)
        for source, target in self._get_volumes().items():
            path, _, mode = (target or source).partition(":")
            container.mounts.append(Mount(os.path.abspath(source), path, mode != "ro"))
        container.mounts = mounts.without_repetition(container.mounts)
        container.command = [inside.__file__, *shlex.split(proxy_cmd.build())]
        return shlex.join(self.client_command(container))

    def run(self, cmd: str, **_: Any) -> tuple[int, None, None]:
        """Run what `cmd` gave; one line tells what went wrong, if anything did."""
        try:
            outcome = run_attached(shlex.split(cmd), self.env, self.complaint_prefixes)
        finally:
            self._documents.cleanup()
        if outcome.code:
            raise UserError(f"sandbox {self.key}: {self._explain(outcome)}")
        return 0, None, None

    def _explain(self, outcome: Outcome) -> str:
        complaint = " ".join(re.sub(r"\x1b\[\d*m", "", outcome.complaint).split())
        if outcome.code == inside.NO_SUCH_COMMAND:
            return f"the image has no law; {self.remedy}"
        if "executable file" in complaint and "not found" in complaint:
            return f"the image has no '{self.python}'; {self.remedy}"
        if complaint:
            return f"the container could not be started: {complaint}"
        return (
            f"{self.task.live_task_id} failed inside with exit code {outcome.code}, its own "
            "message stands above"
        )

    @property
    def python(self) -> str:
        """Name of the interpreter in the image."""
        return self.setting("python", "python")

    def _see_files(self, container: Container) -> None:
        """Mounts of inputs, outputs and what else is read; network and credentials if remote."""
        inputs = list(mounts.file_targets(without_jobs(self.task.input())))
        outputs = list(mounts.file_targets(self.task.output()))
        read: list[str] = []
        for item in self.task.files_read():
            (read if isinstance(item, str) else inputs).append(item)
        local = [item.abspath for item in inputs if not mounts.is_remote(item) and item.exists()]
        local += [path for path in read if not mounts.is_remote(path)]
        container.mounts += mounts.input_mounts(local)
        container.mounts += mounts.output_mounts(t for t in outputs if not mounts.is_remote(t))
        if any(map(mounts.is_remote, (*inputs, *outputs, *read))):
            container.network = self.setting("network", "bridge")
            credentials, variables = find_credentials(os.environ)
            container.mounts += credentials
            container.environment |= variables

    def _see_code(self, container: Container) -> None:
        """Mount the code as it is outside, so that the same runs inside, with the settings."""
        packages = law.config.get_expanded("sandbox", "packages", default="") or ""
        names = (__name__, *packages.split(","))
        code, roots = mounts.code_mounts(
            self.task, [n.strip().partition(".")[0] for n in names if n.strip()]
        )
        container.mounts += code
        container.environment[inside.CODE_PATH] = os.pathsep.join(roots)
        if settings := law.config.Config.instance().config_file:
            container.mounts.append(Mount.same(settings))
            container.environment["LAW_CONFIG_FILE"] = os.path.abspath(settings)
            # what the settings refer to, so that they mean the same inside
            for name in set(re.findall(r"\$\{?(\w+)", Path(settings).read_text())):
                if name in os.environ and name not in OWN_INSIDE:
                    container.environment[name] = os.environ[name]

    def _environment(self) -> dict[str, str]:
        version = code_version()
        return {
            "HOME": os.path.expanduser("~"),  # empty inside, but `~` in settings means the same
            "USER": "vhbb",  # the caller's number has no name inside
            "LAW_HOME": f"{SCRATCH}/law",
            inside.DIRECTORY: os.getcwd(),
            "VHBB_HOST": socket.gethostname(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "VHBB_CODE_VERSION": f"{version['commit']}{'-dirty' if version['dirty'] else ''}",
            **{name: str(value) for name, value in self._get_env().items()},
        }

    def _hand_in(self, container: Container) -> None:
        """Write the task's documents where only the caller and the container can read them."""
        self._documents = tempfile.TemporaryDirectory(prefix="vhbb-")
        for variable, content in self.task.documents().items():
            path = Path(self._documents.name) / variable.lower()
            path.write_bytes(content)
            container.mounts.append(Mount.same(path))
            container.environment[variable] = str(path)

    def _stage(self, container: Container) -> None:
        """Mount law's stage-in and stage-out folders, when the task asks for them."""
        for name, info in (("IN", self.stagein_info), ("OUT", self.stageout_info)):
            if info:
                path = info.stage_dir.abspath
                container.mounts.append(Mount.same(path, writable=name == "OUT"))
                container.environment[f"LAW_SANDBOX_STAGE{name}_DIR"] = path


def caller() -> tuple[int, int, Sequence[int]]:
    """User, group and further groups of the calling process."""
    return os.getuid(), os.getgid(), os.getgroups()
