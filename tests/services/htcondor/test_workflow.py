"""Workflows on a real pool: what is run, how often, and how it ends."""

import pytest

from tests.services.htcondor.bench import Bench
from tests.services.htcondor.pool import UID

pytestmark = [pytest.mark.htcondor, pytest.mark.slow]


def test_every_branch_runs_once_as_the_user(bench: Bench) -> None:
    options = {
        "cores": "2",
        "disk": "100",
        "max-runtime": "90m",
        "job-flavour": "longlunch",
        "accounting-group": "group_u_ATLAS.u_zp",
    }
    result = bench.run(*(f"--htcondor-{name}={value}" for name, value in options.items()))
    assert result.code == 0, result.text
    assert bench.outputs() == {branch: f"{branch**2} " for branch in range(4)}
    runs = bench.runs()
    assert [run.branch for run in runs] == [0, 1, 2, 3] or len(runs) == 4
    assert {run.uid for run in runs} == {UID}
    assert bench.jobs_submitted() == 4
    attributes = ["RequestCpus", "RequestDisk", "MaxRuntime", "AllowedJobDuration", "JobFlavour"]
    ads = bench.ads(*attributes, "AccountingGroup", "RequestMemory")
    expected = ["2", str(100 * 1024), "5400", "5400", "longlunch", "group_u_ATLAS.u_zp", "100"]
    assert ads == [expected] * 4
