"""Where the outputs of a workflow's branches lie, without making targets of them."""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import law

from tasks.framework import storage


class Place(NamedTuple):
    """Where an output of a branch lies."""

    directory: int
    name: str


class Neighbours:
    """The places of outputs in one directory, whose names begin alike: those of most branches.

    A branch with forty shifts has eighty outputs; the ends of their names are those of all others.
    """

    __slots__ = ("_directory", "_ends", "_stem")

    def __init__(self, directory: int, stem: str, ends: tuple[str, ...]) -> None:
        self._directory, self._stem, self._ends = directory, stem, ends

    def are_in(self, listings: Sequence[Container[str]]) -> bool:
        """Whether all are among the names in their directory."""
        names, stem = listings[self._directory], self._stem
        return all(stem + end in names for end in self._ends)

    def __iter__(self) -> Iterator[Place]:
        return (Place(self._directory, self._stem + end) for end in self._ends)


class SketchedFile:
    """Stands for a target while only its place is asked for; becomes it when more is."""

    __slots__ = ("_target", "name", "parent", "type")

    def __init__(self, parent: "SketchedDirectory", name: str, kind: str) -> None:
        self.parent, self.name, self.type = parent, name, kind
        self._target: Any = None

    @property
    def place(self) -> Place:
        return Place(self.parent.index, self.name)

    def __getattr__(self, attribute: str) -> Any:
        if self._target is None:
            self._target = self.parent.target.child(self.name, type=self.type)
        return getattr(self._target, attribute)


class SketchedDirectory:
    """A directory whose children are sketches."""

    __slots__ = ("index", "target")

    def __init__(self, index: int, target: Any) -> None:
        self.index, self.target = index, target

    def child(self, name: str, type: str | None = None, **kwargs: Any) -> Any:  # noqa: A002 - law's
        if kwargs or type is None or "/" in name:
            return self.target.child(name, type=type, **kwargs)
        return SketchedFile(self, name, type)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.target, attribute)


class Sketch:
    """The directories that the branches of a workflow write to, each made once."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.directories: list[SketchedDirectory] = []
        self._by_parts: dict[tuple[str, ...], SketchedDirectory] = {}
        self._by_path: dict[tuple[int, str], SketchedDirectory] = {}
        self._ends: dict[tuple[str, ...], tuple[str, ...]] = {}

    def directory(self, parts: tuple[str, ...]) -> SketchedDirectory:
        """The directory below the store's base."""
        if parts not in self._by_parts:
            self._by_parts[parts] = self._add(storage.directory(self.store, *parts))
        return self._by_parts[parts]

    def places(self, output: Any) -> Iterable[Any]:
        """The places of a branch's files, and targets that must be asked one by one."""
        files = list(leaves(output))
        directories = {file.parent if type(file) is SketchedFile else None for file in files}
        if len(directories) != 1 or None in directories:
            return tuple(map(self._place, files))
        names = [file.name for file in files]
        stem = os.path.commonprefix(names)  # noqa: RUF071 - of names, not of paths
        ends = tuple(name[len(stem) :] for name in names)
        return Neighbours(files[0].parent.index, stem, self._ends.setdefault(ends, ends))

    def _place(self, leaf: Any) -> Any:
        """The place of a file, or the target itself when it must be asked one by one."""
        if isinstance(leaf, SketchedFile):
            return leaf.place
        if isinstance(leaf, law.FileSystemTarget) and not leaf.optional:
            path = (id(getattr(leaf, "fs", None)), leaf.absdirname)
            if path not in self._by_path and leaf.parent is not None:
                self._by_path[path] = self._add(leaf.parent)
            if path in self._by_path:
                return Place(self._by_path[path].index, leaf.basename)
        return leaf

    def _add(self, target: Any) -> SketchedDirectory:
        directory = SketchedDirectory(len(self.directories), target)
        self.directories.append(directory)
        return directory


def leaves(struct: Any) -> Iterator[Any]:
    """The targets in an arbitrary structure of outputs."""
    if isinstance(struct, dict):
        struct = struct.values()
    elif not isinstance(struct, list | tuple | set) and not law.util.is_lazy_iterable(struct):
        yield struct
        return
    for item in struct:
        if isinstance(item, SketchedFile | law.FileSystemTarget):
            yield item
        else:
            yield from leaves(item)
