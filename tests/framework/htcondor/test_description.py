"""Submit descriptions and their quoting."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.framework.htcondor.description import (
    Description,
    Job,
    Resources,
    Tags,
    environment_string,
    join_ranges,
    quoted,
    split_ranges,
)


@given(st.sets(st.integers(0, 500), min_size=1))
def test_ranges_give_back_the_numbers(numbers):
    text = join_ranges(sorted(numbers))
    assert split_ranges(text) == sorted(numbers)
    assert " " not in text


def test_a_line_break_is_refused():
    with pytest.raises(ValueError, match="line break"):
        quoted("a\nqueue 1000")
    with pytest.raises(ValueError, match="line break in the environment variable A"):
        environment_string({"A": "1\n2"})


def test_quotes_and_spaces_survive():
    assert quoted('a "b" \\') == '"a \\"b\\" \\\\"'
    assert environment_string({"A": "it's"}) == "\"'A=it''s'\""


def test_resources_are_written_as_the_pools_know_them():
    resources = Resources(2000, 4, 5000, 2.0, "longlunch", "group_u_X.u", "OpSysMajorVer == 9")
    text = "\n".join(f"{key} = {value}" for key, value in resources.commands())
    assert "request_cpus = 4" in text
    assert "request_disk = 5000MB" in text
    assert "My.MaxRuntime = 7200" in text
    assert 'My.JobFlavour = "longlunch"' in text
    assert 'My.AccountingGroup = "group_u_X.u"' in text
    assert "requirements = OpSysMajorVer == 9" in text


def test_jobs_differ_in_number_branches_and_memory():
    description = Description(
        name="Skim",
        tags=Tags("p", "w", "s"),
        executable=Path("/d/job.sh"),
        directory=Path("/d"),
        logs=Path("/a b/logs"),
        jobs=[Job(1, (0, 1), 2000), Job(2, (2,), 4000)],
        resources=Resources(),
        extra=("MY.SendCredential = True",),
    )
    lines = description.text().splitlines()
    assert lines[-4:] == [
        "queue law_job, law_memory, law_branches from (",
        "1, 2000, 0-1",
        "2, 4000, 2",
        ")",
    ]
    assert "MY.SendCredential = True" in lines
    assert description.log(2, "7.1") == Path("/a b/logs/job_2_7_1.log")
