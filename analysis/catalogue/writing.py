"""A catalogue written out again: what an analysis is preserved with."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import yaml

from analysis.catalogue.entries import (
    BTag,
    Catalogue,
    DatasetSum,
    HistogramFile,
    HistogramSource,
    InlineHistogram,
    Selection,
)
from analysis.catalogue.model import ModelSettings, Systematic
from analysis.catalogue.shifts import (
    FlavourTagging,
    GeneratorWeight,
    JetEnergyResolution,
    JetEnergyScale,
    Shift,
    Weight,
    WeightBranch,
)
from analysis.catalogue.units import ENERGY_UNITS
from analysis.errors import AnalysisError

_UNITS = {float(factor): unit for unit, factor in ENERGY_UNITS.items()}


def write_out_selection(catalogue: Catalogue, selection: Selection, shifts: Iterable[str]) -> str:
    """YAML of one selection, which becomes the default; on top of the embedded catalogue.

    Args:
        catalogue: with the definitions of shifts.
        selection: of any catalogue.
        shifts: names of those to write as well.
    """
    document = {
        "selections": {selection.name: _selection(selection)},
        "default_selection": selection.name,
        "shifts": _shifts(catalogue, shifts),
    }
    return _dump(document)


def write_out(
    catalogue: Catalogue,
    selection: Selection,
    model: ModelSettings,
    histograms: Mapping[str, HistogramSource],
) -> str:
    """YAML of everything but the signals: complete in itself, every number exact.

    Args:
        catalogue: with the luminosity.
        selection: the one selection to write, which becomes the default.
        model: settings of the statistical model.
        histograms: ``data`` and ``background``, in a file or written out.

    Returns:
        A catalogue with ``extends: none``; `load_catalogue` reads equal entries from it.

    Raises:
        AnalysisError: a histogram is a sum of datasets, which would need their files.
    """
    luminosity = catalogue.luminosity
    document = {
        "extends": "none",
        "luminosity": {
            "value": f"{luminosity.value!r} /fb",
            "relative_uncertainty": _percent(luminosity.relative_uncertainty),
            "source": luminosity.source,
        },
        "selections": {selection.name: _selection(selection)},
        "default_selection": selection.name,
        "shifts": _shifts(catalogue, {systematic.shift for systematic in model.systematics}),
        "model": _model(model),
        **{role: _histogram(role, source) for role, source in histograms.items()},
    }
    return _dump(document)


def _percent(share: float) -> str:
    """A fraction as the catalogue writes it, to the last digit.

    >>> _percent(0.0083)
    '0.83 %'
    """
    return f"{(Decimal(repr(share)) * 100).normalize():f} %"


def _shifts(catalogue: Catalogue, names: Iterable[str]) -> dict[str, Any] | None:
    """Those of the shifts that are the catalogue's, not of a selection or a given background."""
    own = {name: catalogue.shifts[name] for name in sorted(names) if name in catalogue.shifts}
    return {name: _shift(shift) for name, shift in own.items()} or None


def _shift(shift: Shift) -> dict[str, Any]:
    if isinstance(shift, GeneratorWeight):
        total = "own" if shift.own_sum else "nominal"
        return {
            "kind": "generator_weight",
            "up": shift.up,
            "down": shift.down,
            "sum_of_weights": total,
        }
    kinds = {
        JetEnergyScale: "jet_energy_scale",
        JetEnergyResolution: "jet_energy_resolution",
        FlavourTagging: "flavour_tagging",
    }
    sizes = {name: _percent(size) for name, size in asdict(shift).items() if size}
    return {"kind": kinds[type(shift)], **sizes}


def _weight(weight: Weight) -> dict[str, Any]:
    if isinstance(weight, WeightBranch):
        return {"kind": "branch", **asdict(weight)}
    return {
        "kind": "correctionlib",
        "json": weight.content,
        "correction": weight.correction,
        "inputs": dict(weight.inputs),
        "nominal": weight.nominal,
        "up": weight.up,
        "down": weight.down,
    }


