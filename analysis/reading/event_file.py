"""Events of a file, chunk by chunk, the same for every input format."""

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Self, TypeVar

from analysis.errors import AnalysisError
from analysis.events import EventChunk
from analysis.reading import bookkeeping, columns
from analysis.reading.assembling import ChunkPlan
from analysis.reading.chunking import ahead, available_cores, keep_freed_memory, split
from analysis.reading.opening import explained, is_remote, local_path, open_root
from analysis.reading.ranges import LocalFile, RemoteFile
from analysis.reading.readers import open_reader
from analysis.schema import KINEMATICS, SCHEMAS, SYNTHETIC, Schema

Result = TypeVar("Result")

REMOTE_CHUNKS = 4
"""Chunks asked for before they are needed: a server far away needs as long as several take here."""


def open_events(path: str, format: str | None = None) -> "EventFile":  # noqa: A002 - the catalogue's word
    """Open a file of events.

    Args:
        path: local path or ``root://``, ``https://`` URL of a DAOD_PHYSLITE (TTree or RNTuple),
            DAOD_PHYS or NanoAOD file.
        format: one of `analysis.schema.SCHEMAS`; found from the file when None.

    Returns:
        The open file; a context manager.

    Raises:
        AnalysisError: the file is missing, unreadable, or has no event tree of that format.
    """
    if format is not None and format not in SCHEMAS:
        raise AnalysisError(
            f"{path}: unknown format {format!r}; the formats are {', '.join(SCHEMAS)}"
        )
    root = open_root(path)
    try:
        schemas = SCHEMAS.values() if format is None else [SCHEMAS[format]]
        with explained(path, "is damaged", "copy it again from its source"):
            schema, tree = _event_tree(root, path, list(schemas))
            return EventFile(path, root, tree, schema)
    except BaseException:
        root.close()
        raise


