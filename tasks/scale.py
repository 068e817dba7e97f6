"""From selected events to the yield expected in data."""

import law

from analysis.catalogue import digest
from tasks.base import DatasetTask, SelectionMixin
from tasks.framework.preservation.recipe import Given, Made, Output, Recipe
from tasks.framework.workflow import RequiresWorkflows
from tasks.skim import MergeSkim


class Scale(SelectionMixin, DatasetTask, RequiresWorkflows):
    """Scale a simulated dataset to its expected yield.

    Every event counts `cross_section * filter_efficiency * k_factor * luminosity /
    sum_of_weights` times its weight.
    """

    def requires(self) -> MergeSkim:
        return MergeSkim.req(self)

    def store_parts(self) -> tuple[str, ...]:
        inputs = digest(
            self.cuts,
            self.entry.inputs_digest(),
            self.entry.normalisation_digest(),
            self.analysis.luminosity.value,
        )
        return (*super().store_parts(), self.dataset, f"{self.selection}-{inputs}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(histograms="selected_scaled.root", plot="scaled.pdf")

    def run(self) -> None:
        from analysis import histograms, plots, scaling, skimming

        skim = skimming.read_skim(self.input()["histograms"].abspath)
        luminosity = self.analysis.luminosity.value
        factor = scaling.dataset_factor(self.entry, luminosity, skim.sum_of_weights)
        synthetic = self.entry.is_synthetic or skim.is_synthetic
        scaled = {
            name: scaling.to_luminosity(histogram, factor)
            for name, histogram in skim.histograms.items()
        }
        figure = plots.scaled_signal(
            skim.histograms["h_mjj"],
            scaled["h_mjj"],
            title=self.entry.title,
            luminosity=luminosity,
            synthetic=synthetic,
        )
        with self.localize_output() as output:
            histograms.write_histograms(output["histograms"].abspath, scaled, synthetic=synthetic)
            plots.save(figure, output["plot"].abspath)

    def recipe(self) -> Recipe:
        entry = self.entry
        return Recipe(
            *("python", "-m", "analysis", "scale", "-i", Made(self.requires(), "histograms")),
            *("-o", Output("histograms"), "-p", Output("plot")),
            *("-c", Given("cross_section", f"{entry.cross_section!r} fb")),
            *("-f", Given("filter_efficiency", entry.filter_efficiency)),
            *("-k", Given("k_factor", entry.k_factor)),
            *("-s", Given("sum_of_weights", entry.sum_of_weights or "files")),
            *("-l", Given("luminosity", f"{self.analysis.luminosity.value!r} /fb")),
            *("--title", Given("signal_title", entry.title)),
            *("--synthetic", Given("signal_synthetic", "yes" if entry.is_synthetic else "auto")),
        )
