"""Small true files, written by uproot."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

COUNTS = (2, 0, 3, 1, 4)
"""Jets in the events of a generated file."""

WriteEvents = Callable[..., Path]


def jagged(values: Any, counts: tuple[int, ...] = COUNTS, dtype: str = "f4") -> ak.Array:
    """Values that count up over all events, from a start."""
    flat = np.arange(sum(counts)).astype(dtype) + np.asarray(values, dtype)
    return ak.unflatten(flat, counts)


def physlite_columns(counts: tuple[int, ...] = COUNTS, separator: str = ":") -> dict[str, Any]:
    """Columns of a simulated PHYSLITE file, jets linked to b-tags in reversed order."""
    jets = f"AnalysisJetsAuxDyn{separator}"
    info = f"EventInfoAuxDyn{separator}"
    tagger = f"BTagging_AntiKt4EMPFlowAuxDyn{separator}"
    return {
        f"{jets}pt": jagged(60e3, counts),
        f"{jets}eta": jagged(-1.0, counts) / 10,
        f"{jets}phi": jagged(0.5, counts) / 10,
        f"{jets}m": jagged(5e3, counts),
        f"{jets}NNJvtPass": ak.values_astype(jagged(0, counts) % 2, "int8"),
        f"{tagger}DL1dv01_pb": jagged(0.0, counts),
        f"{jets}HadronConeExclTruthLabelID": jagged(0, counts, "i4"),
        f"{info}mcEventWeights": ak.Array([[1.5 + i, -99.0] for i in range(len(counts))]),
        f"{info}DFCommonJets_eventClean_LooseBad": np.arange(len(counts), dtype="i1") % 2,
    }


def bookkeepers(entries: list[list[tuple[str, int, str, float]]]) -> dict[str, Any]:
    """Columns of a MetaData ntuple with CutBookkeepers."""
    names = ("name", "cycle", "inputStream", "sumOfEventWeights")
    return {
        f"CutBookkeepersAux:{name}": ak.Array([[book[i] for book in books] for books in entries])
        for i, name in enumerate(names)
    }


@pytest.fixture
def write_events(tmp_path: Path) -> WriteEvents:
    """A function that writes trees and ntuples of given columns and returns the file's path."""

    def write(
        trees: Mapping[str, Mapping[str, Any]] | None = None,
        ntuples: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "events.root",
    ) -> Path:
        path = tmp_path / name
        with uproot.recreate(path) as file:
            for tree, columns in (trees or {}).items():
                types = {
                    key: ak.values_astype(
                        ak.Array(column), np.asarray(ak.flatten(column, None)).dtype
                    ).type.content
                    for key, column in columns.items()
                }
                file.mktree(tree, types)
                if any(len(column) for column in columns.values()):
                    file[tree].extend(dict(columns))
            for ntuple, columns in (ntuples or {}).items():
                array = ak.Array(dict(columns))
                file.mkrntuple(ntuple, array.layout.form).extend(array)
        return path

    return write


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the public files."""
    folder = os.environ.get("VHBB_TEST_DATA")
    if not folder:
        pytest.skip("VHBB_TEST_DATA does not name the folder with the public files")
    return Path(folder)
