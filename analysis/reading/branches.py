"""Branches that are read from their tree's metadata when they are first used.

Uproot makes objects of all branches as it opens a tree, although most are never asked for: some
0.7 ms a branch, more than it takes to read the events of a small file. Here only their names are
read; a branch becomes what uproot would have made of it when anything but its name is asked for.
"""

from bisect import bisect_right
from collections.abc import Callable
from threading import RLock
from typing import Any

import uproot
from uproot.behaviors.TBranch import TBranch
from uproot.const import kMapOffset
from uproot.deserialization import numbytes_version
from uproot.source.cursor import Cursor

_turn = RLock()


class Postponed(TBranch):  # type: ignore[misc]
    """A branch of which the name is known; turns into uproot's when it is asked for more."""

    def __init__(self, name: str, read: Callable[[], Any]) -> None:
        """Remember how to read it.

        Args:
            name: of the branch.
            read: makes uproot's object of it.
        """
        self._known_name = name
        self._read = read

    def member(self, name: str, *arguments: Any, **options: Any) -> Any:
        """One of the branch's members."""
        if name == "fName" and type(self) is Postponed:
            return self._known_name
        self.become()
        return self.member(name, *arguments, **options)

    def become(self) -> None:
        """Turn into uproot's branch, unless this is being done."""
        with _turn:
            read = self.__dict__.pop("_read", None)
            if read is None:
                return
            try:
                branch = read()
            except BaseException:
                self._read = read
                raise
            self.__dict__ = branch.__dict__
            self.__class__ = type(branch)

    def __getattr__(self, name: str) -> Any:
        self.become()
        if type(self) is Postponed:
            raise AttributeError(f"a branch that is being read has no attribute {name!r} yet")
        return getattr(self, name)


class References(dict[int, Any]):
    """Objects of a tree by their position; one in a postponed branch is read with that branch.

    ROOT writes an object or the name of a class once, and refers to it by its position from then
    on, also from one branch to another.
    """

    def __init__(self, known: dict[int, Any]) -> None:
        """Start without postponed branches.

        Args:
            known: objects read before any of the branches.
        """
        super().__init__()
        self._known = known
        self._begins: list[int] = []
        self._branches: list[Postponed] = []

    def add(self, begin: int, branch: Postponed) -> None:
        """Add the next branch of the tree, which begins at this position."""
        self._begins.append(begin)
        self._branches.append(branch)

    def __contains__(self, position: object) -> bool:
        if super().__contains__(position) or position in self._known:
            return True
        at = bisect_right(self._begins, int(position) - kMapOffset)  # type: ignore[call-overload]
        if at:
            self._branches[at - 1].become()
        return super().__contains__(position)

    def __missing__(self, position: int) -> Any:
        return self._known[position]


def _postponing(family: Any, n_bases: int) -> Any:
    """Uproot's models of a class of branches, reading those of a tree when they are used.

    Args:
        family: uproot's models of all versions of the class.
        n_bases: how many classes are between the class and its name (that of TNamed).
    """

    def read(
        cls: Any,
        chunk: Any,
        cursor: Any,
        context: Any,
        file: Any,
        selffile: Any,
        parent: Any,
        concrete: Any = None,
    ) -> Any:
        now = super(postponing, cls).read
        n_bytes, _, _ = numbytes_version(chunk, cursor, context, move=False)
        if n_bytes is None or not isinstance(parent, uproot.TTree):
            return now(chunk, cursor, context, file, selffile, parent, concrete)
        references = vars(parent).setdefault("_references", References(cursor.refs))
        own = Cursor(cursor.index, cursor.origin, references)
        later = dict(context)
        branch = Postponed(
            _name(chunk, cursor.copy(), context, n_bases),
            lambda: now(chunk, own.copy(), dict(later), file, selffile, parent, concrete),
        )
        references.add(cursor.displacement(), branch)
        cursor.skip(n_bytes)
        return branch

    # Under uproot's name, which it takes the name of the C++ class from.
    postponing: type[Any] = type(family.__name__, (family,), {"read": classmethod(read)})
    return postponing


def _name(chunk: Any, cursor: Any, context: Any, n_bases: int) -> str:
    """Name of the object that begins at a cursor, which is moved."""
    for _ in range(n_bases + 1):
        numbytes_version(chunk, cursor, context)
    uproot.models.TObject.Model_TObject.read(chunk, cursor, context, None, None, None)
    return str(cursor.string(chunk, context))


CLASSES: dict[str, Any] = {
    **uproot.classes,
    "TBranch": _postponing(uproot.classes["TBranch"], 1),
    "TBranchElement": _postponing(uproot.classes["TBranchElement"], 2),
}
"""Uproot's classes with such branches, for ``custom_classes`` of `uproot.open`."""
