"""Every figure of the analysis; each function returns a matplotlib Figure."""

from analysis.plots.limits import limit_scan, summary
from analysis.plots.spectrum import scaled_signal, spectrum
from analysis.plots.style import save

__all__ = ["limit_scan", "save", "scaled_signal", "spectrum", "summary"]