class EventFile:
    """An open file of events.

    Attributes:
        path: as given to `open_events`.
        format: its format, one of `analysis.schema.SCHEMAS`.
        n_events: number of events.
        is_data: whether it has no generator weights; an empty tree without any branch, which
            simulation leaves when no event is selected, does not count as data.
        is_synthetic: whether the file says that no experiment made it.
    """

    def __init__(self, path: str, root: Any, tree: Any, schema: Schema) -> None:
        self.path = path
        self.format = schema.format
        self.n_events = int(tree.num_entries)
        self._root = root
        self._tree = tree
        self._schema = schema
        self._weight = self._find(schema.event_branches("weight"))
        self.is_data = self._weight is None and (self.n_events > 0 or len(tree) > 0)
        self.is_synthetic = SYNTHETIC in root
        self._source: LocalFile | RemoteFile = (
            RemoteFile(root.file.source) if is_remote(path) else LocalFile(local_path(path))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; its chunks in memory stay valid."""
        self._source.close()
        self._root.close()

    def sum_of_weights(self, index: int = 0) -> float:
        """Sum of a generator weight of all events the file was made from, before any cut.

        From the CutBookkeepers of an ATLAS file, from the Runs tree of a NanoAOD file; see
        `analysis.reading.bookkeeping`.

        Args:
            index: position of the weight among an event's, 0 for the nominal one.

        Raises:
            AnalysisError: the file does not say, or is data.
        """
        if self.is_data:
            raise AnalysisError(
                f"{self.path}: is data (no branch {self._schema.event_branches('weight')[0]}) and "
                "has no sum of weights; mark the dataset as data in the catalogue"
            )
        with explained(self.path, "is damaged", "copy it again from its source"):
            if self.format == "nanoaod":
                if index:
                    raise AnalysisError(
                        f"{self.path}: NanoAOD has no generator weight number {index}; leave out "
                        "the shifts that need it"
                    )
                return bookkeeping.nanoaod_sum_of_weights(self._root, self.path)
            return bookkeeping.xaod_sum_of_weights(self._root, self.path, index)

    def chunks(
        self,
        jet_columns: Sequence[str] = (),
        event_columns: Sequence[str] = (),
        chunk_entries: int | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[EventChunk]:
        """The events in order; each is in exactly one chunk. Arguments and errors as of `each`."""
        return self.each(_unchanged, jet_columns, event_columns, chunk_entries, start, stop)

    def each(
        self,
        use: Callable[[EventChunk], Result],
        jet_columns: Sequence[str] = (),
        event_columns: Sequence[str] = (),
        chunk_entries: int | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Result]:
        """What a function makes of each chunk of events, in their order.

        Args:
            use: called by the threads that read, while a chunk is in their cache, for several
                chunks at a time.
            jet_columns: jet columns beyond the kinematics, by canonical name.
            event_columns: event columns beyond the weight, by canonical name.
            chunk_entries: events in a chunk at most; None chooses by their size.
            start: first event.
            stop: event to stop before, None for the end of the file.

        Raises:
            AnalysisError: a branch is missing, damaged, of the wrong shape, or has a value that
                is not a number; names file, branch and, where it applies, the entry.
        """
        if chunk_entries is not None and chunk_entries < 1:
            raise AnalysisError(f"{self.path}: chunks of {chunk_entries} events; give 1 or more")
        stop = self.n_events if stop is None else min(stop, self.n_events)
        start = max(start, 0)
        if start >= stop:
            return
        with explained(self.path, "is damaged", "copy it again from its source"):
            plan = self._plan(jet_columns, event_columns)
            reader = open_reader(self.path, self._tree, self._source, plan.branches)
            ranges = split(reader.boundaries(), start, stop, chunk_entries or reader.chunk_entries)

        def chunk(entries: tuple[int, int]) -> Result:
            with explained(
                self.path,
                "events {} to {} cannot be read".format(*entries),
                "copy the file again from its source",
            ):
                values = reader.read(plan.branches, *entries)
            return use(plan.assemble(values, entries[0]))

        threads = available_cores()
        if is_remote(self.path):
            threads = max(threads, REMOTE_CHUNKS)
        threads = min(threads, max(1, columns.READ_BYTES // max(reader.read_bytes, 1)))
        keep_freed_memory()
        yield from ahead(chunk, ranges, threads)

    def _plan(self, jet_columns: Sequence[str], event_columns: Sequence[str]) -> ChunkPlan:
        """The branches behind the kinematics, the weight and these columns."""
        schema = self._schema
        jet = {
            name: self._branch(schema.jet_branches(name)) for name in (*KINEMATICS, *jet_columns)
        }
        separate = frozenset(name for name in jet.values() if schema.is_separate(name))
        link = self._find((schema.jets + schema.link,)) if schema.link and separate else None
        return ChunkPlan(
            path=self.path,
            gev=schema.gev,
            weight=self._weight,
            jet=jet,
            event={name: self._branch(schema.event_branches(name)) for name in event_columns},
            separate=separate,
            link=link,
        )

    def _branch(self, candidates: Sequence[str]) -> str:
        """The first of these branches that the file has.

        Raises:
            AnalysisError: it has none of them; names similar ones.
        """
        found = self._find(candidates)
        if found is not None:
            return found
        known = [str(key) for key in self._tree.keys(recursive=True)]
        similar = get_close_matches(candidates[0], known, n=3)
        raise AnalysisError(
            f"{self.path}: no branch {' or '.join(candidates)} in {self._tree.name} "
            f"(similar: {', '.join(similar) or 'none'}); choose a selection or `format` that does "
            "not need it"
        )

    def _find(self, candidates: Sequence[str]) -> str | None:
        return next((name for name in candidates if _has(self._tree, name)), None)


def _event_tree(root: Any, path: str, schemas: list[Schema]) -> tuple[Schema, Any]:
    """The event tree and the schema whose jets it has; of several candidates the first."""
    classes = {
        key.partition(";")[0]: name for key, name in root.classnames(recursive=False).items()
    }
    kinds = {name: kind for name, kind in classes.items() if kind in ("TTree", "ROOT::RNTuple")}
    candidates = [
        (schema, name)
        for schema in schemas
        for name in schema.trees
        if kinds.get(name) == ("ROOT::RNTuple" if schema.rntuple else "TTree")
    ]
    trees = {name: root[name] for _, name in candidates}  # each once: it takes long
    for schema, name in candidates:
        if _has(trees[name], schema.jet_branches("pt")[0]):
            return schema, trees[name]
    if candidates:  # without jets: what is missing is said when the events are asked for
        schema, name = candidates[0]
        return schema, trees[name]
    wanted = dict.fromkeys(
        f"{name} ({'RNTuple' if schema.rntuple else 'TTree'})"
        for schema in schemas
        for name in schema.trees
    )
    there = [
        f"{name} ({'RNTuple' if kind != 'TTree' else kind})" for name, kind in sorted(kinds.items())
    ]
    raise AnalysisError(
        f"{path}: has no event tree {' or '.join(wanted)}, but {', '.join(there) or 'no tree'}; "
        "give a PHYSLITE, DAOD_PHYS or NanoAOD file, or its `format`"
    )


def _unchanged(chunk: EventChunk) -> EventChunk:
    return chunk


def _has(tree: Any, name: str) -> bool:
    try:
        tree[name]
    except KeyError:  # uproot.KeyInFileError is one
        return False
    return True
