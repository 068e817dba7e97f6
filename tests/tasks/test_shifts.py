"""Shifts as a user runs them: made together, added one by one, and in the model of Fit."""

import json

import numpy as np
import pytest
import uproot

SMALL = """
signals:
  zh_llbb: {cross_section: 44.837 fb, synthetic: {seed: 1, n_events: 4000, n_files: 2}}
"""

MODEL = f"""{SMALL}
shifts:
  jet_energy_scale: {{kind: jet_energy_scale, size: 4 %}}
model:
  negative_bins: clip
  systematics:
    jet_energy_scale: {{kind: shape, covers: jet energy scale}}
    jet_energy_resolution: {{kind: shape, covers: jet energy resolution}}
"""


@pytest.fixture
def small(workspace):
    """Options that skim a smaller sample than the default's."""
    workspace.write("small.yaml", SMALL)
    return "--dataset", "zh_llbb", "--catalogue", "small.yaml"


def skims(workspace):
    """Names of the skims of the first file, without digests, and when they were made."""
    found = workspace.files("Skim/*/*/*/synthetic_0-*.root")
    return {name.split("/")[-1].split(".", 1)[1].split("-")[0]: t for name, t in found.items()}


def test_shifts_are_made_together_and_only_those_that_are_missing(workspace, small):
    workspace.law("Skim", *small)
    nominal = skims(workspace)
    assert list(nominal) == ["root"]
    workspace.law("Skim", *small, "--shifts", "jet_*")
    made = skims(workspace)
    assert sorted(made) == [
        *("jet_energy_resolution_up", "jet_energy_scale_down", "jet_energy_scale_up", "root"),
    ]
    assert made["root"] == nominal["root"]
    workspace.law("Skim", *small, "--shifts", "jet_energy_scale,flavour_tagging")
    added = skims(workspace)
    assert {name: added[name] for name in made} == made
    assert sorted(added.keys() - made.keys()) == ["flavour_tagging_down", "flavour_tagging_up"]


def test_a_status_tree_has_a_line_for_all_shifts_of_a_task(workspace, small):
    options = ("MergeSkim", *small, "--shifts", "jet_*")
    workspace.law(*options)
    tree = workspace.law(*options, "--print-status", "0").stdout
    assert "variants: FileCollection(len=6" in tree
    assert "existent (6/6)" in tree
    assert "jet_energy_scale_up" not in tree
    for path in workspace.files("MergeSkim/**/*.jet_energy_resolution_up-*"):
        (workspace.results / path).unlink()
    tree = workspace.law(*options, "--print-status", "0,1").stdout
    assert "absent (4/6)" in tree
    assert "histograms@jet_energy_scale_up: existent" in tree
    assert "histograms@jet_energy_resolution_up: absent" in tree


def test_each_shift_has_a_record_of_the_run_that_made_it(workspace, small):
    workspace.law("Skim", *small, "--branches", "0", "--workflow", "local")
    workspace.law("Skim", *small, "--branches", "0", "--shifts", "flavour_tagging")
    records = workspace.files("Skim/*/*/*/synthetic_0-*.provenance.json")
    assert len(records) == 3
    for name in records:
        record = json.loads((workspace.results / name).read_text())
        (output,) = record["outputs"]
        assert output["uri"].removesuffix(".root") == str(
            workspace.results / name.removesuffix(".provenance.json")
        )
        shifts = "flavour_tagging" if "flavour" in name else ""
        assert record["parameters"]["shifts"] == shifts


def test_the_model_asks_for_the_shifts_that_it_needs(workspace):
    workspace.write("my.yaml", MODEL.partition("  systematics")[0])
    workspace.law("Fit", "--catalogue", "my.yaml")
    before = workspace.files("Skim/**/*.root")
    workspace.write("my.yaml", MODEL)
    workspace.law("Fit", "--catalogue", "my.yaml")
    after = workspace.files("Skim/**/*.root")
    assert {name: after[name] for name in before} == before
    added = {name.split("/")[-1].split(".", 1)[1].split("-")[0] for name in after.keys() - before}
    assert added == {"jet_energy_resolution_up"}  # the embedded model has the scale
    results = [
        json.loads((workspace.results / name).read_text())
        for name in workspace.files("Fit/**/limits.json")
    ]
    plain, shifted = sorted(results, key=lambda result: len(result["systematics"]))
    assert {effect["name"] for effect in shifted["systematics"]} == {
        *("jet_energy_scale", "jet_energy_resolution"),
    }
    assert set(plain["not_modelled"]) - set(shifted["not_modelled"]) >= {"jet energy resolution"}
    assert shifted["mu95"]["expected"] != plain["mu95"]["expected"]
    workspace.law("Fit", "--catalogue", "my.yaml")
    assert workspace.files("Skim/**/*.root") == after
    size = MODEL.replace("4 %", "3 %")
    workspace.write("my.yaml", size)
    workspace.law("Fit", "--catalogue", "my.yaml")
    redone = workspace.files("Skim/**/*.root")
    assert {name: redone[name] for name in after} == after
    assert len(redone.keys() - after) == 4  # up and down of two files


