"""How targets load and dump what the analysis makes: ``formatter="hist"`` and ``"awkward"``."""

from collections.abc import Mapping
from typing import Any

import law
from law.target.file import get_path
from law.target.formatter import Formatter

law.contrib.load("awkward")


class HistFormatter(Formatter):
    """Histograms of a ROOT file as hist.Hist, with variances and flow bins."""

    name = "hist"

    @classmethod
    def accepts(cls, path: Any, mode: str) -> bool:  # noqa: ARG003 - law's signature
        """Only by name: law's own formatters take ``.root`` files for PyROOT."""
        return bool(get_path(path).endswith(".root"))

    @classmethod
    def load(cls, path: Any, name: str | None = None) -> Any:
        """The histogram called ``name``, or all of the file by name."""
        from analysis import histograms

        place = get_path(path)
        if name is None:
            return histograms.read_histograms(place)
        return histograms.read_histogram(place, name)

    @classmethod
    def dump(cls, path: Any, content: Mapping[str, Any]) -> None:
        """Write histograms by name as TH1D."""
        from analysis import histograms

        histograms.write_histograms(get_path(path), content)
