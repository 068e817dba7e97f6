"""Columns of a TTree, all baskets of a chunk of events in bulk.

Uproot spends some 100 us of Python on each basket; ATLAS writes baskets of 500 events, which are
decompressed in 15 us. So here a chunk of events is read in few positioned reads, the baskets of a
column are decompressed in one call, and what is left (leaving out the headers of entries, swapping
bytes) is done once a column. Columns with as many values in every entry as the one before, such as
the variables of jets, share the work on their layout.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from analysis.events import IntArray
from analysis.reading import columns
from analysis.reading.baskets import basket_table, read_keys
from analysis.reading.columns import CACHED_BYTES, CHUNK_ENTRIES, Column, UnknownLayoutError
from analysis.reading.compiled import jagged_values
from analysis.reading.decompression import decompress_all, views
from analysis.reading.layouts import Baskets, joined_values
from analysis.reading.ranges import Requested


class ByteSource(Protocol):
    """Something that reads byte ranges, from any thread."""

    def read(self, starts: IntArray, sizes: IntArray) -> Requested:
        """The bytes of these ranges."""


class BulkReader:
    """Reads columns of one TTree; `read` may be called by several threads at once."""

    def __init__(self, tree: Any, source: ByteSource, names: Sequence[str]) -> None:
        """Look up the baskets.

        Args:
            tree: uproot's TTree.
            source: of the file's bytes.
            names: branches that will be asked for.

        Raises:
            UnknownLayoutError: one of the branches is of a kind that this reader does not know.
        """
        self._source = source
        self._tables = {name: basket_table(tree[name]) for name in names}

    @property
    def chunk_entries(self) -> int:
        """Entries whose columns stay in the processor's cache from one step to the next."""
        if self.read_bytes > columns.READ_BYTES:
            return CHUNK_ENTRIES
        entry_bytes = sum(table.entry_bytes for table in self._tables.values())
        return max(1, min(CHUNK_ENTRIES, int(CACHED_BYTES / max(entry_bytes, 1))))

    @cached_property
    def read_bytes(self) -> int:
        """Bytes of the largest basket of every branch, as stored and decompressed."""
        return sum(
            int(table.sizes.max()) + int(np.diff(table.bounds).max() * table.entry_bytes)
            for table in self._tables.values()
            if len(table.sizes)
        )

    def boundaries(self) -> IntArray:
        """Entries at which all branches begin a basket.

        Where they only do at the ends, those of the branch with the fewest baskets: the others
        have the less to decompress twice.
        """
        bounds = sorted((table.bounds for table in self._tables.values()), key=len)
        common = bounds[0]
        for others in bounds[1:]:
            if not np.array_equal(common, others):
                common = np.intersect1d(common, others, assume_unique=False)
        return common if len(common) > 2 else np.unique(bounds[0])  # noqa: PLR2004 - both ends

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by branch name.

        Raises:
            UnknownLayoutError: the baskets are not laid out as expected.
        """
        if self.read_bytes <= columns.READ_BYTES:
            return self._read_at_once(names, start, stop)
        result = {}
        for name in names:
            values, offsets = self._read_at_once([name], start, stop)[name]
            result[name] = Column(values.copy(), offsets)
        return result

    def _read_at_once(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        tables = [self._tables[name] for name in names]
        baskets = [table.covering(start, stop) for table in tables]
        chosen = list(zip(tables, baskets, strict=True))
        sizes = np.concatenate([table.sizes[which] for table, which in chosen])
        entries = np.concatenate([table.entries(which) for table, which in chosen])
        data, positions = self._source.read(
            np.concatenate([table.seeks[which] for table, which in chosen]), sizes
        )
        keys = read_keys(data, positions, sizes, entries)
        first_bytes, last_bytes = positions + keys.length, positions + sizes
        result: dict[str, Column] = {}
        jagged = jagged_values()
        trimmed: tuple[IntArray, int, IntArray] | None = None
        done = 0
        for name, (table, which) in zip(names, chosen, strict=True):
            here = slice(done, done + which.stop - which.start)
            done = here.stop
            own = keys.of(here)
            parts = decompress_all(data, first_bytes[here], last_bytes[here], own.data)
            skipped = start - int(table.bounds[which.start])
            if table.header is None:
                values = joined_values(views(parts), own.border, table.dtype)
                if len(values) != np.sum(entries[here]):
                    raise UnknownLayoutError(f"{name} has not one value an entry")
                result[name] = Column(values[skipped : skipped + stop - start], None)
                continue
            values, offsets = jagged.of(
                Baskets(parts, own, entries[here], table.dtype, table.header)
            )
            if trimmed is None or trimmed[0] is not offsets or trimmed[1] != skipped:
                own_offsets = _between(offsets, skipped, skipped + stop - start)
                trimmed = offsets, skipped, own_offsets
            first, last = offsets[skipped], offsets[skipped + stop - start]
            result[name] = Column(values[first:last], trimmed[2])
        return result


def _between(offsets: IntArray, start: int, stop: int) -> IntArray:
    """Offsets of some of the entries, from zero."""
    own = offsets[start : stop + 1]
    return own - own[0] if own[0] else own
