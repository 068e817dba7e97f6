"""Why jobs failed: a job's own account at the end of its log, and equal causes in one line."""

import json
import os
import re
from collections.abc import Mapping, Sequence
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


def summary(failures: Sequence[Failure], shown: int = 10) -> list[str]:
    """Lines that name each cause once, most frequent first, with a log to look into.

    Causes that differ in machines, paths or numbers only are one cause; what differs is written
    as MACHINE, FILE or N.

    >>> lost = [Failure(n, [n], f"branch `pt` missing in /eos/f{n}.root") for n in range(37)]
    >>> print(*summary([*lost, Failure(40, [40, 41], "killed by signal 9")]), sep=chr(10))
    37 jobs (37 branches): branch `pt` missing in FILE
    1 job (2 branches): killed by signal 9
    """
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        key = failure.cause
        for pattern, word in _VARYING:
            key = pattern.sub(word, key)
        groups.setdefault(key, []).append(failure)
    ordered = sorted(groups.values(), key=len, reverse=True)
    lines = []
    for group in ordered[:shown]:
        branches = sum(len(failure.branches) for failure in group)
        line = f"{_count(len(group), 'job')} ({_count(branches, 'branch')}): {_common(group)}"
        example = next((failure.log for failure in group if failure.log), "")
        lines.append(f"{line}; log: {example}" if example else line)
    if len(ordered) > shown:
        rest = sum(map(len, ordered[shown:]))
        lines.append(f"{_count(rest, 'job')} with {len(ordered) - shown} other causes")
    return lines


def _common(group: Sequence[Failure]) -> str:
    """The cause of all in a group, as precise as it is the same for all."""
    causes = {failure.cause for failure in group}
    for pattern, word in _VARYING:
        if len(causes) > 1:
            causes = {pattern.sub(word, cause) for cause in causes}
    return causes.pop()


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
