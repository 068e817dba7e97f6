"""What a user sees at the end: the limits of all signals as a table and a plot."""

import law

from analysis.catalogue import digest
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin, limits_of
from tasks.framework.workflow import RequiresWorkflows


class Summary(SignalsMixin, SelectionMixin, CatalogueTask, RequiresWorkflows):
    """The limits of all signals in one table and one plot."""

    def requires(self) -> Fit:
        return Fit.req(self)

    def store_parts(self) -> tuple[str, ...]:
        fits = [fit.store_parts() for fit in self.requires().get_branch_tasks().values()]
        return (*super().store_parts(), f"{self.selection}-{digest(fits)}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(
            table="summary.txt", limits="summary.json", plot="summary.png", plot_pdf="summary.pdf"
        )

    def run(self) -> None:
        from analysis import inference, plots, tables

        results = [limits.load(formatter="json") for limits in limits_of(self.requires())]
        figure = plots.summary(
            {result["signal"]: inference.limits_from_dict(result) for result in results},
            titles={result["signal"]: result["title"] for result in results},
            luminosity=self.analysis.luminosity.value,
            synthetic=any(result["synthetic"] for result in results),
        )
        with self.localize_output() as output:
            output["table"].dump(tables.limits_table(results) + "\n", formatter="text")
            output["limits"].dump(results, formatter="json", indent=2)
            plots.save(figure, output["plot"].abspath)
            plots.save(figure, output["plot_pdf"].abspath)
