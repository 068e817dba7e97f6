"""The spectra of selected events that a skim makes."""

from collections.abc import Mapping
from typing import NamedTuple

import hist

from analysis.catalogue import Binning
from analysis.events import Float64Array, IntArray
from analysis.histograms import Histogram
from analysis.selection import SelectedEvents

N_JETS = Binning(15, -0.5, 14.5)
JET1_PT = Binning(40, 0.0, 1000.0)


def empty_histograms(m_jj: Binning) -> dict[str, Histogram]:
    """The histograms of a skim, by name, to be filled.

    Args:
        m_jj: binning of the invariant mass in GeV.

    Returns:
        ``h_mjj``: invariant mass of the leading pair; ``h_njets``: number of accepted jets;
        ``h_jet1_pt``: transverse momentum of the pair's first jet. All with sums of weights and of
        squared weights, under- and overflow.
    """
    return {
        "h_mjj": _empty("h_mjj", m_jj, r"$m_{jj}$ [GeV]"),
        "h_njets": _empty("h_njets", N_JETS, "Number of jets"),
        "h_jet1_pt": _empty("h_jet1_pt", JET1_PT, r"Leading jet $p_{T}$ [GeV]"),
    }


class Entries(NamedTuple):
    """What is histogrammed of selected events, each as in `SelectedEvents`."""

    m_jj: Float64Array
    n_jets: IntArray
    leading_pt: Float64Array
    weights: Float64Array


def entries(selected: SelectedEvents) -> Entries:
    """The entries of selected events; the rest of these can be forgotten."""
    return Entries(selected.m_jj, selected.n_jets, selected.leading_pt, selected.weights)


def fill(histograms: Mapping[str, Histogram], entries: Entries) -> None:
    """Add entries to the histograms of `empty_histograms`."""
    histograms["h_mjj"].fill(entries.m_jj, weight=entries.weights)
    histograms["h_njets"].fill(entries.n_jets, weight=entries.weights)
    histograms["h_jet1_pt"].fill(entries.leading_pt, weight=entries.weights)


def _empty(name: str, binning: Binning, label: str) -> Histogram:
    axis = hist.axis.Regular(binning.n_bins, binning.low, binning.high, label=label)
    return Histogram(axis, storage=hist.storage.Weight(), name=name)
