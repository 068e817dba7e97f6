#!/usr/bin/env python3
"""Stands for condor_submit, condor_q and condor_history: all jobs run, then all have ended well.

The jobs of the first submission run for one poll; after that their files are there.
"""

import json
import os
import re
import sys
from pathlib import Path

FOLDER = Path(os.environ["BENCH_CONDOR"])


def main() -> None:
    """Answer the command by whose name this was called."""
    program = Path(sys.argv[0]).name
    polls = FOLDER / "polls"
    if program == "condor_submit":
        items = Path(sys.argv[-1]).read_text()
        n_jobs = int(os.environ["BENCH_JOBS"])
        (FOLDER / "description").write_text(items)
        print(f"1.0 - 1.{n_jobs - 1}")
        polls.write_text("0")
    elif not polls.exists():
        print("[]" if program == "condor_history" else "")
    elif program == "condor_q":
        count = int(polls.read_text()) + 1
        polls.write_text(str(count))
        if count == 2:  # noqa: PLR2004 - the poll after the first
            for branch in range(int(os.environ["BENCH_JOBS"])):
                (Path(os.environ["BENCH_FILES"]) / f"file_{branch}.txt").touch()
        print(json.dumps(ads(2)) if count == 1 else "")
    else:
        print(json.dumps(ads(4)))


def ads(status: int) -> list[dict[str, object]]:
    """What HTCondor would say of every job."""
    text = (FOLDER / "description").read_text()
    tag = re.compile(r"^[+](Law(?:Workflow|Submission|Place))\s*=\s*\"(.*)\"$", re.MULTILINE)
    tags = dict(tag.findall(text))
    ended = {"ExitCode": 0, "ExitBySignal": False} if status == 4 else {}  # noqa: PLR2004
    return [
        {"ClusterId": 1, "ProcId": process, "JobStatus": status, "LawJob": process + 1}
        | tags
        | ended
        for process in range(int(os.environ["BENCH_JOBS"]))
    ]


if __name__ == "__main__":
    main()
