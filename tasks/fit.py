"""From the expected signal, the background and the data to limits."""

from dataclasses import replace
from typing import Any

import law
import luigi

from analysis.catalogue import (
    MODELS,
    SAMPLES,
    DatasetSum,
    HistogramFile,
    HistogramSource,
    InlineHistogram,
    ModelSettings,
    digest,
    write_out,
)
from analysis.errors import AnalysisError
from tasks.base import CatalogueTask, SelectionMixin, read_catalogue, wants_ticket
from tasks.framework.preservation.recipe import Embedded, Given, Made, Output, Recipe
from tasks.framework.workflow import Workflow
from tasks.scale import Scale
from tasks.skim import MergeSkim


class SignalsMixin(law.Task):
    """Adds the signals by name and the statistical model; empty means the catalogue's default."""

    signals = law.CSVParameter(
        default=(),
        description="names of signals of the catalogue, separated by commas; default: the "
        "catalogue's own default",
    )
    model = luigi.Parameter(
        default=law.NO_STR,
        description="statistical model, 'default' or 'tutorial'; default: the catalogue's",
    )

    exclude_index = True

    @classmethod
    def modify_param_values(cls, params: dict[str, Any]) -> dict[str, Any]:
        params = super().modify_param_values(params)
        content = read_catalogue(params["catalogue"])
        params["signals"] = tuple(params["signals"]) or content.default_signals
        for name in params["signals"]:
            content.signal(name)
        if params["model"] in {law.NO_STR, "", None}:
            params["model"] = content.model.name
        if params["model"] not in MODELS:
            raise AnalysisError(f"unknown model '{params['model']}'; known: {', '.join(MODELS)}")
        return params

    @property
    def model_settings(self) -> ModelSettings:
        """The statistical model: the catalogue's numbers, the chosen name."""
        content = read_catalogue(self.catalogue)
        simulated = SAMPLES if isinstance(content.background, DatasetSum) else ()
        on = content.model.luminosity_on or simulated
        return replace(content.model, name=self.model, luminosity_on=on)


def fit_digest(task: Any, signal: str) -> str:
    """Of all that the workspace of a signal depends on, for a task with Fit's parameters."""
    content = task.analysis
    entry = content.signal(signal)
    settings = task.model_settings
    made = {**content.shifts, **task.cuts.weights}  # others come with a given background
    shifts = {shift for sample in SAMPLES for shift in settings.shifts(sample) if shift in made}
    variations = [v.digest() for v in content.variations(task.cuts, sorted(shifts))]
    return digest(
        *([variations] if variations else []),
        task.cuts,
        entry.inputs_digest(),
        entry.normalisation_digest(),
        content.luminosity,
        content.histogram_digest(content.data),
        content.histogram_digest(content.background),
        settings,
    )


