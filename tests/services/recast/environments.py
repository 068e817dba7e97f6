"""Virtual environments of tools whose pins do not go with the analysis', nor with each other's."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.services.engine import ServiceUnavailableError, cache_directory, exclusive

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tools:
    """The commands of a virtual environment."""

    folder: Path

    def run(self, *command, cwd, code=0, variables=None):
        """Run a command of the environment; its output, when the exit code is as expected."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment["VIRTUAL_ENV"] = str(self.folder)
        done = subprocess.run(
            [self.folder / "bin" / command[0], *map(str, command[1:])],
            cwd=cwd,
            env=environment | (variables or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return done


def environment(name: str) -> Tools:
    """The environment of ``requirements-<name>.txt``, made once per machine and Python.

    Raises:
        ServiceUnavailableError: it cannot be installed here.
    """
    requirements = HERE / f"requirements-{name}.txt"
    content = requirements.read_bytes() + sys.version.encode()
    folder = cache_directory() / f"venv-{name}-{hashlib.sha256(content).hexdigest()[:10]}"
    with exclusive(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            _install(folder, requirements)
            (folder / "complete").touch()
    return Tools(folder)


def _install(folder: Path, requirements: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    pip += ["--require-hashes", "--no-deps"]  # the file has all of them, and is not resolved anew
    done = subprocess.run(
        [*pip, "-r", requirements], capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        raise ServiceUnavailableError(f"cannot install {requirements.name}: {lines[-1]}")
