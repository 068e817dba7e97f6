"""`law run Yadage` makes the files that `yadage-run` makes, and a round trip changes no limit."""

import json
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tasks.framework.preservation.specification import split_image
from tests.tasks.conftest import ROOT

pytestmark = [pytest.mark.recast, pytest.mark.slow]
SPECIFICATIONS = Path(__file__).parent / "specifications"


def files_of_yadage(workdir):
    """Content of the files of all steps, by path."""
    files = (path for path in workdir.rglob("*") if path.is_file())
    contents = {path.relative_to(workdir): path.read_text() for path in files}
    return {
        str(path): text
        for path, text in contents.items()
        if not {"_yadage", "_packtivity", "init"} & set(path.parts)
        and not path.name.startswith("_yadage_parmount")
    }


def files_of_law(workspace):
    """The same of the one workflow that was run."""
    (found,) = workspace.results.glob("Yadage/*/v1/results.json")
    return {
        f"{step}/{path}": Path(urlsplit(uri).path).read_text()
        for step, made in json.loads(found.read_text()).items()
        for path, uri in made["files"].items()
    }


@pytest.mark.parametrize("name", ["tutorial", "wordcount", "reduction"])
def test_the_files_are_those_of_yadage(recast, workspace, name):
    folder = SPECIFICATIONS / name
    inputs, data = folder / "inputs.yml", folder / "in"
    command = ["yadage-run", "-t", folder, "work", "workflow.yml", inputs]
    recast.run(*command, "-d", f"initdir={data}", cwd=workspace.folder)
    options = ["--spec", folder / "workflow.yml", "--inputs", inputs, "--initdir", data]
    workspace.law("Yadage", *map(str, options))
    expected = files_of_yadage(workspace.folder / "work")
    assert len(expected) > 3
    made = files_of_law(workspace)
    if name == "wordcount":  # yadage takes what a pattern matches in any order, we by name
        assert [made.pop(f"mapping_{i}/output.txt") for i in range(3)] == ["1\n", "2\n", "4\n"]
        expected = {path: text for path, text in expected.items() if "mapping" not in path}
    assert made == expected


def test_a_stage_that_yadage_leaves_out_without_a_word_is_refused(recast, workspace):
    shutil.copytree(SPECIFICATIONS / "tutorial", workspace.folder / "spec")
    workflow = workspace.folder / "spec/workflow.yml"
    misspelt = workflow.read_text().replace("[scaling_step, init]", "[scalling_step, init]")
    workflow.write_text(misspelt)
    recast.run("yadage-validate", "-t", workflow.parent, "workflow.yml", cwd=workspace.folder)
    options = ["spec/inputs.yml", "-d", f"initdir={workflow.parent / 'in'}"]
    command = ["yadage-run", "-t", workflow.parent, "work", "workflow.yml", *options]
    recast.run(*command, cwd=workspace.folder)
    assert (workspace.folder / "work/scaling_step/scaled.txt").exists()
    assert not (workspace.folder / "work/fitting_step").exists()
    options = ["--inputs", "spec/inputs.yml", "--initdir", "spec/in"]
    done = workspace.law("Yadage", "--spec", "spec/workflow.yml", *options, code=None)
    assert done.returncode != 0
    assert "depends on 'scalling_step', which is no stage" in done.stdout + done.stderr
    assert workspace.files() == {}


@pytest.mark.docker
def test_the_files_of_steps_in_containers_are_those_of_yadage(
    recast, workspace, engine, published, as_caller
):
    name, tag = split_image(published["skim"])
    folder = workspace.folder / "search"
    shutil.copytree(SPECIFICATIONS / "search", folder)
    steps = (folder / "steps.yml").read_text()
    (folder / "steps.yml").write_text(steps.replace("IMAGE", name).replace("TAG", f"'{tag}'"))
    command = ["yadage-run", "-t", folder, "work", "workflow.yml", folder / "inputs.yml"]
    recast.run(*command, cwd=workspace.folder, variables=as_caller)
    engine.docker("pull", "--quiet", published["skim"])
    (library,) = recast.folder.glob("lib/python*/site-packages/jq*.so")
    (workspace.folder / "lib").mkdir()
    shutil.copy(library, workspace.folder / "lib")  # as `pip install jq` would
    workspace.variables["PYTHONPATH"] = f"{ROOT}{os.pathsep}{workspace.folder / 'lib'}"
    options = ["--spec", folder / "workflow.yml", "--inputs", folder / "inputs.yml"]
    workspace.law("Yadage", *map(str, options))
    expected = files_of_yadage(workspace.folder / "work")
    assert expected["plot/plot.txt"].count("\n") == 18
    assert files_of_law(workspace) == expected


@pytest.mark.docker
def test_a_round_trip_in_the_images_gives_the_same_limits(site, engine, ttbar, limits):
    for image in set(yaml_images(ttbar)):
        engine.docker("pull", "--quiet", image)
    options = ["--spec", ttbar / "specs/workflow.yml", "--inputs", ttbar / "inputs.yml"]
    site.law("Yadage", *map(str, options), "--initdir", str(site.folder / "inputs"))
    (made,) = site.results.glob("YadageSteps/fit-*/v1/fit/limits.json")
    assert made.read_bytes() == limits("ttbar").read_bytes()


def yaml_images(export):
    """Images of an export's steps."""
    import yaml

    for step in yaml.safe_load((export / "specs/steps.yml").read_text()).values():
        environment = step["environment"]
        yield f"{environment['image']}:{environment['imagetag']}"
