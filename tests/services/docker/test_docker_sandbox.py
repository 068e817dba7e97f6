"""What a task in a container sees, leaves and does not see, on a real engine."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.services.docker.building import SECRET
from tests.services.docker.conftest import HERE, OTHER_USER

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def image(images):
    return images["skim"]


def wait_for(condition, timeout=30.0):
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


def containers(engine, site):
    """Ids of the containers of this test's tasks, running or not; others may use the engine too."""
    found = engine.docker("ps", "--all", "--quiet", "--filter=label=vhbb.task").split()
    described = {name: engine.docker("inspect", name, check=False) for name in found}
    return [name for name, text in described.items() if str(site.path) in text]


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def all_command_lines():
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(lines)


@contextlib.contextmanager
def listening():
    """A port on this host that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def probe(site, image, **options):
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return site.run("sandboxed_tasks.Probe", f"--sandbox=docker::{image}", *arguments)


class TestResults:
    def test_outputs_in_containers_equal_those_without(self, site, images):
        site.settings(f"[docker_images]\nNumbers: {images['skim']}\nTotal: {images['fit']}\n")
        extra = site.path / "data, of mine" / "extra.txt"
        extra.parent.mkdir()
        extra.write_text("more")
        for version, sandbox in (("plain", "none"), ("inside", "docker")):
            code, output = site.run(
                "sandboxed_tasks.Total", "--extra", extra, "--version", version,
                "--sandbox", sandbox,
            )  # fmt: skip
            assert code == 0, output
        outputs = [site.output("Total", version, "total.json") for version in ("plain", "inside")]
        assert outputs[0] == outputs[1]
        for task, name, step in (("Numbers", "numbers_0", "skim"), ("Total", "total", "fit")):
            record = site.output(task, "inside", f"{name}.provenance.json")
            assert record["image"] == images[step]
            plain = site.output(task, "plain", f"{name}.provenance.json")
            assert plain["image"] is None
            assert record["code"] == plain["code"]
            assert record["host"] == plain["host"]

    def test_many_inputs_are_seen_through_their_folder(self, site, image):
        arguments = ["sandboxed_tasks.Total", "--count=20", "--workers=2"]
        code, output = site.run(*arguments, f"--sandbox=docker::{image}")
        assert code == 0, output

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
    def test_files_belong_to_the_caller(self, site, image):
        groups = f"{os.stat('/var/run/docker.sock').st_gid},5555"
        process = site.start(
            "sandboxed_tasks.Probe", f"--sandbox=docker::{image}", "--version=a", groups=groups
        )
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        for name in ("found.json", "found.provenance.json"):
            status = (site.results / "Probe" / "a" / name).stat()
            assert (status.st_uid, status.st_gid) == (OTHER_USER, OTHER_USER)


class TestIsolation:
    def test_what_is_not_mounted_cannot_be_read(self, site, image):
        hidden = site.path / "home" / "hidden.txt"
        hidden.write_text("not for tasks")
        code, output = probe(site, image, read=hidden)
        assert code != 0
        assert "FileNotFoundError" in output
        assert not (site.results / "Probe" / "v1" / "found.json").exists()
        code, output = probe(site, image, read=site.path)
        assert code == 0, output
        seen = site.output("Probe", "v1", "found.json")["read"]
        assert sorted(seen) == ["home", "law.cfg", "results"]
        code, output = probe(site, image, read=site.path / "home", version="home")
        assert code == 0, output
        assert site.output("Probe", "home", "found.json")["read"] == [], "a home of its own"

    @pytest.mark.parametrize("target", ["law.cfg", "sandboxed_tasks"])
    def test_settings_and_code_cannot_be_changed(self, site, image, target):
        path = site.path / "law.cfg" if target == "law.cfg" else HERE / "sandboxed_tasks.py"
        code, output = probe(site, image, write=path)
        assert code != 0
        assert "Read-only file system" in output

    def test_there_is_no_network_unless_a_file_is_remote(self, site, image):
        with listening() as port:
            code, output = probe(site, image, connect=f"127.0.0.1:{port}")
            assert code != 0
            assert "ConnectionRefusedError" in output
            site.settings("[docker_sandbox]\nnetwork: host\n")
            code, output = probe(site, image, connect=f"127.0.0.1:{port}")
            assert code != 0, "the setting is for tasks with remote files only"
            code, output = site.run(
                "sandboxed_tasks.RemoteProbe", f"--sandbox=docker::{image}",
                f"--connect=127.0.0.1:{port}",
            )  # fmt: skip
            assert code == 0, output

    def test_planted_secrets_are_found_nowhere(self, site, engine, image):
        (site.path / "home" / ".globus").mkdir()
        (site.path / "home" / ".globus" / "userkey.pem").write_text(SECRET)
        proxy = site.path / "proxy.pem"
        proxy.write_text(SECRET)
        digest = hashlib.sha256(SECRET.encode()).hexdigest()
        site.environment.update(
            AWS_SECRET_ACCESS_KEY=SECRET, BEARER_TOKEN=SECRET, X509_USER_PROXY=str(proxy)
        )
        process = site.start(
            "sandboxed_tasks.RemoteProbe", f"--sandbox=docker::{image}", f"--read={proxy}",
            "--sleep=2", "--digest-only",
        )  # fmt: skip
        (container,) = wait_for(lambda: containers(engine, site))
        described = engine.docker("inspect", container)
        command_lines = all_command_lines()
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        written = "".join(p.read_text() for p in site.results.rglob("*.json"))
        for text in (described, command_lines, output, written):
            assert SECRET not in text
        assert str(proxy) in described, "the proxy itself is mounted"
        assert site.output("RemoteProbe", "v1", "found.json")["read"] == digest, "and read"

    def test_nor_in_the_layers_and_the_history_of_an_image(self, engine, image):
        # the fixture built it with the secret in the environment
        assert SECRET not in engine.docker("history", "--no-trunc", image.partition("@")[0])
        with subprocess.Popen(
            ["docker", "save", image.partition("@")[0]], stdout=subprocess.PIPE
        ) as saved:
            rest = b""
            while chunk := saved.stdout.read(1 << 22):
                assert SECRET.encode() not in rest + chunk
                rest = chunk[-len(SECRET) :]
        assert saved.returncode == 0


class TestErrors:
    """Each in one line, which says what to do."""

    def failure(self, site, *arguments):
        code, output = site.run("sandboxed_tasks.Probe", *arguments)
        assert code != 0
        assert "Traceback" not in output
        assert not (site.results / "Probe" / "v1" / "found.json").exists()
        (line,) = {line for line in output.splitlines() if "sandbox docker::" in line}
        return line

    def test_no_engine(self, site):
        site.environment["PATH"] = str(site.path)
        assert "no engine, 'docker' is not installed" in self.failure(
            site, "--sandbox=docker::vhbb-skim"
        )

    def test_engine_not_running(self, site):
        site.environment["DOCKER_HOST"] = f"unix://{site.path}/none.sock"
        line = self.failure(site, "--sandbox=docker::vhbb-skim")
        assert "the engine is not running" in line
        assert f"{site.path}/none.sock" in line

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
    def test_no_permission_on_the_socket(self, site, image):
        process = site.start(
            "sandboxed_tasks.Probe", f"--sandbox=docker::{image}", groups=OTHER_USER
        )
        output, _ = process.communicate(timeout=120)
        assert process.returncode != 0
        assert "Traceback" not in output
        assert "no permission to talk to the engine" in output

    def test_image_not_there(self, site, engine):
        line = self.failure(site, "--sandbox=docker::vhbb-nowhere:1")
        assert "the engine has no image 'vhbb-nowhere:1'" in line
        assert "docker/build.py" in line

    def test_another_image_than_the_digest_says(self, site, image):
        other = image.partition("@")[0] + "@sha256:" + 64 * "0"
        line = self.failure(site, f"--sandbox=docker::{other}")
        assert image.partition("@")[2] in line

    def test_image_without_python(self, site, engine):
        name = engine.base_image("bookworm")
        assert "the image has no 'python'" in self.failure(site, f"--sandbox=docker::{name}")

    def test_image_without_law(self, site, images):
        line = self.failure(site, "--sandbox=docker::python:3.11-slim-bookworm")
        assert "the image has no law" in line

    def test_a_file_that_cannot_be_mounted(self, site, image):
        code, output = site.run(
            "sandboxed_tasks.Total", "--extra=/nowhere/x.txt", f"--sandbox=docker::{image}"
        )
        assert code != 0
        assert "Traceback" not in output
        assert "/nowhere/x.txt cannot be mounted into the container: it does not exist" in output

    def test_the_engine_refuses(self, site, image):
        site.settings("[docker_sandbox]\narguments: --memory=1\n")
        line = self.failure(site, f"--sandbox=docker::{image}")
        assert "the container could not be started" in line

    def test_a_failure_inside_keeps_its_own_message(self, site, image):
        line = self.failure(site, f"--sandbox=docker::{image}", "--exit=3")
        assert "exit code 3" in line


class TestKills:
    @pytest.mark.parametrize("workers", [1, 2])
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_no_container_outlives_its_task(self, site, engine, image, number, workers):
        process = site.start(
            "sandboxed_tasks.Probe", f"--sandbox=docker::{image}", "--sleep=300",
            f"--workers={workers}", start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: "sleeping" in process.stdout.readline())
        assert containers(engine, site)
        process.send_signal(number)
        wait_for(lambda: not containers(engine, site), timeout=60)
        process.communicate(timeout=120)
        assert not list((site.results / "Probe").rglob("*.json")), "nothing half-written"
        assert not list((site.results / "Probe").rglob(".vhbb*")), "nor anything temporary"

    def test_nor_does_it_outlive_the_engines_client(self, site, engine, image):
        process = site.start("sandboxed_tasks.Probe", f"--sandbox=docker::{image}", "--sleep=300")
        wait_for(lambda: "sleeping" in process.stdout.readline())
        (client,) = children_of(process.pid)
        os.kill(client, 9)
        process.communicate(timeout=120)
        assert process.returncode != 0
        wait_for(lambda: not containers(engine, site), timeout=60)
