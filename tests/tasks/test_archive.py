"""`law run Archive`: a stranger unpacks the bundle, checks it and gets the same limits."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.tasks.conftest import ROOT, Workspace


@pytest.fixture
def clone(workspace) -> Workspace:
    """A workspace with a repository of the code as it is now, all of it committed."""
    code = workspace.folder / "code"
    listed = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, code / name)
    git = ["git", "-C", code, "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    workspace.variables |= {"PYTHONPATH": str(code), "VHBB_HOME": str(code)}
    workspace.variables |= {"LAW_CONFIG_FILE": str(code / "law.cfg")}
    return workspace


def unpacked(workspace):
    """The bundle, in a folder where nothing else is."""
    (bundle,) = workspace.results.glob("Archive/*/v1/vhbb-bundle.tar.gz")
    place = workspace.folder / "stranger"
    with tarfile.open(bundle) as archive:
        archive.extractall(place, filter="data")
    return place / "vhbb-bundle"


def repeat(bundle):
    """Type all that the README says, in a shell that knows nothing of us; every line succeeds."""
    readme = (bundle / "data/README.md").read_text()
    blocks = re.findall(r"(?:^ {4}.+\n)+", readme, flags=re.MULTILINE)
    checks, commands = (block.replace("    ", "") for block in blocks)
    assert "sha256sum" in checks
    assert "cmp " in commands
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environment |= {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    environment["PATH"] = environment["PATH"].replace(f"{sys.prefix}/bin", "")
    requirements = (bundle / "data/code/requirements.txt").read_bytes()
    made = Path(sys.prefix, "complete")
    if made.exists() and requirements == (ROOT / "requirements.txt").read_bytes():
        environment["VHBB_VENV"] = sys.prefix  # what the first command would make, in a minute
    script = f"set -e\n{checks}\ncd data\n{commands}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=bundle,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return list((bundle / "data/code/results").glob("Fit/*/*/v1/limits.json"))


def test_the_default_is_checked_and_repeated(clone):
    clone.law("Archive", "--specification", "False")
    bundle = unpacked(clone)
    assert str(clone.folder) not in (bundle / "data/README.md").read_text()
    (made,) = repeat(bundle)
    assert made.read_bytes() == (bundle / "data/results/zh_llbb/limits.json").read_bytes()


@pytest.mark.realdata
def test_event_files_go_along(clone, ttbar):
    clone.law("Archive", "--specification", "False", "--catalogue", "my.yaml", "--signals", "ttbar")
    bundle = unpacked(clone)
    entry = yaml.safe_load((bundle / "data/catalogue.yaml").read_text())["signals"]["ttbar"]
    assert entry["files"] == ["inputs/ttbar/uproot-issue-123b.root"]
    text = (bundle / "data/catalogue.yaml").read_text()
    assert os.environ["VHBB_TEST_DATA"] not in text
    (made,) = repeat(bundle)
    assert made.read_bytes() == (bundle / "data/results/ttbar/limits.json").read_bytes()


def test_code_that_is_not_committed_is_not_archived(clone):
    with (clone.folder / "code/analysis/schema.py").open("a") as module:
        module.write("# edited\n")
    done = clone.law("Archive", "--specification", "False", code=None)
    assert done.returncode != 0
    assert "changes that are not committed: commit them" in done.stdout + done.stderr
    assert clone.files() == {}
