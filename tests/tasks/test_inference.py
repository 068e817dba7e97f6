"""The tasks on a fitted workspace, as a user runs them."""

import json

import pytest

CATALOGUE = """
signals:
  light: {cross_section: 40 fb, synthetic: {seed: 1, n_events: 800}, parameters: {mass: 100}}
  heavy: {cross_section: 4 fb, synthetic: {seed: 2, n_events: 800}, parameters: {mass: 500}}
default_signals: [light, heavy]
model: {negative_bins: clip}
"""

TASKS = {
    "LikelihoodScan": ["likelihood_scan.json", "likelihood_scan.png", "likelihood_scan.pdf"],
    "PullsAndImpacts": ["pulls_and_impacts.json", "pulls_and_impacts.png"],
    "GoodnessOfFit": ["goodness_of_fit.json", "goodness_of_fit.pdf"],
    "Significance": ["significance.json"],
    "PostfitPlots": ["prefit.png", "postfit.pdf", "yields.tex", "yields.json"],
    "ToyLimits": ["limits_toys.json", "limits_toys.png"],
    "ExclusionPlot": ["exclusion.json", "exclusion.png"],
    "Cutflow": ["cutflow.txt", "cutflow.tex", "cutflow.json"],
    "Publish": ["background_only.json", "patchset.json", "hepdata.tar.gz"],
}
OPTIONS = {"GoodnessOfFit": ["--toys", "100"], "ToyLimits": ["--toys", "100"]}


@pytest.mark.slow
def test_each_task_writes_its_results_and_a_rerun_nothing(workspace):
    workspace.write("two.yaml", CATALOGUE)
    for task, names in TASKS.items():
        options = ["--catalogue", "two.yaml", *OPTIONS.get(task, [])]
        workspace.law(task, *options)
        written = workspace.files()
        for name in names:
            assert any(path.split("/")[-1] == name for path in written), (task, name)
        if task in {"LikelihoodScan", "Publish"}:
            workspace.law(task, *options)
            assert workspace.files() == written
    for path in written:
        if path.endswith(".json"):
            assert "NaN" not in (workspace.results / path).read_text(), path
    (scan, *_) = [path for path in written if path.endswith("likelihood_scan.json")]
    result = json.loads((workspace.results / scan).read_text())
    assert result["synthetic"] is True
    assert "jet energy resolution" in result["not_modelled"]


def test_an_exclusion_without_parameters_is_one_line(workspace):
    workspace.write("two.yaml", CATALOGUE.replace("parameters: {mass: 100}", ""))
    done = workspace.law("ExclusionPlot", "--catalogue", "two.yaml", code=None)
    assert done.returncode != 0
    assert "signals.light: an exclusion needs one or two parameters" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
