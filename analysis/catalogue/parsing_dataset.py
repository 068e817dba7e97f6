"""A signal or dataset of the catalogue from its YAML entry."""

import math
from pathlib import Path
from typing import Final

from analysis.catalogue.dataset import Dataset, JobResources, Synthetic
from analysis.catalogue.files import absolute, refuse_duplicates
from analysis.catalogue.metadata import DsidFacts, dsid_facts
from analysis.catalogue.section import Section
from analysis.catalogue.units import parse_cross_section, parse_size, parse_time
from analysis.catalogue.values import (
    boolean,
    choice,
    fraction,
    integer,
    number,
    positive,
    text,
    texts,
)

FORMATS: Final = ("physlite-ttree", "physlite-rntuple", "daod_phys", "nanoaod")
NORMALISATION_KEYS: Final = (
    "dsid",
    "cross_section",
    "filter_efficiency",
    "k_factor",
    "sum_of_weights",
)
SIGNAL_KEYS: Final = (
    "files",
    "cross_section",
    "filter_efficiency",
    "k_factor",
    "sum_of_weights",
    "dsid",
    "title",
    "format",
    "synthetic",
    "is_synthetic",
    "parameters",
    "resources",
)
DATASET_KEYS: Final = (*SIGNAL_KEYS, "is_data")
SYNTHETIC_KEYS: Final = ("seed", "n_events", "n_files")
RESOURCE_KEYS: Final = ("memory", "cores", "disk", "max_runtime")

UNIT_SLIP: Final = 10.0  # pb for fb is a factor of 1000, no two calculations differ by ten


def dataset_entry(section: Section, folder: Path, *, signal: bool) -> Dataset:
    """A signal or dataset.

    Args:
        section: its entry; the last of the dotted keys is its name.
        folder: what relative paths are relative to.
        signal: whether it is a signal, which is never recorded data.

    Raises:
        AnalysisError: a key is missing, wrong, or contradicts another.
    """
    name = section.entry.split(".", maxsplit=1)[1]
    is_data = False if signal else section.optional("is_data", boolean, default=False)
    synthetic = _synthetic(section)
    facts = section.optional("dsid", lambda value: dsid_facts(integer(1)(value)), None)
    if is_data:
        _refuse_normalisation(section)
    return Dataset(
        name=name,
        title=section.optional("title", text, name),
        files=_files(section, folder, synthetic),
        synthetic=synthetic,
        format=section.optional("format", choice(*FORMATS), None),
        cross_section=None if is_data else _cross_section(section, facts),
        filter_efficiency=section.optional(
            "filter_efficiency", fraction, facts.filter_efficiency if facts else 1.0
        ),
        k_factor=section.optional("k_factor", positive, facts.k_factor if facts else 1.0),
        sum_of_weights=section.optional("sum_of_weights", positive, None),
        is_data=is_data,
        is_synthetic=_is_synthetic(section, synthetic),
        dsid=facts.dsid if facts else None,
        place=f"{section.file}: {section.entry}",
        parameters=_parameters(section),
        resources=_resources(section),
    )


def _parameters(section: Section) -> dict[str, float]:
    """Numbers by name: the user's own names, in the user's own units."""
    entries = section.subsection("parameters", None)
    return {key: entries.required(key, number) for key in entries.values}


def _resources(section: Section) -> JobResources:
    if "resources" not in section:
        return JobResources()
    keys = section.subsection("resources", RESOURCE_KEYS)

    def megabytes(value: object) -> int:
        return math.ceil(parse_size(value))

    return JobResources(
        memory=keys.optional("memory", megabytes, None),
        cores=keys.optional("cores", integer(1), None),
        disk=keys.optional("disk", megabytes, None),
        max_runtime=keys.optional("max_runtime", parse_time, None),
    )


def _synthetic(section: Section) -> Synthetic | None:
    if "synthetic" not in section:
        return None
    keys = section.subsection("synthetic", SYNTHETIC_KEYS)
    synthetic = Synthetic(
        seed=keys.required("seed", integer(0)),
        n_events=keys.required("n_events", integer(1)),
        n_files=keys.optional("n_files", integer(1), 1),
    )
    if synthetic.n_files > synthetic.n_events:
        keys.fail(f"more than the {synthetic.n_events} events there are: use fewer", "n_files")
    return synthetic


def _is_synthetic(section: Section, synthetic: Synthetic | None) -> bool:
    """As said for the user's own files; never denied for what a task makes up."""
    said = section.optional("is_synthetic", boolean, synthetic is not None)
    if synthetic is not None and not said:
        section.fail("a sample with 'synthetic:' is synthetic: leave this out", "is_synthetic")
    return said


def _files(section: Section, folder: Path, synthetic: Synthetic | None) -> tuple[str, ...]:
    """Absolute patterns of the files, each once."""
    if synthetic is not None:
        if "files" in section:
            section.fail("has both 'files' and 'synthetic': keep one")
        return ()
    if "files" not in section:
        section.fail("has neither 'files' nor 'synthetic': add 'files: path/*.root'")

    def resolved(value: object) -> tuple[str, ...]:
        files = tuple(absolute(pattern, folder) for pattern in texts(value))
        refuse_duplicates(files)
        return files

    return section.required("files", resolved)


def _refuse_normalisation(section: Section) -> None:
    """Recorded data are not scaled."""
    for key in (*NORMALISATION_KEYS, "synthetic", "is_synthetic"):
        if key in section:
            section.fail("does not apply to recorded data ('is_data: true'): leave it out", key)


def _cross_section(section: Section, facts: DsidFacts | None) -> float:
    """In fb, as given or by DSID."""
    if facts is None:
        if "cross_section" not in section:
            section.fail("has no cross section: add 'cross_section: 44.837 fb', or 'dsid: 410470'")
        return section.required("cross_section", parse_cross_section)
    given = section.optional("cross_section", parse_cross_section, facts.cross_section)
    if not 1 / UNIT_SLIP < given / facts.cross_section < UNIT_SLIP:
        section.fail(
            f"{given:g} fb contradicts the {facts.cross_section:g} fb of DSID {facts.dsid} "
            f"({facts.name}): correct the unit, or leave out 'dsid'",
            "cross_section",
        )
    return given
