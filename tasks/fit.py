"""From the expected signal, the background and the data to limits."""

from typing import Any

import law
import luigi

from analysis.catalogue import DatasetSum, HistogramFile, load_catalogue
from tasks.base import CatalogueTask, SelectionMixin
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
        content = load_catalogue(params["catalogue"])
        params["signals"] = tuple(params["signals"]) or content.default_signals
        for name in params["signals"]:
            content.signal(name)
        if params["model"] in {law.NO_STR, "", None}:
            params["model"] = content.model.name
        return params


class Fit(SignalsMixin, SelectionMixin, CatalogueTask, Workflow):
    """Limits on the signal strength, a branch per signal."""

    def create_branch_map(self) -> list[str]:
        return list(self.signals)

    def workflow_requires(self) -> dict[str, Any]:
        signals = [Scale.req(self, dataset=signal) for signal in self.signals]
        return {**super().workflow_requires(), "signals": signals, **self.fixed_requires()}

    def requires(self) -> dict[str, Any]:
        return {"signal": Scale.req(self, dataset=self.branch_data), **self.fixed_requires()}

    def fixed_requires(self) -> dict[str, Any]:
        """Tasks that make data and background, where these are not given as histograms."""
        fixed: dict[str, Any] = {}
        content = self.analysis
        if isinstance(content.data, DatasetSum):
            fixed["data"] = [MergeSkim.req(self, dataset=d) for d in content.data.datasets]
        if isinstance(content.background, DatasetSum):
            names = content.background.datasets
            fixed["background"] = [Scale.req(self, dataset=name) for name in names]
        return fixed

    def files_read(self) -> list[str]:
        sources = (self.analysis.data, self.analysis.background)
        return [s.path for s in sources if isinstance(s, HistogramFile)]
