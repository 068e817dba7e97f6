"""Collections of targets whose completeness is one request per directory."""

from collections.abc import Iterator
from typing import Any

import law


def names_in(directory: Any) -> frozenset[str]:
    """Names in a directory target, none when there is no such directory: one request."""
    try:
        return frozenset(directory.listdir())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()


class SiblingFileCollection(law.SiblingFileCollection):
    """Files of one directory; law's own asks for the directory before listing it."""

    def _iter_state(
        self, existing: bool | None = True, basenames: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        if basenames is None and existing is not None and kwargs.get("exists_func") is None:
            basenames = names_in(self.dir)
        yield from super()._iter_state(existing=existing, basenames=basenames, **kwargs)


class NestedSiblingFileCollection(law.NestedSiblingFileCollection):
    """Files of several directories; law's own asks for each directory before listing it."""

    def _iter_state(
        self, existing: bool | None = True, basenames: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        if basenames is None and existing is not None and kwargs.get("exists_func") is None:
            basenames = {each.dir.abspath: names_in(each.dir) for each in self.collections}
        yield from super()._iter_state(existing=existing, basenames=basenames, **kwargs)
