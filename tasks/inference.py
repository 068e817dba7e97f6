"""What else a fitted workspace tells: a task for each question, a branch per signal."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import law
import luigi

from analysis.catalogue import digest
from analysis.errors import AnalysisError
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin, fit_digest
from tasks.framework.workflow import Workflow


class WorkspaceTask(SignalsMixin, SelectionMixin, CatalogueTask, Workflow):
    """A task on the workspace that Fit wrote for each signal."""

    exclude_index = True
    least: ClassVar[Mapping[str, int]] = {}
    """Parameters of which there must be so many at least."""

    @classmethod
    def modify_param_values(cls, params: dict[str, Any]) -> dict[str, Any]:
        params = super().modify_param_values(params)
        for name, least in cls.least.items():
            if params[name] < least:
                raise AnalysisError(f"--{name} {params[name]}: give {least} or more")
        return params

    def create_branch_map(self) -> list[Any]:
        return list(self.signals)

    def workflow_requires(self) -> dict[str, Any]:
        return {**super().workflow_requires(), "fit": self.fit_of(branch=-1)}

    def requires(self) -> dict[str, Any]:
        return {"fit": self.fit_of(self.signals.index(self.signal))}

    def fit_of(self, branch: int) -> Fit:
        """The Fit of all signals, or its branch of one."""
        return Fit.req(self, branch=branch, branches=(), toys=None)

    @property
    def signal(self) -> str:
        """The branch's signal."""
        name: str = self.branch_data
        return name

    def store_parts(self) -> tuple[str, ...]:
        signal = self.signal
        inputs = digest(fit_digest(self, signal), self.settings())
        return (*super().store_parts(), signal, f"{self.selection}-{inputs}")

    def settings(self) -> tuple[Any, ...]:
        """Parameters of the task that change its results."""
        return ()

    @property
    def workspace(self) -> dict[str, Any]:
        """The signal's HistFactory workspace."""
        content: dict[str, Any] = self.input()["fit"]["workspace"].load(formatter="json")
        return content

    @property
    def limits(self) -> dict[str, Any]:
        """The signal's ``limits.json``."""
        content: dict[str, Any] = self.input()["fit"]["limits"].load(formatter="json")
        return content

    @property
    def shown(self) -> dict[str, Any]:
        """What every figure says: luminosity, and whether the signal is synthetic."""
        limits = self.limits
        return {"luminosity": limits["luminosity_fb"], "synthetic": limits["synthetic"]}

    def predictions(self) -> dict[str, Any]:
        """Predictions by channel, with the signal at strength one and with all of it fitted."""
        from analysis.inference import predict

        workspace = self.workspace
        return {
            "prefit": predict(workspace, fitted=False, strength=1.0),
            "postfit": predict(workspace, strength=None),
        }

    def warned(self, result: Any) -> Any:
        """A result with the warnings of the model and the limits before its own."""
        warnings = dict.fromkeys((*self.limits["warnings"], *result.warnings))
        return replace(result, warnings=tuple(warnings))

    def write(self, result: object, figures: Mapping[str, Any]) -> None:
        """Write ``result`` (with what the model leaves out) and figures by what they are called."""
        from analysis import plots
        from analysis.inference.plain import as_plain

        limits = self.limits
        about = {key: limits[key] for key in _ABOUT}
        with self.localize_output() as output:
            # What Fit says of the model holds, whatever a result of toys knows of it.
            content = about | as_plain(result) | about
            output["result"].dump(content, formatter="json", indent=2)
            for name, figure in figures.items():
                for kind in _KINDS:
                    plots.save(figure, output[f"{name}_{kind}"].abspath)


class FigureTask(WorkspaceTask):
    """A task whose result is a JSON file and a figure, both called after it."""

    exclude_index = True

    @property
    @abstractmethod
    def stem(self) -> str:
        """Name of the outputs, without suffix."""

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        stem = self.stem
        return self.targets(result=f"{stem}.json", plot_png=f"{stem}.png", plot_pdf=f"{stem}.pdf")


