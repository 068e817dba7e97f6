"""What is made of all signals together: cut flows, exclusions, likelihoods and HEPData's record."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import law
import luigi

from analysis.catalogue import digest
from analysis.errors import AnalysisError
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin, fit_digest, limits_of
from tasks.skim import MergeSkim


class AllSignalsTask(SignalsMixin, SelectionMixin, CatalogueTask):
    """A task on the Fits of all signals."""

    exclude_index = True

    def requires(self) -> dict[str, Any]:
        return {"fit": Fit.req(self)}

    def store_parts(self) -> tuple[str, ...]:
        inputs = [(signal, fit_digest(self, signal)) for signal in self.signals]
        points = [self.analysis.signal(signal).parameters for signal in self.signals]
        made_of = digest(inputs, [sorted(point.items()) for point in points], self.settings())
        return (*super().store_parts(), f"{self.selection}-{made_of}")

    def settings(self) -> tuple[Any, ...]:
        """Parameters of the task that change its results."""
        return ()

    def results(self) -> list[dict[str, Any]]:
        """Contents of ``limits.json``, in the order of the signals."""
        return [target.load(formatter="json") for target in limits_of(self.requires()["fit"])]


class ExclusionPlot(AllSignalsTask):
    """Limits against one parameter of the signals, with their prediction; or against two."""

    against = law.CSVParameter(
        default=(),
        description="one or two names of the signals' 'parameters' in the catalogue, separated by "
        "a comma; default: all that the first signal has",
    )

    def settings(self) -> tuple[Any, ...]:
        return tuple(self.against)

    def requires(self) -> dict[str, Any]:
        for signal in self.signals:  # before anything is run for it
            self.values(signal, self.names)
        return super().requires()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self.against) or tuple(self.analysis.signal(self.signals[0]).parameters)

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(result="exclusion.json", plot="exclusion.png", plot_pdf="exclusion.pdf")

    def run(self) -> None:
        from analysis import plots
        from analysis.exclusion import Point, exclude
        from analysis.inference import limits_from_dict
        from analysis.inference.plain import as_plain

        results = self.results()
        names = self.names
        points = [
            Point(self.values(signal, names), limits_from_dict(result), result["cross_section_fb"])
            for signal, result in zip(self.signals, results, strict=True)
        ]
        shown: dict[str, Any] = {
            "luminosity": self.analysis.luminosity.value,
            "synthetic": any(result["synthetic"] for result in results),
        }
        found: Any = points
        if len(names) == 1:
            found = exclude(points)
            figure = plots.exclusion(found, parameter=names[0], **shown)
        else:
            figure = plots.contour(points, parameters=(names[0], names[1]), **shown)
        with self.localize_output() as output:
            document = {
                "parameters": names,
                "signals": self.signals,
                "synthetic": shown["synthetic"],
                "not_modelled": results[0]["not_modelled"],
                "exclusion": found,
            }
            output["result"].dump(as_plain(document), formatter="json", indent=2)
            for kind in ("plot", "plot_pdf"):
                plots.save(figure, output[kind].abspath)

    def values(self, signal: str, names: tuple[str, ...]) -> tuple[float, ...]:
        """A signal's parameters of these names."""
        known = self.analysis.signal(signal).parameters
        if not 1 <= len(names) <= 2 or any(name not in known for name in names):  # noqa: PLR2004
            asked = ", ".join(names) or "any"
            raise AnalysisError(
                f"signals.{signal}: an exclusion needs one or two parameters, and it has not "
                f"{asked}: add such as 'parameters: {{mass: 500}}', or name them with --against"
            )
        return tuple(known[name] for name in names)


class Cutflow(SignalsMixin, SelectionMixin, CatalogueTask):
    """What is left of the signals after each cut."""

    def requires(self) -> dict[str, Any]:
        return {signal: MergeSkim.req(self, dataset=signal) for signal in self.signals}

    def store_parts(self) -> tuple[str, ...]:
        entries = [self.analysis.signal(signal) for signal in self.signals]
        inputs = digest(self.signals, self.cuts, [entry.inputs_digest() for entry in entries])
        return (*super().store_parts(), f"{self.selection}-{inputs}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(**{kind: f"cutflow.{kind}" for kind in ("txt", "tex", "json")})

    def run(self) -> None:
        from analysis import skim_files, yields

        skims = {
            signal: skim_files.read_skim(made["histograms"].abspath)
            for signal, made in self.input().items()
        }
        flows = {signal: skim.cutflow for signal, skim in skims.items()}
        made_up = [s for s in self.signals if self.analysis.signal(s).is_synthetic]
        notes = [f"{signal}: synthetic sample" for signal in made_up]
        table = yields.cutflow_table(flows, notes=notes)
        with self.localize_output() as output:
            output["txt"].dump(table.to_text() + "\n", formatter="text")
            output["tex"].dump(table.to_latex() + "\n", formatter="text")
            output["json"].dump(table.to_dict(), formatter="json", indent=2)


class Publish(AllSignalsTask):
    """Background-only workspace, patch set and HEPData submission of all signals."""

    abstract = luigi.Parameter(
        default="Search for VH production with H -> bb in the dijet mass spectrum.",
        description="abstract of the HEPData submission; default: a sentence on VH, H -> bb",
    )

    def settings(self) -> tuple[Any, ...]:
        return (self.abstract,)

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(
            background="background_only.json", patches="patchset.json", hepdata="hepdata.tar.gz"
        )

    def run(self) -> None:
        from analysis import inference, plots
        from analysis.publication import publish

        fits = list(self.input()["fit"]["collection"].targets.values())
        results = self.results()
        figure = plots.summary(
            {result["signal"]: inference.limits_from_dict(result) for result in results},
            titles={result["signal"]: result["title"] for result in results},
            luminosity=self.analysis.luminosity.value,
            synthetic=any(result["synthetic"] for result in results),
        )
        with TemporaryDirectory() as folder:
            limits = Path(folder, "limits.png")
            plots.save(figure, limits)
            made = publish(
                results,
                [fit["workspace"].load(formatter="json") for fit in fits],
                abstract=self.abstract,
                parameters={s: self.analysis.signal(s).parameters for s in self.signals},
                figures={"spectrum": Path(fits[0]["results_plot"].abspath), "limits": limits},
            )
        with self.localize_output() as output:
            output["background"].dump(made.background, formatter="json", indent=2)
            output["patches"].dump(made.patches, formatter="json", indent=2)
            Path(output["hepdata"].abspath).write_bytes(made.archive)
