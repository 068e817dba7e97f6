"""The main job: from files to limits, on real ATLAS files too."""

import json

import awkward as ak
import pytest
import uproot

from tasks.base import read_catalogue


def limits(workspace, signal):
    (path,) = workspace.results.glob(f"Fit/{signal}/*/v1/limits.json")
    return json.loads(path.read_text())


def test_the_default_gives_limits_a_table_and_figures(workspace):
    done = workspace.law("Fit")
    (folder,) = workspace.results.glob("Fit/zh_llbb/vhbb-*/v1")
    made = {path.name for path in folder.iterdir()}
    assert made == {
        "limits.json", "limits.provenance.json", "workspace.json", "limits.png", "limits.pdf",
        "results.png", "results.pdf",
    }  # fmt: skip
    result = limits(workspace, "zh_llbb")
    assert result["synthetic"] is True
    assert result["yields"]["data"] == pytest.approx(50257)
    assert "jet energy scale" not in result["not_modelled"]
    assert "jet energy resolution" in result["not_modelled"]
    low2, low1, median, high1, high2 = result["mu95"]["expected"]
    assert 0 < low2 < low1 < median < high1 < high2 < 1
    assert low2 < result["mu95"]["observed"] < high2
    assert result["sigma95_fb"]["observed"] == pytest.approx(
        44.837 * result["mu95"]["observed"], rel=1e-12
    )
    assert "zh_llbb *" in done.stdout
    assert "synthetic sample" in done.stdout
    assert str(folder) in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if "files:" not in line) <= 100
    assert done.stderr == ""


@pytest.mark.realdata
def test_real_atlas_files_are_new_signals_by_a_catalogue_of_a_dozen_lines(ttbar):
    done = ttbar.law("Fit", "--catalogue", "my.yaml", "--signals", "ttbar,ttbar_run3")
    lines = (ttbar.folder / "my.yaml").read_text().splitlines()
    assert len(lines) <= 12
    for signal in ("ttbar", "ttbar_run3"):
        result = limits(ttbar, signal)
        assert result["synthetic"] is False
        entry = read_catalogue(str(ttbar.folder / "my.yaml")).signal(signal)
        expected = {
            # events passing of notes: 74 of 100 with sum of weights 73668.0625, 82 with 81567.2639
            "ttbar": 729.77e3 * 0.5439 * 1.1398 * 140.1,
            "ttbar_run3": 811.2e3 * 0.543816 * 140.1,
        }[signal]
        assert entry.cross_section * entry.filter_efficiency * entry.k_factor * 140.1 == (
            pytest.approx(expected, rel=1e-9)
        )
        assert 0 < result["yields"]["signal"] < expected
        assert result["mu95"]["observed"] > 0
        assert signal in done.stdout


@pytest.mark.realdata
def test_reanas_two_bin_data_and_background_can_be_used(workspace, test_data):
    workspace.write(
        "reana.yaml",
        f"""\
selections:
  two_bins: {{m_jj: {{n_bins: 2, low: -0.5 TeV, high: 1.5 TeV}}}}
default_selection: two_bins
signals:
  ttbar:
    files: {test_data}/physlite/uproot-issue-123b.root
    cross_section: 0.01 fb
data: {{file: {test_data}/recast/data.root, histogram: data, unit: TeV}}
background: {{file: {test_data}/recast/background.root, histogram: background, unit: TeV}}
""",
    )
    workspace.law("Fit", "--catalogue", "reana.yaml")
    result = limits(workspace, "ttbar")
    assert result["yields"]["data"] == 311
    assert result["yields"]["background"] == 300
    assert result["mu95"]["observed"] > 0


@pytest.mark.realdata
def test_a_signal_only_where_nothing_is_expected_gets_no_asymptotic_limit(workspace, test_data):
    """Taken in GeV, all of the signal lies above reana's two bins."""
    workspace.write(
        "reana.yaml",
        f"""\
selections: {{two_bins: {{m_jj: {{n_bins: 2, low: -0.5 GeV, high: 1.5 GeV}}}}}}
default_selection: two_bins
signals:
  ttbar: {{files: {test_data}/physlite/uproot-issue-123b.root, cross_section: 0.01 fb}}
data: {{file: {test_data}/recast/data.root, histogram: data}}
background: {{file: {test_data}/recast/background.root, histogram: background}}
""",
    )
    done = workspace.law("Fit", "--catalogue", "reana.yaml", code=40)
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert "do not constrain the signal strength" in line


