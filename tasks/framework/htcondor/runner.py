"""What a job runs: its branches, one after another, in this one Python process."""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from tasks.framework.errors import report_in_one_line, user_message
from tasks.framework.htcondor.description import split_ranges
from tasks.framework.htcondor.failures import Report
from tasks.framework.processes import share_cores


def main(arguments: list[str]) -> int:
    """Run the branches of a job.

    Args:
        arguments: file with the task's module, family and parameters; job number; branches.

    Returns:
        0 when all branches are complete, else 1.
    """
    payload = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    branches = split_ranges(arguments[2])
    report = run(payload, branches)
    print(report.line())  # noqa: T201
    return 1 if report.failed else 0


def run(payload: dict[str, Any], branches: list[int]) -> Report:
    """Run branches of a task; what failed is reported instead of raised."""
    luigi: Any = importlib.import_module("luigi")
    report_in_one_line()
    share_cores(payload["workers"])
    causes = Path("causes.jsonl").resolve()
    try:
        tasks = branch_tasks(payload, branches)
        record_failures(causes)
        luigi.build(
            list(tasks.values()),
            local_scheduler=True,
            workers=payload["workers"],
        )
        incomplete = [branch for branch, task in tasks.items() if not task.complete()]
    except Exception as error:  # noqa: BLE001
        import traceback

        message = user_message(error)
        if message is None:
            traceback.print_exc()
        return Report(dict.fromkeys(branches, _cause(error)), permanent=message is not None)
    return _report(incomplete, causes)


def branch_tasks(payload: dict[str, Any], branches: list[int]) -> dict[int, Any]:
    """The tasks of the branches; the first is made from the command line's parameters."""
    # law takes over parts of luigi, and reads the configuration, when it is imported
    importlib.import_module("law")
    from luigi.cmdline_parser import CmdlineParser

    importlib.import_module(payload["module"])
    first = [payload["family"], *payload["parameters"], f"--branch={branches[0]}"]
    with CmdlineParser.global_instance(first) as parser:
        task = parser.get_task_obj()
    return {branch: task.req(task, branch=branch) for branch in branches}


def record_failures(causes: Path) -> None:
    """Append each failure to a file, which the worker processes of luigi can share."""
    luigi: Any = importlib.import_module("luigi")

    def record(task: Any, cause: str, *, permanent: bool) -> None:
        branch = getattr(task, "branch", None)
        line = json.dumps({"branch": branch, "cause": cause, "permanent": permanent}) + "\n"
        descriptor = os.open(causes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    @luigi.Task.event_handler(luigi.Event.FAILURE)
    def failed(task: Any, error: BaseException) -> None:
        record(task, _cause(error), permanent=user_message(error) is not None)

    @luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
    def broken(task: Any, error: BaseException) -> None:
        failed(task, error)

    @luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
    def missing(task: Any) -> None:
        record(task, f"missing: {task.get_task_family()}", permanent=False)


def _report(incomplete: list[int], causes: Path) -> Report:
    lines = causes.read_text(encoding="utf-8").splitlines() if causes.exists() else []
    records = [json.loads(line) for line in lines]
    by_branch = {record["branch"]: record for record in records}
    # a requirement that failed stands for the branches that could not start
    other = records[-1] if records else {"cause": "did not run", "permanent": False}
    used = {branch: by_branch.get(branch, other) for branch in incomplete}
    return Report(
        {branch: record["cause"] for branch, record in used.items()},
        permanent=bool(used) and all(record["permanent"] for record in used.values()),
    )


def _cause(error: BaseException) -> str:
    message = user_message(error)
    if message is None:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return " ".join(message.split())[:500]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
