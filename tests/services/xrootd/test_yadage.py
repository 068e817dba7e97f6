"""A workflow of yadage's on a store: its steps read and write there."""

import json
from pathlib import Path

from tests.services.xrootd.test_law_run import ROOT, families, new_workspace, workspace  # noqa: F401

FOLDER = ROOT / "tests/services/recast/specifications/tutorial"


def step_files(top: Path) -> dict[str, bytes]:
    """What the steps wrote, and what they published."""
    found = (*top.rglob("*.txt"), *top.rglob("*_step.json"))
    return {str(path.relative_to(top)): path.read_bytes() for path in found}


def test_steps_read_and_write_on_the_store_and_a_rerun_does_nothing(workspace, server):  # noqa: F811
    options = ["--spec", FOLDER / "workflow.yml", "--inputs", FOLDER / "inputs.yml"]
    options += ["--initdir", FOLDER / "in"]
    command = ["Yadage", *map(str, options)]
    workspace.law(*command)
    assert families(server) == {"Yadage", "YadageSteps"}
    assert not (workspace.folder / "results").exists()
    assert not server.temporaries()
    (summary,) = server.files.rglob("Yadage/*/v1/results.json")
    (limits,) = json.loads(summary.read_text())["fitting_step"]["files"].values()
    assert limits.startswith(server.url)
    workspace.law(*command, store="local")
    assert step_files(server.files / "vhbb") == step_files(workspace.folder / "results")
    before = {path: path.stat().st_mtime_ns for path in server.files.rglob("*") if path.is_file()}
    workspace.law(*command)
    assert before == {path: path.stat().st_mtime_ns for path in before}