def test_the_commands_give_the_limits_of_the_tasks(workspace):
    """Every shift in one file, as a preserved workflow hands them on."""
    catalogue = workspace.write("my.yaml", MODEL)
    workspace.law("Fit", "--catalogue", "my.yaml")
    (place,) = workspace.files("Fit/**/limits.json")
    expected = json.loads((workspace.results / place).read_text())
    events = sorted(workspace.files("GenerateSynthetic/**/*.root"))
    options = ("--catalogue", str(catalogue))
    for index, name in enumerate(events):
        workspace.analysis(
            *("skim", "-i", str(workspace.results / name), "-o", f"skim_{index}.root"),
            *options,
        )
    inputs = [f"skim_{index}.root" for index in range(len(events))]
    workspace.analysis("merge", "-i", *inputs, "-o", "merged.root")
    with uproot.open(workspace.folder / "merged.root") as file:
        names = {key.partition(";")[0] for key in file.keys()}  # noqa: SIM118
    assert {"h_mjj", "h_mjj__jet_energy_scale_up", "sum_of_weights__jet_energy_scale_up"} <= names
    workspace.analysis(
        *("scale", "-i", "merged.root", "-o", "scaled.root", "-c", "44.837 fb", *options)
    )
    workspace.analysis(
        *("fit", "--filesig", "scaled.root", "--outputfile", "l.png", "--plotfile", "r.png"),
        *("--limitsfile", "limits.json", "--signal", "zh_llbb", "-c", "44.837 fb", *options),
        *("--title", expected["title"]),
    )
    assert json.loads((workspace.folder / "limits.json").read_text()) == expected


def test_a_background_of_datasets_is_shifted_as_the_signal_is(workspace, background_catalogue):
    workspace.write("my.yaml", background_catalogue)
    workspace.law("Fit", "--catalogue", "my.yaml")
    (place,) = workspace.files("Fit/**/workspace.json")
    model = json.loads((workspace.results / place).read_text())
    samples = {s["name"]: s for channel in model["channels"] for s in channel["samples"]}
    for sample in samples.values():
        kinds = {(m["name"], m["type"]) for m in sample["modifiers"]}
        assert {("jes", "histosys"), ("jes", "normsys")} <= kinds
    scaled = workspace.files("Scale/other/**/selected_scaled.*up-*.root")
    (up,) = [name for name in scaled if name.endswith(".root")]
    with uproot.open(workspace.results / up) as file:
        expected = file["h_mjj"].values(flow=True)[1:-1].sum()
    factor = next(m for m in samples["background"]["modifiers"] if m["type"] == "normsys")
    nominal = np.sum(samples["background"]["data"])
    assert factor["data"]["hi"] * nominal == pytest.approx(expected, rel=0.05)


@pytest.fixture
def background_catalogue():
    return """
signals:
  mine: {cross_section: 10 fb, synthetic: {seed: 1, n_events: 2000, n_files: 1}}
datasets:
  other: {cross_section: 5000 fb, synthetic: {seed: 2, n_events: 2000, n_files: 2}}
background: {datasets: [other]}
data:
  edges: [0, 25, 50, 75, 100, 125, 150, 175, 200, 225, 250, 275, 300, 325, 350, 375, 400, 425,
          450, 475, 500]
  contents: [0, 0, 0, 9, 40, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
shifts:
  jes: {kind: jet_energy_scale, size: 3 %}
model:
  overflow: drop
  negative_bins: clip
  systematics:
    jes: {kind: shape, samples: [signal, background], covers: jet energy scale}
"""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shifts", "jes"), "no shift 'jes' for Skim: known are flavour_tagging"),
        (("--shifts", "jet_energy_scal"), "did you mean 'jet_energy_scale'?"),
    ],
)
def test_an_unknown_shift_is_one_line(workspace, options, message):
    done = workspace.law("Skim", "--dataset", "zh_llbb", *options, code=None)
    assert done.returncode
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert not workspace.files()


def test_a_background_without_the_shift_is_one_line(workspace):
    text = MODEL.replace("{kind: shape, covers: jet energy scale}",
                         "{kind: shape, samples: background}")  # fmt: skip
    workspace.write("my.yaml", text)
    done = workspace.law("Fit", "--catalogue", "my.yaml", code=None)
    assert done.returncode
    assert "needs the background histogram shifted by 'jet_energy_scale'" in done.stderr
