"""Command lines and error lines, with an engine that only remembers. The real one: services."""

import json
import os

import pytest

from tasks.framework.errors import UserError
from tasks.framework.sandbox import docker
from tests.framework.sandbox.conftest import IMAGE

REMOTE = "root://eos.example//eos/file.root"


@pytest.fixture(autouse=True)
def _every_engine_is_new():
    docker._kind_of_engine.cache_clear()


def values(command, option):
    return [item.partition("=")[2] for item in command if item.startswith(f"--{option}=")]


def test_the_whole_command(fake_engine, run, copy, tmp_path, monkeypatch):
    monkeypatch.setenv("PLANTED", "secret")
    fake_engine.install("docker")
    run(copy("docker::mine:1"))
    command = fake_engine.command()
    assert {"--rm", "--interactive", "--pull=never", "--network=none", "--cap-drop=ALL"} <= {
        *command
    }
    assert values(command, "user") == [f"{os.getuid()}:{os.getgid()}"]
    mounts = values(command, "mount")
    binds = [mount for mount in mounts if "type=bind" in mount]
    assert f'type=bind,"src={tmp_path}/in, here.txt","dst={tmp_path}/in, here.txt",readonly' in (
        mounts
    )
    assert f"type=bind,src={tmp_path}/out,dst={tmp_path}/out" in mounts
    assert all(mount.endswith(",readonly") for mount in binds if f"{tmp_path}/out" not in mount)
    environment = dict(pair.split("=", 1) for pair in values(command, "env"))
    assert environment["VHBB_IMAGE"] == f"mine:1@{IMAGE['Id']}"
    assert environment["LAW_SANDBOX"] == "docker::mine:1"
    assert not {"PATH", "PLANTED"} & set(environment)
    image = command.index(IMAGE["Id"])
    assert command[image - 1] == "--entrypoint=python"
    assert command[image + 1].endswith("inside.py")
    assert command[image + 2 : image + 4] == ["law", "run"]
    assert "--local-scheduler=True" in command


def test_one_container_a_task_and_no_more(fake_engine, run, copy):
    fake_engine.install("docker")
    run(copy("docker::mine"))
    assert [call[0] for call in fake_engine.calls()] == ["image", "info", "run"]


def test_a_remote_file_brings_network_and_credentials(
    fake_engine, run, copy, monkeypatch, tmp_path
):
    (tmp_path / "proxy").write_text("secret")
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "proxy"))
    fake_engine.install("docker")
    run(copy("docker::mine", source=REMOTE))
    command = fake_engine.command()
    assert "--network=bridge" in command
    assert f"--env=X509_USER_PROXY={tmp_path}/proxy" in command
    assert f"type=bind,src={tmp_path}/proxy,dst={tmp_path}/proxy,readonly" in (
        values(command, "mount")
    )
    assert "secret" not in json.dumps(fake_engine.calls())


def test_settings_are_by_image(fake_engine, run, copy, settings):
    fake_engine.install("docker")
    settings({"docker_sandbox_mine": {"network": "host", "python": "python3"}})
    settings({"docker_sandbox": {"network": "other", "arguments": "--memory 2g"}})
    settings({"docker_sandbox_env": {"SITE": "here"}})
    settings({"docker_sandbox_volumes": {"/cvmfs": "/cvmfs:ro"}})
    run(copy("docker::mine", source=REMOTE))
    command = fake_engine.command()
    assert "--network=host" in command
    assert "--entrypoint=python3" in command
    assert command[command.index("--memory") + 1] == "2g"
    assert "--env=SITE=here" in command
    assert "type=bind,src=/cvmfs,dst=/cvmfs,readonly" in values(command, "mount")


def test_a_rootless_engine_runs_as_its_root_who_is_the_caller(fake_engine, run, copy):
    told = {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}
    fake_engine.install("docker", info=(0, json.dumps(told), ""))
    run(copy("docker::mine"))
    assert values(fake_engine.command(), "user") == ["0:0"]


@pytest.mark.parametrize("rootless", [True, False])
def test_podman_keeps_the_caller(fake_engine, run, copy, rootless):
    told = {"host": {"security": {"rootless": rootless}}}
    fake_engine.install("podman", info=(0, json.dumps(told), ""))
    run(copy("docker::mine"))
    command = fake_engine.command()
    assert values(command, "user") == [f"{os.getuid()}:{os.getgid()}"]
    assert ("--userns=keep-id" in command) is rootless


@pytest.mark.parametrize("digest", [IMAGE["Id"], "sha256:" + 64 * "2"])
def test_an_image_is_known_by_its_own_digest_and_the_registrys(fake_engine, run, copy, digest):
    fake_engine.install("docker")
    run(copy(f"docker::mine@{digest}"))
    assert f"--env=VHBB_IMAGE=mine@{IMAGE['Id']}" in fake_engine.command()


def test_an_image_of_another_digest_is_refused(fake_engine, run, copy):
    fake_engine.install("docker")
    wanted = "sha256:" + 64 * "3"
    with pytest.raises(UserError, match=f"'mine' here is {IMAGE['Id']}, not {wanted}"):
        run(copy(f"docker::mine@{wanted}"))


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("Cannot connect to the Docker daemon at unix:///x.", "the engine is not running"),
        ("permission denied while trying to connect to the Docker daemon", "no permission"),
        ("error during connect: Get http://x: EOF", "cannot be asked"),
        ("Error: No such image: mine", "the engine has no image 'mine'"),
    ],
)
def test_what_the_engine_says_becomes_one_line(fake_engine, run, copy, said, line):
    fake_engine.install("docker", **{"image inspect": (1, "[]\n", said)})
    with pytest.raises(UserError, match=line) as raised:
        run(copy("docker::mine"))
    assert "\n" not in str(raised.value)


def test_no_engine_at_all(fake_engine, run, copy):
    with pytest.raises(UserError, match="no engine, 'docker' is not installed"):
        run(copy("docker::mine"))


@pytest.mark.parametrize(
    "end",
    [
        (125, "docker: Error response from daemon: no.\nSee help.", "could not be started: docker"),
        (127, 'docker: exec: "python": executable file not found', "the image has no 'python'"),
        (97, "", "the image has no law"),
        (40, "a line of the task's own", "failed inside with exit code 40"),
    ],
)
def test_how_a_container_ended_is_told(fake_engine, run, copy, capsys, end):
    code, said, line = end
    fake_engine.install("docker", run=(code, "", said))
    with pytest.raises(UserError, match=line):
        run(copy("docker::mine"))
    shown = capsys.readouterr().err
    assert shown == ("" if said.startswith("docker") else said)


def test_output_is_passed_on(fake_engine, run, copy, capsys):
    fake_engine.install("docker", run=(0, "histograms \u2713\n", "docker: a warning\n"))
    run(copy("docker::mine"))
    shown = capsys.readouterr()
    assert "histograms \u2713\n" in shown.out
    assert shown.err == "docker: a warning\n"
