"""Branches that count their baskets when they are first used, not when their tree is opened.

Uproot walks over the baskets of all branches as it reads a tree's metadata, although most branches
are never asked for: two thirds of the time it takes to open a tree of 100 branches and 200,000
baskets.
"""

from threading import RLock
from typing import Any

import uproot

_turn = RLock()


class Deferred:
    """Mixed into a model of a branch: its last step waits for the first attribute it would set."""

    def postprocess(self, *arguments: Any) -> Any:
        """Remember what the last step of reading needs."""
        self.__dict__["_postponed"] = arguments
        return self

    def __getattr__(self, name: str) -> Any:
        with _turn:
            arguments = self.__dict__.pop("_postponed", None)
            if arguments is not None:
                super().postprocess(*arguments)  # type: ignore[misc]
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}") from None


def _deferred(family: Any) -> Any:
    """Uproot's models of all versions of a class, mixed with `Deferred`.

    Under uproot's names, which it takes the name of the C++ class from.
    """
    versions = {
        number: type(model.__name__, (Deferred, model), {})
        for number, model in family.known_versions.items()
    }
    return type(family.__name__, (family,), {"known_versions": versions})


CLASSES: dict[str, Any] = {
    **uproot.classes,
    "TBranch": _deferred(uproot.classes["TBranch"]),
    "TBranchElement": _deferred(uproot.classes["TBranchElement"]),
}
"""Uproot's classes with such branches, for ``custom_classes`` of `uproot.open`."""
