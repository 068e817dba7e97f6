import warnings

import pytest
import yaml

from analysis import plots
from analysis.errors import AnalysisError
from analysis.inference import predict, upper_limits
from analysis.model import tutorial_workspace
from analysis.publication import background_only, patchset, write_submission
from analysis.publication.hepdata import limits_table, spectrum_table

WORKSPACE = tutorial_workspace([12.0, 3.0, 1.0], [50.0, 40.0, 20.0], [53.0, 39.0, 22.0])


def submit(folder, figure=None, **keywords):
    limits = {"zh": upper_limits(WORKSPACE)}
    prediction = predict(WORKSPACE)["singlechannel"]
    tables = [
        spectrum_table(prediction, [0.0, 25.0, 50.0], [12.0, 3.0, 1.0], figure=figure),
        limits_table(limits, {"zh": 44.837}, observables=("CLS",)),
    ]
    likelihoods = {
        "background.json": background_only(WORKSPACE),
        "patchset.json": patchset({"zh": WORKSPACE}, description="test"),
    }
    return write_submission(
        folder, tables, abstract="A search.", likelihoods=likelihoods, **keywords
    )


# The validator leaves files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_validator_of_hepdata_accepts_the_submission(tmp_path):
    pytest.importorskip(
        "hepdata_validator", reason="needs hepdata-validator: install the tests' extra"
    )
    figure = tmp_path / "limits.png"
    plots.save(plots.limit_scan(upper_limits(WORKSPACE)), figure)
    path = submit(tmp_path / "hepdata", figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        from hepdata_validator.full_submission_validator import FullSubmissionValidator

        validator = FullSubmissionValidator()
        accepted = validator.validate(directory=str(path.parent))
    assert accepted, validator.get_messages()
    assert "upper_limits.yaml" in str(validator.valid_files)


def test_tables_hold_the_numbers_of_the_results(tmp_path):
    path = submit(tmp_path / "hepdata")
    limits = yaml.safe_load((path.parent / "upper_limits.yaml").read_text())
    columns = {c["header"]["name"]: c["values"][0]["value"] for c in limits["dependent_variables"]}
    expected = upper_limits(WORKSPACE)
    assert columns["mu95 observed"] == expected.observed
    assert columns["sigma95 observed"] == pytest.approx(44.837 * expected.observed)
    spectrum = yaml.safe_load((path.parent / "spectrum.yaml").read_text())
    assert spectrum["independent_variables"][0]["values"] == [
        {"low": 0.0, "high": 25.0},
        {"low": 25.0, "high": 50.0},
        {"value": "> 50"},
    ]


def test_warnings_stand_in_the_abstract(tmp_path):
    path = submit(tmp_path / "hepdata", warnings=["the data are far from the model"])
    first = next(yaml.safe_load_all(path.read_text()))
    assert "Warning: the data are far from the model" in first["comment"]


def test_a_folder_with_files_is_not_touched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AnalysisError, match="is not empty"):
        submit(tmp_path)
