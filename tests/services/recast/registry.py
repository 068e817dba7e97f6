"""A container registry on this machine, so that images get the digests others know them by."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.services.engine import Engine, ServiceUnavailableError

CONFIGURATION = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: "{folder}/images"}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@contextlib.contextmanager
def running_registry(folder: Path) -> Iterator[str]:
    """Address of a registry that keeps its images in a folder.

    Raises:
        ServiceUnavailableError: Debian's docker-registry is not installed or does not answer.
    """
    command = shutil.which("docker-registry")
    if command is None:
        raise ServiceUnavailableError("not installed: docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "registry.yml").write_text(CONFIGURATION.format(folder=folder, port=port))
    with (folder / "registry.log").open("w") as log:
        registry = subprocess.Popen(
            [command, "serve", folder / "registry.yml"], stdout=log, stderr=log
        )
    try:
        _wait(registry, port)
        yield f"localhost:{port}"
    finally:
        registry.terminate()
        registry.wait(20)


def _wait(registry: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + 20
    while registry.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
            return
        time.sleep(0.1)
    raise ServiceUnavailableError("the registry does not answer")


def push(engine: Engine, image: str, registry: str) -> str:
    """Push an image and tell the name that pulls exactly it, with tag and digest."""
    name = f"{registry}/{image.partition('@')[0]}"
    engine.docker("tag", image.partition("@")[0], name)
    engine.docker("push", "--quiet", name)
    digests = json.loads(
        engine.docker("image", "inspect", "--format", "{{json .RepoDigests}}", name)
    )
    repository = name.rpartition(":")[0]
    digest = next(d for d in digests if d.startswith(f"{repository}@")).partition("@")[2]
    engine.docker("rmi", name)  # so that the tools have to pull it
    return f"{name}@{digest}"
