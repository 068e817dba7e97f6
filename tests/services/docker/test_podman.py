"""Tasks in real Podman containers, by the same settings with another client."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.services.docker.test_docker_sandbox import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.slow]
# a test machine may not raise limits, which Podman would, and may mix two versions of cgroups
LIMITS = "--ulimit=nproc=1024:1024 --ulimit=nofile=1024:1024"
CONTAINERS = '[engine]\nruntime = "runc"\n'
STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{0}/images"\nrunroot = "{0}/run"\n'


@pytest.fixture(scope="module")
def podman(images):
    """The environment of a Podman that has the image of skim, kept in memory."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    place = Path(tempfile.mkdtemp(prefix="vhbb-podman-", dir="/dev/shm"))
    (place / "containers.conf").write_text(CONTAINERS)
    (place / "storage.conf").write_text(STORAGE.format(place))
    environment = {
        "CONTAINERS_CONF": str(place / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
    }
    name = images["skim"].partition("@")[0]
    archive = place / "image.tar"
    subprocess.run(["docker", "save", "--output", archive, name], check=True)
    load = ["podman", "load", "--quiet", "--input", archive]
    subprocess.run(load, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
    archive.unlink()
    yield environment
    subprocess.run(["umount", "--quiet", place / "images/overlay"], check=False)
    shutil.rmtree(place)


@pytest.fixture
def user(site, podman):
    site.environment.update(podman)
    site.settings(f"[docker_sandbox]\nengine: podman\narguments: {LIMITS}\n")
    return site


def test_a_task_runs_in_the_image_of_the_digest_and_sees_its_own(user, images):
    hidden = user.path / "home" / "hidden.txt"
    hidden.write_text("not for tasks")
    arguments = ["sandboxed_tasks.Probe", f"--sandbox=docker::{images['skim']}"]
    code, output = user.run(*arguments, f"--read={user.path}")
    assert code == 0, output
    found = user.output("Probe", "v1", "found.json")
    assert sorted(found["read"]) == ["home", "law.cfg", "results"]
    record = user.output("Probe", "v1", "found.provenance.json")
    assert record["image"] == images["skim"]
    code, output = user.run(*arguments, f"--read={hidden}", "--version=2")
    assert code != 0
    assert "FileNotFoundError" in output


def test_what_podman_says_is_one_line(user, images):
    user.settings("network: nonesuch\n")
    for image, line in (
        ("vhbb-nowhere:1", "the engine has no image 'vhbb-nowhere:1'; get it with `podman pull"),
        (images["skim"], "the container could not be started: Error: "),
    ):
        code, output = user.run("sandboxed_tasks.RemoteProbe", f"--sandbox=docker::{image}")
        assert code != 0
        assert "Traceback" not in output
        (told,) = {text for text in output.splitlines() if "sandbox docker::" in text}
        assert line in told


def test_no_container_outlives_its_task(user, images):
    process = user.start(
        "sandboxed_tasks.Probe", f"--sandbox=docker::{images['skim']}", "--sleep=300"
    )
    wait_for(lambda: "sleeping" in process.stdout.readline())
    process.kill()
    listed = ["podman", "ps", "--all", "--quiet"]
    environment = user.environment

    def left():
        done = subprocess.run(listed, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.split()

    wait_for(lambda: not left(), timeout=60)
    process.communicate(timeout=60)
    assert not list(user.results.rglob("*.json"))
