"""A real engine with real images, and `law run` as a user would call it."""

import json
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.docker.building import build_images
from tests.services.engine import Engine, ServiceUnavailableError, docker_engine

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OTHER_USER = 4321


@pytest.fixture(scope="session")
def engine():
    """A Docker engine that answers."""
    try:
        with docker_engine() as running:
            yield running
    except ServiceUnavailableError as error:
        pytest.skip(f"no Docker engine: {error}")


@pytest.fixture(scope="session")
def images(engine: Engine):
    """The images of all steps by name with digest, built by the documented command."""
    try:
        return build_images(engine)
    except ServiceUnavailableError as error:
        pytest.skip(f"no base image: {error}")


@dataclass(frozen=True)
class Site:
    """A user's place: settings, results, home and environment, and `law` to run there."""

    path: Path
    environment: dict[str, str]

    @property
    def results(self):
        return self.path / "results"

    def settings(self, text):
        """Add sections to law.cfg."""
        with (self.path / "law.cfg").open("a") as settings:
            settings.write(text)

    def start(self, *arguments, groups=None, user=OTHER_USER, **options):
        """Start `law run`, as another user when `groups` are given."""
        command = [Path(sys.executable).with_name("law"), "run", *map(str, arguments)]
        if groups is not None:
            for path in (self.path, *self.path.rglob("*")):
                os.chown(path, user, user)
            # the interpreter may lie in root's home: reading is allowed, nothing else
            reading = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
            ids = [f"--{kind}={user}" for kind in ("reuid", "regid")]
            command = ["setpriv", *reading, *ids, f"--groups={groups}", *command]
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(self, *arguments):
        """Run `law run` to its end; exit code and all output."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=600)
        return process.returncode, output

    def output(self, *parts):
        """A JSON output by its place below the store."""
        return json.loads(self.results.joinpath(*parts).read_text())


SETTINGS = """
[core]
index_file: $LAW_HOME/index
[target]
tmp_dir: $LAW_HOME/tmp
[analysis]
store: local
[store_local]
base: $VHBB_RESULTS
[luigi_core]
local_scheduler: True
log_level: WARNING
no_lock: True
"""


@pytest.fixture
def site(tmp_path):
    """A fresh place of a user."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path / "home"),
        "LAW_HOME": str(tmp_path / "law"),
        "LAW_CONFIG_FILE": str(tmp_path / "law.cfg"),
        "VHBB_RESULTS": str(tmp_path / "results"),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE))),
    }
    (tmp_path / "home").mkdir()
    (tmp_path / "law.cfg").write_text(SETTINGS)
    return Site(tmp_path, environment)


@dataclass(frozen=True)
class Ordinary:
    """A user without privileges: number, and a place that may be reached without any."""

    number: int
    site: Site

    def run(self, *arguments):
        """Run `law run` to its end; exit code and all output."""
        process = self.site.start(*arguments, groups=self.number, user=self.number)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def check(self, image):
        """A task in the image sees its own and nothing else, and its files are the user's."""
        place, command = self.site.path, ("sandboxed_tasks.Probe", f"--sandbox=docker::{image}")
        code, output = self.run(*command, f"--read={place}")
        assert code == 0, output
        found = self.site.output("Probe", "v1", "found.json")
        assert sorted(found["read"]) == ["home", "law.cfg", "results"]
        for path in (self.site.results / "Probe" / "v1").iterdir():
            assert (path.stat().st_uid, path.stat().st_gid) == (self.number, self.number)
        record = self.site.output("Probe", "v1", "found.provenance.json")
        assert record["image"] == image
        (place / "home" / "hidden.txt").write_text("not for tasks")
        hidden = f"--read={place}/home/hidden.txt"
        code, output = self.run(*command, hidden, "--version=2")
        assert code != 0
        assert "FileNotFoundError" in output


@pytest.fixture
def ordinary(site):
    """A new user, whose containers may have users of their own by subuid(5)."""
    if os.geteuid():
        pytest.skip("needs root, to make an ordinary user")
    name = f"vhbb-{os.getpid()}"
    place = Path("/var/lib") / name
    subprocess.run(["useradd", "--no-create-home", name], check=True)
    try:
        shutil.copytree(site.path, place)
        environment = {
            key: value.replace(str(site.path), str(place))
            for key, value in site.environment.items()
        }
        yield Ordinary(pwd.getpwnam(name).pw_uid, Site(place, environment))
    finally:
        subprocess.run(["userdel", "--force", name], check=True, capture_output=True)
        shutil.rmtree(place, ignore_errors=True)
