"""The steps of the analysis as commands on plain files: ``python -m analysis skim|scale|fit``."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from analysis.commands import add_fit, add_scale, add_skim
from analysis.errors import AnalysisError
from analysis.part_commands import add_generate, add_merge

# before numpy is imported: threads of BLAS only get in the way of matrices as small as ours
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with exit code 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Options of all commands, the RECAST tutorial's short names among them."""
    top = Parser(
        prog="python -m analysis",
        description="A VHbb analysis on plain files: select events, scale the signal to the "
        "luminosity, set limits. The same functions as `law run Skim`, `Scale` and `Fit`.",
    )
    names = "generate|skim|merge|scale|fit"
    commands = top.add_subparsers(dest="command", required=True, metavar=names)
    for add in (add_generate, add_skim, add_merge, add_scale, add_fit):
        add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake is one line on stderr and exit code 1."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except AnalysisError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
