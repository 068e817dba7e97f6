"""Every figure of the analysis; each function returns a matplotlib Figure."""

from analysis.plots.exclusion import contour, exclusion
from analysis.plots.limits import limit_scan, summary
from analysis.plots.measurement import (
    goodness_of_fit,
    likelihood_scan,
    pulls_and_impacts,
    significance,
    toys,
)
from analysis.plots.spectrum import scaled_signal, spectrum
from analysis.plots.style import save

__all__ = [
    "contour",
    "exclusion",
    "goodness_of_fit",
    "likelihood_scan",
    "limit_scan",
    "pulls_and_impacts",
    "save",
    "scaled_signal",
    "significance",
    "spectrum",
    "summary",
    "toys",
]
