"""Corrections in the schema of correctionlib."""

import json


def flavour_correction(central: float = 0.9, up: float = 1.1) -> str:
    """Factors of jets: ``central`` or ``up`` for b-jets below 100 GeV, 1 for all others."""

    def of_pt(low: float) -> dict:
        return {
            "nodetype": "binning",
            "input": "pt",
            "edges": [0.0, 100.0, 1e9],
            "content": [low, 1.0],
            "flow": "clamp",
        }

    def of_flavour(low: float) -> dict:
        return {
            "nodetype": "category",
            "input": "flavour",
            "content": [{"key": 5, "value": of_pt(low)}],
            "default": 1.0,
        }

    correction = {
        "name": "b_tag",
        "version": 1,
        "inputs": [
            {"name": "systematic", "type": "string"},
            {"name": "flavour", "type": "int"},
            {"name": "pt", "type": "real"},
        ],
        "output": {"name": "weight", "type": "real"},
        "data": {
            "nodetype": "category",
            "input": "systematic",
            "content": [
                {"key": "central", "value": of_flavour(central)},
                {"key": "up", "value": of_flavour(up)},
            ],
        },
    }
    return json.dumps({"schema_version": 2, "corrections": [correction]})
