"""The analysis in containers: each step in its own image, results as without, bit for bit."""

import configparser
import json

import numpy as np
import pytest
import uproot

pytestmark = [pytest.mark.docker, pytest.mark.slow]
SAME_BYTES = ("*.json", "*.png", "*.pdf")  # ROOT files hold the time they were written
TASK_STEPS = {
    "GenerateSynthetic": "skim", "Skim": "skim", "MergeSkim": "skim", "Scale": "scale",
    "Fit": "fit",
}  # fmt: skip


@pytest.fixture
def analysis(site, images, root):
    """A user of the analysis whose law.cfg names the images just built."""
    settings = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    settings.optionxform = str
    settings.read(root / "law.cfg")
    for task, step in TASK_STEPS.items():
        settings["docker_images"][task] = images[step]
    with (site.path / "law.cfg").open("w") as file:
        settings.write(file)
    site.environment["VHBB_HOME"] = str(root)
    return site


def same_results(site, images, tasks):
    """Assert that version `inside` has what `plain` has, made in the images."""
    for plain in sorted(site.results.rglob("plain")):
        inside = plain.with_name("inside")
        names = {path.name for path in plain.iterdir()}
        assert {path.name for path in inside.iterdir()} == names
        for pattern in SAME_BYTES:
            for path in plain.glob(pattern):
                if not path.name.endswith("provenance.json"):
                    assert (inside / path.name).read_bytes() == path.read_bytes(), path
        for path in plain.glob("*.root"):
            same_histograms(path, inside / path.name)
        for path in inside.glob("*.provenance.json"):
            record = json.loads(path.read_text())
            assert record["image"] == images[TASK_STEPS[record["task"]]]
            tasks.discard(record["task"])
    assert not tasks, "these were not run"


def same_histograms(first, second):
    with uproot.open(first) as a, uproot.open(second) as b:
        names = a.keys(cycle=False, filter_classname="TH1*")
        assert names == b.keys(cycle=False, filter_classname="TH1*")
        for name in names:
            for one, other in zip(
                a[name].to_numpy(flow=True), b[name].to_numpy(flow=True), strict=True
            ):
                np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(a[name].variances(flow=True), b[name].variances(True))


def test_the_default_in_an_image_a_step_equals_the_plain_run(analysis, images):
    for version, sandbox in (("plain", "none"), ("inside", "docker")):
        code, output = analysis.run("tasks.fit.Fit", "--version", version, "--sandbox", sandbox)
        assert code == 0, output
        assert "zh_llbb" in output
    same_results(analysis, images, set(TASK_STEPS))


@pytest.mark.realdata
def test_real_files_of_a_users_catalogue_equal_the_plain_run(analysis, images, test_data):
    """A glob of files, a variable, a catalogue beneath: inside, only the branch's file is seen."""
    folder = analysis.path / "mine"
    folder.mkdir()
    analysis.environment["MY_FILES"] = str(test_data / "physlite")
    (folder / "beneath.yaml").write_text(
        "signals:\n"
        "  ttbar:\n"
        "    files: $MY_FILES/uproot-issue-123*.root\n"
        "    cross_section: 0.73 pb\n"
        "    sum_of_weights: 73668\n"
    )
    (folder / "my.yaml").write_text(
        "extends: beneath.yaml\n"
        "signals:\n"
        "  run3:\n"
        "    files: $MY_FILES/uproot-physlite-rntuple*.root\n"
        "    cross_section: 0.44 pb\n"
    )
    for version, sandbox in (("plain", "none"), ("inside", "docker")):
        code, output = analysis.run(
            "tasks.fit.Fit", "--catalogue=mine/my.yaml", "--signals=ttbar,run3", "--workers=2",
            "--version", version, "--sandbox", sandbox,
        )  # fmt: skip
        assert code == 0, output
    same_results(analysis, images, {"Skim", "MergeSkim", "Scale", "Fit"})


def test_a_users_mistake_inside_is_one_line_too(analysis, images):
    bad = analysis.path / "bad.root"
    bad.write_text("not a ROOT file")
    (analysis.path / "my.yaml").write_text(
        f"signals:\n  mine:\n    files: {bad}\n    cross_section: 1 fb\n"
    )
    code, output = analysis.run(
        "tasks.fit.Fit", "--catalogue=my.yaml", "--signals=mine", "--sandbox=docker"
    )
    assert code != 0
    assert "Traceback" not in output
    assert "bad.root" in output
    assert not list(analysis.results.rglob("*.json"))
