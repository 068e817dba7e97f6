"""Events in memory: a chunk of a file as flat arrays, the same for every input format."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Float64Array = npt.NDArray[np.float64]
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
class AcceptedJets:
    """The jets of a chunk that pass the jet cuts, event by event, in the container's order.

    Attributes:
        index: which of the chunk's jets they are, ascending, shape (n_accepted,).
        offsets: those of event i are ``index[offsets[i]:offsets[i + 1]]``, shape (n_events + 1,).
    """

    index: IntArray
    offsets: IntArray

    def that(self, mask: BoolArray) -> "AcceptedJets":
        """Those of these jets for which the mask, of shape (n_accepted,), is true."""
        return AcceptedJets(self.index[mask], count_before(mask, self.offsets))

    def per_event(self) -> IntArray:
        """Number of accepted jets of each event, shape (n_events,)."""
        return np.diff(self.offsets)


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
    weights: Float64Array
    start: int = 0
    extra: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.jets.offsets) - 1


def count_before(mask: BoolArray, positions: IntArray) -> IntArray:
    """Number of true elements before each of these positions, shape (n_positions,)."""
    count = np.zeros(len(mask) + 1, np.int32)  # half the memory of int64, half the time
    count[1:] = mask  # first, as a sum that converts takes the GIL back for every few elements
    np.cumsum(count, dtype=np.int32, out=count)
    return count[positions].astype(np.int64)
