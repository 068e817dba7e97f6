"""JSON references in YAML and JSON documents of one folder, resolved."""

import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from tasks.framework.errors import UserError

Reader = Callable[[str], Any]
"""Gives the document of a path relative to the top folder."""


def load(path: str | Path, toplevel: str | Path) -> Any:
    """The document of a file with everything that it refers to in place.

    Args:
        path: of the document, relative to ``toplevel``.
        toplevel: the folder that references of the document are relative to; those of the
            documents it refers to are relative to these, as of any JSON reference.

    Raises:
        UserError: a file is missing or not YAML, or a reference leads nowhere or in a circle.
    """
    folder = Path(toplevel)

    def read(name: str) -> Any:
        return read_yaml(folder / name)

    return resolve(read(str(path)), read, str(path))


def read_yaml(path: Path) -> Any:
    """Content of a YAML or JSON file.

    Raises:
        UserError: it is missing or malformed.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise UserError(f"{path}: is not YAML: {where}") from None


def resolve(document: Any, read: Reader, name: str) -> Any:
    """A document with ``{$ref: FILE#/POINTER}`` replaced by what they refer to, at any depth.

    Args:
        document: of the file ``name`` in the top folder.
        read: gives another document of the folder.
        name: for references within the document, and for messages.

    Raises:
        UserError: a reference leads nowhere, in a circle, or to another machine.
    """
    documents = {posixpath.normpath(name): document}

    def expand(value: Any, base: str, folder: str, above: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [expand(item, base, folder, above) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" not in value:
            return {key: expand(item, base, folder, above) for key, item in value.items()}
        file, pointer = _target(str(value["$ref"]), base, folder)
        address = f"{file}#{pointer}"
        if address in above:
            raise UserError(f"{base}: the reference to {address} leads back to itself")
        if file not in documents:
            documents[file] = read(file)
        found = _point(documents[file], pointer, f"{base}: $ref {value['$ref']!r}")
        return expand(found, file, posixpath.dirname(file), (*above, address))

    return expand(document, posixpath.normpath(name), "", ())


def _target(reference: str, base: str, folder: str) -> tuple[str, str]:
    """File and pointer that a reference in the file ``base`` means."""
    place, _, pointer = reference.partition("#")
    if "://" in place or place.startswith("/"):
        raise UserError(f"{base}: $ref {reference!r} is not of this folder: copy what it refers to")
    file = posixpath.normpath(posixpath.join(folder, unquote(place))) if place else base
    if file.startswith("../"):
        raise UserError(f"{base}: $ref {reference!r} leaves the folder of the specification")
    return file, unquote(pointer).strip("/")


def _point(document: Any, pointer: str, said: str) -> Any:
    for part in pointer.split("/") if pointer else []:
        key: Any = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and key.isdigit():
            key = int(key)
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            raise UserError(f"{said}: there is no '{part}'") from None
    return document
