"""Limits from pseudo-experiments, which many branches make."""

from collections.abc import Mapping
from typing import Any, ClassVar

import law
import luigi

from tasks.inference import FigureTask, WorkspaceTask


class ToyParameters(law.Task):
    """Adds how many pseudo-experiments there are, and of what."""

    toys = luigi.IntParameter(
        default=1000, description="pseudo-experiments at each signal strength; default: 1000"
    )
    points = luigi.IntParameter(default=8, description="number of signal strengths; default: 8")
    seed = luigi.IntParameter(default=0, description="of the random numbers; default: 0")

    exclude_index = True
    least: ClassVar[Mapping[str, int]] = {"toys": 1, "points": 2}

    def settings(self) -> tuple[Any, ...]:
        """Parameters of the task that change its results."""
        return self.toys, self.points, self.seed


class Toys(ToyParameters, WorkspaceTask):
    """Pseudo-experiments, a branch per signal and signal strength."""

    def create_branch_map(self) -> list[Any]:
        return [(signal, point) for signal in self.signals for point in range(self.points)]

    @property
    def signal(self) -> str:
        name: str = self.branch_data[0]
        return name

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(sample=f"toys_{self.branch_data[1]}.json")

    def run(self) -> None:
        from analysis.inference import limits_from_dict, toy_limits
        from analysis.inference.toys import sample_toys

        grid = toy_limits.strengths(limits_from_dict(self.limits), self.points)
        content: dict[str, Any] = {}
        if grid:
            mu = grid[self.branch_data[1]]
            # A branch is a process of its own: further ones would share its core.
            sample = sample_toys(self.workspace, mu, self.toys, seed=self.seed, processes=1)
            content = toy_limits.sample_to_dict(sample)
        with self.localize_output() as output:
            output["sample"].dump(content, formatter="json")


class ToyLimits(ToyParameters, FigureTask):
    """Upper limits from pseudo-experiments, beside the asymptotic ones."""

    stem = "limits_toys"

    def workflow_requires(self) -> dict[str, Any]:
        return {**super().workflow_requires(), "toys": Toys.req(self, branch=-1, branches=())}

    def requires(self) -> dict[str, Any]:
        first = self.signals.index(self.branch_data) * self.points
        branches = ((first, first + self.points),)
        return {
            **super().requires(),
            "toys": Toys.req(self, branch=-1, branches=branches),
        }

    def run(self) -> None:
        from analysis import plots
        from analysis.inference import toy_limits

        made = self.input()["toys"]["collection"].targets.values()
        contents = [outputs["sample"].load(formatter="json") for outputs in made]
        samples = [toy_limits.sample_from_dict(content) for content in contents if content]
        result = toy_limits.limits_from_toys(samples)
        limits = self.warned(result.limits)
        document = {
            **limits.to_dict(self.limits["cross_section_fb"]),
            "method": f"CLs, qtilde, {self.toys} pseudo-experiments at each strength",
            "points": result.points,
            "asymptotic_mu95": self.limits["mu95"],
        }
        title = f"{self.limits['title']}, toys"
        figure = plots.limit_scan(limits, title=title, **self.shown)
        self.write(document, {"plot": figure})
