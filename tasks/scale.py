"""From selected events to the yield expected in data."""

import law

from analysis.catalogue import digest
from tasks.framework.preservation.recipe import Given, Made, Output, Recipe
from tasks.framework.workflow import RequiresWorkflows
from tasks.shifts import ShiftsMixin
from tasks.skim import MergeSkim


class Scale(ShiftsMixin, RequiresWorkflows):
    """Scale a simulated dataset to its expected yield.

    Every event counts `cross_section * filter_efficiency * k_factor * luminosity /
    sum_of_weights` times its weight.
    """

    inherits = (MergeSkim,)

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
        name = "selected_scaled.root"
        outputs = self.targets(histograms=name, plot="scaled.pdf")
        return outputs | self.variant_targets(histograms=name)

    def run(self) -> None:
        from analysis import histograms, plots, scaling, skim_files

        luminosity = self.analysis.luminosity.value
        with self.localize_output() as output:
            for key in [key for key in output if key != "plot"]:
                skim = skim_files.read_skim(self.input()[key].abspath)
                synthetic = self.entry.is_synthetic or skim.is_synthetic
                scaled = scaling.expected(
                    skim.histograms, self.entry, luminosity, skim.sum_of_weights
                )
                histograms.write_histograms(output[key].abspath, scaled, synthetic=synthetic)
                if key == "histograms":
                    figure = plots.scaled_signal(
                        skim.histograms["h_mjj"],
                        scaled["h_mjj"],
                        title=self.entry.title,
                        luminosity=luminosity,
                        synthetic=synthetic,
                    )
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
