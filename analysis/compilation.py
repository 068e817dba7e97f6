"""Builds `compiled.c`: ``python analysis/compilation.py``, which `setup.sh` calls once.

Where there is no C compiler, numpy does the same work in more time.
"""

import hashlib
import logging
import os
import shlex
import subprocess
import sys
import tempfile
from ctypes import CDLL
from functools import cache
from pathlib import Path

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("compiled.c")

OPTIONS = ("-std=gnu11", "-O3", "-shared", "-fPIC")

FUNCTIONS = (
    *(f"unpack_{size}" for size in (1, 2, 4, 8)),
    *(f"leading_pairs_{dtype}" for dtype in ("float32", "float64")),
)


def library() -> Path:
    """Where the compiled code lies: in the environment, one for each state of what makes it."""
    made_from = SOURCE.read_bytes() + repr(OPTIONS).encode()
    state = hashlib.sha256(made_from).hexdigest()[:16]
    return Path(sys.prefix, "lib", "vhbb", f"compiled-{state}.so")


@cache
def compiled() -> CDLL | None:
    """The compiled code; None where it was not built, or not for this machine."""
    try:
        return CDLL(str(library()))
    except OSError as reason:
        logger.debug("numpy does what could be done by compiled code, since %s", reason)
        return None


def build() -> str | None:
    """Compile the source with the compiler that CC names, else ``cc``.

    Returns:
        Why it could not be built; None if it was.
    """
    if sys.byteorder != "little":
        return f"{sys.byteorder}-endian machine"
    compiler = os.environ.get("CC") or "cc"
    try:
        command, target = shlex.split(compiler), library()
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder, target.name)
            subprocess.run(
                [*command, *OPTIONS, "-o", made, SOURCE],
                check=True,
                capture_output=True,
                text=True,
                errors="replace",
            )
            code = CDLL(str(made))  # of this machine, and whole
            for name in FUNCTIONS:
                code[name]
            made.replace(target)
    except subprocess.CalledProcessError as error:
        return f"{compiler} failed: {error.stderr.strip()[-500:]}"
    except (OSError, ValueError, AttributeError) as error:
        return f"{compiler}: {error}"
    return None


if __name__ == "__main__":
    reason = build()
    if reason is None:
        print(f"compiled {library()}")  # noqa: T201 - a command's answer
    else:
        sys.exit(f"not compiled, numpy will do the work: {reason}")
