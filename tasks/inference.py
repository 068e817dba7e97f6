"""What else a fitted workspace tells: a task for each question, a branch per signal."""

from abc import abstractmethod
from typing import Any

import law
import luigi

from analysis.catalogue import digest
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin, fit_digest
from tasks.framework.workflow import Workflow


class WorkspaceTask(SignalsMixin, SelectionMixin, CatalogueTask, Workflow):
    """A task on the workspace that Fit wrote for each signal."""

    exclude_index = True

    def create_branch_map(self) -> list[Any]:
        return list(self.signals)

    def workflow_requires(self) -> dict[str, Any]:
        return {**super().workflow_requires(), "fit": Fit.req(self, branch=-1, branches=())}

    def requires(self) -> dict[str, Any]:
        return {"fit": self.fit_of(self.signal)}

    def fit_of(self, signal: str) -> Fit:
        """The branch of Fit of a signal."""
        return Fit.req(self, branch=self.signals.index(signal), branches=())

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

    def write(self, result: object, figure: Any = None) -> None:
        """Write ``result`` (with what the model leaves out) and its figure."""
        from analysis import plots
        from analysis.inference.plain import as_plain

        limits = self.limits
        about = {key: limits[key] for key in ("signal", "title", "synthetic", "not_modelled")}
        with self.localize_output() as output:
            output["result"].dump({**about, **as_plain(result)}, formatter="json", indent=2)
            for kind in ("plot", "plot_pdf"):
                if kind in output:
                    plots.save(figure, output[kind].abspath)


class FigureTask(WorkspaceTask):
    """A task whose result is a JSON file and a figure, both called after it."""

    exclude_index = True

    @property
    @abstractmethod
    def stem(self) -> str:
        """Name of the outputs, without suffix."""

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        stem = self.stem
        return self.targets(result=f"{stem}.json", plot=f"{stem}.png", plot_pdf=f"{stem}.pdf")


class LikelihoodScan(FigureTask):
    """Scan the profile likelihood along one parameter."""

    parameter = luigi.Parameter(default="mu", description="the parameter; default: mu")
    points = luigi.IntParameter(default=41, description="number of points; default: 41")

    stem = "likelihood_scan"

    def settings(self) -> tuple[Any, ...]:
        return self.parameter, self.points

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.measurement import profile_scan

        scan = profile_scan(self.workspace, self.parameter, points=self.points)
        self.write(scan, plots.likelihood_scan(scan, **self.shown))


class PullsAndImpacts(FigureTask):
    """Pulls of all parameters, and what each does to the signal strength."""

    stem = "pulls_and_impacts"

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.impacts import pulls_and_impacts

        impacts = pulls_and_impacts(self.workspace)
        self.write(impacts, plots.pulls_and_impacts(impacts, **self.shown))


class GoodnessOfFit(FigureTask):
    """Compare the fitted model with one that has a parameter for each bin."""

    toys = luigi.IntParameter(default=0, description="number of pseudo-experiments; default: 0")
    seed = luigi.IntParameter(default=0, description="of their random numbers; default: 0")

    stem = "goodness_of_fit"

    def settings(self) -> tuple[Any, ...]:
        return self.toys, self.seed

    def run(self) -> None:
        from analysis import plots
        from analysis.inference.measurement import goodness_of_fit

        result = goodness_of_fit(self.workspace, n_toys=self.toys, seed=self.seed)
        self.write(result, plots.goodness_of_fit(result, synthetic=self.shown["synthetic"]))


class Significance(WorkspaceTask):
    """Evidence against the absence of the signal."""

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(result="significance.json")

    def run(self) -> None:
        from analysis.inference.measurement import significance

        self.write(significance(self.workspace))


class PostfitPlots(WorkspaceTask):
    """The spectrum before and after the fit of everything, and the yields of both as tables."""

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        figures = {
            f"{when}_{kind}": f"{when}.{kind}" for when in ("prefit", "postfit") for kind in _KINDS
        }
        tables = {f"yields_{kind}": f"yields.{kind}" for kind in ("txt", "tex", "json")}
        return self.targets(**figures, **tables)

    def run(self) -> None:
        from analysis import inference, plots, yields

        limits, workspace = self.limits, self.workspace
        before = inference.predict(workspace, fitted=False, strength=1.0)
        after = inference.predict(workspace, strength=None)
        signal = inference.join(before, limits["channels"]).samples["signal"]
        table = yields.yields_table(before, after, notes=limits["warnings"])
        with self.localize_output() as output:
            for when, channels in (("prefit", before), ("postfit", after)):
                figure = plots.spectrum(
                    inference.join(channels, limits["channels"]),
                    limits["edges_gev"],
                    signal=signal,
                    titles={"signal": limits["title"]},
                    **self.shown,
                )
                for kind in _KINDS:
                    plots.save(figure, output[f"{when}_{kind}"].abspath)
            output["yields_txt"].dump(table.to_text() + "\n", formatter="text")
            output["yields_tex"].dump(table.to_latex() + "\n", formatter="text")
            output["yields_json"].dump(table.to_dict(), formatter="json", indent=2)


_KINDS = ("png", "pdf")
