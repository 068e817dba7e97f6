"""An export is right, or it is not written: every way to break one is told before."""

import dataclasses

import pytest
import yaml

from tasks.framework.errors import UserError
from tasks.framework.preservation import specification
from tasks.framework.preservation.export import documents, example, find_problems
from tasks.framework.preservation.recipe import Given
from tasks.framework.preservation.walking import walk


def test_an_export_has_the_files_of_yadage_recast_and_reana(export):
    assert set(documents(export)) == {
        "specs/steps.yml", "reana.yaml",
        "specs/workflow.yml", "specs/reana.yml", "inputs.yml", "recast.yml",
        "specs/workflow_made.yml", "specs/reana_made.yml", "inputs_made.yml", "recast_made.yml",
    }  # fmt: skip


def test_a_step_writes_embedded_files_and_quotes_what_the_shell_would_split(export):
    steps = yaml.safe_load(documents(export)["specs/steps.yml"])
    assert steps["double"]["process"]["script"].splitlines() == [
        "set -eu",
        "embedded=$(mktemp -d)",
        "cat > \"$embedded/rules.txt\" << 'END_OF_FILE'",
        "times: {{2}}",
        "END_OF_FILE",
        """double 'it'"'"'s' '{files}' "$embedded/rules.txt" --to '{double}'""",
    ]


def test_a_step_gets_all_outputs_of_a_stage_with_branches_as_a_list(export):
    files = documents(export)
    steps = yaml.safe_load(files["specs/steps.yml"])
    assert "{double_double} " in steps["total"]["process"]["script"]
    stages = yaml.safe_load(files["specs/workflow.yml"])["stages"]
    total = stages[-1]["scheduler"]
    assert total["parameters"]["double_double"] == {"stages": "double", "output": "double"}


def test_the_two_workflows_have_their_steps_in_common(export):
    files = documents(export)
    stages = [yaml.safe_load(files[f"specs/workflow{s}.yml"])["stages"] for s in ("", "_made")]
    assert [stage["name"] for stage in stages[0]] == ["double", "total"]
    assert [stage["name"] for stage in stages[1]] == ["make_numbers", "double", "total"]
    assert stages[0][1]["scheduler"] == stages[1][2]["scheduler"]


def test_references_of_reana_start_at_the_top_folder(export):
    files = documents(export)
    assert "steps.yml#/total" in files["specs/workflow.yml"]
    assert "specs/" not in files["specs/workflow.yml"]
    assert "specs/steps.yml#/total" in files["specs/reana.yml"]


def test_equal_analyses_give_equal_bytes(export):
    assert documents(export) == documents(export)


def test_local_files_are_named_from_the_folder_that_they_share():
    one = example({"files": ["/data/a/1.root", "/data/b/1.root"], "unit": "GeV", "n": 3})
    assert one.folder == "/data"
    assert one.inputs == {"files": ["a/1.root", "b/1.root"], "unit": "GeV", "n": 3}
    assert example({"files": ["root://eospublic.cern.ch//a.root"]}).folder is None


def test_different_values_for_one_input_are_refused(tasks, monkeypatch):
    recipe = tasks.MakeNumbers.recipe

    def recipe_with_unit(self):
        made = recipe(self)
        made.arguments = (*made.arguments, "-u", Given("unit", "MeV"))
        return made

    monkeypatch.setattr(tasks.MakeNumbers, "recipe", recipe_with_unit)
    with pytest.raises(UserError, match="the input 'unit' is 'GeV' here and 'MeV' in another task"):
        specification.inputs(walk(tasks.Total()))


def test_an_image_without_digest_is_refused(export):
    images = {**export.images, "double": "registry.example.org/steps/double:1.0"}
    with pytest.raises(UserError, match=r"stage double: step: environment: image .* has no tag"):
        documents(dataclasses.replace(export, images=images))


STAGE = {"double": 0, "total": 1}


def broken(export, file, change):
    """Problems of an export in which one file has been changed."""
    files = documents(export)
    document = yaml.safe_load(files[file])
    change(document)
    return find_problems({**files, file: yaml.safe_dump(document)}, export)


def stage(document, name):
    return document["stages"][STAGE[name]]


def scheduler(document, name="total"):
    return stage(document, name)["scheduler"]


def unused_input(document):
    scheduler(document)["parameters"]["unit"] = "GeV"


