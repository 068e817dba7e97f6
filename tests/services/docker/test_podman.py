"""Tasks in real Podman containers, by the same settings with another client."""

import contextlib
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
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{0}/images"
rootless_storage_path = "{0}/images"
runroot = "{0}/run"
"""


@contextlib.contextmanager
def podman_with(image, *, user=0):
    """The environment of a user's Podman that has an image, kept in memory."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    place = Path(tempfile.mkdtemp(prefix="vhbb-podman-", dir="/dev/shm"))
    (place / "containers.conf").write_text(CONTAINERS)
    (place / "storage.conf").write_text(STORAGE.format(place))
    (place / "session").mkdir(mode=0o700)
    environment = {
        "CONTAINERS_CONF": str(place / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
        "XDG_RUNTIME_DIR": str(place / "session"),
    }
    archive = place / "image.tar"
    subprocess.run(["docker", "save", "--output", archive, image.partition("@")[0]], check=True)
    for path in (place, *place.rglob("*")):
        os.chown(path, user, user)
    as_user = {"user": user, "group": user, "extra_groups": [], "cwd": place}
    as_user["env"] = {**os.environ, **environment, "HOME": str(place)}
    load = ["podman", "load", "--quiet", "--input", archive]
    subprocess.run(load, **as_user, stdout=subprocess.DEVNULL, check=True)
    archive.unlink()
    yield environment
    if user:  # ends the process that keeps the user's mounts
        subprocess.run(["podman", "system", "migrate"], **as_user, check=True)
    # it may be busy for a while
    unmount = ["umount", "--quiet", "--lazy", place / "images/overlay"]
    subprocess.run(unmount, check=False)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def podman(images):
    """The environment of root's Podman."""
    with podman_with(images["skim"]) as environment:
        yield environment


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


def test_without_root_files_belong_to_the_caller_and_nothing_else_is_seen(ordinary, images):
    """Podman as users of a cluster have it: no service, no privileges."""
    with podman_with(images["skim"], user=ordinary.number) as environment:
        ordinary.site.environment.update(environment)
        ordinary.site.settings(f"[docker_sandbox]\nengine: podman\narguments: {LIMITS}\n")
        ordinary.check(images["skim"])
