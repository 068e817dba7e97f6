"""The images as they are built."""

import json
import subprocess

import pytest

from tests.services.docker.conftest import ROOT

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
