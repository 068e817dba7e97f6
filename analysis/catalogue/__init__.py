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
from analysis.catalogue.model import MODELS, SAMPLES, ModelSettings, Systematic
from analysis.catalogue.shifts import (
    FlavourTagging,
    GeneratorWeight,
    JetEnergyResolution,
    JetEnergyScale,
    ScaleFactor,
    Shift,
    Variation,
    Weight,
    WeightBranch,
)
from analysis.catalogue.units import parse_cross_section, parse_luminosity
from analysis.catalogue.writing import write_out, write_out_selection

__all__ = [
    "MODELS",
    "SAMPLES",
    "BTag",
    "Binning",
    "Catalogue",
    "Dataset",
    "DatasetSum",
    "DsidFacts",
    "FlavourTagging",
    "GeneratorWeight",
    "HistogramFile",
    "HistogramSource",
    "InlineHistogram",
    "JetEnergyResolution",
    "JetEnergyScale",
    "Luminosity",
    "ModelSettings",
    "ScaleFactor",
    "Selection",
    "Shift",
    "Synthetic",
    "Systematic",
    "Variation",
    "Weight",
    "WeightBranch",
    "digest",
    "dsid_facts",
    "load_catalogue",
    "parse_cross_section",
    "parse_luminosity",
    "write_out",
    "write_out_selection",
]
