"""JSON references are resolved within the folder of a specification, and nowhere else."""

import pytest

from tasks.framework.errors import UserError
from tasks.framework.yadage.references import load


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "workflow.yml").write_text(
        "a: {$ref: 'steps.yml#/skim'}\nb: {$ref: 'steps.yml#skim'}\n"
        "c: {$ref: 'parts/more.yml#/steps/1'}\nd: {$ref: '#/e'}\ne: [1, 2]\n"
    )
    (tmp_path / "steps.yml").write_text("skim: {cmd: skim}\n")
    (tmp_path / "parts/more.yml").write_text(
        "steps: [x, {$ref: 'beside.yml'}]\n",
    )
    (tmp_path / "parts/beside.yml").write_text("up: {$ref: '../steps.yml#/skim/cmd'}\n")
    return tmp_path


def test_references_are_relative_to_the_document_they_stand_in(folder):
    assert load("workflow.yml", folder) == {
        "a": {"cmd": "skim"},
        "b": {"cmd": "skim"},
        "c": {"up": "skim"},
        "d": [1, 2],
        "e": [1, 2],
    }


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("steps.yml#/skimming", "there is no 'skimming'"),
        ("nowhere.yml", "cannot be read"),
        ("../secret.yml", "leaves the folder"),
        ("/etc/passwd", "is not of this folder"),
        ("https://example.org/steps.yml", "is not of this folder"),
        ("workflow.yml#/a", "leads back to itself"),
    ],
)
def test_a_bad_reference_is_one_line(folder, reference, message):
    (folder / "workflow.yml").write_text(f"a: {{$ref: '{reference}'}}\n")
    with pytest.raises(UserError, match=message):
        load("workflow.yml", folder)


def test_a_file_that_is_not_yaml_is_one_line(folder):
    (folder / "steps.yml").write_text("a: [1\nb: }")
    with pytest.raises(UserError, match=r"steps.yml: is not YAML") as caught:
        load("workflow.yml", folder)
    assert "\n" not in str(caught.value)
