"""Engines that only write down how they were called."""

import json
import os
import sys
from pathlib import Path

import law
import luigi
import pytest

from tasks.framework.sandbox.task import SandboxedTask

FAKE = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
answers = json.loads({answers!r})
key = " ".join(sys.argv[1:3]) if sys.argv[1] == "image" else sys.argv[1]
code, out, err = answers.get(key, (0, "", ""))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
IMAGE = {"Id": "sha256:" + 64 * "1", "RepoDigests": ["mine@sha256:" + 64 * "2"]}


class Copy(SandboxedTask):
    """Has a file to read and one to write."""

    source = luigi.Parameter()
    place = luigi.Parameter()

    def files_read(self):
        return [self.source]

    def output(self):
        return law.LocalFileTarget(os.path.join(self.place, "out.txt"))

    def run(self):
        """Never here."""


class FakeEngine:
    """A client on PATH that answers as told and remembers its calls."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.log = folder / "calls"

    def install(self, name, **answers):
        inspected = (0, json.dumps([IMAGE]), "")
        told = {"image inspect": inspected, "info": (0, "{}", "")} | answers
        text = FAKE.format(python=sys.executable, log=str(self.log), answers=json.dumps(told))
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def calls(self):
        return [json.loads(line)[0] for line in self.log.read_text().splitlines()]

    def environments(self, prefix):
        """Variables that begin with the prefix, without it, of each call."""
        for line in self.log.read_text().splitlines():
            variables = json.loads(line)[1].items()
            yield {name.removeprefix(prefix): v for name, v in variables if prefix in name}

    def command(self, verb="run"):
        """The one call that started a container."""
        (call,) = [call for call in self.calls() if verb in call[:2]]
        return call


@pytest.fixture
def fake_engine(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(folder))
    return FakeEngine(folder)


@pytest.fixture
def run(monkeypatch):
    """Run a task's sandbox as luigi.build would."""

    def run(task):
        monkeypatch.setattr(law.parser, "_root_task", None)
        monkeypatch.setattr(law.parser, "_global_cmdline_args", None)
        task.sandbox_proxy.run()

    return run


@pytest.fixture(autouse=True)
def settings():
    """Change settings for one test, which starts without the site's own of law.cfg."""
    config = law.config.Config.instance()
    before = {name: dict(config.items(name, expand_vars=False)) for name in config.sections()}
    for name in ("sandbox", "docker_images", "singularity_images"):
        config.remove_section(name)
    for option in ("engine", "network"):
        config.remove_option("docker_sandbox", option)
    yield config.update
    for name in config.sections():
        config.remove_section(name)
    config.update(before)


@pytest.fixture
def copy(tmp_path):
    """Make a task in a sandbox."""
    (tmp_path / "in, here.txt").write_text("x")

    def make(sandbox, source=str(tmp_path / "in, here.txt")):
        return Copy(source=source, place=str(tmp_path / "out"), sandbox=sandbox)

    return make
