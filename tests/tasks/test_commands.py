"""`python -m analysis`: the same numbers as the tasks, on plain files."""

import json
import subprocess
import sys

import pytest
import uproot

from analysis import histograms
from analysis.__main__ import main


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, capsys.readouterr()

    return run


@pytest.fixture
def sample(tmp_path):
    from analysis.synthetic import write_synthetic_file

    path = tmp_path / "events.root"
    write_synthetic_file(path, seed=345055, index=0, n_events=5000)
    return path


@pytest.fixture
def external(tmp_path):
    """The tutorial's external file: data and background in one ROOT file."""
    from analysis.catalogue import load_catalogue

    content = load_catalogue()
    path = tmp_path / "external.root"
    histograms.write_histograms(
        str(path),
        {
            "data": histograms.from_source("data", content.data),
            "background": histograms.from_source("background", content.background),
        },
    )
    return path


def scale(run, *more):
    return run(
        "scale", "-i", "selected.root", "-o", "scaled.root", "-p", "scaled.pdf",
        "-c", "44.837 fb", "-k", "1", "-f", "1", "-l", "140.1 /fb", "-g", "h_mjj", *more,
    )  # fmt: skip


def test_the_tutorials_three_commands_go_from_events_to_limits(run, sample, external, tmp_path):
    assert run("skim", "-i", sample, "-o", "selected.root")[0] == 0
    assert scale(run)[0] == 0
    code, printed = run(
        "fit", "--filesig", "scaled.root", "--histsig", "h_mjj", "--filebkg", external,
        "--histbkg", "background", "--filedata", external, "--histdat", "data",
        "--outputfile", "limits.png", "--plotfile", "results.png", "--limitsfile", "limits.json",
        "--workspacefile", "workspace.json", "--model", "tutorial",
    )  # fmt: skip
    assert code == 0
    assert "synthetic sample" in printed.out
    made = {path.name for path in tmp_path.iterdir()}
    assert {"scaled.pdf", "limits.png", "results.png", "limits.json", "workspace.json"} <= made
    result = json.loads((tmp_path / "limits.json").read_text())
    assert result["synthetic"] is True
    assert result["mu95"]["observed"] == pytest.approx(0.24, abs=0.05)


def test_both_spellings_of_the_data_histogram_are_understood(run, sample, external, tmp_path):
    run("skim", "-i", sample, "-o", "selected.root")
    scale(run)
    results = []
    for option in ("--histdat", "--histdata"):
        code, _ = run(
            "fit", "--filesig", "scaled.root", "--filebkg", external, "--filedata", external,
            option, "data", "--outputfile", "l.png", "--plotfile", "r.png",
            "--limitsfile", "l.json",
        )  # fmt: skip
        assert code == 0
        results.append((tmp_path / "l.json").read_text())
    assert results[0] == results[1]


def test_the_commands_give_the_numbers_of_the_tasks(run, sample, workspace, tmp_path):
    workspace.write(
        "plain.yaml",
        f"signals:\n  plain: {{files: {sample}, cross_section: 44.837 fb, title: Signal}}\n",
    )
    workspace.law("Fit", "--catalogue", "plain.yaml")
    (path,) = workspace.results.glob("Fit/plain/*/v1/limits.json")
    run("skim", "-i", sample, "-o", "selected.root")
    scale(run)
    run(
        "fit", "--filesig", "scaled.root", "--outputfile", "l.png", "--plotfile", "r.png",
        "--limitsfile", "l.json", "-c", "44.837 fb",
    )  # fmt: skip
    by_task, by_command = (
        json.loads(path.read_text()),
        json.loads((tmp_path / "l.json").read_text()),
    )
    assert by_command["mu95"] == by_task["mu95"]
    assert by_command["sigma95_fb"] == by_task["sigma95_fb"]


def test_kept_events_are_a_parquet_file(run, sample, tmp_path):
    import awkward as ak

    assert run("skim", "-i", sample, "-o", "s.root", "--keep-events", "events.parquet")[0] == 0
    events = ak.from_parquet(tmp_path / "events.parquet")
    with uproot.open(tmp_path / "s.root") as file:
        assert len(events) == file["cutflow"].values()[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("-c", "44.837"), "unit"),
        (("-l", "140.1"), "unit"),
        (("-g", "h_nothing"), "h_nothing"),
        (("-s", "0"), "sum of weights"),
        (("-o", "no/such/folder/out.root"), "no/such/folder"),
        (("-o", "/proc/out.root"), "/proc cannot be written"),
        (("-i", "missing.root"), "missing.root"),
        (("-o", "selected.root"), "selected.root: is an input too"),
        (("-o", "scaled.pdf"), "scaled.pdf: is another output too"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(run, sample, tmp_path, change, message):
    run("skim", "-i", sample, "-o", "selected.root")
    before = {path.name for path in tmp_path.iterdir()}
    code, printed = scale(run, *change)
    assert code == 1
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert {path.name for path in tmp_path.iterdir()} == before


def test_events_are_never_overwritten_nor_counted_twice(run, sample, tmp_path):
    whole = sample.read_bytes()
    code, printed = run("skim", "-i", sample, "-o", sample)
    assert code == 1
    assert "is an input too" in printed.err
    code, printed = run("skim", "-i", sample, "events.root", "-o", "selected.root")
    assert code == 1
    assert "occurs twice" in printed.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {sample.name: whole}


@pytest.mark.parametrize("name", ["scaled", "scaled.doc"])
def test_a_figure_of_no_known_format_is_one_line(run, tmp_path, capsys, name):
    with pytest.raises(SystemExit) as ended:
        scale(run, "-p", name)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ".png" in line
    assert not list(tmp_path.iterdir())


def test_a_signal_that_is_not_scaled_gets_no_limit(run, sample, tmp_path):
    run("skim", "-i", sample, "-o", "selected.root")
    code, printed = run(
        "fit", "--filesig", "selected.root", "--outputfile", "l.png", "--plotfile", "r.png"
    )
    assert code == 1
    assert "selected.root: is not scaled yet" in printed.err
    assert not (tmp_path / "l.png").exists()


@pytest.mark.parametrize("command", ["skim", "scale", "fit"])
def test_help_is_fast_to_read_and_names_the_units(command, root):
    done = subprocess.run(
        [sys.executable, "-m", "analysis", command, "--help"],
        cwd=root, capture_output=True, text=True, check=True, env={"COLUMNS": "100"},
    )  # fmt: skip
    assert max(map(len, done.stdout.splitlines())) <= 100
    if command == "scale":
        assert "44.837 fb" in done.stdout
