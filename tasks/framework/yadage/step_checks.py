"""What is wrong with a step: its process, environment and publisher."""

import string
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tasks.framework.yadage import shapes


def check_step(
    step: Any, where: str, parameters: Collection[str], *, pinned: bool
) -> Iterator[str]:
    """Everything wrong with a step.

    Args:
        step: the document, its references resolved.
        where: what to call it.
        parameters: names of what it is given.
        pinned: whether it is to be preserved: its image has tag and digest, nothing is left over.
    """
    problems = list(shapes.misshapen(step, shapes.STEP, where))
    if not problems:
        for kind in ("process", "publisher", "environment"):
            if step[kind] is not None or kind == "publisher":
                problems += shapes.mistyped(step[kind], kind, f"{where}: {kind}")
    if problems:
        yield from problems
        return
    used: set[str] = set()
    for template, at in _templates(step, where):
        yield from _missing(template, at, parameters, used)
    published = step["publisher"].get("outputmap", {})
    used |= set(published.values())
    for output in sorted(key for key, name in published.items() if name not in parameters):
        yield f"{where}: publisher: '{output}' is to be a parameter that there is not"
    if (
        pinned
        and step["process"] is not None
        and step["publisher"]["publisher_type"] != "fromparjq-pub"
    ):
        for name in sorted(set(parameters) - used):
            yield f"{where}: nothing uses the parameter '{name}'"
    if pinned:
        yield from _pinning(step["environment"], f"{where}: environment")


def _missing(
    template: str, where: str, parameters: Collection[str], used: set[str]
) -> Iterator[str]:
    """Parameters that a template needs and does not have; ``used`` gets those that it has."""
    try:
        fields = template_fields(template)
    except ValueError as error:
        yield f"{where}: is no template: {error}"
        return
    used |= fields
    own = {"workdir"} if "publisher" in where else set()
    for name in sorted(fields - set(parameters) - own):
        yield f"{where}: {{{name}}} is no parameter of the step"


def _templates(step: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    process, publisher = step["process"] or {}, step["publisher"]
    for key in ("cmd", "script"):
        if key in process:
            yield str(process[key]), f"{where}: process: {key}"
    if publisher["publisher_type"] == "interpolated-pub":
        for value in _leaves(publisher["publish"]):
            yield value, f"{where}: publisher"


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value


def template_fields(template: str) -> set[str]:
    """Names that a template of a command, script or publisher puts values in for.

    Raises:
        ValueError: braces do not match.

    >>> sorted(template_fields("cat {inputs} > {output}; echo '{{}}'"))
    ['inputs', 'output']
    """
    fields = {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
    return {field.partition(".")[0].partition("[")[0] for field in fields}


def _pinning(environment: Any, where: str) -> Iterator[str]:
    if environment is None or environment["environment_type"] != "docker-encapsulated":
        yield f"{where}: is no container: what it runs is not preserved"
        return
    tag, _, digest = str(environment.get("imagetag", "")).partition("@")
    algorithm, _, value = digest.partition(":")
    hexadecimal = len(value) == 64 and not set(value) - set("0123456789abcdef")  # noqa: PLR2004
    if not tag or algorithm != "sha256" or not hexadecimal:
        name = f"{environment['image']}:{environment.get('imagetag', '')}"
        yield f"{where}: image {name} has no tag with digest (NAME:TAG@sha256:...)"
