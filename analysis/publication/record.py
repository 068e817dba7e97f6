"""The archive HEPData takes, from the results of all signals."""

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.inference import join, limits_from_dict, predict
from analysis.publication.hepdata import limits_table, spectrum_table, write_submission
from analysis.publication.likelihoods import background_only, patchset


@dataclass(frozen=True)
class Publication:
    """Everything of a publication but its text.

    Attributes:
        background: background-only workspace.
        patches: patch set of all signals.
        archive: the HEPData submission, a gzipped tar file.
    """

    background: dict[str, Any]
    patches: dict[str, Any]
    archive: bytes


def publish(
    results: Sequence[Mapping[str, Any]],
    workspaces: Sequence[Mapping[str, Any]],
    *,
    abstract: str,
    parameters: Mapping[str, Mapping[str, float]],
    figures: Mapping[str, Path] | None = None,
) -> Publication:
    """Bring the results of all signals into the formats of the field.

    Args:
        results: contents of ``limits.json``, one a signal.
        workspaces: of the same signals.
        abstract: of the analysis.
        parameters: of the signals, by name.
        figures: for the tables ``spectrum`` and ``limits``.

    Raises:
        AnalysisError: as :func:`analysis.publication.patchset`.
    """
    names = [result["signal"] for result in results]
    by_name = dict(zip(names, workspaces, strict=True))
    patches = patchset(by_name, description=abstract, parameters=parameters)
    background = background_only(workspaces[0])
    first, figures = results[0], figures or {}
    nominal = join(predict(workspaces[0], fitted=False, strength=1.0), first["channels"])
    tables = [
        spectrum_table(
            join(predict(workspaces[0]), first["channels"]),
            first["edges_gev"],
            nominal.samples["signal"].tolist(),
            figure=figures.get("spectrum"),
        ),
        limits_table(
            {result["signal"]: limits_from_dict(result) for result in results},
            {result["signal"]: result["cross_section_fb"] for result in results},
            figure=figures.get("limits"),
            observables=("CLS",),
        ),
    ]
    warnings = [f"{result['signal']}: {text}" for result in results for text in result["warnings"]]
    warnings += [
        f"{result['signal']} is a synthetic sample, not an experiment's simulation"
        for result in results
        if result["synthetic"]
    ]
    if first["not_modelled"]:
        warnings.append(f"not modelled: {', '.join(first['not_modelled'])}")
    documents = {"background_only.json": background, "patchset.json": patches}
    with TemporaryDirectory() as folder:
        place = Path(folder) / "submission"
        write_submission(place, tables, abstract=abstract, likelihoods=documents, warnings=warnings)
        return Publication(background, patches, _archive(place))


def _archive(folder: Path) -> bytes:
    """A tar file without dates or owners: the same content gives the same bytes."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            tar.addfile(entry, io.BytesIO(path.read_bytes()))
    return raw.getvalue()
