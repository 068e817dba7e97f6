"""A YAML file as plain mappings: safe, without duplicate keys, with lines in its errors."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml

from analysis.errors import AnalysisError

_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[valid-type, misc]
    """Safe loader that refuses duplicate keys (PyYAML silently keeps the last)."""

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        _refuse_duplicate_keys(node)
        return node


# YAML 1.1 takes 1e-3 for a string as it has no point; physicists write it for a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$", re.ASCII),
    list("-+0123456789"),
)

_OBJECT_TAG: Final = re.compile(r"could not determine a constructor for the tag '([^']*)'")


def read_document(path: Path) -> dict[object, object]:
    """The mapping at the top of a YAML file; shared between calls, so not to be changed.

    Args:
        path: the file; parsed again only when its time stamp or size has changed.

    Raises:
        AnalysisError: the file cannot be read, is malformed (with the line), has a duplicate key,
            wants to construct an object, or is no mapping.
    """
    try:
        status = path.stat()
        return _parse(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise AnalysisError(
            f"catalogue {path}: {error.strerror}: give the path of a YAML file"
        ) from None


@lru_cache(maxsize=16)
def _parse(path: Path, _mtime_ns: int, _size: int) -> dict[object, object]:
    try:
        content: object = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - is safe
    except yaml.MarkedYAMLError as error:
        raise AnalysisError(f"{path}{_line(error)}: {_problem(error)}") from None
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        # PyYAML lets through what its constructors of dates and tagged numbers stumble over.
        told = " ".join(str(error).split())
        raise AnalysisError(f"{path}: not valid YAML in UTF-8: {told}") from None
    if not isinstance(content, dict):
        found = "empty" if content is None else f"a {type(content).__name__}"
        raise AnalysisError(f"{path}: is {found}: a catalogue is a mapping, such as 'signals:'")
    return content


def _line(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return "" if mark is None else f", line {mark.line + 1}"


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join((error.problem or error.context or "malformed").split())
    tag = _OBJECT_TAG.match(problem)
    if tag is not None:
        return f"the tag {tag[1]} constructs an object, which is refused: write plain YAML"
    if isinstance(error, yaml.constructor.ConstructorError):
        return problem
    return f"malformed YAML: {problem}"


def _refuse_duplicate_keys(top: yaml.Node | None) -> None:
    """Before construction, as merge keys (``<<``) may repeat what they override."""
    left, visited = [top], set()
    while left:
        node = left.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left.extend(node.value)
        if isinstance(node, yaml.MappingNode):
            left.extend(value for _, value in node.value)
            keys: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    problem = f"duplicate key {key.value!r}: keep one"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                keys.update([key.value] if isinstance(key, yaml.ScalarNode) else [])
