"""The statistical model of the catalogue from its YAML entry."""

from collections.abc import Callable
from typing import Final

from analysis.catalogue.model import MODELS, SAMPLES, SOURCES, ModelSettings, Systematic
from analysis.catalogue.section import Section
from analysis.catalogue.units import parse_energy, parse_percent
from analysis.catalogue.values import choice, name, texts
from analysis.errors import AnalysisError

MODEL_KEYS: Final = (
    "name",
    "background_uncertainty",
    "signal_uncertainty",
    "overflow",
    "negative_bins",
    "background_normalisation",
    "window",
    "systematics",
    "pruning",
    "smoothing",
    "luminosity_on",
)
SYSTEMATIC_KEYS: Final = ("kind", "samples", "up", "down", "shift", "covers", "parameter")
WINDOW_KEYS: Final = ("low", "high")


def model_entry(section: Section, beneath: ModelSettings) -> ModelSettings:
    """The model's settings; what is left out is as in the layer beneath."""
    return ModelSettings(
        name=section.optional("name", choice(*MODELS), beneath.name),
        background_uncertainty=section.optional(
            "background_uncertainty", parse_percent, beneath.background_uncertainty
        ),
        signal_uncertainty=section.optional(
            "signal_uncertainty", parse_percent, beneath.signal_uncertainty
        ),
        overflow=section.optional("overflow", choice("bin", "drop"), beneath.overflow),
        negative_bins=section.optional(
            "negative_bins", choice("refuse", "clip"), beneath.negative_bins
        ),
        background_normalisation=section.optional(
            "background_normalisation",
            choice("constrained", "free"),
            beneath.background_normalisation,
        ),
        window=_window(section) if "window" in section else beneath.window,
        systematics=_systematics(section, beneath.systematics),
        pruning=section.optional("pruning", parse_percent, beneath.pruning),
        smoothing=section.optional("smoothing", choice("none", "353QH"), beneath.smoothing),
        luminosity_on=section.optional("luminosity_on", _some_of(*SAMPLES), beneath.luminosity_on),
    )


def _window(section: Section) -> tuple[float, float]:
    window = section.subsection("window", WINDOW_KEYS)
    low, high = window.required("low", parse_energy), window.required("high", parse_energy)
    if low >= high:
        window.fail(f"{low:g} GeV must be below 'high', {high:g} GeV", "low")
    return low, high


def _systematics(section: Section, beneath: tuple[Systematic, ...]) -> tuple[Systematic, ...]:
    """Those of the layer beneath, without the ones replaced, or left out by a ``none``."""
    if "systematics" not in section:
        return beneath
    entries = section.subsection("systematics", None)
    own = [
        _systematic(entries.subsection(key, SYSTEMATIC_KEYS), key)
        for key, value in entries.values.items()
        if value != "none"
    ]
    replaced = {systematic.name for systematic in own} | entries.values.keys()
    return (*(old for old in beneath if old.name not in replaced), *own)


def _systematic(entry: Section, key: str) -> Systematic:
    kind = entry.required("kind", choice("normalisation", "shape"))
    shape = kind == "shape"
    for other in ("up", "down") if shape else ("shift",):
        if other in entry:
            entry.fail(f"has no part in a {kind}: leave it out", other)
    up = 0.0 if shape else entry.required("up", _relative)
    return Systematic(
        name=entry.optional("parameter", name, key),
        kind=kind,
        samples=entry.optional("samples", _some_of(*SAMPLES), ("signal",)),
        up=up,
        down=0.0 if shape else entry.optional("down", _relative, -up),
        shift=entry.optional("shift", name, key) if shape else "",
        covers=entry.optional("covers", _some_of(*SOURCES), ()),
    )


def _relative(value: object) -> float:
    """A change with its sign, such as ``-8 %``; never down to nothing or below."""
    negative = isinstance(value, str) and value.strip().startswith("-")
    size = parse_percent(value.strip()[1:] if negative and isinstance(value, str) else value)
    if negative and size >= 1:
        raise AnalysisError(f"{value!r} would leave no events: give less than 100 %")
    return -size if negative else size


def _some_of(*options: str) -> Callable[[object], tuple[str, ...]]:
    check = choice(*options)

    def parse(value: object) -> tuple[str, ...]:
        return tuple(check(part) for part in texts(value))

    return parse
