"""A workflow of yadage's as jobs in the pool, with its files on a store."""

import json
from pathlib import Path

import pytest

from tests.services.htcondor.pool import Pool
from tests.services.htcondor.test_analysis import Desk, differing, eos, files_below  # noqa: F401
from tests.services.xrootd_server import Server

pytestmark = [pytest.mark.htcondor, pytest.mark.xrootd, pytest.mark.slow]


def made(top: Path) -> dict[str, object]:
    """Files of all steps; what the workflow's own summary has are places."""
    files = files_below(top)
    return {name: content for name, content in files.items() if not name.startswith("Yadage/")}


def test_steps_run_as_jobs_and_write_to_the_store_what_they_write_here(
    pool: Pool,
    eos: Server,  # noqa: F811 - the fixture
) -> None:
    desk = Desk(pool, "yadage")
    desk.configure("store_eos", credentials="")
    desk.variables = {"VHBB_EOS": eos.url}
    folder = desk.home / "tests/services/recast/specifications/reduction"
    options = ["--spec", f"{folder}/workflow.yml", "--inputs", f"{folder}/inputs.yml"]
    desk.law("yadage-here", "tasks.yadage.Yadage", *options)
    jobs = ["--workflow", "htcondor", "--store", "eos", "--YadageSteps-poll-interval", "1s"]
    output = desk.law("yadage-unused", "tasks.yadage.Yadage", *options, *jobs)
    assert output.count("htcondor job(s)") >= 5  # one submission for each of the stages
    here, there = made(pool.shared / "yadage-here"), made(eos.files)
    assert sum(name.endswith(".txt") for name in here) == 10
    assert not differing(here, there)
    assert not desk.files("yadage-unused")
    (record,) = (
        json.loads(path.read_text()) for path in eos.files.rglob("merge_0.provenance.json")
    )
    assert record["host"] in {"worker1", "worker2"}
