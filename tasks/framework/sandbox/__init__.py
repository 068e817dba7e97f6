"""Sandboxes of tasks: containers by Docker, Podman or Apptainer, virtual environments, scripts."""

from tasks.framework.sandbox.apptainer import ApptainerSandbox
from tasks.framework.sandbox.docker import DockerSandbox
from tasks.framework.sandbox.task import SandboxedTask

__all__ = ["ApptainerSandbox", "DockerSandbox", "SandboxedTask"]