WORKFLOW = {
    "unknown dependency": (
        lambda d: stage(d, "total")["dependencies"].append("skimm"),
        "stage total: depends on 'skimm', which is no stage",
    ),
    "dependency that is not declared": (
        lambda d: stage(d, "total")["dependencies"].remove("double"),
        "parameter 'double_double': reads from 'double' without depending on it",
    ),
    "unknown stage": (
        lambda d: scheduler(d)["parameters"].update(double_double={"stages": "x", "output": "y"}),
        "'x' is no stage",
    ),
    "unknown output": (
        lambda d: scheduler(d)["parameters"]["double_double"].update(output="triple"),
        "'double' has no output 'triple' (it has double)",
    ),
    "unknown input": (
        lambda d: scheduler(d)["parameters"]["unit"].update(output="units"),
        "'init' has no output 'units'",
    ),
    "missing template parameter": (
        lambda d: scheduler(d)["parameters"].pop("unit"),
        "process: script: {unit} is no parameter of the step",
    ),
    "missing published parameter": (
        lambda d: scheduler(d)["parameters"].pop("plot"),
        "publisher: 'plot' is to be a parameter that there is not",
    ),
    "parameter that nothing uses": (
        lambda d: scheduler(d)["parameters"].update(units="GeV"),
        "nothing uses the parameter 'units'",
    ),
    "unknown key of a stage": (
        lambda d: stage(d, "total").update(depends=[]),
        "has the unknown key 'depends'",
    ),
    "unknown key of a scheduler": (
        lambda d: scheduler(d).update(batch_size=3),
        "has the unknown key 'batch_size'",
    ),
    "unknown type of scheduler": (
        lambda d: scheduler(d).update(scheduler_type="single-stage"),
        "has the scheduler_type 'single-stage'",
    ),
    "one step of many": (
        lambda d: scheduler(d)["parameters"].update(
            double_double={"step": "double", "output": "double"}
        ),
        "'step: double' takes one step of many",
    ),
    "scatter over nothing": (
        lambda d: scheduler(d, "double")["scatter"].update(parameters=["file"]),
        "scatter: there is no parameter 'file'",
    ),
    "circle of stages": (
        lambda d: stage(d, "double")["dependencies"].append("total"),
        "the stages double, total wait for each other",
    ),
    "the same name twice": (
        lambda d: stage(d, "total").update(name="double"),
        "the stage name 'double' is taken twice",
    ),
    "no stages": (lambda d: d["stages"].clear(), "has no stages"),
    "empty parameter": (
        lambda d: scheduler(d)["parameters"].update(unit=""),
        "parameter 'unit': is empty",
    ),
    "input that nothing reads": (unused_input, "inputs: unit: no stage reads it"),
}
STEPS = {
    "unknown key of a step": (lambda s: s.update(container={}), "has the unknown key 'container'"),
    "missing part": (lambda s: s.pop("environment"), "has no 'environment'"),
    "unknown key of an environment": (
        lambda s: s["environment"].update(tag="1"),
        "environment: has the unknown key 'tag'",
    ),
    "unknown type of process": (
        lambda s: s["process"].update(process_type="script"),
        "has the process_type 'script'",
    ),
    "unknown type of publisher": (
        lambda s: s["publisher"].update(publisher_type="pub"),
        "has the publisher_type 'pub'",
    ),
    "image without digest": (
        lambda s: s["environment"].update(imagetag="latest"),
        "image registry.example.org/steps/double:latest has no tag with digest",
    ),
    "image with half a digest": (
        lambda s: s["environment"].update(imagetag="1@sha256:1234"),
        "has no tag with digest",
    ),
    "no container": (
        lambda s: s.update(environment={"environment_type": "localproc-env"}),
        "is no container",
    ),
    "braces that do not match": (
        lambda s: s["process"].update(script="add {unit"),
        "is no template",
    ),
}


@pytest.mark.parametrize(("change", "message"), WORKFLOW.values(), ids=WORKFLOW)
@pytest.mark.parametrize("file", ["specs/workflow.yml", "specs/reana.yml"])
def test_a_broken_workflow_is_refused(export, file, change, message):
    problems = broken(export, file, change)
    assert any(message in problem for problem in problems), problems


@pytest.mark.parametrize(("change", "message"), STEPS.values(), ids=STEPS)
def test_a_broken_step_is_refused(export, change, message):
    problems = broken(export, "specs/steps.yml", lambda steps: change(steps["total"]))
    assert any(message in problem for problem in problems), problems


def test_a_reference_that_leads_nowhere_is_refused(export):
    def change(document):
        scheduler(document)["step"]["$ref"] = "steps.yml#/totals"

    with pytest.raises(UserError, match=r"steps.yml#/totals'?: there is no 'totals'"):
        broken(export, "specs/workflow.yml", change)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is empty"),
        ("{GeV}", "has braces"),
        ("it's", "not safe in a command"),
        ("$(id)", "not safe in a command"),
        (None, "is neither text nor a number"),
        (["a b"], "has a blank"),
    ],
)
def test_an_input_that_would_be_changed_on_its_way_is_refused(export, value, message):
    first, *others = export.variants
    inputs = {**first.examples["default"].inputs, "unit": value}
    changed = dataclasses.replace(first, examples={"default": example(inputs)})
    with pytest.raises(UserError, match=message):
        documents(dataclasses.replace(export, variants=[changed, *others]))
