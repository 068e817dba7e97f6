"""Containers by Apptainer (once Singularity), what CERN's batch nodes have."""

import functools
import hashlib
import os
from pathlib import Path

from tasks.framework.errors import UserError
from tasks.framework.sandbox.container import SCRATCH, Container, ContainerSandbox


class ApptainerSandbox(ContainerSandbox):
    """`singularity::IMAGE`: a .sif file, an unpacked folder as below /cvmfs, or a URI."""

    sandbox_type = "singularity"
    complaint_prefixes = (b"FATAL", b"ERROR  :", b"\x1b[31mFATAL", b"\x1b[91mERROR")
    remedy = "see docs/sandboxes.md for what an image needs"

    def resolve_image(self) -> tuple[str, str]:
        if "://" in self.image:
            return self.image, self.image
        path = os.path.realpath(os.path.expanduser(self.image))
        if not os.path.exists(path):
            raise UserError(
                f"sandbox {self.key}: there is no image '{self.image}'; build it with "
                f"`apptainer build {self.image} docker-daemon:NAME:TAG`, or name a URI"
            )
        if os.path.isdir(path):  # on CVMFS the folder is named by the digest
            return path, path
        return path, f"{path}@sha256:{_sha256(path)}"

    def client_command(self, container: Container) -> list[str]:
        client = self.find_client("apptainer", "singularity")
        prefix = f"{os.path.basename(client).upper()}ENV_"
        # not by --env, which takes a comma for the end of a value; the home is Apptainer's to set
        environment = container.environment.items()
        command = [
            "env",
            *(f"{prefix}{key}={value}" for key, value in environment if key != "HOME"),
        ]
        command += [client, "--silent", "exec", "--containall"]
        command += ["--no-privs", "--no-eval", f"--pwd={SCRATCH}"]
        if container.network == "none":
            command += ["--net", "--network=none"]
        command += [f"--mount={mount.option('ro')}" for mount in container.mounts]
        command += self.setting("arguments").split()
        return [*command, container.image, self.python, *container.command]


@functools.cache
def _sha256(path: str) -> str:
    with Path(path).open("rb") as image:
        return hashlib.file_digest(image, "sha256").hexdigest()
