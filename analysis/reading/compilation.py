"""Builds `unpack.c`: ``python analysis/reading/compilation.py``, which `setup.sh` calls once.

Where there is no C compiler, numpy does the same work in more time.
"""

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from ctypes import CDLL
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("unpack.c")

OPTIONS = ("-O3", "-shared", "-fPIC")


def library() -> Path:
    """Where the compiled code lies: in the environment, one for each state of its source."""
    state = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    return Path(sys.prefix, "lib", "vhbb", f"unpack-{state}.so")


@cache
def compiled() -> CDLL | None:
    """The compiled code; None where it was not built, or not for this machine."""
    try:
        return CDLL(str(library()))
    except OSError:
        return None


def build() -> str | None:
    """Compile the source with the compiler that CC names, else ``cc``.

    Returns:
        Why it could not be built; None if it was.
    """
    if sys.byteorder != "little":
        return f"{sys.byteorder}-endian machine"
    target = library()
    command = shlex.split(os.environ.get("CC") or "cc")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder, target.name)
            subprocess.run(
                [*command, *OPTIONS, "-o", made, SOURCE], check=True, capture_output=True, text=True
            )
            CDLL(str(made))  # of this machine, and whole
            made.replace(target)
    except subprocess.CalledProcessError as error:
        return f"{shlex.join(command)} failed: {error.stderr.strip()[-500:]}"
    except OSError as error:
        return str(error)
    return None


if __name__ == "__main__":
    reason = build()
    if reason is None:
        print(f"compiled {library()}")  # noqa: T201 - a command's answer
    else:
        sys.exit(f"not compiled, numpy will do the work: {reason}")
