"""What a submitter shows on a terminal, and asks there."""

import sys
from types import TracebackType
from typing import Any, Self


class JobBar:
    """A progress bar over the jobs of a workflow; nothing where no terminal would show it."""

    def __init__(self, title: str, total: int) -> None:
        self.active = sys.stderr.isatty()
        self._bar: Any = None
        if self.active:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=title, unit="job", dynamic_ncols=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        self.active = False

    def show(self, counts: dict[str, int]) -> None:
        """Draw the state of a poll."""
        if self._bar is not None:
            self._bar.n = counts.get("finished", 0)
            shown = {name: n for name, n in counts.items() if n and name != "finished"}
            self._bar.set_postfix(shown)

    def write(self, line: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.write(line)
        else:
            print(line)  # noqa: T201


def wants_removal(question: str) -> bool:
    """Ask on the terminal whether jobs shall be removed; no terminal means no.

    The terminal itself is asked, as luigi's worker processes have no standard input.
    """
    if not sys.stderr.isatty():
        return False
    try:
        with open("/dev/tty", "r+b", buffering=0) as terminal:
            terminal.write(f"\n{question} [y/N] ".encode())
            answer = terminal.readline().decode(errors="replace").strip().lower()
    except (OSError, KeyboardInterrupt):  # a second Ctrl-C: out, without touching the jobs
        return False
    return answer in {"y", "yes"}
