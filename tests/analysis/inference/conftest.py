"""Workspaces with known properties, made on the spot."""

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyhf
import pytest

from analysis.inference.arrays import Array
from analysis.inference.likelihood import Likelihood
from analysis.model import tutorial_workspace


@pytest.fixture
def everything() -> dict[str, Any]:
    """Two channels with every modifier type, shared parameters and settings of a measurement."""
    signal_region = [
        {
            "name": "signal",
            "data": [4.0, 12.0, 3.0],
            "modifiers": [
                {"name": "mu", "type": "normfactor", "data": None},
                {"name": "lumi", "type": "lumi", "data": None},
                {"name": "theory", "type": "normsys", "data": {"hi": 1.1, "lo": 0.85}},
                {"name": "jes", "type": "normsys", "data": {"hi": 1.03, "lo": 0.98}},
                {
                    "name": "jes",
                    "type": "histosys",
                    "data": {"hi_data": [5.0, 12.5, 2.0], "lo_data": [3.5, 11.0, 3.5]},
                },
            ],
        },
        {
            "name": "background",
            "data": [60.0, 50.0, 30.0],
            "modifiers": [
                {"name": "free", "type": "normfactor", "data": None},
                {
                    "name": "jes",
                    "type": "histosys",
                    "data": {"hi_data": [63.0, 49.0, 31.0], "lo_data": [57.0, 50.5, 28.0]},
                },
                {"name": "mc_sr", "type": "staterror", "data": [3.0, 2.0, 2.5]},
            ],
        },
        {
            "name": "fakes",
            "data": [5.0, 0.0, 7.0],
            "modifiers": [
                {"name": "mc_sr", "type": "staterror", "data": [1.0, 0.0, 2.0]},
                {"name": "fake_shape", "type": "shapesys", "data": [2.0, 0.0, 1.5]},
            ],
        },
    ]
    control_region = [
        {
            "name": "background",
            "data": [200.0, 180.0],
            "modifiers": [
                {"name": "free", "type": "normfactor", "data": None},
                {"name": "theory", "type": "normsys", "data": {"hi": 1.02, "lo": 0.97}},
            ],
        },
        {
            "name": "multijet",
            "data": [20.0, 10.0],
            "modifiers": [{"name": "shape", "type": "shapefactor", "data": None}],
        },
    ]
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.9, 1.1]]}
    return {
        "channels": [
            {"name": "SR", "samples": signal_region},
            {"name": "CR", "samples": control_region},
        ],
        "observations": [
            {"name": "SR", "data": [70.0, 58.0, 35.0]},
            {"name": "CR", "data": [225.0, 186.0]},
        ],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": [{**lumi, "inits": [1.0]}]}}
        ],
        "version": "1.0.0",
    }


@pytest.fixture
def sideband() -> Callable[[float], dict[str, Any]]:
    """A counting experiment with a free background and its sideband: data for a strength."""

    def build(strength: float = 0.0) -> dict[str, Any]:
        mu = {"name": "mu", "type": "normfactor", "data": None}
        free = {"name": "free", "type": "normfactor", "data": None}
        signal = {"name": "signal", "data": [10.0], "modifiers": [mu]}
        inside = {"name": "background", "data": [50.0], "modifiers": [free]}
        outside = {"name": "background", "data": [100.0], "modifiers": [free]}
        return {
            "channels": [
                {"name": "SR", "samples": [signal, inside]},
                {"name": "sideband", "samples": [outside]},
            ],
            "observations": [
                {"name": "SR", "data": [50.0 + 10 * strength]},
                {"name": "sideband", "data": [100.0]},
            ],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }

    return build


@pytest.fixture
def large() -> dict[str, Any]:
    """Counts large enough for the asymptotic formulas to hold."""
    background = np.array([900.0, 700.0, 500.0, 300.0])
    data = np.round(background * [1.02, 1.01, 0.98, 1.0])
    errors = (0.03 * background).tolist()
    return tutorial_workspace([10.0, 60.0, 50.0, 5.0], background.tolist(), data.tolist(), errors)


@pytest.fixture
def plain() -> SimpleNamespace:
    """What tests compare with: plain pyhf."""
    return SimpleNamespace(model=pyhf_of, points=random_points)


def pyhf_of(workspace: dict[str, Any]) -> tuple[pyhf.Model, list[float]]:
    """Model and data of plain pyhf."""
    with warnings.catch_warnings():
        # pyhf 0.7 validates with a class that jsonschema has deprecated.
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        reader = pyhf.Workspace(workspace)
        model = reader.model()
    return model, reader.data(model)


def random_points(likelihood: Likelihood, n: int, seed: int = 7) -> Array:
    """Parameters on either side of every interpolation's joints, shape (n, n_parameters)."""
    rng = np.random.default_rng(seed)
    shift = np.isin(likelihood.kinds, ["normsys", "histosys"])
    spread = np.where(shift, 1.2, 0.1) * rng.normal(size=(n, len(likelihood.names)))
    points = np.clip(likelihood.init + spread, likelihood.low, likelihood.high)
    return np.where(likelihood.fixed, likelihood.init, points)