@pytest.mark.realdata
def test_data_and_background_can_be_skimmed_from_datasets(workspace, test_data):
    """CMS events without their weights play the recorded data, a ttbar sample the background."""
    with uproot.open(test_data / "nanoaod" / "nano_tt_v12.root") as source:
        jets = source["Events"].arrays(
            ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"], entry_stop=100, library="np"
        )
    with uproot.recreate(workspace.folder / "recorded.root") as file:
        events = {"Jet": ak.zip({name[4:]: ak.Array(list(jets[name])) for name in jets})}
        file.mktree("Events", {"Jet": events["Jet"].type})
        file["Events"].extend(events)
    workspace.write(
        "datasets.yaml",
        f"""\
signals:
  ttbar_run3:
    files: {test_data}/physlite/uproot-physlite-rntuple_v1-0-0-0.root
    cross_section: 1 fb
datasets:
  observed:
    files: recorded.root
    is_data: true
  background:
    files: {test_data}/physlite/uproot-issue-123b.root
    cross_section: 1.5 fb
data: {{datasets: [observed]}}
background: {{datasets: [background]}}
selections:
  coarse: {{m_jj: {{n_bins: 2, low: 0 GeV, high: 500 GeV}}}}
default_selection: coarse
""",
    )
    workspace.law("Fit", "--catalogue", "datasets.yaml")
    assert limits(workspace, "ttbar_run3")["yields"]["data"] > 50
    (path,) = workspace.results.glob("Fit/*/*/v1/workspace.json")
    for sample in json.loads(path.read_text())["channels"][0]["samples"]:
        assert "lumi" in {modifier["name"] for modifier in sample["modifiers"]}
    made = {path.split("/")[0] + "/" + path.split("/")[1] for path in workspace.files()}
    assert {"MergeSkim/observed", "Scale/background", "Scale/ttbar_run3"} <= made
    assert "Scale/observed" not in made


def test_summary_has_every_signal_in_one_table_and_plot(workspace):
    workspace.write(
        "two.yaml",
        """\
signals:
  one: {cross_section: 44.837 fb, synthetic: {seed: 1, n_events: 500, n_files: 1}}
  two: {cross_section: 90 fb, synthetic: {seed: 2, n_events: 500, n_files: 2}}
""",
    )
    workspace.law("Summary", "--catalogue", "two.yaml", "--workers", "2")
    (folder,) = workspace.results.glob("Summary/*/v1")
    table = (folder / "summary.txt").read_text()
    assert "one *" in table
    assert "two *" in table
    results = json.loads((folder / "summary.json").read_text())
    assert [result["signal"] for result in results] == ["one", "two"]
    assert (folder / "summary.png").stat().st_size > 5000


def test_the_tutorial_model_can_be_chosen(workspace):
    workspace.law("Fit", "--model", "tutorial")
    (path,) = workspace.results.glob("Fit/zh_llbb/*/v1/workspace.json")
    background = json.loads(path.read_text())["channels"][0]["samples"][1]
    assert [modifier["type"] for modifier in background["modifiers"]] == ["shapesys"]


class TestCommandLine:
    @pytest.fixture
    def done(self, workspace):
        workspace.law("Fit")
        return workspace

    def test_print_status_shows_the_tree_and_runs_nothing(self, done):
        before = done.files()
        text = done.law("Fit", "--print-status", "-1").stdout
        for task in ("Fit", "Scale", "MergeSkim", "Skim", "GenerateSynthetic"):
            assert f"> {task}(" in text
        assert "absent" not in text
        assert "existent (4/4)" in text
        assert done.files() == before

    def test_print_deps_shows_the_tree(self, done):
        assert "> MergeSkim(" in done.law("Fit", "--print-deps", "-1").stdout

    def test_remove_output_removes_the_task_and_its_record(self, done):
        done.law("Fit", "--remove-output", "0,a")
        assert not [path for path in done.files() if path.startswith("Fit/")]
        assert [path for path in done.files() if path.startswith("Scale/")]

    def test_fetch_output_copies_files_to_a_folder(self, done):
        done.law("Scale", "--dataset", "zh_llbb", "--fetch-output", "0,a,fetched")
        names = {path.name for path in (done.folder / "fetched").iterdir()}
        assert any(name.endswith("selected_scaled.root") for name in names)

    def test_branches_choose_a_part_of_a_workflow(self, workspace):
        workspace.law("Skim", "--dataset", "zh_llbb", "--branches", "0:2")
        assert len(workspace.files("Skim/**/*.root")) == 2
