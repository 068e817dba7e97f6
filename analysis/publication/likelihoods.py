"""One background-only workspace and a JSON Patch for each signal, as HEPData publishes them."""

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.errors import AnalysisError
from analysis.inference.histfactory import Workspace

UNPUBLISHED = "ins0000000"
"""Stands for the HEPData record that is still to come: the format asks for one."""


def background_only(workspace: Workspace) -> dict[str, Any]:
    """The workspace without its signal samples: those that have the parameter of interest.

    Args:
        workspace: HistFactory JSON of one measurement.

    Example:
        >>> from analysis.model import tutorial_workspace
        >>> without = background_only(tutorial_workspace([5.0], [49.0], [52.0]))
        >>> [sample["name"] for sample in without["channels"][0]["samples"]]
        ['background']
    """
    result: dict[str, Any] = copy.deepcopy(dict(workspace))
    for channel in result["channels"]:
        channel["samples"] = [s for s in channel["samples"] if not _is_signal(s, workspace)]
    return result


def patchset(
    workspaces: Mapping[str, Workspace],
    *,
    description: str,
    parameters: Mapping[str, Mapping[str, float]] | None = None,
    reference: str = UNPUBLISHED,
) -> dict[str, Any]:
    """A pyhf patch set that makes each signal's workspace of the common background-only one.

    Args:
        workspaces: by signal; they may differ in their signal samples alone.
        description: of the analysis.
        parameters: of each signal, such as masses, with the same names; the signal's name is the
            only one by default.
        reference: HEPData record, such as ``ins1748602``.

    Raises:
        AnalysisError: no signals, backgrounds or data that differ, or parameters with different
            names.
    """
    if not workspaces:
        raise AnalysisError("a patch set needs at least one signal")
    names = {name: re.sub(r"\W", "_", name, flags=re.ASCII) for name in workspaces}
    if len(set(names.values())) != len(names):
        raise AnalysisError("signals of a patch set need names that differ in letters and digits")
    first_name, first = next(iter(workspaces.items()))
    background = background_only(first)
    values = {name: dict((parameters or {}).get(name, {})) for name in workspaces}
    labels = list(values[first_name])
    patches = []
    for name, workspace in workspaces.items():
        if background_only(workspace) != background:
            raise AnalysisError(
                f"signals {first_name!r} and {name!r} have different backgrounds or data: "
                "fit them with the same selection and model"
            )
        if list(values[name]) != labels:
            message = f"signals {first_name!r} and {name!r} have parameters of different names"
            raise AnalysisError(f"{message}: give both the same")
        point = list(values[name].values()) if labels else [name]
        patches.append(
            {"metadata": {"name": names[name], "values": point}, "patch": _patch(workspace)}
        )
    return {
        "metadata": {
            "references": {"hepdata": reference},
            "description": description,
            "digests": {"sha256": digest_of(background)},
            "labels": labels or ["signal"],
        },
        "patches": patches,
        "version": "1.0.0",
    }


def digest_of(workspace: Workspace) -> str:
    """SHA-256 of a workspace as pyhf computes it (``pyhf.utils.digest``)."""
    text = json.dumps(workspace, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf8")).hexdigest()


def _patch(workspace: Workspace) -> list[dict[str, Any]]:
    """Additions of the signal samples, each at the place it has in the workspace."""
    return [
        {"op": "add", "path": f"/channels/{i}/samples/{j}", "value": copy.deepcopy(sample)}
        for i, channel in enumerate(workspace["channels"])
        for j, sample in enumerate(channel["samples"])
        if _is_signal(sample, workspace)
    ]


def _is_signal(sample: Mapping[str, Any], workspace: Workspace) -> bool:
    pois = {entry["config"]["poi"] for entry in workspace["measurements"]}
    modifiers: Sequence[Mapping[str, Any]] = sample["modifiers"]
    return any(m["type"] == "normfactor" and m["name"] in pois for m in modifiers)
