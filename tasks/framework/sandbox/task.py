"""The `--sandbox` parameter: where a task runs."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import law
import luigi
from law.sandbox.base import SandboxProxy
from luigi.cmdline_parser import CmdlineParser

from tasks.framework.errors import UserError
from tasks.framework.sandbox.environment import refined

ENGINES = ("docker", "singularity")
KINDS = (*ENGINES, "venv", "bash")
OFF = ("none", "off")


class Proxy(SandboxProxy):
    """Runs a task's sandbox; without banners, and without a command line too."""

    def run(self) -> None:
        # a job, or luigi.build:
        if CmdlineParser.get_instance() is None:  # type: ignore[no-untyped-call]
            law.parser.root_task(self.task)
            known = law.parser._global_cmdline_args  # noqa: SLF001 - None makes law fail
            law.parser._global_cmdline_args = known or {"--local-scheduler": "True"}  # noqa: SLF001
        super().run()

    @contextlib.contextmanager
    def _run_context(self, cmd: str | None = None) -> Iterator[None]:
        law.logger.get_logger(__name__).debug("sandbox command: %s", cmd)
        yield


class SandboxedTask(law.SandboxTask):
    """A task that can run in a container, a virtual environment or after a script; off by default.

    What it reads beside the outputs of required tasks is told by :meth:`files_read`; everything
    else of the host stays invisible in a container.
    """

    sandbox = luigi.Parameter(
        default=law.NO_STR,
        significant=False,
        description="where tasks run: none; docker or singularity, each task in its image of "
        "law.cfg; docker::IMAGE, singularity::IMAGE, venv::DIRECTORY, bash::SCRIPT; default: "
        "[sandbox] <Task> or default of law.cfg, none if not set",
    )

    exclude_index = True
    allow_empty_sandbox = True
    _sandbox_proxy: Any
    _sandbox_inst: Any
    valid_sandboxes: tuple[str, ...] = ()  # every value goes through fallback_sandbox

    def _initialize_sandbox(self, force: bool = False) -> None:
        super()._initialize_sandbox(force=force)
        if type(self._sandbox_proxy) is SandboxProxy:
            self._sandbox_proxy = Proxy(task=self)
            self._sandbox_inst = refined(self._sandbox_inst)

    def fallback_sandbox(self, sandbox: str) -> str | None:
        """The sandbox in force for a value of the parameter, None for no sandbox."""
        return resolve(sandbox, self.get_task_family())

    def files_read(self) -> Iterable[Any]:
        """Paths, URLs and targets that ``run`` reads beside the outputs of required tasks."""
        return ()

    def documents(self) -> Mapping[str, bytes]:
        """What to hand in as files, by the variable that tells a task in a container the place.

        Asked for after inputs and outputs, so that what finding them has cached can go along.
        """
        return {}


def resolve(choice: str, family: str) -> str | None:
    """Turn a value of `--sandbox` into a full key, `type::name`, or None.

    Args:
        choice: the parameter's value; empty means what law.cfg says.
        family: the task's family, by which law.cfg names its sandbox and its images.

    Raises:
        UserError: the kind is unknown, or law.cfg has no image for the task.
    """
    if choice in {law.NO_STR, ""}:
        choice = _setting("sandbox", family, "default") or OFF[0]
    if choice in OFF:
        return None
    kind, _, name = choice.partition("::")
    if kind not in KINDS or "," in name:
        known = ", ".join(f"{kind}::NAME" for kind in KINDS)
        raise UserError(f"--sandbox {choice}: not a sandbox; use {OFF[0]}, {known}")
    if not name and kind not in ENGINES:
        raise UserError(f"--sandbox {choice}: which one? Name it: {kind}::NAME")
    if not name:
        name = _setting(f"{kind}_images", family, "default")
    if not name:
        raise UserError(
            f"--sandbox {choice}: law.cfg has no image for {family}; add it to [{kind}_images] or "
            f"name one: {kind}::NAME"
        )
    return f"{kind}::{name}"


def _setting(section: str, *options: str) -> str:
    values = (law.config.get_expanded(section, option, default=None) for option in options)
    return next((str(value) for value in values if value), "")
