"""`law run Preserve`: what a user sees, without the tools that the export is for."""

import re

import pytest
import yaml

from tests.tasks.conftest import ROOT

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def site(workspace):
    """A workspace whose law.cfg names images by digest."""
    settings = (ROOT / "law.cfg").read_text()
    for step in ("skim", "scale", "fit"):
        image = f"registry.example.org/vhbb-{step}:1@{DIGEST}"
        settings = re.sub(rf": vhbb-{step}$", f": {image}", settings, flags=re.MULTILINE)
    workspace.write("law.cfg", settings)
    workspace.variables["LAW_CONFIG_FILE"] = str(workspace.folder / "law.cfg")
    return workspace


def exported(site, path="recast"):
    """All files of an export, by path."""
    folder = site.folder / path
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def test_nothing_of_a_signal_is_in_the_specification(site):
    site.law("Preserve")
    files = exported(site)
    specification = "".join(text for path, text in files.items() if path.startswith("specs/"))
    for number in ("44.837", "345055", "zh_llbb", "20000"):
        assert number in files["inputs_synthetic.yml"]
        assert number not in specification


def test_each_step_has_the_image_of_its_task(site):
    site.law("Preserve")
    steps = yaml.safe_load(exported(site)["specs/steps.yml"])
    images = {name: step["environment"]["image"] for name, step in steps.items()}
    assert images == {
        "generate_synthetic": "registry.example.org/vhbb-skim",
        "skim": "registry.example.org/vhbb-skim",
        "merge_skim": "registry.example.org/vhbb-skim",
        "scale": "registry.example.org/vhbb-scale",
        "fit": "registry.example.org/vhbb-fit",
    }
    assert {step["environment"]["imagetag"] for step in steps.values()} == {f"1@{DIGEST}"}


def test_an_export_that_is_up_to_date_is_left_alone_and_a_changed_one_is_not(site):
    site.law("Preserve")
    before = exported(site)
    times = {f: (site.folder / "recast" / f).stat().st_mtime_ns for f in before}
    site.law("Preserve")
    assert {f: (site.folder / "recast" / f).stat().st_mtime_ns for f in before} == times
    (site.folder / "recast/specs/steps.yml").write_text("edited: by hand\n")
    site.law("Preserve")
    assert exported(site) == before


def test_files_on_eos_come_with_a_ticket_and_public_ones_without(site):
    entry = "signals: {{mine: {{files: 'root://{host}//eos/a.root', cross_section: 1 pb}}}}\n"
    for host, resources in (
        ("eosatlas.cern.ch", [{"kerberos": True}]),
        ("eospublic.cern.ch", None),
    ):
        site.write("my.yaml", entry.format(host=host))
        site.law("Preserve", "--catalogue", "my.yaml")
        step = yaml.safe_load(exported(site)["specs/steps.yml"])["skim"]
        assert step["environment"].get("resources") == resources
        assert ("KRB_SETUP_SCRIPT" in step["process"]["script"]) == bool(resources)


def test_data_and_background_on_eos_stay_there(site):
    place = "root://eosatlas.cern.ch//eos/recast/histograms.root"
    fixed = "".join(
        f"{role}: {{file: '{place}', histogram: {role}}}\n" for role in ("data", "background")
    )
    site.write("my.yaml", fixed)
    site.law("Preserve", "--catalogue", "my.yaml")
    step = yaml.safe_load(exported(site)["specs/steps.yml"])["fit"]
    assert step["process"]["script"].count(place) == 2
    assert step["environment"]["resources"] == [{"kerberos": True}]


def test_background_from_datasets_is_made_and_embedded(site):
    site.write(
        "my.yaml",
        """
datasets:
  toys:
    cross_section: 1 pb
    synthetic: {seed: 1, n_events: 600}
background: {datasets: [toys]}
""",
    )
    site.law("Preserve", "--catalogue", "my.yaml", "--signals", "zh_llbb")
    assert "Scale" in {path.split("/")[0] for path in site.files()}
    step = yaml.safe_load(exported(site)["specs/steps.yml"])["fit"]
    embedded = step["process"]["script"].split("END_OF_FILE")[1].strip("'\n")
    background = yaml.safe_load(embedded)["background"]
    assert len(background["contents"]) == len(background["variances"]) == 20
    assert sum(background["contents"]) > 0


def test_several_signals_are_several_examples(site):
    remote = "root://eospublic.cern.ch//eos/{name}.root"
    entries = [
        f"  {name}: {{files: '{remote.format(name=name)}', cross_section: {fb} fb}}\n"
        for name, fb in (("one", 1.5), ("two", 2.5))
    ]
    site.write("my.yaml", "signals:\n" + "".join(entries))
    site.law("Preserve", "--catalogue", "my.yaml")
    examples = yaml.safe_load(exported(site)["recast.yml"])["example_inputs"]
    found = {name: example["initdata"]["cross_section"] for name, example in examples.items()}
    assert found == {"default": "1.5 fb", "two": "2.5 fb"}
    assert "recast_synthetic.yml" not in exported(site)


def refused(workspace, *options):
    done = workspace.law("Preserve", *options, code=None)
    assert done.returncode != 0
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert not (workspace.folder / "recast").exists()
    return line


def test_an_image_that_only_this_machine_has_is_refused(workspace):
    line = refused(workspace)
    assert "the image vhbb-skim of Skim is in no registry: push it" in line


def test_an_image_without_digest_is_refused(site):
    settings = (site.folder / "law.cfg").read_text()
    site.write("law.cfg", settings.replace(f"vhbb-scale:1@{DIGEST}", "vhbb-scale:1"))
    assert "vhbb-scale:1 has no tag with digest" in refused(site)


def test_a_title_that_packtivity_would_trip_over_is_refused(site):
    entry = "{title: '$t{t}$', files: 'root://eospublic.cern.ch//a.root', cross_section: 1 pb}"
    site.write("my.yaml", f"signals: {{mine: {entry}}}\n")
    assert "signal_title: '$t{t}$' has braces" in refused(site, "--catalogue", "my.yaml")
