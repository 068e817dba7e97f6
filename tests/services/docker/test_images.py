"""The images as they are built."""

import json
import os
import shutil
import subprocess

import pytest

from tests.services.docker.building import BASE, ROOT

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.mark.parametrize("step", ["skim", "scale", "fit"])
class TestImage:
    def run(self, engine, image, *command):
        name = image.partition("@")[0]
        return engine.docker("run", "--rm", "--network=none", name, *command)

    def test_it_is_described(self, engine, images, step):
        name, _, digest = images[step].partition("@")
        (described,) = json.loads(engine.docker("image", "inspect", name))
        assert described["Id"] == digest
        labels = described["Config"]["Labels"]
        assert labels["org.opencontainers.image.title"] == f"vhbb-{step}"
        assert len(labels["org.opencontainers.image.revision"].removesuffix("-dirty")) == 40
        assert described["Config"]["User"] == "1000:1000"

    def test_it_has_no_tools_to_build_with(self, engine, images, step):
        tools = "for tool in gcc cc make git; do command -v $tool && exit 1; done; exit 0"
        self.run(engine, images[step], "sh", "-c", tools)
        listed = self.run(engine, images[step], "ls", "/opt/vhbb/venv/bin").split()
        assert not {"pip", "pip3"} & set(listed)
        assert "law" in listed
        assert self.run(engine, images[step], "sh", "-c", "ls /build 2>/dev/null || true") == ""

    def test_it_stands_on_its_own(self, engine, images, step):
        assert self.run(engine, images[step], "id", "-u") == "1000"
        help_text = self.run(engine, images[step], "python", "-m", "analysis", "--help")
        assert step in help_text

    def test_its_packages_are_the_pinned_ones(self, engine, images, step):
        code = (
            "import importlib.metadata as m, json;"
            "print(json.dumps({d.name.lower().replace('_', '-'): d.version"
            " for d in m.distributions() if '/opt/vhbb' in str(d.locate_file(''))}))"
        )
        installed = json.loads(self.run(engine, images[step], "python", "-c", code))
        command = ["python3", ROOT / "docker/subset.py", ROOT / "requirements.txt"]
        command.append(ROOT / f"docker/{step}.txt")
        pinned = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        versions = {line.split(" ")[0] for line in pinned.splitlines()}
        assert {f"{name}=={version}" for name, version in installed.items()} <= versions
        assert len(installed) >= 30


def test_what_is_built_by_hand_gets_no_credentials_and_results(engine, images, tmp_path):
    names = ("analysis/a.py", "tasks/t.py", "requirements.txt", "docker/Dockerfile", "law.cfg",
             ".env", "proxy.pem", "results/limits.json", "analysis/.token", "tasks/.ssh/key",
             ".git/config", "docker/.netrc", "analysis/__pycache__/a.pyc")  # fmt: skip
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    (tmp_path / "docker/Dockerfile").write_text(f"FROM {BASE}\nCOPY . /context\n")
    command = ["docker", "build", "--quiet", "--file=docker/Dockerfile", "--tag=vhbb-context", "."]
    subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "DOCKER_BUILDKIT": "0"}, check=True,
        capture_output=True,
    )  # fmt: skip
    try:
        find = ("find", "/context", "-type", "f", "-printf", "%P ")
        seen = engine.docker("run", "--rm", "--network=none", "vhbb-context", *find).split()
    finally:
        engine.docker("rmi", "vhbb-context")
    assert set(seen) == {"analysis/a.py", "tasks/t.py", "requirements.txt", "docker/Dockerfile"}
