"""Why jobs failed: a job's own account at the end of its log, and equal causes in one line."""

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

MARK = "job-report: "
_TAIL = 65536  # bytes; a report is at the very end

# what differs between jobs that fail for the same reason
_URL_OR_PATH = re.compile(r"(?:[a-z][a-z0-9+.-]*://|(?<![\w.-])/)[^\s'\"`,;:()]+")
_SLOT = re.compile(r"\bslot\d+(?:_\d+)?@[\w.-]+")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])")
_VARYING = ((_SLOT, "MACHINE"), (_URL_OR_PATH, "FILE"), (_NUMBER, "N"))


@dataclass(frozen=True)
class Report:
    """What a job says about itself when it ends.

    Attributes:
        failed: cause by branch, of the branches that are not complete.
        permanent: True when every cause is a user's mistake, so that trying again cannot help.
    """

    failed: Mapping[int, str] = field(default_factory=dict)
    permanent: bool = False

    def line(self) -> str:
        """The report as the last line of a log."""
        return MARK + json.dumps(asdict(self))


@dataclass(frozen=True)
class Failure:
    """One failed job: its number, branches, cause and the log to look into."""

    number: int
    branches: Sequence[int]
    cause: str
    log: str = ""


def read_report(log: str | os.PathLike[str]) -> Report | None:
    """The report at the end of a job's log; None when the job did not come to write one."""
    for line in reversed(_last_lines(log)):
        if line.startswith(MARK):
            try:
                content = json.loads(line.removeprefix(MARK))
            except ValueError:  # cut off
                return None
            failed = {int(branch): cause for branch, cause in content["failed"].items()}
            return Report(failed, bool(content["permanent"]))
    return None


def last_words(log: str | os.PathLike[str]) -> str:
    """The last line a job printed, for jobs that ended without a report."""
    lines = [line for line in _last_lines(log) if line.strip()]
    return lines[-1].strip()[:200] if lines else ""


def _last_lines(log: str | os.PathLike[str]) -> list[str]:
    try:
        with Path(log).open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL))
            return stream.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def summary(failures: Iterable[Failure], shown: int = 10) -> list[str]:
    """Lines that name each cause once, most frequent first, with a log to look into.

    Causes that differ in machines, paths or numbers only are one cause; what differs is written
    as MACHINE, FILE or N.

    >>> lost = [Failure(n, [n], f"branch `pt` missing in /eos/f{n}.root") for n in range(37)]
    >>> print(*summary([*lost, Failure(40, [40, 41], "killed by signal 9")]), sep=chr(10))
    37 jobs (37 branches): branch `pt` missing in FILE
    1 job (2 branches): killed by signal 9
    """
    groups = grouped(failures)
    ordered = sorted(groups.values(), key=lambda group: len(_numbers(group)), reverse=True)
    lines = []
    for group in ordered[:shown]:
        # a job may have failed more than once, or in several branches, for the same reason
        branches = {branch for failure in group for branch in failure.branches}
        jobs = counted(len(_numbers(group)), "job")
        lines.append(f"{jobs} ({counted(len(branches), 'branch')}): {_told(group)}")
    if len(ordered) > shown:
        rest = set().union(*map(_numbers, ordered[shown:]))
        lines.append(f"{counted(len(rest), 'job')} with {len(ordered) - shown} other causes")
    return lines


def grouped(failures: Iterable[Failure]) -> dict[str, list[Failure]]:
    """Failures by what their causes have in common."""
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        key = failure.cause
        for pattern, word in _VARYING:
            key = pattern.sub(word, key)
        groups.setdefault(key, []).append(failure)
    return groups


@dataclass
class Account:
    """All failures of the jobs of one workflow, while they come and at the end."""

    _attempts: dict[int, list[Failure]] = field(default_factory=dict)
    _last: dict[int, list[Failure]] = field(default_factory=dict)
    _causes: set[str] = field(default_factory=set)

    def add(self, failures: Iterable[Failure], tried_again: Collection[int] = ()) -> list[str]:
        """Take down failures of one poll; a line for each cause that was not seen before.

        Args:
            failures: of any jobs; what is known of an earlier attempt of a job is kept apart.
            tried_again: numbers of the jobs that will be submitted again.
        """
        lines = []
        failures = list(failures)
        self._last |= {failure.number: [] for failure in failures}
        for failure in failures:
            self._last[failure.number].append(failure)
            self._attempts.setdefault(failure.number, []).append(failure)
        for cause, group in grouped(failures).items():
            if cause not in self._causes:
                self._causes.add(cause)
                first, *others = sorted(_numbers(group))
                which = f"job {first} and {len(others)} more" if others else f"job {first}"
                verb = "failed, to be tried again" if first in tried_again else "failed"
                lines.append(f"{which} {verb}: {_told(group)}")
        return lines

    def summary(self, name: str, finished: Collection[int], failed: Collection[int]) -> list[str]:
        """Lines on all failures; none if there were none.

        Args:
            name: of the workflow.
            finished: numbers of the jobs that succeeded in the end.
            failed: numbers of the jobs that were given up.
        """
        lost = self._last.keys() - set(finished)
        lines = []
        if lost:
            others = len(lost - set(failed))
            again = f", {others} of them to be tried again" if others else ""
            lines.append(f"{counted(len(lost), 'failed job')} of {name}{again}:")
            failures = (failure for number in sorted(lost) for failure in self._last[number])
            lines += [f"  {line}" for line in summary(failures)]
        saved = self._last.keys() & set(finished)
        if saved:
            lines.append(f"{counted(len(saved), 'job')} of {name} succeeded after failures:")
            failures = (failure for number in sorted(saved) for failure in self._attempts[number])
            lines += [f"  {line}" for line in summary(failures)]
        return lines


def _numbers(group: Iterable[Failure]) -> set[int]:
    return {failure.number for failure in group}


def _told(group: Sequence[Failure]) -> str:
    """The cause of a group, with a log to look into if there is one."""
    log = next((failure.log for failure in group if failure.log), "")
    return f"{_common(group)}; log: {log}" if log else _common(group)


def _common(group: Sequence[Failure]) -> str:
    """The cause of all in a group, as precise as it is the same for all."""
    causes = {failure.cause for failure in group}
    for pattern, word in _VARYING:
        if len(causes) > 1:
            causes = {pattern.sub(word, cause) for cause in causes}
    return causes.pop()


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "branch"), counted(2, "branch"), counted(0, "job")
    ('1 branch', '2 branches', '0 jobs')
    """
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
