"""Containers by Docker or Podman."""

import functools
import json
import os
import subprocess
import uuid
from typing import Any

from tasks.framework.errors import UserError
from tasks.framework.sandbox.container import SCRATCH, Container, ContainerSandbox, caller

LABEL = "vhbb.task"


class DockerSandbox(ContainerSandbox):
    """`docker::IMAGE`, with Docker or, as `engine: podman` in `[docker_sandbox]`, with Podman.

    IMAGE is a name the engine knows, with tag, digest, or both: `vhbb-skim@sha256:...` runs only
    the very image of that digest, be it the one of a registry or that of the image itself.
    """

    sandbox_type = "docker"
    complaint_prefixes = (b"docker: ", b"Error: ", b"Error response")
    remedy = "build yours with docker/build.py, or see docs/sandboxes.md for what an image needs"

    @property
    def client(self) -> str:
        """Path of the client."""
        return self.find_client("docker", "podman")

    def resolve_image(self) -> tuple[str, str]:
        name, _, digest = self.image.partition("@")
        found = self._inspect(name)
        if digest and (not found or digest not in _digests(found)):
            found = self._inspect(self.image) or found  # a registry's, kept without its tag
        if not found:
            raise UserError(
                f"sandbox {self.key}: the engine has no image '{self.image}'; get it with "
                f"`{os.path.basename(self.client)} pull {self.image}`, or {self.remedy}"
            )
        identity = _digests(found)[0]
        if digest and digest not in _digests(found):
            raise UserError(
                f"sandbox {self.key}: the image '{name}' here is {identity}, not {digest}; build "
                "or pull the one you name, or change the digest"
            )
        return found["Id"], f"{name}@{identity}"

    def client_command(self, container: Container) -> list[str]:
        command = [self.client, "run", "--rm", "--interactive", "--pull=never", "--log-driver=none"]
        command += [f"--name=vhbb-{uuid.uuid4().hex[:12]}", f"--label={LABEL}={container.label}"]
        command += self._user_options()
        command += ["--cap-drop=ALL", "--security-opt=no-new-privileges"]
        command += [f"--network={container.network}", f"--workdir={SCRATCH}"]
        home = container.environment["HOME"]
        command += [f"--mount=type=tmpfs,dst={home},tmpfs-mode=1777"] if home != "/" else []
        command += [f"--mount={mount.option('readonly')}" for mount in container.mounts]
        command += [f"--env={key}={value}" for key, value in container.environment.items()]
        command += self.setting("arguments").split()
        return [*command, f"--entrypoint={self.python}", container.image, *container.command]

    def _inspect(self, name: str) -> dict[str, Any] | None:
        done = subprocess.run(
            [self.client, "image", "inspect", name], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            described: dict[str, Any] = json.loads(done.stdout)[0]
            return described
        self._raise_for_engine(done.stderr)
        return None

    def _raise_for_engine(self, complaint: str) -> None:
        """UserError when the complaint is about the engine rather than about what was asked."""
        said = complaint.lower()
        place = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        if "permission denied" in said:
            raise UserError(
                f"sandbox {self.key}: no permission to talk to the engine at {place}; become a "
                "member of the group that owns it (usually 'docker'), or use a rootless engine"
            )
        if "cannot connect" in said or "connection refused" in said or "no such host" in said:
            raise UserError(
                f"sandbox {self.key}: the engine is not running, nothing answers at {place}; start "
                "it, point DOCKER_HOST to it, or run without sandbox: --sandbox none"
            )
        if "error during connect" in said or "unable to connect" in said:
            raise UserError(f"sandbox {self.key}: the engine at {place} cannot be asked: {said}")

    def _user_options(self) -> list[str]:
        """Run as the calling user; in a rootless engine that is root inside, or kept by podman."""
        uid, gid, groups = caller()
        podman, rootless = _kind_of_engine(self.client, os.environ.get("DOCKER_HOST", ""))
        if rootless and not podman:
            return ["--user=0:0"]
        if rootless:
            return ["--userns=keep-id", f"--user={uid}:{gid}", "--group-add=keep-groups"]
        return [f"--user={uid}:{gid}", *(f"--group-add={group}" for group in groups)]


def _digests(described: dict[str, Any]) -> list[str]:
    """Digest of an image itself, first, and those by which registries know it."""
    itself = "sha256:" + described["Id"].removeprefix("sha256:")
    return [itself, *(name.partition("@")[2] for name in described.get("RepoDigests") or ())]


@functools.cache
def _kind_of_engine(client: str, _host: str) -> tuple[bool, bool]:
    """Whether the engine is podman, and whether it runs without root; asked once a process."""
    done = subprocess.run(
        [client, "info", "--format", "{{json .}}"], capture_output=True, text=True, check=False
    )
    told = json.loads(done.stdout or "{}")
    if "host" in told:
        return True, bool(told["host"].get("security", {}).get("rootless"))
    return False, any("rootless" in option for option in told.get("SecurityOptions") or ())
