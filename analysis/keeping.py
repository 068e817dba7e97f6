"""Selected events as a Parquet file, written chunk by chunk."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.events import EventChunk, IntArray
from analysis.selection import SelectedEvents

KINEMATICS = ("pt", "eta", "phi", "m")

JET = pa.struct([pa.field(name, pa.float32(), nullable=False) for name in KINEMATICS])
SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in {
            "file": pa.int32(),
            "entry": pa.int64(),
            "weight": pa.float64(),
            "m_jj": pa.float64(),
            "jets": pa.large_list(pa.field("jet", JET, nullable=False)),
            "leading": pa.int32(),
            "subleading": pa.int32(),
        }.items()
    ]
)
"""Columns of the file: which file (position in the list of the metadata's ``files``) and entry an
event is from; its weight; m_jj in GeV; its accepted jets in the container's order, pt and m in
GeV; the positions among them of the two that make m_jj."""


class EventWriter:
    """Writes selected events to a new Parquet file; a row group a chunk, so memory stays flat.

    A context manager. Nothing is left behind when its body raises.

    Args:
        path: of the file.
        files: names of the files the events are from, recorded in the metadata.
    """

    def __init__(self, path: str | Path, files: Sequence[str]) -> None:
        self._path = Path(path)
        self._schema = SCHEMA.with_metadata({"files": "\n".join(files)})
        self._writer: Any = None
        self._written = False

    def __enter__(self) -> Self:
        self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._written:
            # Readers, awkward's among them, expect one row group at least.
            self._writer.write_table(self._schema.empty_table())
        self._writer.close()
        if error is not None:
            self._path.unlink(missing_ok=True)

    def write(self, file: int, chunk: EventChunk, selected: SelectedEvents) -> None:
        """Append the selected events of a chunk.

        Args:
            file: position of the chunk's file among the files of the metadata.
            chunk: events the selection was applied to.
            selected: those that passed.
        """
        if not len(selected.event_index):
            return
        jets, offsets = _jets_of(selected)
        kinematics = [
            getattr(chunk.jets, name)[jets].astype(np.float32)
            * np.float32(chunk.jets.gev if name in {"pt", "m"} else 1)
            for name in KINEMATICS
        ]
        # Jets are ascending, so positions in the chunk tell those in the event.
        leading, subleading = (np.searchsorted(jets, selected.pairs.T) - offsets[:-1]).astype(
            np.int32
        )
        jets_type = SCHEMA.field("jets").type
        columns = [
            np.full(len(selected.m_jj), file, np.int32),
            chunk.start + selected.event_index,
            selected.weights,
            selected.m_jj,
            pa.LargeListArray.from_arrays(
                offsets, pa.StructArray.from_arrays(kinematics, fields=list(JET)), type=jets_type
            ),
            leading,
            subleading,
        ]
        self._written = True
        self._writer.write_table(pa.table(columns, schema=self._schema))


def _jets_of(selected: SelectedEvents) -> tuple[IntArray, IntArray]:
    """Accepted jets of the selected events, and their offsets per selected event."""
    accepted = selected.accepted
    offsets = np.concatenate([[0], np.cumsum(selected.n_jets)])
    begin = accepted.offsets[selected.event_index] - offsets[:-1]
    return accepted.index[np.arange(offsets[-1]) + np.repeat(begin, selected.n_jets)], offsets
