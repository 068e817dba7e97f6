"""Virtual environments and set-up scripts: law's sandboxes, with our errors and ends."""

import os
import sys
from typing import Any

from law.sandbox.base import Sandbox
from law.sandbox.bash import BashSandbox
from law.sandbox.venv import VenvSandbox

from tasks.framework.errors import UserError
from tasks.framework.sandbox import inside
from tasks.framework.sandbox.process import run_attached

COMMAND_NOT_FOUND = 127  # of the shell


class _Environment(Sandbox):
    """What both have in common; the command they run is a line for the shell."""

    @property
    def place(self) -> str:
        """The file that is sourced."""
        raise NotImplementedError

    def create_env(self) -> dict[str, str]:
        if not os.path.isfile(self.place):
            raise UserError(f"sandbox {self.key}: there is no file '{self.place}' to source")
        try:
            return dict(super().create_env())
        except Exception as error:
            raise UserError(
                f"sandbox {self.key}: '{self.place}' or its python failed, their own message "
                "stands above"
            ) from error

    def run(self, cmd: str, **_: Any) -> tuple[int, None, None]:
        """Run what `cmd` gave; it ends with this process, however that ends."""
        command = [sys.executable, inside.__file__, "/bin/bash", "-c", cmd]
        code = run_attached(command, self.env, ()).code
        if code == COMMAND_NOT_FOUND:
            raise UserError(f"sandbox {self.key}: there is no law in it, install it there")
        if code:
            raise UserError(
                f"sandbox {self.key}: {self.task.live_task_id} failed inside with exit code "
                f"{code}, its own message stands above"
            )
        return 0, None, None


class VenvEnvironment(_Environment, VenvSandbox):
    """`venv::DIRECTORY`: after activating this virtual environment."""

    @property
    def place(self) -> str:
        return os.path.join(self.venv_dir, "bin", "activate")


class ScriptEnvironment(_Environment, BashSandbox):
    """`bash::SCRIPT`: after sourcing this script."""

    @property
    def place(self) -> str:
        return str(self.script)


def refined(sandbox: Sandbox) -> Sandbox:
    """The same sandbox in our terms: law looks its own classes up first."""
    for ours in (VenvEnvironment, ScriptEnvironment):
        if sandbox.sandbox_type == ours.sandbox_type:
            return ours(sandbox.name, sandbox.task, sandbox.env_cache_path)
    return sandbox
