import json
import subprocess
import sys
import warnings
from pathlib import Path

import pyhf
import pytest

from analysis.errors import AnalysisError
from analysis.inference import upper_limits
from analysis.model import tutorial_workspace
from analysis.publication import background_only, patchset

BACKGROUND, DATA = [50.0, 40.0], [53.0, 39.0]


def workspaces():
    return {
        "light": tutorial_workspace([12.0, 3.0], BACKGROUND, DATA),
        "heavy": tutorial_workspace([2.0, 9.0], BACKGROUND, DATA),
    }


def quietly(function, *arguments, **keywords):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        return function(*arguments, **keywords)


def test_plain_pyhf_makes_each_workspace_of_background_and_patch():
    masses = {"light": {"mass": 100.0}, "heavy": {"mass": 500.0}}
    document = patchset(workspaces(), description="test", parameters=masses, reference="ins1234567")
    patches = quietly(pyhf.PatchSet, json.loads(json.dumps(document)))
    assert patches.labels == ["mass"]
    background = quietly(pyhf.Workspace, background_only(workspaces()["light"]))
    for name, workspace in workspaces().items():
        patched = quietly(patches.apply, background, name)
        assert json.loads(json.dumps(patched)) == workspace
    assert patches[(500.0,)].name == "heavy"


def test_without_parameters_signals_are_labelled_by_name():
    patches = quietly(pyhf.PatchSet, patchset(workspaces(), description="test"))
    assert patches[("light",)].name == "light"


@pytest.mark.slow
def test_the_command_line_of_pyhf_reads_a_workspace(tmp_path):
    workspace = workspaces()["light"]
    path = tmp_path / "workspace.json"
    path.write_text(json.dumps(workspace))
    command = [str(Path(sys.executable).with_name("pyhf")), "cls", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    theirs = json.loads(done.stdout)["CLs_obs"]
    from analysis.inference.limits import cls_at

    assert cls_at(workspace, [1.0]).observed[0] == pytest.approx(theirs, abs=1e-4)


def test_the_background_alone_still_has_its_data():
    workspace = workspaces()["light"]
    assert background_only(workspace)["observations"] == workspace["observations"]
    with pytest.raises(AnalysisError, match="no parameter of interest"):
        upper_limits(background_only(workspace))


def test_signals_on_different_backgrounds_are_refused():
    other = {**workspaces(), "other": tutorial_workspace([1.0, 1.0], [51.0, 40.0], DATA)}
    with pytest.raises(AnalysisError, match="'light' and 'other' have different backgrounds"):
        patchset(other, description="test")


def test_signals_with_different_parameters_are_refused():
    masses = {"light": {"mass": 100.0}, "heavy": {"width": 5.0}}
    with pytest.raises(AnalysisError, match="parameters of different names"):
        patchset(workspaces(), description="test", parameters=masses)


def test_no_signal_is_refused():
    with pytest.raises(AnalysisError, match="at least one signal"):
        patchset({}, description="test")
