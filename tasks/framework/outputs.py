"""The outputs of a workflow, known without its branch tasks and checked by listing directories."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import law
from law.target.collection import SiblingFileCollectionBase
from law.util import colored, map_struct, no_value, range_join

from tasks.framework.collection import names_in
from tasks.framework.places import Neighbours, Place, Sketch, leaves

SHOWN_BRANCHES = 20
SUMMARY_BRANCHES = 100
_summarising: ContextVar[bool] = ContextVar("summarising", default=False)


@contextmanager
def summarised() -> Iterator[None]:
    """Have the locations of workflows with many branches told in one line each."""
    token = _summarising.set(True)
    try:
        yield
    finally:
        _summarising.reset(token)


class BranchTargets(dict[int, Any]):
    """The targets of every branch by its number, made when they are asked for."""

    def __init__(self, branches: Iterable[int], output: Callable[[int], Any]) -> None:
        super().__init__(dict.fromkeys(branches))
        self._output = output

    def __getitem__(self, branch: int) -> Any:
        super().__getitem__(branch)
        return self._output(branch)

    def __iter__(self) -> Iterator[int]:  # overridden so that dict() does not copy the bare keys
        return iter(self.keys())

    def get(self, branch: int, default: Any = None) -> Any:
        return self._output(branch) if branch in self else default

    def values(self) -> Iterator[Any]:  # type: ignore[override]
        return map(self._output, self.keys())

    def items(self) -> Iterator[tuple[int, Any]]:  # type: ignore[override]
        return ((branch, self._output(branch)) for branch in self.keys())


class BranchOutputs(SiblingFileCollectionBase):
    """All outputs of a workflow.

    Its targets are made one branch at a time, and whether they exist is one listing a directory.

    Args:
        targets: of all branches.
        places: gives the places of every branch's outputs, and the directories.
        threshold: number of branches that must be there for the workflow to be complete.
    """

    def __init__(
        self,
        targets: BranchTargets,
        places: Callable[[], tuple[Sketch, dict[int, Iterable[Any]]]],
        threshold: float,
    ) -> None:
        law.target.base.Target.__init__(self)
        self.targets = targets
        self.threshold = threshold
        self.optional_existing = None
        self.remove_threads = law.config.get_expanded_int("target", "collection_remove_threads")
        self._places = places

    @property
    def _flat_targets(self) -> BranchTargets:
        return BranchTargets(self.targets.keys(), lambda b: list(leaves(self.targets[b])))

    @property
    def _flat_target_list(self) -> Iterator[Any]:
        return (target for output in self.targets.values() for target in leaves(output))

    @property
    def first_target(self) -> Any:
        return next(self._flat_target_list, None)

    def random_target(self) -> Any:
        return self.targets[law.target.collection.random.choice(list(self.targets.keys()))]

    def uri(self, *args: Any, **kwargs: Any) -> list[str]:
        if _summarising.get() and len(self) > SUMMARY_BRANCHES:
            ends = [next(leaves(self.targets[b])) for b in (min(self.targets), max(self.targets))]
            first, last = (target.uri(*args, **kwargs) for target in ends)
            return [f"{first} ... {last} ({len(self)} branches; all: --print-output 0,True,all)"]
        return law.util.flatten([target.uri(*args, **kwargs) for target in self._flat_target_list])

    def map(self, func: Callable[[Any], Any]) -> law.TargetCollection:
        return law.TargetCollection(map_struct(func, dict(self.targets)))

    def localize(self, *args: Any, **kwargs: Any) -> Any:
        return law.FileCollection(dict(self.targets)).localize(*args, **kwargs)

    @staticmethod
    def _listings(sketch: Sketch) -> list[frozenset[str]]:
        """The names in every directory; a store that cannot be asked raises."""
        targets = (directory.target for directory in sketch.directories)
        return [names_in(target) for target in targets]

    def existing_branches(self, optional_existing: bool | None = None) -> list[int]:
        """Numbers of the branches all of whose outputs exist."""
        sketch, places = self._places()
        listings = self._listings(sketch)

        def exists(place: Any) -> bool:
            if isinstance(place, Place):
                return place.name in listings[place.directory]
            if place.optional and optional_existing is not None:
                return bool(optional_existing)
            return bool(place.exists())

        return [
            branch
            for branch, outputs in places.items()
            if (
                outputs.are_in(listings)
                if isinstance(outputs, Neighbours)
                else all(map(exists, outputs))
            )
        ]

    def _iter_state(
        self,
        existing: bool | None = True,
        optional_existing: Any = no_value,
        keys: bool = False,
        unpack: bool = True,
        exists_func: Callable[[Any], bool] | None = None,
        **_: Any,
    ) -> Iterator[Any]:
        if optional_existing is no_value:
            optional_existing = self.optional_existing
        selected: Iterable[int] = self.targets.keys()
        if existing is not None and exists_func is not None:
            flat = self._flat_targets
            selected = [b for b in selected if all(map(exists_func, flat[b])) is bool(existing)]
        elif existing is not None:
            there = set(self.existing_branches(optional_existing))
            selected = [b for b in selected if (b in there) is bool(existing)]
        for branch in selected:
            output = self.targets[branch] if unpack else list(leaves(self.targets[branch]))
            yield (branch, output) if keys else output

    def count(self, **kwargs: Any) -> Any:
        keys = kwargs.pop("keys", False)
        if kwargs.get("exists_func") is None and kwargs.get("existing", True):
            optional = kwargs.get("optional_existing", self.optional_existing)
            found = self.existing_branches(None if optional is no_value else optional)
        else:
            found = [branch for branch, _ in self._iter_state(keys=True, **kwargs)]
        return (len(found), found) if keys else len(found)

    def _abs_threshold(self) -> float:
        return min(float(len(self)), max(self.threshold, 0.0))

    def exists(self, **kwargs: Any) -> bool:
        threshold = self._abs_threshold()
        return threshold == 0 or bool(self.count(**kwargs) >= threshold)

    def remove(self, silent: bool = True, threads: int | None = None, **kwargs: Any) -> None:
        """Remove what is there of every branch, also of those that are only half complete."""
        sketch, places = self._places()
        listings = self._listings(sketch)

        def remove(branch: int) -> None:
            for place, target in zip(places[branch], leaves(self.targets[branch]), strict=True):
                if not isinstance(place, Place) or place.name in listings[place.directory]:
                    target.remove(silent=silent, **kwargs)

        threads = self.remove_threads if threads is None else threads
        if threads > 0:
            with law.target.collection.ThreadPool(threads) as pool:
                pool.map(remove, places)
        else:
            for branch in places:
                remove(branch)

    def _repr_pairs(self) -> list[tuple[str, Any]]:
        pairs: list[tuple[str, Any]] = [("branches", len(self))]
        if self._abs_threshold() < len(self):
            pairs.append(("threshold", self.threshold))
        directories = [directory.target for directory in self._places()[0].directories]
        if len(directories) == 1:
            return [*pairs, *directories[0]._repr_pairs()]  # noqa: SLF001 - law's own way
        return [*pairs, ("directories", len(directories))]

    def status_text(
        self, max_depth: int = 0, flags: Any = None, color: bool = False, **kwargs: Any
    ) -> str:
        """Whether the workflow is there and, at a depth above 0, which of its branches are not."""
        count, found = self.count(keys=True, **kwargs)
        text, shade = ("existent", "green") if count >= self._abs_threshold() else ("absent", "red")
        text = colored(text, shade, style="bright") if color else text
        text += f" ({count}/{len(self)})"
        there = set(found)
        missing = [branch for branch in self.targets if branch not in there]
        if flags and "missing" in flags and missing:
            text += f", missing branches: {range_join(missing, to_str=True)}"
        if max_depth > 0:
            text += "".join(self._branch_lines(missing, found, color=color))
        return text

    def _branch_lines(self, missing: list[int], found: list[int], *, color: bool) -> Iterator[str]:
        branches = sorted([*missing, *found][:SHOWN_BRANCHES])
        for branch in branches:
            for target in leaves(self.targets[branch]):
                yield f"\n{branch}: {target.status_text(color=color)} ({target.repr(color=color)})"
        if len(self) > len(branches):
            yield f"\n... and {len(self) - len(branches)} more branches"
