"""Events in memory: a chunk of a file as flat arrays, the same for every input format."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Jets:
    """All jets of a chunk, one after another, in the order of the file's container.

    Attributes:
        pt: transverse momentum in units of ``gev``, shape (n_jets,), as stored (float32).
        eta: pseudorapidity, shape (n_jets,).
        phi: azimuth in rad, shape (n_jets,).
        m: mass in units of ``gev``, shape (n_jets,).
        offsets: jets of event i are ``offsets[i]:offsets[i + 1]``, shape (n_events + 1,); the
            first is zero.
        gev: GeV per stored unit of pt and m: 0.001 for ATLAS files (MeV), 1 for NanoAOD.
        extra: further columns a selection asked for, by canonical name (such as
            ``DL1dv01_pb`` or ``jvt``), each of shape (n_jets,).
    """

    pt: FloatArray
    eta: FloatArray
    phi: FloatArray
    m: FloatArray
    offsets: IntArray
    gev: float
    extra: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True)
class EventChunk:
    """Consecutive events of one file.

    Attributes:
        jets: the jets of these events.
        weights: nominal generator weight, float64, shape (n_events,); ones for data.
        start: entry number of the first event in its file.
        extra: further event columns a selection asked for, by canonical name (such as
            ``event_clean``), each of shape (n_events,).
    """

    jets: Jets
    weights: npt.NDArray[np.float64]
    start: int = 0
    extra: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.jets.offsets) - 1