def _model(model: ModelSettings) -> dict[str, Any]:
    window = model.window
    return {
        "name": model.name,
        "background_uncertainty": _percent(model.background_uncertainty),
        "signal_uncertainty": _percent(model.signal_uncertainty),
        "overflow": model.overflow,
        "negative_bins": model.negative_bins,
        "background_normalisation": model.background_normalisation,
        "window": window and {"low": f"{window[0]!r} GeV", "high": f"{window[1]!r} GeV"},
        "systematics": {
            f"{systematic.name}_{number}": _systematic(systematic)
            for number, systematic in enumerate(model.systematics)
        }
        or None,
        "pruning": _percent(model.pruning),
        "smoothing": model.smoothing,
        "luminosity_on": list(model.luminosity_on) or None,
    }


def _systematic(systematic: Systematic) -> dict[str, Any]:
    shape = systematic.kind == "shape"
    return {
        "parameter": systematic.name,
        "kind": systematic.kind,
        "samples": list(systematic.samples),
        "up": None if shape else _percent(systematic.up),
        "down": None if shape else _percent(systematic.down),
        "shift": systematic.shift,
        "covers": list(systematic.covers) or None,
    }


def _selection(selection: Selection) -> dict[str, Any]:
    binning = selection.m_jj
    return {
        "title": selection.title,
        "min_jets": selection.min_jets,
        "jet_pt_min": f"{selection.jet_pt_min!r} GeV",
        "jet_eta_max": selection.jet_eta_max,
        "jet_order": selection.jet_order,
        "b_tag": None if selection.b_tag is None else _b_tag(selection.b_tag),
        "event_cleaning": selection.event_cleaning,
        "jvt": selection.jvt,
        "m_jj": {
            "n_bins": binning.n_bins,
            "low": f"{binning.low!r} GeV",
            "high": f"{binning.high!r} GeV",
        },
        "weights": {name: _weight(weight) for name, weight in selection.weights.items()} or None,
    }


def _b_tag(b_tag: BTag) -> dict[str, Any]:
    return {
        "tagger": b_tag.tagger,
        "kind": b_tag.kind,
        "cut": b_tag.cut,
        "fractions": dict(b_tag.fractions) or None,
    }


def _histogram(role: str, source: HistogramSource) -> dict[str, Any]:
    if isinstance(source, HistogramFile):
        return {
            "file": source.path,
            "histogram": source.histogram,
            "unit": None if source.unit == 1 else _UNITS[source.unit],
            "shifts": _by_direction(source.shifted),
        }
    if isinstance(source, DatasetSum):
        raise AnalysisError(f"{role}: is a sum of datasets: give it as a histogram")
    return _inline(source)


def _inline(source: InlineHistogram) -> dict[str, Any]:
    return {
        "source": source.source,
        "license": source.license,
        "edges": list(source.edges),
        "contents": list(source.contents),
        "underflow": source.underflow,
        "overflow": source.overflow,
        "variances": None if source.variances is None else list(source.variances),
        "underflow_variance": source.underflow_variance,
        "overflow_variance": source.overflow_variance,
        "shifts": _by_direction({name: _varied(own) for name, own in source.shifted.items()}),
    }


def _varied(source: InlineHistogram) -> dict[str, Any]:
    return {
        "contents": list(source.contents),
        "underflow": source.underflow,
        "overflow": source.overflow,
    }


def _by_direction(shifted: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """What belongs to each variation, by shift and direction."""
    found: dict[str, dict[str, Any]] = {}
    for name, own in shifted.items():
        shift, _, direction = name.rpartition("_")
        found.setdefault(shift, {})[direction] = own
    return found or None


class _Dumper(yaml.SafeDumper):
    """Lists of numbers on a line, and no braces, which templates of commands give a meaning."""


def _on_a_line(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(list, _on_a_line)


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(_without_empty(document), Dumper=_Dumper, sort_keys=False, width=10_000)


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """Without keys that say nothing."""
    return {
        key: _without_empty(value) if isinstance(value, dict) else value
        for key, value in document.items()
        if value not in (None, "")
    }
