"""Workflows on a real pool: what is run, how often, and how it ends."""

import pytest

from tests.services.htcondor.bench import Bench
from tests.services.htcondor.pool import UID

pytestmark = [pytest.mark.htcondor, pytest.mark.slow]


def test_every_branch_runs_once_as_the_user(bench: Bench) -> None:
    result = bench.run()
    assert result.code == 0, result.text
    assert bench.outputs() == {branch: f"{branch**2} " for branch in range(4)}
    runs = bench.runs()
    assert [run.branch for run in runs] == [0, 1, 2, 3] or len(runs) == 4
    assert {run.uid for run in runs} == {UID}
    assert bench.jobs_submitted() == 4