class LikelihoodScan(FigureTask):
    """Scan the profile likelihood along one parameter."""

    parameter = luigi.Parameter(default="mu", description="the parameter; default: mu")
    points = luigi.IntParameter(default=41, description="number of points; default: 41")

    stem = "likelihood_scan"
    least: ClassVar[Mapping[str, int]] = {"points": 3}

    def settings(self) -> tuple[Any, ...]:
        return self.parameter, self.points

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.measurement import profile_scan

        scan = self.warned(profile_scan(self.workspace, self.parameter, points=self.points))
        self.write(scan, {"plot": plots.likelihood_scan(scan, **self.shown)})


class PullsAndImpacts(FigureTask):
    """Pulls of all parameters, and what each does to the signal strength."""

    stem = "pulls_and_impacts"

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.impacts import pulls_and_impacts

        impacts = self.warned(pulls_and_impacts(self.workspace))
        self.write(impacts, {"plot": plots.pulls_and_impacts(impacts, **self.shown)})


class GoodnessOfFit(FigureTask):
    """Compare the fitted model with one that has a parameter for each bin."""

    toys = luigi.IntParameter(default=0, description="number of pseudo-experiments; default: 0")
    seed = luigi.IntParameter(default=0, description="of their random numbers; default: 0")

    stem = "goodness_of_fit"
    least: ClassVar[Mapping[str, int]] = {"toys": 0}

    def settings(self) -> tuple[Any, ...]:
        return self.toys, self.seed

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.measurement import goodness_of_fit

        result = self.warned(goodness_of_fit(self.workspace, n_toys=self.toys, seed=self.seed))
        self.write(result, {"plot": plots.goodness_of_fit(result, **self.shown)})


class Significance(FigureTask):
    """Evidence against the absence of the signal."""

    stem = "significance"

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.measurement import significance

        result = self.warned(significance(self.workspace))
        self.write(result, {"plot": plots.significance(result, **self.shown)})


class PostfitPlots(WorkspaceTask):
    """The spectrum before and after the fit of everything, and both in numbers."""

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        figures = {
            f"{when}_{kind}": f"{when}.{kind}" for when in ("prefit", "postfit") for kind in _KINDS
        }
        return self.targets(result="postfit.json", **figures)

    def run(self) -> None:
        from analysis import inference, plots

        limits, channels = self.limits, self.limits["channels"]
        spectra = {
            when: self.warned(inference.join(prediction, channels))
            for when, prediction in self.predictions().items()
        }
        signal = spectra["prefit"].samples["signal"]
        figures = {
            when: plots.spectrum(
                spectrum,
                limits["edges_gev"],
                signal=signal,
                titles={"signal": limits["title"]},
                **self.shown,
            )
            for when, spectrum in spectra.items()
        }
        self.write({"edges_gev": limits["edges_gev"], **spectra}, figures)


class Yields(WorkspaceTask):
    """Events of each sample and channel before and after the fit, and the data, as a table."""

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(**{kind: f"yields.{kind}" for kind in ("txt", "tex", "json")})

    def run(self) -> None:
        from analysis import yields

        limits, predictions = self.limits, self.predictions()
        notes = [f"Warning: {text}" for text in limits["warnings"]]
        if limits["synthetic"]:
            notes.append(f"{limits['signal']}: synthetic sample")
        table = yields.yields_table(predictions["prefit"], predictions["postfit"], notes=notes)
        about = {key: limits[key] for key in _ABOUT}
        with self.localize_output() as output:
            output["txt"].dump(table.to_text() + "\n", formatter="text")
            output["tex"].dump(table.to_latex() + "\n", formatter="text")
            output["json"].dump({**about, **table.to_dict()}, formatter="json", indent=2)


_KINDS = ("png", "pdf")
_ABOUT = ("signal", "title", "synthetic", "not_modelled")
