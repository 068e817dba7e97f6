"""A YAML file -> a validated `Catalogue`.

Catalogues come in layers. The file of a user extends the embedded ``vhbb`` unless it says
``extends: none`` (then it must be complete) or names another catalogue, embedded or by path. In
``signals``, ``datasets``, ``selections`` and ``shifts`` an entry replaces the one of the same name
beneath; ``luminosity``, ``data`` and ``background`` are replaced whole; ``model`` is changed key by
key.
A catalogue that defines signals has these as its default signals.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from analysis.catalogue.document import read_document
from analysis.catalogue.entries import (
    Catalogue,
    DatasetSum,
    HistogramSource,
    Luminosity,
    Selection,
)
from analysis.catalogue.files import home_expanded
from analysis.catalogue.model import ModelSettings
from analysis.catalogue.parsing import (
    HISTOGRAM_KEYS,
    LUMINOSITY_KEYS,
    SELECTION_KEYS,
    histogram_entry,
    luminosity_entry,
    selection_entry,
)
from analysis.catalogue.parsing_dataset import DATASET_KEYS, SIGNAL_KEYS, dataset_entry
from analysis.catalogue.parsing_model import MODEL_KEYS, model_entry
from analysis.catalogue.parsing_shifts import shift_entry
from analysis.catalogue.section import Section
from analysis.catalogue.values import name, names, suggestion, text
from analysis.errors import AnalysisError

T = TypeVar("T")

FOLDER: Final = Path(__file__).parent
DEFAULT: Final = "vhbb"
KEYS: Final = (
    "extends",
    "luminosity",
    "signals",
    "datasets",
    "selections",
    "default_signals",
    "default_selection",
    "data",
    "background",
    "model",
    "shifts",
)


def load_catalogue(source: str | Path = DEFAULT) -> Catalogue:
    """Read and validate a catalogue, on top of what it extends.

    Args:
        source: name of an embedded catalogue, or path of a YAML file.

    Raises:
        AnalysisError: naming file, entry and key, and what would be right.

    Examples:
        >>> catalogue = load_catalogue()
        >>> catalogue.signal("zh_llbb").cross_section
        44.837
    """
    return _load(_locate(str(source), Path()), ())


def _locate(source: str, folder: Path) -> Path:
    """File of an embedded catalogue, or of the user's."""
    embedded = FOLDER / f"{source}.yaml"
    if Path(source).name == source and embedded.is_file():
        return embedded
    path = (folder / home_expanded(source)).absolute()
    if not path.suffix and not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.yaml")))
        raise AnalysisError(
            f"unknown catalogue '{source}': give the path of a YAML file, or one of: {known}"
        )
    return path


def _load(path: Path, above: tuple[Path, ...]) -> Catalogue:
    """One layer on those beneath; `above` are the files that extend this one."""
    embedded = path.parent == FOLDER
    top = Section.of(str(path), "", read_document(path), KEYS)
    extends = top.optional(
        "extends", text, "none" if path.stem == DEFAULT and embedded else DEFAULT
    )
    base = None
    if extends != "none":
        beneath = _locate(extends, path.parent)
        if beneath.resolve() in (*above, path.resolve()):
            top.fail(f"'{extends}' extends this file in turn: break the circle", "extends")
        base = _load(beneath, (*above, path.resolve()))
    return _layer(top, path.stem if embedded else str(path), path.parent, base)


def _layer(top: Section, source: str, folder: Path, base: Catalogue | None) -> Catalogue:
    """The catalogue of one file on top of another one."""
    own_signals = _entries(
        top, "signals", SIGNAL_KEYS, lambda section: dataset_entry(section, folder, signal=True)
    )
    own_datasets = _entries(
        top, "datasets", DATASET_KEYS, lambda section: dataset_entry(section, folder, signal=False)
    )
    own_selections = _entries(
        top, "selections", SELECTION_KEYS, lambda section: selection_entry(section, folder)
    )
    own_shifts = _entries(top, "shifts", None, shift_entry)
    selections = {**(base.selections if base else {}), **own_selections}
    catalogue = Catalogue(
        source=source,
        luminosity=_luminosity(top, base),
        signals={**(base.signals if base else {}), **own_signals},
        datasets={**(base.datasets if base else {}), **own_datasets},
        selections=selections,
        default_signals=top.optional(
            "default_signals",
            names,
            tuple(own_signals) or (base.default_signals if base else ()),
        ),
        default_selection=_default_selection(top, selections, base),
        data=_histogram(top, "data", folder, base.data if base else None),
        background=_histogram(top, "background", folder, base.background if base else None),
        model=model_entry(
            top.subsection("model", MODEL_KEYS), base.model if base else ModelSettings()
        ),
        shifts={**(base.shifts if base else {}), **own_shifts},
    )
    _refuse_dangling_names(top, catalogue)
    return catalogue


