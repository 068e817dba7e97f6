"""The tasks on a fitted workspace, as a user runs them."""

import json
import tarfile
import warnings

import pyhf
import pytest

from analysis.inference.limits import cls_at

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
    "Significance": ["significance.json", "significance.png"],
    "PostfitPlots": ["postfit.json", "prefit.png", "postfit.pdf"],
    "Yields": ["yields.txt", "yields.tex", "yields.json"],
    "ToyLimits": ["limits_toys.json", "limits_toys.png"],
    "ExclusionPlot": ["exclusion.json", "exclusion.png"],
    "Cutflow": ["cutflow.txt", "cutflow.tex", "cutflow.json"],
    "Publish": ["background_only.json", "patchset.json", "hepdata.tar.gz"],
}
RESULTS = {
    "likelihood_scan.json", "pulls_and_impacts.json", "goodness_of_fit.json", "significance.json",
    "postfit.json", "yields.json", "limits_toys.json", "exclusion.json", "limits.json",
}  # fmt: skip
OPTIONS = {"GoodnessOfFit": ["--toys", "100"], "ToyLimits": ["--toys", "100"]}


# The validator leaves files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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
    documents = {
        path: (workspace.results / path).read_text()
        for path in workspace.files("*.json")
        if not path.endswith(".provenance.json")
    }
    assert not any("NaN" in text for text in documents.values())
    for path, text in documents.items():
        if path.split("/")[-1] in RESULTS:
            result = json.loads(text)
            assert result["synthetic"] is True, path
            assert "jet energy resolution" in result["not_modelled"], path
    check_publication(workspace.results, documents)


def check_publication(results, documents):
    """Plain pyhf makes what was fitted, with our CLs; HEPData accepts the submission."""
    (background,) = [json.loads(t) for p, t in documents.items() if "background_only" in p]
    (patches,) = [json.loads(t) for p, t in documents.items() if "patchset" in p]
    (fitted,) = [json.loads(t) for p, t in documents.items() if p.startswith("Fit/heavy")
                 and p.endswith("workspace.json")]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        patched = pyhf.PatchSet(patches).apply(pyhf.Workspace(background), "heavy")
        assert json.loads(json.dumps(patched)) == fitted
        reader = pyhf.Workspace(patched)
        model = reader.model()
        theirs = pyhf.infer.hypotest(1.0, reader.data(model), model, test_stat="qtilde")
        assert cls_at(fitted, [1.0]).observed[0] == pytest.approx(float(theirs), abs=1e-4)
        (archive,) = results.rglob("hepdata.tar.gz")
        folder = results.parent / "hepdata"
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        from hepdata_validator.full_submission_validator import FullSubmissionValidator

        assert {"spectrum.png", "upper_limits.png"} <= {path.name for path in folder.iterdir()}
        validator = FullSubmissionValidator()
        assert validator.validate(directory=str(folder)), validator.get_messages()


def test_an_exclusion_without_parameters_is_one_line(workspace):
    workspace.write("two.yaml", CATALOGUE.replace("parameters: {mass: 100}", ""))
    done = workspace.law("ExclusionPlot", "--catalogue", "two.yaml", code=None)
    assert done.returncode != 0
    assert "signals.light: an exclusion needs one or two parameters" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_number_of_toys_that_makes_no_sense_is_one_line(workspace):
    done = workspace.law("ToyLimits", "--toys", "0", code=None)
    assert done.returncode != 0
    assert "--toys 0: give 1 or more" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_fit_shows_limits_from_pseudo_experiments_beside_its_own(workspace):
    done = workspace.law("Fit", "--toys", "20", "--workers", "2")
    assert "upper limits on the signal strength at 95 % CL\n" in done.stdout
    assert "95 % CL from 20 pseudo-experiments at each strength\n" in done.stdout
    assert workspace.files("ToyLimits/**/limits_toys.json")
    before = workspace.files()
    again = workspace.law("Fit", "--toys", "20")
    assert "20 pseudo-experiments" in again.stdout
    assert workspace.files() == before
