"""How a task runs as a command on plain files, without law: what is preserved of it.

A task says it with a method next to its ``run``::

    def recipe(self) -> Recipe:
        parts = Made(self.requires(), "histograms")
        return Recipe("python", "-m", "analysis", "merge", "-i", parts, "-o", Output("histograms"))
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import law


@dataclass(frozen=True)
class Given:
    """An argument that is an input of the whole workflow, nothing of it is preserved.

    Attributes:
        name: of the input.
        value: this task's own, the example.
    """

    name: str
    value: Any


@dataclass(frozen=True)
class Made:
    """An argument that is an output of a required task; of all its branches, for a workflow.

    Attributes:
        task: the required task.
        output: key in its ``output()``.
        otherwise: name of the input that takes its place where the task is not preserved.
    """

    task: law.Task
    output: str
    otherwise: str = ""


@dataclass(frozen=True)
class Output:
    """An argument that is the path of an output, by its key in ``output()``."""

    key: str


@dataclass(frozen=True)
class Embedded:
    """An argument that is the path of a small text file, preserved with the command.

    Attributes:
        name: of the file.
        content: its text.
    """

    name: str
    content: str


@dataclass(frozen=True)
class Each:
    """An argument of which every branch takes one, or ``batch``, of a list."""

    source: Given | Made
    batch: int = 1


Argument = str | Given | Made | Output | Embedded | Each


class Recipe:
    """A command of fixed words and arguments.

    Attributes:
        arguments: of the command, in their order.
        fixed: required tasks whose outputs are preserved as they are, in embedded files.
        kerberos: whether the command reads files that want a ticket.
    """

    def __init__(
        self, *arguments: Argument, fixed: tuple[law.Task, ...] = (), kerberos: bool = False
    ) -> None:
        self.arguments = arguments
        self.fixed = fixed
        self.kerberos = kerberos

    def of_kind(self, kind: type[Any]) -> Iterator[Any]:
        """Arguments of a kind, those over which branches are spread among them."""
        for argument in self.arguments:
            found = argument.source if isinstance(argument, Each) else argument
            if isinstance(found, kind):
                yield found
