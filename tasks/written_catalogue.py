"""The catalogue that limits were made with: complete in itself, every number written out."""

from typing import Any

import yaml

from analysis.catalogue import write_out
from tasks.fit import Fit


def written_catalogue(task: Any) -> dict[str, Any]:
    """Catalogue of the signals of a task with Fit's parameters, whose required tasks are done.

    Data and background are numbers, or `root://` files; files of signals are named in full.
    """
    fit = Fit.req(task, branch=0)
    fixed = {role: fit.preserved_histogram(role) for role in ("data", "background")}
    text = write_out(task.analysis, task.cuts, fit.model_settings, fixed)
    signals = {name: _signal(task.analysis.signal(name)) for name in task.signals}
    return {**yaml.safe_load(text), "signals": signals}


def dump(catalogue: dict[str, Any]) -> str:
    """A catalogue as YAML."""
    return yaml.safe_dump(catalogue, sort_keys=False, width=1000)


def _signal(entry: Any) -> dict[str, Any]:
    values = {
        "title": entry.title,
        "cross_section": f"{entry.cross_section!r} fb",
        "filter_efficiency": entry.filter_efficiency,
        "k_factor": entry.k_factor,
        "sum_of_weights": entry.sum_of_weights,
        "format": entry.format,
    }
    if entry.synthetic is not None:
        keys = ("seed", "n_events", "n_files")
        values["synthetic"] = {key: getattr(entry.synthetic, key) for key in keys}
    else:
        values["is_synthetic"] = entry.is_synthetic
        values["files"] = list(entry.resolve_files())
    return {key: value for key, value in values.items() if value is not None}
