"""What goes into an image and what it is called; no engine needed."""

import importlib.util
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE_ENGINE = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
    image) [ -e {built} ] && echo sha256:1234 ;;
    build) cat > /dev/null; touch {built} ;;
esac
"""


@pytest.fixture
def build():
    spec = importlib.util.spec_from_file_location("build_images", ROOT / "docker/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(build, tmp_path, monkeypatch):
    """A small repository with things that must not get into an image."""
    for name in ("analysis/a.py", "tasks/t.py", "docker/Dockerfile", "docker/subset.py",
                 "docker/skim.txt", "docker/fit.txt", "requirements.txt",
                 "results/limits.json", ".env", "law.cfg", "analysis/.token", "proxy.pem",
                 "analysis/__pycache__/a.cpython-311.pyc"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    return tmp_path


def members(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return set(opened.getnames())


def test_the_context_is_code_and_requirements_and_nothing_else(build, repository):
    assert members(build.context_archive("skim")) == {
        "analysis/a.py", "tasks/t.py", "requirements.txt", "docker/Dockerfile",
        "docker/subset.py", "docker/skim.txt",
    }  # fmt: skip


def test_the_context_depends_on_content_alone(build, repository):
    before = build.context_archive("skim")
    (repository / "analysis/a.py").touch()
    (repository / "results/limits.json").write_text("new")
    assert build.context_archive("skim") == before


def test_the_name_follows_the_content_the_step_and_the_base(build, repository):
    names = {build.content_digest("skim", "base"), build.content_digest("skim", "other")}
    names.add(build.content_digest("fit", "base"))
    (repository / "analysis/a.py").write_text("changed")
    names.add(build.content_digest("skim", "base"))
    assert len(names) == 4
    assert all(len(name) == 12 for name in names)


@pytest.fixture
def engine(tmp_path):
    log, client = tmp_path / "log", tmp_path / "engine"
    client.write_text(FAKE_ENGINE.format(log=log, built=tmp_path / "built"))
    client.chmod(0o755)
    return client, log


def test_what_is_there_is_not_built_again(build, engine, capfd):
    client, log = engine
    arguments = ["skim", f"--engine={client}", "--base=mine:1", "--", "--network=host"]
    assert build.main(arguments) == 0
    assert build.main(arguments) == 0
    (command,) = [line for line in log.read_text().splitlines() if line.startswith("build")]
    assert "--build-arg=STEP=skim --build-arg=PYTHON_IMAGE=mine:1" in command
    assert command.endswith("--network=host -")
    name = f"vhbb-skim:{build.content_digest('skim', 'mine:1')}@sha256:1234"
    assert f"Skim: {name}" in capfd.readouterr().out


def test_no_engine_is_one_line(build, capfd):
    assert build.main(["--engine=nonesuch"]) == 1
    assert capfd.readouterr().err == "build: 'nonesuch' is not installed or not on PATH\n"


def test_an_unknown_step_is_one_line():
    command = [sys.executable, ROOT / "docker/build.py", "skin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such step: skin; known: skim, scale, fit" in done.stderr


def test_what_builds_by_hand_is_kept_as_clean():
    """`docker build .` reads .dockerignore: everything is out but these."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule for rule in rules if rule.startswith("!")}
    assert allowed == {"!analysis", "!tasks", "!requirements.txt", "!docker"}
    assert "**/.*" in rules[len(allowed) :]
