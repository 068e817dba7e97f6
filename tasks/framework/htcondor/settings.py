"""Settings of the site, section `[htcondor]` of law.cfg, and what a job needs to start there."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import law

from tasks.framework.errors import UserError
from tasks.framework.htcondor.description import Resources

SECTION = "htcondor"
# of the submitter's variables with the project's prefix, those that name places of its machine
_PLACES = {"VHBB_HOME", "VHBB_VENV", "VHBB_PYTHON"}


def setting(name: str, default: str) -> str:
    """A value of `[htcondor]`, as text."""
    value = law.config.get_expanded(SECTION, name, default=default)
    return default if value in {None, ""} else str(value)


def number(name: str, default: float) -> float:
    """A numeric value of `[htcondor]`.

    Raises:
        UserError: the value is not a number.
    """
    text = setting(name, str(default))
    try:
        return float(text)
    except ValueError:
        raise UserError(f"law.cfg, [{SECTION}] {name}: '{text}' is not a number") from None


def site_resources() -> Resources:
    """What a job asks for unless its task or the command line says otherwise."""
    return Resources(
        memory=int(number("memory", 2000)),
        cores=int(number("cores", 1)),
        disk=int(number("disk", 0)),
        max_runtime=number("max_runtime", 0),
        job_flavour=setting("job_flavour", ""),
        accounting_group=setting("accounting_group", ""),
        requirements=setting("requirements", ""),
    )


def extra_commands() -> tuple[str, ...]:
    """Further lines of the submit description, such as `MY.SendCredential = True` at CERN."""
    lines = setting("description", "").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def shared_file_system() -> bool:
    """Whether jobs see the submitter's files at the same paths."""
    value = setting("shared_file_system", "True").lower()
    if value not in {"true", "false"}:
        raise UserError(f"law.cfg, [{SECTION}] shared_file_system: '{value}' is not True or False")
    return value == "true"


@dataclass(frozen=True)
class JobStart:
    """Files and environment variables that make a machine of the pool able to run a branch."""

    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def job_start(archives: Path) -> JobStart:
    """How jobs come by code and software: by path on a shared file system, else as archives.

    Args:
        archives: directory that keeps archives of the repository and the environment.
    """
    from tasks.framework.htcondor.bundle import environment_archive, repository_archive

    ours = {name: value for name, value in os.environ.items() if name.startswith("VHBB_")}
    repository = Path(ours.get("VHBB_HOME") or Path.cwd()).resolve()
    config = Path(os.environ.get("LAW_CONFIG_FILE", "law.cfg")).resolve()
    if shared_file_system():
        paths = [str(Path(path).resolve()) for path in sys.path if path and Path(path).is_dir()]
        variables = {
            "VHBB_JOB_PYTHON": sys.executable,
            "VHBB_JOB_CODE": str(repository),
            "LAW_CONFIG_FILE": str(config),
            "PYTHONPATH": os.pathsep.join(_own_paths(paths)),
            "PATH": os.environ.get("PATH", os.defpath),
        }
        return JobStart(environment=ours | variables)
    if not config.is_relative_to(repository):
        raise UserError(f"{config} is not in {repository}: jobs on other machines need it there")
    files = (
        repository_archive(repository, archives),
        environment_archive(repository / "pyproject.toml", archives),
    )
    variables = {
        "VHBB_JOB_REPOSITORY": files[0].name,
        "VHBB_JOB_ENVIRONMENT": files[1].name,
        "VHBB_JOB_CONFIG": str(config.relative_to(repository)),
        "VHBB_CODE_VERSION": _code_version(repository),
    }
    kept = {name: value for name, value in ours.items() if name not in _PLACES}
    return JobStart(files, kept | variables)


def _own_paths(paths: list[str]) -> list[str]:
    """Search paths that the interpreter would not have by itself."""
    return [path for path in paths if not Path(path).is_relative_to(sys.base_prefix)
            and not Path(path).is_relative_to(sys.prefix)]  # fmt: skip


def _code_version(repository: Path) -> str:
    git = ["git", "-C", str(repository)]
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], capture_output=True, check=False, text=True
    )
    changes = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"],
        capture_output=True,
        check=False,
        text=True,
    )
    return commit.stdout.strip() + ("-dirty" if changes.stdout.strip() else "")
