"""A HEPData submission: tables, figures and likelihoods with their descriptions.

Format: hepdata-submission.readthedocs.io; checked offline by hepdata-validator.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import AnalysisError
from analysis.inference.asymptotics import BANDS
from analysis.inference.prediction import Prediction
from analysis.inference.results import Limits


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: with units in brackets if it has any, such as ``m_jj [GeV]``.
        values: one a row: a number, a pair of bin edges, text, or None for an empty cell.
        errors: symmetric uncertainties by label, one number a row.
    """

    name: str
    values: Sequence[float | tuple[float, float] | str | None]
    errors: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class DataTable:
    """A table of the submission.

    Attributes:
        name: of at most 64 characters.
        description: what it shows.
        independent: columns that say what a row is of.
        dependent: columns that were measured or computed.
        figure: picture of the same content.
        observables: in HEPData's terms, such as ``CLS``.
    """

    name: str
    description: str
    independent: Sequence[Column]
    dependent: Sequence[Column]
    figure: Path | None = None
    observables: tuple[str, ...] = ()


def spectrum_table(
    prediction: Prediction, edges: Sequence[float], signal: Sequence[float], **keywords: Any
) -> DataTable:
    """The spectrum: data, fitted background with its uncertainty and the expected signal.

    Args:
        prediction: of all bins.
        edges: of the histogram in GeV; further bins are the under- and overflow.
        signal: expected events of each bin.
        keywords: further fields of the table, such as ``figure``.
    """
    bins: list[float | tuple[float, float] | str | None] = [
        (float(low), float(high)) for low, high in pairwise(edges)
    ]
    extra = len(prediction.data) - len(bins)
    bins = [
        *([f"< {edges[0]:g}"] if extra > 1 else []),
        *bins,
        *([f"> {edges[-1]:g}"] if extra > 0 else []),
    ]
    when = "post-fit" if prediction.fitted else "pre-fit"
    errors = {f"total, {when}": prediction.uncertainty.tolist()}
    return DataTable(
        "Spectrum",
        f"Invariant mass of the leading jet pair: data, {when} background, expected signal.",
        [Column("m_jj [GeV]", bins)],
        [
            Column("Data", prediction.data.tolist()),
            Column("Background", prediction.total.tolist(), errors),
            Column("Signal", list(signal)),
        ],
        **keywords,
    )


def limits_table(
    limits: Mapping[str, Limits], cross_sections: Mapping[str, float | None], **keywords: Any
) -> DataTable:
    """Upper limits of all signals on the strength, and on the cross section where it is known."""
    names = list(limits)
    columns = [Column("mu95 observed", [limits[name].observed for name in names])]
    columns += [
        Column(_band(n), [limits[name].expected[i] for name in names]) for i, n in enumerate(BANDS)
    ]
    known = {name: value for name, value in cross_sections.items() if value is not None}
    if set(known) >= set(names):
        scaled = [
            None if observed is None else observed * known[name]
            for name, observed in ((name, limits[name].observed) for name in names)
        ]
        columns.append(Column("sigma95 observed [fb]", scaled))
    return DataTable(
        "Upper limits",
        "Upper limits at 95 % CL (CLs) on signal strengths and cross sections.",
        [Column("Signal", names)],
        columns,
        **keywords,
    )


def _band(n: int) -> str:
    return "mu95 expected" if n == 0 else f"mu95 expected {n:+d} sigma"


def write_submission(
    folder: Path,
    tables: Sequence[DataTable],
    *,
    abstract: str,
    likelihoods: Mapping[str, Mapping[str, Any]] | None = None,
    warnings: Sequence[str] = (),
) -> Path:
    """Write a submission into a folder of its own.

    Args:
        folder: new or empty.
        tables: to submit.
        abstract: of the analysis.
        likelihoods: JSON documents by file name, such as the background-only workspace.
        warnings: of the results, added to the abstract: no table travels without them.

    Returns:
        The path of ``submission.yaml``.

    Raises:
        AnalysisError: the folder has files already, or two tables have one name.
    """
    if folder.exists() and any(folder.iterdir()):
        raise AnalysisError(f"{folder}: is not empty; name a new folder for the submission")
    if len({table.name for table in tables}) != len(tables):
        raise AnalysisError("tables of a HEPData submission need different names")
    folder.mkdir(parents=True, exist_ok=True)
    resources = []
    for name, document in (likelihoods or {}).items():
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1)
        (folder / name).write_text(text, encoding="utf8")
        resources.append({"location": name, "description": "Full likelihood in the format of pyhf"})
        resources[-1]["type"] = "HistFactory"
    comment = "\n".join([abstract, *(f"Warning: {text}" for text in warnings)])
    documents: list[dict[str, Any]] = [{"comment": comment, "additional_resources": resources}]
    documents += [_write_table(folder, table) for table in tables]
    path = folder / "submission.yaml"
    with path.open("w", encoding="utf8") as file:
        yaml.safe_dump_all(documents, file, sort_keys=False, allow_unicode=True)
    return path


def _write_table(folder: Path, table: DataTable) -> dict[str, Any]:
    stem = table.name.lower().replace(" ", "_")
    content = {
        "independent_variables": [_variable(column) for column in table.independent],
        "dependent_variables": [_variable(column) for column in table.dependent],
    }
    file = folder / f"{stem}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf8")
    entry: dict[str, Any] = {
        "name": table.name,
        "description": table.description,
        "keywords": [{"name": "observables", "values": list(table.observables)}],
        "data_file": file.name,
    }
    if table.figure is not None:
        copy = folder / f"{stem}{table.figure.suffix}"
        shutil.copyfile(table.figure, copy)
        entry["additional_resources"] = [{"location": copy.name, "description": "Figure"}]
    return entry


def _variable(column: Column) -> dict[str, Any]:
    name, _, units = column.name.partition(" [")
    header = {"name": name, **({"units": units.rstrip("]")} if units else {})}
    return {"header": header, "values": [_cell(column, row) for row in range(len(column.values))]}


def _cell(column: Column, row: int) -> dict[str, Any]:
    value = column.values[row]
    if isinstance(value, tuple):
        return {"low": value[0], "high": value[1]}
    cell: dict[str, Any] = {"value": "-" if value is None else value}
    errors = [
        {"symerror": float(errors[row]), "label": label} for label, errors in column.errors.items()
    ]
    return {**cell, **({"errors": errors} if errors else {})}
