"""HistFactory workspaces, read once into the arrays a fast likelihood works on.

The format and its meaning are those of pyhf (J. Open Source Softw. 6 (2021) 2823) and
CERN-OPEN-2012-016: interpolation code 4 for ``normsys``, 4p for ``histosys``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array

Workspace = Mapping[str, Any]

# Ranges and starting values pyhf gives its parameters.
_DEFAULTS: dict[str, tuple[float, float, float]] = {
    "normfactor": (1.0, 0.0, 10.0),
    "shapefactor": (1.0, 0.0, 10.0),
    "staterror": (1.0, 1e-10, 10.0),
    "shapesys": (1.0, 1e-10, 10.0),
    "normsys": (0.0, -5.0, 5.0),
    "histosys": (0.0, -5.0, 5.0),
    "lumi": (1.0, 0.0, 10.0),
}


@dataclass
class ParameterTable:
    """The parameters of a workspace, in the order of its sorted channels.

    Attributes:
        names: ``mu`` or ``staterror_channel[3]``.
        kinds: the modifier type that asked for the parameter first.
        init, low, high: start and range, as pyhf's unless the measurement says otherwise.
        fixed: parameters that are never fitted.
        sigma: width of the Gaussian constraint, zero without one.
        aux: observed centre of the Gaussian constraint.
    """

    names: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    init: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    fixed: list[bool] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    aux: list[float] = field(default_factory=list)
    sets: dict[str, tuple[str, range]] = field(default_factory=dict)

    def add(self, name: str, kind: str, size: int | None, settings: Mapping[str, Any]) -> range:
        """Indices of a parameter set (a scalar for ``size=None``), made at its first use."""
        group = {"histosys": "normsys"}.get(kind, kind)
        if name in self.sets:
            known, indices = self.sets[name]
            if known != group or len(indices) != (size or 1):
                message = f"parameter {name!r} is used as {known} and as {kind}: use two names"
                raise AnalysisError(message)
            return indices
        count = size or 1
        start = len(self.names)
        init, low, high = _DEFAULTS[kind]
        self.names += [name] if size is None else [f"{name}[{i}]" for i in range(count)]
        self.kinds += [kind] * count
        self.init += settings.get("inits") or [init] * count
        bounds = settings.get("bounds") or [(low, high)] * count
        self.low += [float(bound[0]) for bound in bounds]
        self.high += [float(bound[1]) for bound in bounds]
        self.fixed += [bool(settings.get("fixed", False))] * count
        constrained = group in {"normsys", "lumi", "staterror"}
        default = 1.0 if group == "normsys" else 0.0
        self.sigma += settings.get("sigmas") or [default] * count
        self.aux += settings.get("auxdata") or [init if constrained else 0.0] * count
        if group == "lumi" and not settings.get("sigmas"):
            raise AnalysisError(f"parameter {name!r}: the measurement gives no sigmas for it")
        self.sets[name] = (group, range(start, start + count))
        return self.sets[name][1]


@dataclass
class Terms:
    """What a workspace's modifiers do to its cells; a cell is one bin of one sample.

    Attributes:
        nominal: expected events of each cell, shape (n_cells,).
        bins: the bin a cell adds to, among the bins of all channels and then one bin for each
            Poisson constraint, shape (n_cells,).
        linear: (parameter, cell) pairs: the cell is multiplied by the parameter.
        normsys: (parameter, ln up, ln down, cells).
        histosys: (parameter, cell, up - nominal, nominal - down).
    """

    nominal: list[float] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    linear: list[tuple[int, int]] = field(default_factory=list)
    normsys: list[tuple[int, float, float, range]] = field(default_factory=list)
    histosys: list[tuple[int, int, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Model:
    """A workspace and one of its measurements as tables.

    Attributes:
        channels: name of each channel and the slice of its bins, sorted by name.
        poi: index of the parameter of interest; None for a background-only workspace.
        observed: events seen in each bin, then one auxiliary count for each Poisson constraint.
        n_bins: number of bins of all channels, without the auxiliary counts.
        auxiliary: the parameter each auxiliary count measures.
    """

    parameters: ParameterTable
    terms: Terms
    channels: dict[str, slice]
    poi: int | None
    observed: Array
    n_bins: int
    auxiliary: tuple[int, ...]


def read_model(workspace: Workspace, measurement: str | None = None) -> Model:
    """Read a HistFactory JSON workspace.

    Args:
        workspace: the workspace, as loaded from JSON.
        measurement: name of the measurement; the first by default.

    Returns:
        The model with its observed data.

    Raises:
        AnalysisError: unknown modifier, inconsistent lengths or names, missing observation.
    """
    config = _measurement(workspace, measurement)["config"]
    settings = {entry["name"]: entry for entry in config["parameters"]}
    observations = {entry["name"]: entry["data"] for entry in workspace["observations"]}
    table, terms, channels = ParameterTable(), Terms(), {}
    observed: list[float] = []
    auxiliary: list[tuple[int, float]] = []
    for channel in sorted(workspace["channels"], key=lambda entry: str(entry["name"])):
        name, size = channel["name"], len(channel["samples"][0]["data"])
        if len(observations.get(name, ())) != size:
            raise AnalysisError(f"channel {name!r}: no observation with its {size} bins")
        first = len(observed)
        channels[name] = slice(first, first + size)
        observed += observations[name]
        _read_channel(channel, first, settings, table=table, terms=terms, auxiliary=auxiliary)
    n_bins = len(observed)
    for index, tau in auxiliary:
        terms.linear.append((index, len(terms.nominal)))
        terms.nominal.append(tau)
        terms.bins.append(len(observed))
        terms.samples.append("")
        observed.append(tau)
    poi = table.names.index(config["poi"]) if config["poi"] in table.names else None
    counts = np.array(observed, dtype=np.float64)
    measured = tuple(index for index, _ in auxiliary)
    return Model(table, terms, channels, poi, counts, n_bins, measured)


def _measurement(workspace: Workspace, name: str | None) -> Any:
    for entry in workspace["measurements"]:
        if name in (None, entry["name"]):
            return entry
    known = ", ".join(entry["name"] for entry in workspace["measurements"])
    raise AnalysisError(f"workspace has no measurement {name!r}: it has {known}")


def _read_channel(
    channel: Mapping[str, Any],
    first: int,
    settings: Mapping[str, Mapping[str, Any]],
    *,
    table: ParameterTable,
    terms: Terms,
    auxiliary: list[tuple[int, float]],
) -> None:
    statistical: dict[str, list[tuple[Sequence[float], Sequence[float]]]] = {}
    for sample in channel["samples"]:
        data = sample["data"]
        cells = range(len(terms.nominal), len(terms.nominal) + len(data))
        terms.nominal += [float(value) for value in data]
        terms.bins += range(first, first + len(data))
        terms.samples += [sample["name"]] * len(data)
        for modifier in sample["modifiers"]:
            name, kind = modifier["name"], modifier["type"]
            if kind not in _DEFAULTS:
                message = f"sample {sample['name']!r}: unknown modifier type {kind!r} of {name!r}"
                raise AnalysisError(message)
            size = len(data) if kind in {"staterror", "shapesys", "shapefactor"} else None
            indices = table.add(name, kind, size, settings.get(name, {}))
            if kind == "staterror":
                statistical.setdefault(name, []).append((data, modifier["data"]))
            elif kind == "shapesys":
                auxiliary += _shapesys(indices, data, modifier["data"], table)
            _apply(modifier, indices, cells, data, terms)
    for name, contributions in statistical.items():
        _staterror(table.sets[name][1], contributions, table)


def _apply(
    definition: Mapping[str, Any], indices: range, cells: range, data: Sequence[float], terms: Terms
) -> None:
    kind, modifier = definition["type"], definition["data"]
    if kind == "normsys":
        up, down = modifier["hi"], modifier["lo"]
        if up <= 0 or down <= 0:
            raise AnalysisError(f"normsys factors must be positive, not hi {up}, lo {down}")
        terms.normsys.append((indices[0], math.log(up), math.log(down), cells))
    elif kind == "histosys":
        shifts = zip(cells, data, modifier["hi_data"], modifier["lo_data"], strict=True)
        terms.histosys += [
            (indices[0], cell, up - nominal, nominal - down) for cell, nominal, up, down in shifts
        ]
    elif len(indices) == 1 and kind in {"normfactor", "lumi"}:
        terms.linear += [(indices[0], cell) for cell in cells]
    else:
        terms.linear += list(zip(indices, cells, strict=True))


def _shapesys(
    indices: range, data: Sequence[float], errors: Sequence[float], table: ParameterTable
) -> list[tuple[int, float]]:
    """Auxiliary counts ``(nominal / error)**2``; bins without either keep their parameter."""
    counts = []
    for index, nominal, error in zip(indices, data, errors, strict=True):
        if nominal > 0 and error > 0:
            counts.append((index, (nominal / error) ** 2))
        else:
            table.fixed[index] = True
    return counts


def _staterror(
    indices: range,
    contributions: Sequence[tuple[Sequence[float], Sequence[float]]],
    table: ParameterTable,
) -> None:
    """Relative error of the samples' sum in each bin; exact bins keep their parameter."""
    for position, index in enumerate(indices):
        total = sum(data[position] for data, _ in contributions)
        error = math.sqrt(sum(errors[position] ** 2 for _, errors in contributions))
        relative = error / total if total > 0 else 0.0
        table.sigma[index] = relative
        if relative == 0:
            table.fixed[index] = True
