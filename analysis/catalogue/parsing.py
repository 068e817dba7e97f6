"""Luminosity, selections, histograms and model of the catalogue from their YAML entries."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from analysis.catalogue.entries import (
    Binning,
    BTag,
    DatasetSum,
    HistogramFile,
    HistogramSource,
    InlineHistogram,
    Luminosity,
    Selection,
)
from analysis.catalogue.files import absolute
from analysis.catalogue.parsing_shifts import weight_entries
from analysis.catalogue.section import Section
from analysis.catalogue.units import parse_energy, parse_luminosity, parse_percent
from analysis.catalogue.values import (
    boolean,
    choice,
    fraction,
    integer,
    name,
    names,
    not_negative,
    number,
    numbers,
    positive,
    text,
)
from analysis.errors import AnalysisError

LUMINOSITY_KEYS: Final = ("value", "relative_uncertainty", "source")
SELECTION_KEYS: Final = (
    "title",
    "min_jets",
    "jet_pt_min",
    "jet_eta_max",
    "jet_order",
    "b_tag",
    "event_cleaning",
    "jvt",
    "m_jj",
    "weights",
)
B_TAG_KEYS: Final = ("tagger", "kind", "cut", "fractions")
BINNING_KEYS: Final = ("n_bins", "low", "high")
FILE_KEYS: Final = ("file", "histogram", "unit", "shifts")
INLINE_KEYS: Final = (
    "edges",
    "contents",
    "underflow",
    "overflow",
    "variances",
    "underflow_variance",
    "overflow_variance",
    "source",
    "license",
    "shifts",
)
SHIFTED_KEYS: Final = ("contents", "underflow", "overflow")
SUM_KEYS: Final = ("datasets",)
HISTOGRAM_KEYS: Final = (*FILE_KEYS, *SUM_KEYS, *INLINE_KEYS)


def luminosity_entry(section: Section) -> Luminosity:
    """The luminosity, with its unit and uncertainty."""
    return Luminosity(
        value=section.required("value", parse_luminosity),
        relative_uncertainty=section.required("relative_uncertainty", parse_percent),
        source=section.optional("source", text, ""),
    )


def selection_entry(section: Section, folder: Path) -> Selection:
    """A selection; what it leaves out is as in the dataclass.

    Args:
        section: the entry.
        folder: what the paths of files of corrections are relative to.
    """
    entry = section.entry.split(".", maxsplit=1)[1]
    default = Selection(name=entry)
    return Selection(
        name=entry,
        title=section.optional("title", text, entry),
        min_jets=section.optional("min_jets", integer(2), default.min_jets),
        jet_pt_min=section.optional("jet_pt_min", _momentum, default.jet_pt_min),
        jet_eta_max=section.optional("jet_eta_max", positive, default.jet_eta_max),
        jet_order=section.optional("jet_order", choice("pt", "container"), default.jet_order),
        b_tag=_b_tag(section.subsection("b_tag", B_TAG_KEYS)) if "b_tag" in section else None,
        event_cleaning=section.optional("event_cleaning", boolean, default.event_cleaning),
        jvt=section.optional("jvt", boolean, default.jvt),
        m_jj=_binning(section.subsection("m_jj", BINNING_KEYS)) if "m_jj" in section else Binning(),
        weights=weight_entries(section.subsection("weights", None), folder),
    )


def _momentum(value: object) -> float:
    found = parse_energy(value)
    if found < 0:
        raise AnalysisError(f"{value!r} must not be negative")
    return found


def _b_tag(section: Section) -> BTag:
    """Tagger and cut; flavour fractions for a discriminant, and only for it."""
    kind = section.required("kind", choice("discriminant", "probability", "score"))
    if kind != "discriminant" and "fractions" in section:
        section.fail(f"has no part in a {kind}: leave it out", "fractions")
    shares: dict[str, float] = {}
    if kind == "discriminant":
        if "fractions" not in section:
            section.fail("the key 'fractions' is missing: add such as 'fractions: {c: 0.018}'")
        fractions = section.subsection("fractions", ("c", "tau"))
        shares["c"] = fractions.required("c", fraction)
        if "tau" in fractions:
            shares["tau"] = fractions.required("tau", fraction)
        if sum(shares.values()) > 1:
            section.fail("add up to more than 1: the rest is that of light jets", "fractions")
    return BTag(
        tagger=section.required("tagger", name),
        kind=kind,
        cut=section.required("cut", fraction if kind == "probability" else number),
        fractions=shares,
    )


def _binning(section: Section) -> Binning:
    binning = Binning(
        n_bins=section.required("n_bins", integer(1)),
        low=section.required("low", parse_energy),
        high=section.required("high", parse_energy),
    )
    if binning.low >= binning.high:
        section.fail(f"must be above 'low', {binning.low:g} GeV", "high")
    return binning


def histogram_entry(section: Section, folder: Path, *, is_data: bool) -> HistogramSource:
    """Data or background: a histogram in a file, written out, or the sum of datasets.

    Args:
        section: the entry.
        folder: what a relative path is relative to.
        is_data: whether these are counts, which are never negative.

    Raises:
        AnalysisError: not exactly one of the three, or a key is missing or wrong.
    """
    kinds = {"file": FILE_KEYS, "contents": INLINE_KEYS, "datasets": SUM_KEYS}
    found = [kind for kind in kinds if kind in section]
    if len(found) != 1:
        which = " and ".join(f"'{kind}'" for kind in found) if found else "none"
        section.fail(f"needs one of 'file', 'contents' and 'datasets', and has {which}")
    Section.of(section.file, section.entry, section.values, kinds[found[0]])
    if found == ["file"]:
        return HistogramFile(
            path=section.required("file", lambda value: absolute(text(value), folder)),
            histogram=section.required("histogram", text),
            unit=section.optional("unit", lambda unit: parse_energy(f"1 {unit}"), 1.0),
            shifted={
                variation: shifts.required(direction, text)
                for variation, direction, shifts in _shifts(section)
            },
        )
    if found == ["datasets"]:
        return DatasetSum(datasets=section.required("datasets", names))
    return _inline(section, is_data=is_data)


def _inline(section: Section, *, is_data: bool) -> InlineHistogram:
    """A histogram with as many contents as bins, and no uncertainty half given."""
    content = not_negative if is_data else number
    histogram = InlineHistogram(
        edges=section.required("edges", numbers),
        contents=section.required("contents", numbers),
        underflow=section.optional("underflow", content, 0.0),
        overflow=section.optional("overflow", content, 0.0),
        variances=section.optional("variances", numbers, None),
        underflow_variance=section.optional("underflow_variance", not_negative, None),
        overflow_variance=section.optional("overflow_variance", not_negative, None),
        source=section.optional("source", text, ""),
        license=section.optional("license", text, ""),
        shifted={
            variation: _shifted(shifts.subsection(direction, SHIFTED_KEYS), section)
            for variation, direction, shifts in _shifts(section)
        },
    )
    n_bins = len(histogram.edges) - 1
    if n_bins < 1 or not all(low < high for low, high in pairwise(histogram.edges)):
        section.fail("must increase from each to the next, and be at least two", "edges")
    _check_bins(section, "contents", histogram.contents, n_bins, negative=not is_data)
    if histogram.variances is not None:
        _check_bins(section, "variances", histogram.variances, n_bins, negative=False)
        for key in ("underflow", "overflow"):
            if section.values.get(key) and f"{key}_variance" not in section:
                section.fail(f"the key '{key}_variance' is missing beside 'variances': add it")
    return histogram


def _shifts(section: Section) -> Iterator[tuple[str, str, Section]]:
    """Variation, direction and section of each direction of the histogram's shifts."""
    shifts = section.subsection("shifts", None)
    for shift in shifts.values:
        directions = shifts.subsection(shift, ("up", "down"))
        if "up" not in directions:
            directions.fail("the key 'up' is missing: add it; without 'down' it is mirrored")
        for direction in directions.values:
            yield f"{shift}_{direction}", direction, directions


def _shifted(section: Section, nominal: Section) -> InlineHistogram:
    """A shifted histogram: contents in the bins of the nominal one."""
    edges = nominal.required("edges", numbers)
    histogram = InlineHistogram(
        edges=edges,
        contents=section.required("contents", numbers),
        underflow=section.optional("underflow", number, 0.0),
        overflow=section.optional("overflow", number, 0.0),
    )
    _check_bins(section, "contents", histogram.contents, len(edges) - 1, negative=True)
    return histogram


def _check_bins(
    section: Section, key: str, found: tuple[float, ...], n_bins: int, *, negative: bool
) -> None:
    if len(found) != n_bins:
        hint = ": give the last as 'overflow'" if len(found) == n_bins + 1 else ""
        section.fail(f"has {len(found)} values for the {n_bins} bins of 'edges'{hint}", key)
    if not negative and min(found) < 0:
        section.fail(f"{min(found):g} must not be negative", key)