def _entries(
    top: Section, key: str, keys: tuple[str, ...] | None, parse: Callable[[Section], T]
) -> dict[str, T]:
    """The named entries of a section of the file."""
    section = top.subsection(key, None)
    return {entry: parse(section.subsection(entry, keys)) for entry in section.values}


def _luminosity(top: Section, base: Catalogue | None) -> Luminosity:
    if base is not None and "luminosity" not in top:
        return base.luminosity
    return luminosity_entry(_needed(top, "luminosity", LUMINOSITY_KEYS))


def _histogram(
    top: Section, key: str, folder: Path, beneath: HistogramSource | None
) -> HistogramSource:
    if beneath is not None and key not in top:
        return beneath
    section = _needed(top, key, HISTOGRAM_KEYS)
    return histogram_entry(section, folder, is_data=key == "data")


def _needed(top: Section, key: str, keys: tuple[str, ...]) -> Section:
    """A section that a catalogue cannot be without, and that nothing beneath has."""
    if key not in top:
        top.fail(f"the section '{key}' is missing: add it, or leave out 'extends: none'")
    return top.subsection(key, keys)


def _default_selection(
    top: Section, selections: Mapping[str, Selection], base: Catalogue | None
) -> str:
    """As said, or as beneath, or the only one there is."""
    if "default_selection" in top or (base is None and len(selections) != 1):
        return top.required("default_selection", name)
    return base.default_selection if base else next(iter(selections))


def _refuse_dangling_names(top: Section, catalogue: Catalogue) -> None:
    """Names must lead to entries, and mean one thing."""
    both = sorted(set(catalogue.signals) & set(catalogue.datasets))
    if both:
        top.fail(f"'{both[0]}' is both a signal and a dataset: rename one")
    _check_shifts(top, catalogue)
    if catalogue.default_selection not in catalogue.selections:
        _unknown(top, "default_selection", catalogue.default_selection, catalogue.selections)
    for signal in catalogue.default_signals:
        if signal not in catalogue.signals:
            _unknown(top, "default_signals", signal, catalogue.signals)
    for key, histogram in (("data", catalogue.data), ("background", catalogue.background)):
        if isinstance(histogram, DatasetSum):
            _check_sum(top, key, histogram, catalogue)


def _check_shifts(top: Section, catalogue: Catalogue) -> None:
    """Shifts and weights have names of their own, and systematics those of shifts there are."""
    known: dict[str, object] = dict(catalogue.shifts)
    for selection in catalogue.selections.values():
        twice = sorted(set(selection.weights) & set(catalogue.shifts))
        if twice:
            place = f"selections.{selection.name}.weights"
            top.fail(f"'{twice[0]}' is a shift of the catalogue, too: rename one", place)
        known.update(selection.weights)
    for variation in getattr(catalogue.background, "shifted", {}):
        known[variation.rpartition("_")[0]] = None
    for systematic in catalogue.model.systematics:
        if systematic.shift and systematic.shift not in known:
            place = f"model.systematics.{systematic.name}.shift"
            _unknown(top, place, systematic.shift, known)


def _check_sum(top: Section, key: str, histogram: DatasetSum, catalogue: Catalogue) -> None:
    """Background is simulated; data are recorded, or all simulated (pseudo-data)."""
    for dataset in histogram.datasets:
        if dataset not in catalogue.datasets:
            _unknown(top, f"{key}.datasets", dataset, catalogue.datasets)
    recorded = {name: catalogue.datasets[name].is_data for name in histogram.datasets}
    if key == "background" and any(recorded.values()):
        wrong = next(name for name, is_data in recorded.items() if is_data)
        top.fail(f"'{wrong}' has 'is_data: true', which is no background", f"{key}.datasets")
    if len(set(recorded.values())) > 1:
        top.fail("recorded and simulated datasets do not add up: list one kind", f"{key}.datasets")


def _unknown(top: Section, key: str, wrong: str, known: Mapping[str, object]) -> None:
    top.fail(f"'{wrong}' is not in the catalogue{suggestion(wrong, known)}", key)
