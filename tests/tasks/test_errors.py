"""What a user gets wrong is one line that names it, a non-zero exit and nothing written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import uproot

ENTRY = """\
signals:
  mine:
    files: {files}
    cross_section: {cross_section}
"""


def refused(workspace, *options, task="Fit"):
    """The one line that a failing run prints."""
    done = workspace.law(task, *options, code=None)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert len(lines[0]) < 500
    assert lines[0].lower().startswith("error: ")
    assert workspace.files() == {}
    return lines[0]


def catalogue(workspace, files="events.root", cross_section="1 pb", extra=""):
    workspace.write("my.yaml", ENTRY.format(files=files, cross_section=cross_section) + extra)
    return "--catalogue", "my.yaml", "--signals", "mine"


def test_a_missing_file(workspace):
    line = refused(workspace, *catalogue(workspace, "nowhere/*.root"))
    assert "my.yaml" in line
    assert "nowhere/*.root" in line


def test_not_a_root_file(workspace):
    workspace.write("events.root", "just some text, long enough to be looked at\n" * 10)
    assert "events.root" in (line := refused(workspace, *catalogue(workspace)))
    assert "ROOT" in line


def test_an_empty_file(workspace):
    workspace.write("events.root", "")
    assert "events.root" in refused(workspace, *catalogue(workspace))


@pytest.mark.realdata
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_root_file(workspace, test_data, share):
    whole = (test_data / "physlite" / "uproot-issue-123b.root").read_bytes()
    (workspace.folder / "events.root").write_bytes(whole[: int(share * len(whole))])
    assert "events.root" in refused(workspace, *catalogue(workspace))


@pytest.mark.realdata
def test_a_missing_sum_of_weights(workspace, test_data):
    shutil.copy(test_data / "physlite" / "PHYSLITE_example.root", workspace.folder / "events.root")
    line = refused(workspace, *catalogue(workspace))
    assert "events.root" in line
    assert "sum_of_weights" in line


@pytest.mark.realdata
def test_a_missing_branch(workspace, test_data):
    shutil.copy(test_data / "physlite" / "uproot-issue-123b.root", workspace.folder / "events.root")
    line = refused(workspace, *catalogue(workspace), "--selection", "vhbb_btag")
    assert "DL1dv01" in line
    assert "events.root" in line


def flat_tree(path: Path, tree="CollectionTree", **columns):
    with uproot.recreate(path) as file:
        file.mktree(tree, {name: value.dtype for name, value in columns.items()})
        file[tree].extend(columns)


def test_a_wrong_tree(workspace):
    flat_tree(workspace.folder / "events.root", tree="nominal", pt=np.ones(3))
    line = refused(workspace, *catalogue(workspace))
    assert "nominal" in line
    assert "events.root" in line


def test_a_tree_of_other_branches(workspace):
    flat_tree(workspace.folder / "events.root", jet_pt=np.ones(3))
    assert "events.root" in refused(workspace, *catalogue(workspace))


def test_an_unknown_signal_lists_the_known(workspace):
    line = refused(workspace, "--signals", "zh_llb")
    assert "zh_llb" in line
    assert "zh_llbb" in line


def test_an_unknown_selection_lists_the_known(workspace):
    assert "vhbb_btag" in refused(workspace, "--selection", "tight")


def test_an_unknown_dataset(workspace):
    assert "zh_llbb" in refused(workspace, "--dataset", "nothing", task="Skim")


def test_an_unknown_model(workspace):
    assert "tutorial" in refused(workspace, "--model", "simple")


@pytest.mark.parametrize("value", ["12", "12 parsec", "-1 pb", "0 fb", "nan fb", "1 pb pb"])
def test_a_cross_section_that_is_none(workspace, value):
    line = refused(workspace, *catalogue(workspace, cross_section=value))
    assert "my.yaml" in line
    assert "mine" in line
    assert "cross_section" in line


@pytest.mark.parametrize("name", ["../escape", "a/b", ".hidden", "with space"])
def test_a_name_that_is_no_path(workspace, name):
    workspace.write(
        "my.yaml", f'signals:\n  "{name}":\n    files: a.root\n    cross_section: 1 fb\n'
    )
    line = refused(workspace, "--catalogue", "my.yaml", "--signals", name)
    assert name in line


@pytest.mark.parametrize("version", ["../up", "a/b"])
def test_a_version_that_is_no_path(workspace, version):
    assert version in refused(workspace, "--version", version)


def test_malformed_yaml(workspace):
    workspace.write("my.yaml", "signals:\n  mine: [1, 2\n")
    line = refused(workspace, "--catalogue", "my.yaml")
    assert "my.yaml" in line
    assert "line" in line


def test_yaml_that_would_make_an_object(workspace):
    workspace.write("my.yaml", "signals: !!python/object/apply:os.system ['touch made']\n")
    assert "my.yaml" in refused(workspace, "--catalogue", "my.yaml")
    assert not (workspace.folder / "made").exists()


def test_a_missing_catalogue(workspace):
    assert "nothing.yaml" in refused(workspace, "--catalogue", "nothing.yaml")


def test_an_unknown_store(workspace):
    assert "moon" in refused(workspace, "--store", "moon")


def test_nan_in_a_branch_names_file_branch_and_entry(workspace, tmp_path):
    from analysis.synthetic import write_synthetic_file

    write_synthetic_file(workspace.folder / "whole.root", seed=1, index=0, n_events=200)
    with uproot.open(workspace.folder / "whole.root") as whole:
        events = whole["EventData"].arrays()
    pt = events["AnalysisJetsAuxDyn:pt"]
    flat = np.asarray(pt.layout.content.data).copy()
    flat[7] = np.nan
    from awkward import unflatten

    with uproot.recreate(workspace.folder / "events.root") as file:
        columns = {name: events[name] for name in events.fields}
        columns["AnalysisJetsAuxDyn:pt"] = unflatten(flat, [len(jets) for jets in pt])
        file.mkrntuple("EventData", columns)
    line = refused(workspace, *catalogue(workspace, extra="    sum_of_weights: 200\n"))
    assert "events.root" in line
    assert "AnalysisJetsAuxDyn:pt" in line


def test_a_background_with_other_bins(workspace):
    extra = "background: {edges: [0, 250, 500], contents: [10, 20]}\n"
    workspace.write("my.yaml", extra)
    done = workspace.law("Fit", "--catalogue", "my.yaml", code=None)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert "bins" in text
    assert not list(workspace.results.rglob("limits.*"))
