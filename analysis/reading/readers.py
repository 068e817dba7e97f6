"""Which reader a file gets: the fast one for layouts it knows, uproot for every other."""

import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any

from uproot.behaviors.RNTuple import RNTuple

from analysis.events import IntArray
from analysis.reading.bulk import BulkReader, ByteSource
from analysis.reading.clusters import ClusterReader
from analysis.reading.columns import Column, ColumnReader, PlainReader, UnknownLayoutError
from analysis.reading.opening import DAMAGE

logger = logging.getLogger(__name__)


def open_reader(path: str, tree: Any, source: ByteSource, names: Sequence[str]) -> ColumnReader:
    """A reader of some columns of a tree.

    Args:
        path: of the file, for the log.
        tree: uproot's TTree or RNTuple.
        source: of the file's bytes.
        names: branches or fields that will be asked for.
    """
    plain = PlainReader(tree, names)
    try:
        kind = ClusterReader if isinstance(tree, RNTuple) else BulkReader
        fast: ColumnReader = kind(tree, source, names)
    except UnknownLayoutError as reason:
        logger.debug("%s: read by uproot, since %s", path, reason)
        return plain
    logger.debug("%s: read by %s", path, type(fast).__name__)
    return Hedged(path, fast, plain)


class Hedged:
    """Reads by the fast reader, and what that one cannot make out by uproot.

    Uproot is the judge of damaged bytes too: what it reads is right, and its errors say more.
    """

    def __init__(self, path: str, fast: ColumnReader, plain: PlainReader) -> None:
        self._path = path
        self._fast = fast
        self._plain = plain
        self._turn = Lock()

    @property
    def chunk_entries(self) -> int:
        """Entries of a chunk, as the fast reader likes them."""
        return self._fast.chunk_entries

    @property
    def read_bytes(self) -> int:
        """Bytes in memory while the fast reader reads a chunk."""
        return self._fast.read_bytes

    def boundaries(self) -> IntArray:
        """Entries that are cheap to begin a chunk with, ascending."""
        return self._fast.boundaries()

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by branch name."""
        try:
            return self._fast.read(names, start, stop)
        except (UnknownLayoutError, *DAMAGE) as reason:
            logger.debug(
                "%s: entries %d to %d read by uproot, since %s", self._path, start, stop, reason
            )
        with self._turn:
            return self._plain.read(names, start, stop)
