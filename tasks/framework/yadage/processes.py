"""The process of a step: its command, and where it runs."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.framework.errors import UserError
from tasks.framework.sandbox import DockerSandbox
from tasks.framework.sandbox.container import Container
from tasks.framework.sandbox.credentials import find_credentials
from tasks.framework.sandbox.mounts import Mount, without_repetition
from tasks.framework.yadage import jq
from tasks.framework.yadage.publishing import formatted

LIFELINE = """\
exec 3<&0
(cat <&3 >/dev/null; kill -9 -1) &
exec 3<&-
sh -c "$1" </dev/null
code=$?
kill $! 2>/dev/null
exit $code
"""
"""First process in the container: ends the others when whoever started it ends."""


CREDENTIALS = frozenset({"kerberos", "krb5auth", "gridproxy", "voms_proxy"})
"""Resources that are the caller's credentials, by their names for yadage and for REANA."""

HINTS = ("compute_backend", "htcondor_", "slurm_", "kubernetes_", "unpacked_img")
"""Resources that tell REANA where and within what limits to run a step."""


@dataclass(frozen=True)
class Place:
    """Where a process runs.

    Attributes:
        workdir: folder it writes to.
        scratch: folder for files of ours that it reads.
        reads: folders and files it reads.
        log: file that gets its output.
    """

    workdir: str
    scratch: str
    reads: tuple[str, ...]
    log: str


def run(step: Mapping[str, Any], parameters: Any, place: Place, *, containers: bool) -> str | None:
    """Run the process of a step to its end.

    Args:
        step: its specification.
        parameters: by name, paths as this machine has them; the process has the same.
        place: where it runs.
        containers: whether in the image of its environment, or else on this machine.

    Returns:
        Name and digest of the image, None without one.

    Raises:
        UserError: it failed, or what it needs is not there.
    """
    process, environment = step["process"], step["environment"] or {}
    kind = environment.get("environment_type", "noop-env")
    if process is None or kind == "noop-env":
        return None
    command = _command(process, parameters, place)
    if kind == "localproc-env" or (kind == "docker-encapsulated" and not containers):
        _finish(["sh", "-c", command], place, cwd=place.workdir)
        return None
    if kind != "docker-encapsulated":
        raise UserError(f"environments of type {kind!r} cannot be run")
    sandbox = DockerSandbox(_image(environment))
    image, recorded = sandbox.resolve_image()
    if setup := environment.get("envscript"):
        command = f". {setup} && {command}"
    container = Container(image, ["-c", LIFELINE, "sh", command], label=place.workdir)
    container.network = sandbox.setting("network", "bridge")
    _equip(container, environment, parameters, place)
    _finish(_shell_command(sandbox, container, environment, place), place)
    return recorded


def _command(process: Mapping[str, Any], parameters: Any, place: Place) -> str:
    values = parameters if isinstance(parameters, dict) else {"value": parameters}
    kind = process.get("process_type")
    if kind == "string-interpolated-cmd":
        return formatted(process["cmd"], values)
    if kind == "interpolated-script-cmd":
        script = Path(place.scratch, "script")
        script.write_text(formatted(process["script"], values), encoding="utf-8")
        return f"{process.get('interpreter', 'sh')} < {shlex.quote(str(script))}"
    raise UserError(f"processes of type {kind!r} cannot be run")


def _image(environment: Mapping[str, Any]) -> str:
    return f"{environment['image']}:{environment.get('imagetag', 'latest')}"


def _equip(
    container: Container, environment: Mapping[str, Any], parameters: Any, place: Place
) -> None:
    """Give a container its folders, variables, credentials and files."""
    container.mounts = [
        Mount.same(place.workdir, writable=True),
        Mount.same(place.scratch),
        *(Mount.same(path) for path in place.reads),
    ]
    container.environment = {"HOME": "/", **environment.get("env", {})}
    resources: Iterable[Any] = environment.get("resources", ())
    for resource in resources:
        name, wanted = next(iter(resource.items())) if isinstance(resource, dict) else (resource, 1)
        if not wanted or str(name).startswith(HINTS):
            continue
        if name.lower() in CREDENTIALS:
            credentials, variables = find_credentials(os.environ)
            container.mounts += credentials
            container.environment |= variables
        elif name.upper() == "CVMFS":
            if not os.path.isdir("/cvmfs"):
                raise UserError("the step reads /cvmfs, which is not mounted on this machine")
            container.mounts.append(Mount.same("/cvmfs"))
        else:
            raise UserError(f"the step wants the resource {resource!r}, which is not known")
    for number, mount in enumerate(environment.get("par_mounts", ())):
        file = Path(place.scratch, f"parameter_{number}")
        found = jq.results(mount["jqscript"], parameters)
        file.write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
        container.mounts.append(Mount(str(file), mount["mountpath"]))
    container.mounts = without_repetition(container.mounts)


def _shell_command(
    sandbox: DockerSandbox, container: Container, environment: Mapping[str, Any], place: Place
) -> list[str]:
    """The engine's command, with the shell, folder and home of an image that is not ours."""
    ours = sandbox.client_command(container)
    own = ("--workdir=", "--entrypoint=", "--env=HOME=")
    end = ours.index(container.image)
    options = [word for word in ours[:end] if not word.startswith(own)]
    if folder := environment.get("workdir"):
        options.append(f"--workdir={formatted(folder, {'workdir': place.workdir})}")
    return [*options, "--entrypoint=sh", *ours[end:]]


def _finish(command: list[str], place: Place, cwd: str | None = None) -> None:
    """Run a command to its end; its output goes to the log."""
    with open(place.log, "wb") as log:
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
    if code:
        lines = Path(place.log).read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        name = os.path.basename(place.workdir)
        raise UserError(f"the step {name} failed with exit code {code}: {said[:300]}")
