"""Synthetic events in the layout of an ATLAS DAOD_PHYSLITE file (RNTuple)."""

import uuid
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import uproot

from analysis.errors import AnalysisError
from analysis.events import IntArray
from analysis.schema import SYNTHETIC
from analysis.synthetic.detector import JetEvents, simulate
from analysis.synthetic.kinematics import PartonEvents, generate

LABEL = "Synthetic toy ZH -> llbb events, not from an experiment and not from its simulation"

BATCH = 20_000
"""Events generated at a time; with `SKIM_PT_MIN` part of what a seed stands for."""

SKIM_PT_MIN = 20.0
"""The skim, as of a derivation: events with two jets above this pT in GeV are written."""

JETS = "AnalysisJetsAuxDyn:"
B_TAG = "BTagging_AntiKt4EMPFlowAuxDyn:"
EVENT = "EventInfoAuxDyn:"
BOOKKEEPERS = "CutBookkeepersAux:"


def write_synthetic_file(path: str | Path, *, seed: int, index: int, n_events: int) -> None:
    """Write a file of the synthetic sample.

    Every value is fixed by seed, index and number of events, bit for bit (the file's bytes are
    not: ROOT files contain their name and the time of writing). Events are generated, then
    skimmed as by a derivation; the CutBookkeepers count all that were generated.

    Args:
        path: local path of the new file.
        seed: of the sample.
        index: of the file in the sample: files of one sample are independent.
        n_events: number of generated events.

    Raises:
        AnalysisError: seed or index is negative, or there are no events.
    """
    if seed < 0 or index < 0 or n_events < 1:
        raise AnalysisError(
            f"{path}: cannot make {n_events} synthetic events with seed {seed}, file {index}; "
            "give one event or more, and numbers that are not negative"
        )
    identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{LABEL} {seed} {index} {n_events}")
    generated: list[npt.NDArray[np.float64]] = []
    kept: list[npt.NDArray[np.float64]] = []
    with uproot.recreate(path, compression=uproot.ZSTD(5), uuid_function=lambda: identity) as file:
        file[SYNTHETIC] = f"{LABEL}; seed {seed}, file {index}"
        tree: Any = None
        for first in range(0, n_events, BATCH):
            rng = np.random.default_rng([seed, index, first // BATCH])
            events = generate(min(BATCH, n_events - first), rng)
            jets = simulate(events, rng)
            passing = _skim(jets, len(events.weights))
            generated.append(events.weights.astype(np.float64))
            kept.append(generated[-1][passing])
            numbers = (index << 32) + first + passing
            columns = _columns(events, jets, passing, numbers)
            if tree is None:
                tree = file.mkrntuple("EventData", columns)
            else:
                tree.extend(columns)
        file.mkrntuple("MetaData", _metadata(np.concatenate(generated), np.concatenate(kept)))


def _skim(jets: JetEvents, n_events: int) -> IntArray:
    hard = np.bincount(jets.event[jets.pt > SKIM_PT_MIN], minlength=n_events)
    return np.flatnonzero(hard > 1)


def _columns(
    events: PartonEvents, jets: JetEvents, passing: IntArray, numbers: IntArray
) -> dict[str, ak.Array]:
    """Columns of the event tree, of the passing events; pt and m in MeV."""
    in_passing = np.isin(jets.event, passing)
    counts = np.bincount(jets.event, minlength=len(events.weights))[passing]

    def of_jets(values: npt.NDArray[Any], kind: type[np.generic]) -> ak.Array:
        return ak.unflatten(values[in_passing].astype(kind), counts)

    def of_events(value: int, kind: type[np.generic]) -> ak.Array:
        return ak.Array(np.full(len(passing), value, kind))

    return {
        f"{JETS}pt": of_jets(jets.pt * 1000, np.float32),
        f"{JETS}eta": of_jets(jets.eta, np.float32),
        f"{JETS}phi": of_jets(jets.phi, np.float32),
        f"{JETS}m": of_jets(jets.m * 1000, np.float32),
        f"{JETS}HadronConeExclTruthLabelID": of_jets(jets.flavour, np.int32),
        f"{JETS}NNJvtPass": of_jets(jets.jvt, np.int8),
        **{f"{B_TAG}{name}": of_jets(p, np.float32) for name, p in jets.taggers.items()},
        f"{EVENT}mcEventWeights": ak.unflatten(events.weights[passing], 1),
        f"{EVENT}eventNumber": ak.Array(numbers.astype(np.uint64)),
        # Zero: the sample has no dataset number, and must not pass for one that has.
        f"{EVENT}mcChannelNumber": of_events(0, np.uint32),
        f"{EVENT}runNumber": of_events(0, np.uint32),
        f"{EVENT}DFCommonJets_eventClean_LooseBad": of_events(1, np.int8),
    }


def _metadata(
    generated: npt.NDArray[np.float64], kept: npt.NDArray[np.float64]
) -> dict[str, ak.Array]:
    """CutBookkeepers, in the order of real files: the derivation's kernel before all events."""
    left = [kept, generated]
    return {
        f"{BOOKKEEPERS}name": ak.Array([["SyntheticKernel", "AllExecutedEvents"]]),
        f"{BOOKKEEPERS}cycle": ak.unflatten(np.zeros(2, np.int32), 2),
        f"{BOOKKEEPERS}inputStream": ak.Array([["StreamAOD", "StreamAOD"]]),
        f"{BOOKKEEPERS}nAcceptedEvents": ak.unflatten(
            np.array([len(weights) for weights in left], np.uint64), 2
        ),
        f"{BOOKKEEPERS}sumOfEventWeights": ak.Array([[float(weights.sum()) for weights in left]]),
        f"{BOOKKEEPERS}sumOfEventWeightsSquared": ak.Array(
            [[float(weights @ weights) for weights in left]]
        ),
    }
