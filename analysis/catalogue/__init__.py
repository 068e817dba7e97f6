"""What is analysed: signals, datasets, data, background, selections, in YAML with units."""

from analysis.catalogue.dataset import Dataset, Synthetic
from analysis.catalogue.digest import digest
from analysis.catalogue.entries import (
    Binning,
    BTag,
    Catalogue,
    DatasetSum,
    HistogramFile,
    HistogramSource,
    InlineHistogram,
    Luminosity,
    Selection,
)
from analysis.catalogue.loading import load_catalogue
from analysis.catalogue.metadata import DsidFacts, dsid_facts
from analysis.catalogue.model import MODELS, ModelSettings, Systematic
from analysis.catalogue.units import parse_cross_section, parse_luminosity
from analysis.catalogue.writing import write_out, write_out_selection

__all__ = [
    "MODELS",
    "BTag",
    "Binning",
    "Catalogue",
    "Dataset",
    "DatasetSum",
    "DsidFacts",
    "HistogramFile",
    "HistogramSource",
    "InlineHistogram",
    "Luminosity",
    "ModelSettings",
    "Selection",
    "Synthetic",
    "Systematic",
    "digest",
    "dsid_facts",
    "load_catalogue",
    "parse_cross_section",
    "parse_luminosity",
    "write_out",
    "write_out_selection",
]