class Fit(SignalsMixin, SelectionMixin, CatalogueTask, Workflow):
    """Limits on the signal strength, a branch per signal.

    With pseudo-experiments there is nothing more to do than `ToyLimits` does, which requires a Fit
    without.
    """

    toys = luigi.OptionalIntParameter(
        default=None,
        description="also limits from so many pseudo-experiments at each signal strength, as "
        "ToyLimits makes them; default: none",
    )

    exclude_params_repr_empty = {"toys"}  # noqa: RUF012 - law's convention

    def create_branch_map(self) -> list[str]:
        return list(self.signals)

    def toy_limits(self, **branching: Any) -> Any:
        """The task that makes limits from pseudo-experiments."""
        from tasks.toys import ToyLimits

        return ToyLimits.req(self, **branching)

    def incomplete(self) -> tuple[str, ...]:
        return () if self.toys else super().incomplete()

    def workflow_requires(self) -> dict[str, Any]:
        if self.toys:
            toys = self.toy_limits(branch=-1, branches=self.branches)
            return {**super().workflow_requires(), "toys": toys}
        signals = [self.scaled(signal, "signal") for signal in self.signals]
        return {**super().workflow_requires(), "signals": signals, **self.fixed_requires()}

    def requires(self) -> dict[str, Any]:
        if self.toys:
            return {"toys": self.toy_limits(branch=self.branch, branches=())}
        return {"signal": self.scaled(self.branch_data, "signal"), **self.fixed_requires()}

    def scaled(self, dataset: str, sample: str) -> Scale:
        """The task that makes a dataset's histogram, with the shifts that the model needs."""
        return Scale.req(self, dataset=dataset, shifts=self.model_settings.shifts(sample))

    def fixed_requires(self) -> dict[str, Any]:
        """Tasks that make data and background, where these are not given as histograms."""
        fixed: dict[str, Any] = {}
        content = self.analysis
        if isinstance(content.data, DatasetSum):
            fixed["data"] = [MergeSkim.req(self, dataset=d) for d in content.data.datasets]
        if isinstance(content.background, DatasetSum):
            names = content.background.datasets
            fixed["background"] = [self.scaled(name, "background") for name in names]
        return fixed

    def files_read(self) -> list[str]:
        sources = (self.analysis.data, self.analysis.background)
        return [source.path for source in sources if isinstance(source, HistogramFile)]

    def store_parts(self) -> tuple[str, ...]:
        inputs = fit_digest(self, self.branch_data)
        return (*super().store_parts(), self.branch_data, f"{self.selection}-{inputs}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        toys = self.toy_limits(branch=self.branch, branches=()).output() if self.toys else {}
        return {f"toys_{key}": target for key, target in toys.items()} | self.targets(
            limits="limits.json",
            workspace="workspace.json",
            limits_plot="limits.png",
            limits_pdf="limits.pdf",
            results_plot="results.png",
            results_pdf="results.pdf",
        )

    def run(self) -> None:
        from analysis import histograms, limit_setting, plots

        content, entry = self.analysis, self.analysis.signal(self.branch_data)
        synthetic = histograms.is_synthetic(self.input()["signal"]["histograms"].abspath)
        label = limit_setting.SignalLabel(
            entry.name, entry.title, entry.cross_section, is_synthetic=synthetic
        )
        result = limit_setting.set_limits(
            self.histogram("signal"),
            self.histogram("background"),
            self.histogram("data"),
            label,
            content.luminosity,
            self.model_settings,
            limit_setting.find_shifted(self.model_settings, self.histogram),
        )
        with self.localize_output() as output:
            output["limits"].dump(result.document, formatter="json", indent=2)
            output["workspace"].dump(result.workspace, formatter="json", indent=2)
            for kind in ("plot", "pdf"):
                plots.save(result.scan_figure, output[f"limits_{kind}"].abspath)
                plots.save(result.spectrum_figure, output[f"results_{kind}"].abspath)

    def histogram(self, role: str, variation: str = "") -> Any:
        """The histogram of ``signal``, ``data`` or ``background``: given, or made by skimming.

        With a variation the one with that shift, None where there is none.
        """
        from analysis import histograms

        source = None if role == "signal" else getattr(self.analysis, role)
        if isinstance(source, HistogramFile | InlineHistogram):
            if variation:
                return histograms.from_source_varied(role, source, variation)
            return histograms.from_source(role, source)
        key = f"histograms@{variation}" if variation else "histograms"
        made = self.input()[role]
        parts = [part.get(key) for part in ([made] if role == "signal" else made)]
        if None in parts:
            return None
        return histograms.merge([part.load(formatter="hist", name="h_mjj") for part in parts])

    def recipe(self) -> Recipe:
        content, entry = self.analysis, self.analysis.signal(self.branch_data)
        fixed = {role: self.preserved_histogram(role) for role in ("data", "background")}
        catalogue = write_out(content, self.cuts, self.model_settings, fixed)
        files = [source.path for source in fixed.values() if isinstance(source, HistogramFile)]
        return Recipe(
            *("python", "-m", "analysis", "fit"),
            *("--filesig", Made(self.requires()["signal"], "histograms")),
            *("--limitsfile", Output("limits"), "--workspacefile", Output("workspace")),
            *("--outputfile", Output("limits_plot"), Output("limits_pdf")),
            *("--plotfile", Output("results_plot"), Output("results_pdf")),
            *("--signal", Given("signal_name", entry.name)),
            *("--title", Given("signal_title", entry.title)),
            *("-c", Given("cross_section", f"{entry.cross_section!r} fb")),
            *("-l", Given("luminosity", f"{content.luminosity.value!r} /fb")),
            *("--catalogue", Embedded("analysis.yaml", catalogue)),
            fixed=tuple(law.util.flatten(self.fixed_requires())),
            kerberos=wants_ticket(files),
        )

    def preserved_histogram(self, role: str) -> HistogramSource:
        """The ``data`` or ``background`` histogram, written out unless anyone can read its file."""
        from analysis import histograms

        source: HistogramSource = getattr(self.analysis, role)
        if isinstance(source, HistogramFile) and "://" in source.path:
            return source
        if isinstance(source, InlineHistogram):
            return source
        names = [f"{s}_{d}" for s in self.model_settings.shifts(role) for d in ("up", "down")]
        shifted = {name: self.histogram(role, name) for name in names}
        return replace(
            histograms.to_inline(self.histogram(role)),
            shifted={n: histograms.to_inline(h) for n, h in shifted.items() if h is not None},
        )


def limits_of(fit: Fit, key: str = "limits") -> list[Any]:
    """The ``limits.json`` targets of a Fit, in the order of its signals."""
    return [outputs[key] for outputs in fit.output()["collection"].targets.values()]


@Fit.event_handler(luigi.Event.SUCCESS)
@Fit.event_handler(luigi.Event.DEPENDENCY_PRESENT)
def show_limits(fit: Fit) -> None:
    """Print the table when a Fit is done, or was done already, and where its files are."""
    if fit.is_branch():
        return
    from analysis import tables

    made = limits_of(fit, "toys_result" if fit.toys else "limits")
    limits = [target for target in made if target.exists()]
    results = [target.load(formatter="json") for target in limits]
    if not results:
        return
    what = f" from {fit.toys} pseudo-experiments at each strength" if fit.toys else ""
    lines = [f"upper limits on the signal strength at 95 % CL{what}", tables.limits_table(results)]
    lines += [f"files: {target.parent.abspath}" for target in limits]
    print("\n".join(lines), flush=True)  # noqa: T201
