"""Merging the outputs of many branches in steps of bounded size.

class AddNumbers(Merging):               # what is merged and how; store_parts as in any task
    merges = Numbers                     # a workflow

    def output(self):
        return self.targets(number=f"sum{self.part}.json")

    def merge(self, parts, output):
        total = sum(part["number"].load(formatter="json") for part in parts)
        output["number"].dump(total, formatter="json")

class AddNumbersStep(AddNumbers, MergeStep): ...
class AddAllNumbers(AddNumbers, Merge):
    step = AddNumbersStep
"""

import functools
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import luigi

from tasks.framework.base import AnalysisTask, is_record
from tasks.framework.workflow import RequiresWorkflows, Workflow


class Merging(AnalysisTask):
    """Merges outputs of all branches of a workflow, at most ``merge_size`` in a step."""

    merge_size = luigi.IntParameter(
        default=300,
        significant=False,
        description="number of files merged in one step; more are merged in several; default: 300",
    )

    exclude_index = True
    merges: ClassVar[type[Workflow]]

    @property
    def part(self) -> str:
        """What tells the output of a step from others and from the whole, in its file name."""
        return ""

    def merge(self, parts: Sequence[Any], output: Any) -> None:
        """Merge ``parts``, outputs of branches of ``merges`` or of a step, into ``output``.

        Of a `VariedTask` the output has the keys of the variants that are to be made.
        """
        raise NotImplementedError

    def parts(self) -> list[Any]:
        """The outputs that this task merges."""
        raise NotImplementedError

    def files_read(self) -> Iterable[Any]:
        return [t for part in self.parts() for key, t in part.items() if not is_record(key)]

    def run(self) -> None:
        with self.localize_output() as output:
            self.merge(self.parts(), output)

    def sources(self) -> Workflow:
        """The workflow whose outputs are merged in the end."""
        return self.merges.req_different_branching(self, branch=-1)

    def n_levels(self) -> int:
        """Number of levels of steps below the last merge."""
        left, levels = len(self.sources().get_branch_map()), 0
        while left > max(2, self.merge_size):
            left, levels = -(-left // max(2, self.merge_size)), levels + 1
        return levels


class MergeStep(Merging, Workflow):
    """One level of steps, a branch per step."""

    level = luigi.IntParameter(default=1, description="how many merges deep; default: 1")

    exclude_index = True

    @functools.cached_property
    def below(self) -> Workflow:
        """The workflow whose outputs this level merges."""
        if self.level == 1:
            return self.sources()
        return self.req_different_branching(self, branch=-1, level=self.level - 1)

    def create_branch_map(self) -> list[tuple[int, ...]]:
        branches, size = list(self.below.get_branch_map()), max(2, self.merge_size)
        return [tuple(branches[start : start + size]) for start in range(0, len(branches), size)]

    def workflow_requires(self) -> dict[str, Any]:
        return {**super().workflow_requires(), **self.requires_from_branch()}

    def requires(self) -> dict[str, Workflow]:
        return {"parts": self.below}

    @property
    def part(self) -> str:
        return f"-{self.level}-{self.branch}-{self.content_digest(self.branch)}"

    def content_digest(self, branch: int) -> str:
        """Digest of what is merged into a branch, by what the branches below read."""
        below = self.below
        names = (
            below.content_digest
            if isinstance(below, MergeStep)
            else below.get_branch_map().__getitem__
        )
        content = [repr(names(part)) for part in self.get_branch_map()[branch]]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:10]

    def parts(self) -> list[Any]:
        targets = self.input()["parts"]["collection"].targets
        return [targets[branch] for branch in self.branch_data]


class Merge(Merging, RequiresWorkflows):
    """The last merge: of a workflow's outputs where they are few, else of the last level's."""

    exclude_index = True
    step: ClassVar[type[MergeStep]]

    def requires(self) -> Workflow:
        levels = self.n_levels()
        return self.step.req(self, level=levels) if levels else self.sources()

    def parts(self) -> list[Any]:
        return list(self.input()["collection"].targets.values())
