"""Shifts and weights of the catalogue from their YAML entries."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from analysis.catalogue.files import absolute
from analysis.catalogue.section import Section
from analysis.catalogue.shifts import (
    VARIATION,
    FlavourTagging,
    GeneratorWeight,
    JetEnergyResolution,
    JetEnergyScale,
    ScaleFactor,
    Shift,
    Weight,
    WeightBranch,
)
from analysis.catalogue.units import parse_percent
from analysis.catalogue.values import choice, integer, number, shown, suggestion, text
from analysis.errors import AnalysisError

SHIFT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "jet_energy_scale": ("size",),
    "jet_energy_resolution": ("size",),
    "flavour_tagging": ("b", "c", "light"),
    "generator_weight": ("up", "down", "sum_of_weights"),
}
WEIGHT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "branch": ("nominal", "up", "down"),
    "correctionlib": ("file", "json", "correction", "inputs", "nominal", "up", "down"),
}


def shift_entry(section: Section) -> Shift:
    """A shift of one of the kinds in `SHIFT_KEYS`."""
    kind, own = _of_kind(section, SHIFT_KEYS)
    if kind == "jet_energy_scale":
        return JetEnergyScale(own.required("size", _size))
    if kind == "jet_energy_resolution":
        return JetEnergyResolution(own.required("size", _size))
    if kind == "flavour_tagging":
        sizes = {flavour: own.optional(flavour, _size, 0.0) for flavour in SHIFT_KEYS[kind]}
        if not any(sizes.values()):
            own.fail("varies nothing: give a size for 'b', 'c' or 'light'")
        return FlavourTagging(**sizes)
    return GeneratorWeight(
        up=own.required("up", integer(1)),
        down=own.optional("down", integer(1), None),
        own_sum=own.optional("sum_of_weights", choice("own", "nominal"), "own") == "own",
    )


def weight_entries(section: Section, folder: Path) -> dict[str, Weight]:
    """The weights of a selection by name, in the order in which they are applied."""
    return {entry: _weight(section.subsection(entry, None), folder) for entry in section.values}


def _weight(section: Section, folder: Path) -> Weight:
    kind, own = _of_kind(section, WEIGHT_KEYS)
    if kind == "branch":
        return WeightBranch(
            nominal=own.required("nominal", text),
            up=own.optional("up", text, ""),
            down=own.optional("down", text, ""),
        )
    inputs = own.subsection("inputs", None).values
    factor = ScaleFactor(
        content=_correction(own, folder),
        correction=own.required("correction", text),
        inputs={name: own.check(value, _input, f"inputs.{name}") for name, value in inputs.items()},
        nominal=own.optional("nominal", text, ""),
        up=own.optional("up", text, ""),
        down=own.optional("down", text, ""),
    )
    _check_inputs(own, factor)
    return factor


def _of_kind(section: Section, kinds: Mapping[str, tuple[str, ...]]) -> tuple[str, Section]:
    """The kind of an entry, and the entry with the keys of that kind."""
    kind = section.required("kind", choice(*kinds))
    keys = ("kind", *kinds[kind])
    return kind, Section.of(section.file, section.entry, section.values, keys)


def _size(value: object) -> float:
    size = parse_percent(value)
    if not 0 < size < 1:
        raise AnalysisError(f"{shown(value)} must be above 0 % and below 100 %")
    return size


def _input(value: object) -> str | float:
    return text(value) if isinstance(value, str) else number(value)


def _correction(section: Section, folder: Path) -> str:
    """JSON of the one correction that is used, from a file or as it stands there."""
    if ("file" in section) == ("json" in section):
        section.fail("needs 'file' or 'json', one of them")
    name = section.required("correction", text)
    if "json" in section:
        return section.required("json", text)
    path = section.required("file", lambda value: absolute(text(value), folder))
    try:
        raw = Path(path).read_bytes()
        content: Any = json.loads(gzip.decompress(raw) if path.endswith(".gz") else raw)
        known = {correction["name"]: correction for correction in content["corrections"]}
    except OSError as error:
        section.fail(f"{path}: cannot be read ({error.strerror or 'not compressed'})", "file")
    except (ValueError, KeyError, TypeError):
        section.fail(f"{path}: is no JSON file of correctionlib", "file")
    if name not in known:
        section.fail(f"{path} has no '{name}'{suggestion(name, known)}", "correction")
    return json.dumps({**content, "corrections": [known[name]], "compound_corrections": None})


def _check_inputs(section: Section, factor: ScaleFactor) -> None:
    """Every input of the correction is given, and no other; variations have where to go."""
    try:
        correction = json.loads(factor.content)["corrections"][0]
        needed = [given["name"] for given in correction["inputs"]]
    except (ValueError, LookupError, TypeError):
        section.fail("is no correction of correctionlib", "json")
    for name in needed:
        if name not in factor.inputs:
            section.fail(
                f"the input '{name}' of '{factor.correction}' is missing: add it", "inputs"
            )
    for name in factor.inputs:
        if name not in needed:
            section.fail(
                f"'{factor.correction}' has no '{name}'{suggestion(name, needed)}", "inputs"
            )
    takes = VARIATION in factor.inputs.values()
    if takes != bool(factor.nominal) or (factor.up and not takes):
        section.fail(
            f"'nominal', 'up' and 'down' go with an input that is '{VARIATION}': give both or none"
        )
