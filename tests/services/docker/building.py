"""The images of all steps, from a base of this machine where no registry can be reached."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.services.engine import CERTIFICATES, Engine

ROOT = Path(__file__).parents[3]
SECRET = "hunter2-planted"  # noqa: S105
BASE = "python:3.11-slim-bookworm"


def build_images(engine: Engine) -> dict[str, str]:
    """Names with digests by step, built by the documented command.

    Raises:
        ServiceUnavailableError: the base can neither be pulled nor made here.
    """
    if not engine.has_image(BASE):
        packages = ["python3", "python3-venv", "python-is-python3"]
        engine.docker("tag", engine.base_image("bookworm", packages), BASE)
    command = [sys.executable, ROOT / "docker/build.py", "--json", "--", "--network=host"]
    if CERTIFICATES.exists() and "PIP_CERT" in os.environ:
        command.append(f"--build-arg=PIP_CERT={CERTIFICATES}")
    environment = {**os.environ, "DOCKER_BUILDKIT": "0", "PLANTED": SECRET}  # 0: all have it
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    names: dict[str, str] = json.loads(done.stdout)
    return names
