"""The submit description of a group of jobs, and what a job asks for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Resources:
    """What one job asks of the pool.

    Attributes:
        memory: MB.
        cores: processor cores.
        disk: MB of scratch space, 0 for the pool's default.
        max_runtime: hours, 0 for the pool's default.
        job_flavour: name of a run-time class at CERN, such as "longlunch".
        accounting_group: who pays, such as "group_u_ATLAS.u_zp" at CERN.
        requirements: ClassAd expression that a machine must meet.
    """

    memory: int = 2000
    cores: int = 1
    disk: int = 0
    max_runtime: float = 0.0
    job_flavour: str = ""
    accounting_group: str = ""
    requirements: str = ""

    def with_memory(self, memory: int) -> "Resources":
        """The same with another request for memory, in MB."""
        return replace(self, memory=memory)

    def commands(self) -> list[tuple[str, str]]:
        """Submit commands for all but the memory, which may differ between jobs.

        >>> Resources(cores=2, max_runtime=1.5).commands()
        [('request_cpus', '2'), ('allowed_job_duration', '5400'), ('My.MaxRuntime', '5400')]
        """
        commands = [("request_cpus", str(self.cores))]
        if self.disk:
            commands.append(("request_disk", f"{self.disk}MB"))
        if self.max_runtime:
            seconds = str(round(self.max_runtime * 3600))
            # CERN's pool knows the second, HTCondor itself (from version 9.4 on) the first
            commands += [("allowed_job_duration", seconds), ("My.MaxRuntime", seconds)]
        if self.job_flavour:
            commands.append(("My.JobFlavour", quoted(self.job_flavour)))
        if self.accounting_group:
            commands.append(("My.AccountingGroup", quoted(self.accounting_group)))
        if self.requirements:
            commands.append(("requirements", self.requirements))
        return commands


@dataclass(frozen=True)
class Job:
    """One job of a submission: its number in the workflow, its branches and its memory in MB."""

    number: int
    branches: tuple[int, ...]
    memory: int


@dataclass(frozen=True)
class Tags:
    """By what jobs are found again in the queue and in the history.

    Attributes:
        place: common to all choices of branches of a workflow.
        workflow: common to all jobs of a workflow.
        submission: of this one submission, by which a restarted submitter recognises it.
    """

    place: str
    workflow: str
    submission: str


@dataclass(frozen=True)
class Description:
    """Everything `condor_submit` needs to know of a group of jobs.

    Attributes:
        logs: directory of the jobs' standard output and error.
        files: to be copied to the job.
        environment: variables of the job.
        extra: further submit commands of the site, taken as they are.
    """

    name: str
    tags: Tags
    executable: Path
    directory: Path
    logs: Path
    jobs: Sequence[Job]
    resources: Resources
    files: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    extra: Sequence[str] = ()

    def log(self, number: int, job_id: str) -> Path:
        """Where HTCondor writes what a job prints."""
        cluster, process = job_id.split(".")
        return self.logs / f"job_{number}_{cluster}_{process}.log"

    def text(self) -> str:
        """The submit description file."""
        commands = [
            ("universe", "vanilla"),
            ("executable", str(self.executable)),
            ("arguments", '"$(law_job) $(law_branches)"'),
            ("initialdir", str(self.directory)),
            ("output", f"{self.logs}/job_$(law_job)_$(Cluster)_$(Process).log"),
            ("should_transfer_files", "YES"),
            ("when_to_transfer_output", "ON_EXIT"),
            # outputs go to the store; a listed file that a killed job did not write means a hold
            ("transfer_output_files", '""'),
            ("notification", "Never"),
            ("batch_name", quoted(self.name)),
            ("request_memory", "$(law_memory)MB"),
            *self.resources.commands(),
            ("environment", environment_string(self.environment)),
            ("My.LawPlace", quoted(self.tags.place)),
            ("My.LawWorkflow", quoted(self.tags.workflow)),
            ("My.LawSubmission", quoted(self.tags.submission)),
            ("My.LawJob", "$(law_job)"),
            ("My.LawBranches", '"$(law_branches)"'),
        ]
        if self.files:
            commands.append(("transfer_input_files", ",".join(map(str, self.files))))
        lines = [f"{key} = {value}" for key, value in commands]
        lines += self.extra
        lines.append("queue law_job, law_memory, law_branches from (")
        lines += [f"{job.number}, {job.memory}, {join_ranges(job.branches)}" for job in self.jobs]
        lines.append(")")
        return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """A ClassAd string.

    Raises:
        ValueError: a line break, which no ClassAd string of a submit description can hold.
    """
    if "\n" in value:
        raise ValueError(f"line break in {value!r}")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def environment_string(variables: Mapping[str, str]) -> str:
    """The value of the submit command `environment`.

    >>> print(environment_string({"A": "1", "B": "two words", "C": 'a "name"'}))
    "A=1 'B=two words' 'C=a ""name""'"
    """
    words = []
    for name, value in variables.items():
        if "\n" in value:
            raise ValueError(f"line break in the environment variable {name}")
        word = f"{name}={value}"
        if re.search(r"[\s']", word):
            word = "'" + word.replace("'", "''") + "'"
        words.append(word.replace('"', '""'))
    return '"' + " ".join(words) + '"'


def join_ranges(numbers: Sequence[int]) -> str:
    """Numbers in a short form without spaces or commas.

    >>> join_ranges([0, 1, 2, 5, 7, 8])
    '0-2+5+7-8'
    """
    parts: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1] = (parts[-1][0], number)
        else:
            parts.append((number, number))
    return "+".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def split_ranges(text: str) -> list[int]:
    """The inverse of :func:`join_ranges`.

    >>> split_ranges("0-2+5")
    [0, 1, 2, 5]
    """
    numbers: list[int] = []
    for part in text.split("+"):
        low, _, high = part.partition("-")
        numbers += range(int(low), int(high or low) + 1)
    return numbers
