"""What a step publishes when its process is done."""

import glob
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tasks.framework.errors import UserError
from tasks.framework.yadage import jq
from tasks.framework.yadage.references import read_yaml


def publish(publisher: Mapping[str, Any], parameters: Mapping[str, Any], workdir: str) -> Any:
    """The result of a step, as the publisher of its specification finds it.

    Args:
        publisher: of the step.
        parameters: of the step, paths as the process saw them.
        workdir: where the process wrote.

    Raises:
        UserError: a parameter or file is missing, or the type of publisher is unknown.
    """
    kind = publisher.get("publisher_type")
    if kind == "constant-pub":
        return publisher["publish"]
    if kind == "frompar-pub":
        return mapped(publisher["outputmap"], lambda name: _parameter(parameters, name))
    if kind == "interpolated-pub":
        return mapped(
            publisher["publish"],
            lambda text: _file(
                formatted(text, {"workdir": workdir, **parameters}), publisher, workdir
            ),
        )
    if kind == "fromglob-pub":
        pattern = os.path.join(workdir, publisher["globexpression"])
        return {publisher["outputkey"]: sorted(glob.glob(pattern, recursive=True))}
    if kind == "fromyaml-pub":
        return read_yaml(Path(workdir, publisher["yamlfile"]))
    if kind == "fromparjq-pub":
        result = jq.evaluate(publisher.get("script", "."), dict(parameters))
        return mapped(result, lambda text: _found(text, publisher, workdir))
    raise UserError(f"publishers of type {kind!r} cannot be run")


def initial(inputs: Mapping[str, Any], folder: str | None) -> Any:
    """Inputs of a workflow, files of the folder with their full paths.

    As in yadage, a pattern such as ``*.txt`` stands for the list of all files that match.
    """
    if folder is None:
        return dict(inputs)

    options = {"relative_paths": True, "glob": True}
    return mapped(dict(inputs), lambda text: _found(text, options, folder) if text else text)


def mapped(value: Any, change: Callable[[str], Any]) -> Any:
    """A structure of lists and objects with every text in it changed."""
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def formatted(template: str, values: Mapping[str, Any]) -> str:
    """A template with values put in, lists joined with blanks.

    Raises:
        UserError: a value is missing, or it is no template.
    """
    joined = {
        name: " ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in values.items()
    }
    try:
        return template.format(**joined)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise UserError(f"the template {template!r} cannot be filled in: {error!r}") from None


def _parameter(parameters: Mapping[str, Any], name: str) -> Any:
    if name not in parameters:
        raise UserError(f"frompar-pub: there is no parameter '{name}'")
    return parameters[name]


def _file(text: str, publisher: Mapping[str, Any], workdir: str) -> Any:
    """A file of the work directory, or all that match where ``glob`` says so."""
    path = text
    if publisher.get("relative_paths") and not text.startswith(workdir[:1]):
        path = os.path.join(workdir, text)
    if publisher.get("glob"):
        return sorted(glob.glob(path, recursive=True)) or text
    return path


def _found(text: str, publisher: Mapping[str, Any], workdir: str) -> Any:
    path = text
    if publisher.get("relative_paths") and not os.path.isabs(text):
        path = os.path.join(workdir, text)
    if publisher.get("tryExact", True) and os.path.exists(path):
        return path
    if publisher.get("glob") and (matches := sorted(glob.glob(path, recursive=True))):
        return matches
    return text
