"""Print the entries of a hashed requirements file that a list of names asks for.

python docker/subset.py requirements.txt docker/skim.txt
"""

import re
import sys
from pathlib import Path


def subset(requirements: str, names: str) -> str:
    r"""Entries with their versions, markers and hashes.

    Args:
        requirements: text of a requirements file, one entry a logical line.
        names: text with a package a line; `#` begins a comment.

    Raises:
        ValueError: a name has no entry.

    >>> subset("a==1 --hash=sha256:0\nb==2 \\\n --hash=sha256:1\n", "b  # needed\n")
    'b==2 --hash=sha256:1\n'
    """
    wanted = {line.partition("#")[0].strip() for line in names.splitlines()} - {""}
    logical = requirements.replace("\\\n", "").splitlines()
    entries = [line for line in logical if line and not line.lstrip().startswith("#")]
    name_of = {entry: re.split(r"[=\[; ]", entry, maxsplit=1)[0] for entry in entries}
    if missing := wanted - set(name_of.values()):
        raise ValueError(f"not in the requirements file: {', '.join(sorted(missing))}")
    return "".join(f"{' '.join(entry.split())}\n" for entry in entries if name_of[entry] in wanted)


if __name__ == "__main__":
    sys.stdout.write(subset(*(Path(name).read_text() for name in sys.argv[1:3])))
