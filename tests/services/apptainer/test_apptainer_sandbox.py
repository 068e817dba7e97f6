"""Tasks in real Apptainer containers: from a file and a folder, as root and as anybody."""

import hashlib
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from tests.services.docker.test_docker_sandbox import all_command_lines, wait_for

pytestmark = [pytest.mark.apptainer, pytest.mark.slow]
NOBODY = 65534  # Apptainer wants a user that has a name


def probe(user, image, **options):
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return user.run("sandboxed_tasks.Probe", f"--sandbox=singularity::{image}", *arguments)


def failure(user, image, **options):
    """Run a probe that cannot start; the one line that says why."""
    code, output = probe(user, image, **options)
    assert code != 0
    assert "Traceback" not in output
    assert not list(user.results.rglob("*.json"))
    (line,) = {line for line in output.splitlines() if "sandbox singularity::" in line}
    return line


def test_outputs_equal_those_without(user, sif, folder):
    for version, sandbox in (
        ("plain", "none"), ("file", f"singularity::{sif}"), ("folder", f"singularity::{folder}"),
    ):  # fmt: skip
        code, output = user.run(
            "sandboxed_tasks.Total", "--count=1", "--version", version, "--sandbox", sandbox
        )
        assert code == 0, output
    plain, *others = (
        user.output("Total", name, "total.json") for name in ("plain", "file", "folder")
    )
    assert others == [plain, plain]
    with sif.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    for version, image in (("file", f"{sif}@sha256:{digest}"), ("folder", str(folder))):
        record = user.output("Total", version, "total.provenance.json")
        assert record["image"] == image


def test_a_task_sees_its_own_and_no_network(user, folder):
    secret = user.path / "home" / "secret.txt"
    secret.write_text("not for tasks")
    user.environment["PLANTED"] = "not for tasks"
    code, output = probe(user, folder, read=secret)
    assert code != 0
    assert "FileNotFoundError" in output
    code, output = probe(user, folder, read=user.path)
    assert code == 0, output
    found = user.output("Probe", "v1", "found.json")
    assert sorted(found["read"]) == ["law.cfg", "results"]
    assert "PLANTED" not in found["environ"]
    code, output = probe(user, folder, write=user.path / "law.cfg", version="write")
    assert code != 0
    assert "Read-only file system" in output
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code, output = probe(user, folder, connect=f"127.0.0.1:{port}", version="connect")
        assert code != 0
        assert "ConnectionRefusedError" in output
        code, output = user.run(
            "sandboxed_tasks.RemoteProbe", f"--sandbox=singularity::{folder}",
            f"--connect=127.0.0.1:{port}",
        )  # fmt: skip
        assert code == 0, output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_container_outlives_its_task(user, folder, number):
    process = user.start(
        "sandboxed_tasks.Probe", f"--sandbox=singularity::{folder}", "--sleep=300",
        start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: "sleeping" in process.stdout.readline())
    assert str(user.results) in all_command_lines() or str(folder) in all_command_lines()
    process.send_signal(number)
    wait_for(lambda: str(folder) not in all_command_lines(), timeout=60)
    process.communicate(timeout=60)
    # what is not whole has a name of its own until the next run removes it
    assert not [p for p in user.results.rglob("*.json") if not p.name.startswith(".vhbb-")]


def test_what_is_wrong_is_one_line(user, folder, tmp_path):
    assert "there is no image '/nowhere.sif'" in failure(user, "/nowhere.sif")
    junk = tmp_path / "junk.sif"
    junk.write_text("no image")
    assert "could not be started: FATAL" in failure(user, junk)
    user.settings("python: nonesuch\n")
    assert "the image has no 'nonesuch'" in failure(user, folder)


def test_files_belong_to_an_ordinary_user(user, folder):
    """Without privileges, as on batch machines."""
    place = Path("/var/lib") / f"vhbb-nobody-{os.getpid()}"
    shutil.copytree(user.path, place)
    try:
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        for name, value in user.environment.items():
            user.environment[name] = value.replace(str(user.path), str(place))
        moved = type(user)(place, user.environment)
        process = moved.start(
            "sandboxed_tasks.Probe", f"--sandbox=singularity::{folder}", groups=NOBODY, user=NOBODY
        )
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        status = (moved.results / "Probe" / "v1" / "found.json").stat()
        assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)
    finally:
        shutil.rmtree(place)
