"""What a task in a container sees of the host: its inputs, its outputs, its code, its settings."""

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import law

from tasks.framework.errors import UserError

# Beyond this number of inputs in one folder the folder is mounted instead of its files: every
# mount costs the start of the container some time, and a command line has an end.
FILES_PER_FOLDER = 16


@dataclass(frozen=True, order=True)
class Mount:
    """A file or folder of the host, seen in the container at ``inside``."""

    source: str
    inside: str
    writable: bool = False

    @classmethod
    def same(cls, path: str | os.PathLike[str], *, writable: bool = False) -> "Mount":
        """At the same path inside as outside, so that paths mean the same in both."""
        absolute = os.path.abspath(path)
        return cls(absolute, absolute, writable)

    def option(self, read_only: str) -> str:
        """A bind mount for `--mount`: comma-separated fields, quoted as in a CSV file.

        >>> Mount.same("/a, b").option("ro")
        'type=bind,"src=/a, b","dst=/a, b",ro'
        """
        fields = ["type=bind", f"src={self.source}", f"dst={self.inside}"]
        fields += [] if self.writable else [read_only]
        return ",".join(
            '"' + text.replace('"', '""') + '"' if {",", '"'} & set(text) else text
            for text in fields
        )


def is_remote(item: Any) -> bool:
    """Whether a target, path or URL can only be had through the network.

    >>> is_remote("root://eospublic.cern.ch//eos/file.root"), is_remote("/data/file.root")
    (True, False)
    """
    if isinstance(item, str):
        return "://" in item and not item.startswith("file://")
    return not isinstance(item, law.LocalTarget)


def file_targets(structure: Any) -> Iterator[Any]:
    """Every target in an ``input()`` or ``output()`` structure, collections opened."""
    for target in law.util.flatten(structure):
        if isinstance(target, law.TargetCollection):
            yield from file_targets(target._flat_target_list)  # noqa: SLF001
        else:
            yield target


def output_mounts(outputs: Iterable[Any]) -> list[Mount]:
    """The folders of local outputs, writable; made first, as the engine would make them as root."""
    folders = sorted({os.path.dirname(target.abspath) for target in outputs})
    for folder in folders:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be made for the outputs: {error.strerror}") from error
        if not os.access(folder, os.W_OK, effective_ids=True):
            raise UserError(f"{folder} cannot be mounted for the outputs: you may not write there")
    return [Mount.same(folder, writable=True) for folder in folders]


def input_mounts(paths: Iterable[str]) -> list[Mount]:
    """Files and folders to read, read-only, each by itself or many of one folder together.

    Raises:
        UserError: one does not exist or may not be read.
    """
    by_folder: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        absolute = os.path.abspath(path.removeprefix("file://"))
        if not os.path.exists(absolute):
            raise UserError(f"{absolute} cannot be mounted into the container: it does not exist")
        if not os.access(absolute, os.R_OK, effective_ids=True):
            raise UserError(f"{absolute} cannot be mounted into the container: you may not read it")
        by_folder[os.path.dirname(absolute)].add(absolute)
    return [
        Mount.same(path)
        for folder, files in by_folder.items()
        for path in ([folder] if len(files) > FILES_PER_FOLDER else files)
    ]


def code_mounts(task: Any, packages: Iterable[str]) -> tuple[list[Mount], list[str]]:
    """The packages a task's code is in, read-only, and the folders that make them importable.

    Args:
        task: its own top-level package or module is always among them.
        packages: further top-level packages, imported or to be found on the path.
    """
    mounts, roots = [], []
    for name in dict.fromkeys((type(task).__module__.partition(".")[0], *packages)):
        place = _place_of(name)
        mounts.append(Mount.same(place))
        roots.append(str(place.parent))
    return mounts, list(dict.fromkeys(roots))


def _place_of(package: str) -> Path:
    """Folder of a package or file of a module, found without importing it."""
    from importlib.util import find_spec

    module = sys.modules.get(package)
    known = module.__spec__ if module else None
    spec = known or (find_spec(package) if package != "__main__" else None)
    if spec and spec.origin and os.path.basename(spec.origin) != "__init__.py":
        return Path(spec.origin).absolute()
    if spec and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).absolute()
    raise UserError(
        f"the code in '{package}' cannot be mounted into a container: it is not a module or "
        "package on the Python path ([sandbox] packages in law.cfg, or where the task is defined)"
    )


def without_repetition(mounts: Iterable[Mount]) -> list[Mount]:
    """Outer folders first; what a read-only folder holds is not mounted read-only again.

    >>> data, file = Mount.same("/data"), Mount.same("/data/a.root")
    >>> without_repetition([file, data, data]) == [data]
    True
    """
    kept: dict[str, Mount] = {}
    for mount in sorted(mounts, key=lambda mount: (mount.inside, not mount.writable)):
        parents = [str(parent) for parent in Path(mount.inside).parents]
        nearest = next((kept[parent] for parent in parents if parent in kept), None)
        same_tree = nearest and not nearest.writable and nearest.source == nearest.inside
        if mount.inside in kept or (
            same_tree and not mount.writable and mount.source == mount.inside
        ):
            continue
        kept[mount.inside] = mount
    return list(kept.values())
