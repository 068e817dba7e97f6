"""From columns of branches to a chunk of events, with every check on the way."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.events import EventChunk, IntArray, Jets
from analysis.reading.columns import Column
from analysis.schema import BOOLEAN, KINEMATICS

Columns = Mapping[str, Column]
Values = npt.NDArray[np.generic]


@dataclass(frozen=True)
class ChunkPlan:
    """The branches behind a set of canonical columns of one file.

    Attributes:
        path: the file, for errors.
        gev: GeV per stored unit of pt and m.
        weight: branch of the generator weight; None in data.
        jet: branch of each jet column, by canonical name, kinematics first.
        event: branch of each event column, by canonical name.
        separate: branches of `jet` whose elements lie in a container of their own.
        link: branch with each jet's index into that container; None where the file has none, and
            element i belongs to jet i.
    """

    path: str
    gev: float
    weight: str | None
    jet: Mapping[str, str]
    event: Mapping[str, str]
    separate: frozenset[str]
    link: str | None

    @property
    def branches(self) -> tuple[str, ...]:
        """All branches to read, each once."""
        others = (name for name in (self.weight, self.link) if name is not None)
        return tuple(dict.fromkeys((*self.jet.values(), *self.event.values(), *others)))

    def assemble(self, columns: Columns, start: int) -> EventChunk:
        """Check the columns of consecutive entries and put them together.

        Args:
            columns: of every branch in `branches`, for the same entries.
            start: number of the first of these entries.

        Raises:
            AnalysisError: shapes do not fit together, or a value is not a number.
        """
        offsets = columns[self.jet["pt"]].offsets
        if offsets is None:
            raise AnalysisError(f"{self.path}: {self.jet['pt']} is not a list; check `format`")
        jets = {name: self._jet_values(columns, name, offsets, start) for name in self.jet}
        kinematics = {name: jets.pop(name) for name in KINEMATICS}
        return EventChunk(
            jets=Jets(**kinematics, offsets=offsets, gev=self.gev, extra=jets),
            weights=self._weights(columns, len(offsets) - 1, start),
            start=start,
            extra={name: self._event_values(columns, name, start) for name in self.event},
        )

    def _jet_values(
        self, columns: Columns, name: str, offsets: IntArray, start: int
    ) -> npt.NDArray[np.floating]:
        branch = self.jet[name]
        column = columns[branch]
        check_finite(column, self.path, branch, start)
        if self.link is not None and branch in self.separate:
            column = self._follow_link(column, columns[self.link], branch, start)
        self._check_jets(column, branch, offsets, start)
        return as_flag(column.values) if name in BOOLEAN else column.values  # type: ignore[return-value]

    def _check_jets(self, column: Column, branch: str, offsets: IntArray, start: int) -> None:
        if column.offsets is offsets:
            return
        if column.offsets is None or not np.array_equal(column.offsets, offsets):
            raise AnalysisError(
                f"{self.path}: {branch} does not have one value for each jet in {self.jet['pt']} "
                f"(events from {start}); choose a selection that does not need it"
            )

    def _follow_link(self, column: Column, link: Column, branch: str, start: int) -> Column:
        """Put values of a linked container in the order of the jets.

        Calibration sorts the jets and leaves the b-tagging container as it was: in Run 3 RNTuple
        files most events have an order of their own.
        """
        values, offsets = column
        if offsets is None or link.offsets is None or len(offsets) != len(link.offsets):
            raise AnalysisError(f"{self.path}: {branch} is not a list; check `format`")
        counts = np.diff(link.offsets)
        local = link.values.astype(np.int64)
        if np.any((local < 0) | (local >= np.repeat(np.diff(offsets), counts))):
            raise AnalysisError(
                f"{self.path}: {self.link} has jets without an element of {branch} (events from "
                f"{start}); choose a selection without b-tag"
            )
        return Column(values[np.repeat(offsets[:-1], counts) + local], link.offsets)

    def _event_values(self, columns: Columns, name: str, start: int) -> Values:
        branch = self.event[name]
        column = columns[branch]
        _, is_element, index = name.rstrip("]").partition("[")
        if is_element:
            return self._element(column, branch, int(index), start)
        if column.offsets is not None:
            raise AnalysisError(f"{self.path}: {branch} is a list, not one value an event")
        check_finite(column, self.path, branch, start)
        return as_flag(column.values) if name in BOOLEAN else column.values

    def _weights(self, columns: Columns, n_events: int, start: int) -> npt.NDArray[np.float64]:
        if self.weight is None:
            return np.ones(n_events)
        column = columns[self.weight]
        if column.offsets is not None:
            # The first weight is the nominal one, the others are generator variations.
            return self._element(column, self.weight, 0, start)
        check_finite(column, self.path, self.weight, start)
        return column.values.astype(np.float64)

    def _element(
        self, column: Column, branch: str, index: int, start: int
    ) -> npt.NDArray[np.float64]:
        """One of the values of each event."""
        values, offsets = column
        if offsets is None:
            raise AnalysisError(
                f"{self.path}: {branch} is one value an event, and has no number {index}; leave "
                "out the shifts that need it"
            )
        short = np.flatnonzero(np.diff(offsets) <= index)
        if len(short):
            what = f"has no number {index}" if index else "is empty"
            missing = "" if index else "the nominal weight is missing there, "
            raise AnalysisError(
                f"{self.path}: {branch} {what} in entry {start + short[0]}; {missing}leave the "
                f"{'shift' if index else 'file'} out"
            )
        values = values[offsets[:-1] + index]
        check_finite(Column(values, None), self.path, branch, start)
        return values.astype(np.float64)


def as_flag(values: Values) -> npt.NDArray[np.bool_]:
    """ATLAS decorations are chars: anything but zero is true."""
    return np.not_equal(values, 0)


def check_finite(column: Column, path: str, branch: str, start: int) -> None:
    """Raise an `AnalysisError` that names the first entry with a NaN or an infinity, if any."""
    values = column.values
    if values.dtype.kind != "f" or not len(values):
        return
    with np.errstate(all="ignore"):
        # A sum is several times faster than a mask, and tells nearly always.
        if np.isfinite(np.sum(values)):
            return
    bad = np.flatnonzero(~np.isfinite(values))
    if not len(bad):
        return
    entry = bad[0]
    if column.offsets is not None:
        entry = np.searchsorted(column.offsets, entry, side="right") - 1
    raise AnalysisError(
        f"{path}: {branch} is {values[bad[0]]} in entry {start + int(entry)}; leave the file out "
        "or repair it"
    )
