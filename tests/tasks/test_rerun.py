"""What runs again after a change, and what does not."""

import json
import random
import signal
import subprocess
import time

import pytest
import uproot

SMALL = """\
signals:
  small:
    title: a small synthetic sample
    cross_section: 44.837 fb
    synthetic: {{seed: 1, n_events: {n_events}, n_files: 3}}
selections:
  mine: {{jet_pt_min: {jet_pt_min} GeV, jet_eta_max: 2.5}}
default_selection: mine
"""


@pytest.fixture
def small(workspace):
    write(workspace)
    return workspace


def write(workspace, *, jet_pt_min=50, n_events=600, cross_section=None):
    text = SMALL.format(jet_pt_min=jet_pt_min, n_events=n_events)
    if cross_section:
        text = text.replace("44.837 fb", cross_section)
    workspace.write("small.yaml", text)


def fit(workspace, *options):
    return workspace.law("Fit", "--catalogue", "small.yaml", *options)


def test_a_second_run_does_nothing_and_shows_the_limits_again(small):
    first = fit(small)
    before = small.files()
    second = fit(small)
    assert small.files() == before
    table = [line for line in first.stdout.splitlines() if "small" in line]
    assert table
    assert [line for line in second.stdout.splitlines() if "small" in line] == table


def test_a_deleted_skim_output_reruns_its_branch_and_what_lacks_it(small):
    fit(small)
    before = small.files()
    made = small.results.glob("Skim/small/*/v1/synthetic_1-*.root")
    (gone,) = [path for path in made if "_up" not in path.name and "_down" not in path.name]
    gone.unlink()
    small.law("MergeSkim", "--catalogue", "small.yaml", "--dataset", "small")
    assert set(small.files()) == set(before) - {str(gone.relative_to(small.results))}, (
        "completeness is target-based: nothing is redone for an output that exists"
    )
    for task in ("MergeSkim", "Scale", "Fit"):
        for path in (small.results / task).rglob("*.*"):
            path.unlink()
    fit(small)
    again = {path for path, made in small.files().items() if before[path] != made}
    assert {path.split("/")[0] for path in again} == {"Skim", "MergeSkim", "Scale", "Fit"}
    skims = [path for path in again if path.startswith("Skim/")]
    assert len(skims) == 2
    assert all("synthetic_1-" in path for path in skims)


def test_removing_one_skim_branch_with_law_reruns_exactly_it_and_what_follows(small):
    fit(small)
    before = small.files()
    small.law("Fit", "--catalogue", "small.yaml", "--remove-output", "MergeSkim,a")
    small.law(
        "Skim", "--catalogue", "small.yaml", "--dataset", "small", "--branch", "2",
        "--remove-output", "0,a",
    )  # fmt: skip
    left = small.files()
    assert {path.split("/")[0] for path in left} == {"GenerateSynthetic", "Skim"}
    fit(small)
    after = small.files()
    assert set(after) == set(before)
    assert {path for path in left if after[path] != left[path]} == set()


def test_editing_the_cross_section_redoes_scale_and_fit_and_no_skim(small):
    fit(small)
    before = small.files()
    write(small, cross_section="50 fb")
    fit(small)
    assert small.made_since(before) == {"Scale", "Fit"}


def test_editing_the_cut_redoes_the_skim_and_keeps_the_generated_events(small):
    fit(small)
    before = small.files()
    write(small, jet_pt_min=40)
    fit(small)
    assert small.made_since(before) == {"Skim", "MergeSkim", "Scale", "Fit"}
    write(small)
    settled = small.files()
    fit(small)
    assert small.files() == settled, "going back finds the old results"


def test_two_workers_give_the_same_bytes_as_one(small):
    fit(small, "--workers", "2")
    parallel = {path: (small.results / path).read_bytes() for path in small.files("limits.json")}
    fit(small, "--version", "v2")
    for path, content in parallel.items():
        assert (small.results / path.replace("/v1/", "/v2/")).read_bytes() == content


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_nothing_that_counts_and_the_next_finishes(small):
    start = time.perf_counter()
    fit(small)
    whole = time.perf_counter() - start
    wanted = [path for path in small.files() if not path.endswith(".provenance.json")]
    chance = random.Random(1)
    for attempt in range(20):
        version = f"k{attempt}"
        workers = "1" if attempt < 10 else "2"
        run = subprocess.Popen(
            small.command(
                "Fit", "--catalogue", "small.yaml", "--version", version, "--workers", workers
            ),
            cwd=small.folder,
            env=small.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.3, 1.0) * whole)
        run.send_signal(signal.SIGKILL)
        run.wait()
        finish = attempt % 5 == 4
        if finish:
            fit(small, "--version", version)
        for path in wanted:
            there = small.results / path.replace("/v1/", f"/{version}/")
            assert there.exists() or not finish
            if there.exists():
                assert_whole(there)
            if finish and there.suffix in {".json", ".png", ".pdf"}:
                assert there.read_bytes() == (small.results / path).read_bytes()
    leftovers = [path for path in small.results.rglob(".vhbb-*") if "/k4/" in str(path)]
    assert leftovers == [], "the next run tidies what the killed one left"


def assert_whole(path):
    if path.suffix == ".root":
        with uproot.open(path) as file:
            for key, kind in file.classnames().items():
                assert file[key] is not None, kind
    elif path.suffix == ".json":
        json.loads(path.read_text())
    else:
        end = {".png": b"IEND\xaeB`\x82", ".pdf": b"%%EOF"}[path.suffix]
        assert path.read_bytes().rstrip().endswith(end)
