"""Tasks in containers of a Docker engine that an ordinary user runs."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow]
START = Path("/usr/share/docker.io/contrib/dockerd-rootless.sh")  # Debian's place of it
# the tasks have no network; slirp4netns would need a /dev/net/tun that users may open
ALONE = {
    "DOCKERD_ROOTLESS_ROOTLESSKIT_NET": "host",
    "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER": "none",
}


@pytest.fixture
def rootless_engine(ordinary, images):
    """The address of an engine of the ordinary user, with the image of skim."""
    if not START.exists() or shutil.which("rootlesskit") is None:
        pytest.skip("rootless Docker is not installed: apt-get install docker.io rootlesskit")
    place = Path(tempfile.mkdtemp(prefix="vhbb-rootless-", dir="/dev/shm"))
    os.chown(place, ordinary.number, ordinary.number)
    address = f"unix://{place}/docker.sock"
    as_user = {"user": ordinary.number, "group": ordinary.number, "extra_groups": [], "cwd": place}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    as_user["env"] = {"PATH": path, "HOME": str(place), "XDG_RUNTIME_DIR": str(place), **ALONE}
    options = ["--data-root", place / "data", "--exec-root", place / "run"]
    options += ["--iptables=false", "--bridge=none"]
    docker = ["docker", "--host", address]
    archive = place / "image.tar"
    name = images["skim"].partition("@")[0]
    with (place / "log").open("w") as log:
        engine = subprocess.Popen(
            [START, *options], **as_user, stdout=log, stderr=log, start_new_session=True
        )
    try:
        subprocess.run(["docker", "save", "--output", archive, name], check=True)
        os.chown(archive, ordinary.number, ordinary.number)
        deadline = time.monotonic() + 60
        while subprocess.run([*docker, "version"], capture_output=True, check=False).returncode:
            assert engine.poll() is None, (place / "log").read_text()
            assert time.monotonic() < deadline, (place / "log").read_text()
            time.sleep(0.2)
        load = [*docker, "load", "--quiet", "--input", archive]
        subprocess.run(load, **as_user, stdout=subprocess.DEVNULL, check=True)
        yield address
    finally:
        os.killpg(engine.pid, signal.SIGTERM)
        engine.wait(60)
        shutil.rmtree(place)


def test_files_belong_to_the_caller_and_nothing_else_is_seen(ordinary, rootless_engine, images):
    """The caller is root in the container, and only there."""
    ordinary.site.environment["DOCKER_HOST"] = rootless_engine
    ordinary.check(images["skim"])
