"""`law run Archive`: a stranger unpacks the bundle, checks it and gets the same limits."""

import os
import shutil
import subprocess
import tarfile

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


def repeated(workspace, bundle, *options):
    """Limits of the bundle's code and catalogue, run apart from everything that made them."""
    place = bundle.parent
    (place / ".law").mkdir()
    stranger = Workspace(place)
    code = bundle / "data/code"
    stranger.variables = {"PYTHONPATH": str(code), "VHBB_HOME": str(code)}
    stranger.variables |= {"LAW_CONFIG_FILE": str(code / "law.cfg")}
    index = ["law", "index", "--quiet"]
    subprocess.run(index, env=stranger.environment(), cwd=code, check=True)
    stranger.law("Fit", "--catalogue", str(bundle / "data/catalogue.yaml"), *options)
    (limits,) = stranger.results.glob("Fit/*/*/v1/limits.json")
    return limits.read_bytes()


def test_the_default_is_checked_and_repeated(clone):
    clone.law("Archive", "--specification", "False")
    bundle = unpacked(clone)
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "--check", manifest], cwd=bundle, check=True)
    readme = (bundle / "data/README.md").read_text()
    assert "law run Fit --catalogue ../catalogue.yaml --signals zh_llbb" in readme
    assert str(clone.folder) not in readme
    kept = (bundle / "data/results/zh_llbb/limits.json").read_bytes()
    options = ("--signals", "zh_llbb", "--model", "default", "--selection", "vhbb")
    assert repeated(clone, bundle, *options) == kept


@pytest.mark.realdata
def test_event_files_go_along(clone, ttbar):
    clone.law("Archive", "--specification", "False", "--catalogue", "my.yaml", "--signals", "ttbar")
    bundle = unpacked(clone)
    entry = yaml.safe_load((bundle / "data/catalogue.yaml").read_text())["signals"]["ttbar"]
    assert entry["files"] == ["inputs/ttbar/uproot-issue-123b.root"]
    text = (bundle / "data/catalogue.yaml").read_text()
    assert os.environ["VHBB_TEST_DATA"] not in text
    kept = (bundle / "data/results/ttbar/limits.json").read_bytes()
    assert repeated(clone, bundle, "--signals", "ttbar") == kept


def test_code_that_is_not_committed_is_not_archived(clone):
    with (clone.folder / "code/analysis/schema.py").open("a") as module:
        module.write("# edited\n")
    done = clone.law("Archive", "--specification", "False", code=None)
    assert done.returncode != 0
    assert "changes that are not committed: commit them" in done.stdout + done.stderr
    assert not list(clone.results.glob("Archive/**/*.gz"))
