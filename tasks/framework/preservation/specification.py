"""From stages to the documents of a yadage specification."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.framework.errors import UserError
from tasks.framework.preservation.recipe import Each, Embedded, Given, Made
from tasks.framework.preservation.walking import Stage, stage_name

KERBEROS = 'if [ -n "${{KRB_SETUP_SCRIPT:-}}" ]; then . "$KRB_SETUP_SCRIPT"; fi'
"""How a container of RECAST gets its ticket; REANA's have one without asking."""

END = "END_OF_FILE"


def steps(stages: Sequence[Stage], images: Mapping[str, str]) -> dict[str, Any]:
    """The document of the steps.

    Args:
        stages: of the workflow.
        images: name of each stage's image, with tag and digest.
    """
    return {stage.name: _step(stage, images[stage.name]) for stage in stages}


def workflow(stages: Sequence[Stage], steps_file: str) -> dict[str, Any]:
    """The document of the workflow.

    Args:
        stages: required ones before those that require them.
        steps_file: file of the steps, as references are to have it.
    """
    scattered = {stage.name for stage in stages if stage.scattered}
    return {"stages": [_stage(stage, scattered, steps_file) for stage in stages]}


def inputs(stages: Sequence[Stage]) -> dict[str, Any]:
    """Inputs of the workflow with the values that the tasks have.

    Raises:
        UserError: two tasks have different values for one input.
    """
    values: dict[str, Any] = {}
    for stage in stages:
        for given in stage.recipe.of_kind(Given):
            if values.setdefault(given.name, given.value) != given.value:
                raise UserError(
                    f"{stage.task.get_task_family()}: the input '{given.name}' is {given.value!r} "
                    f"here and {values[given.name]!r} in another task: give them two names"
                )
    return values


def parameter_name(argument: Any) -> str:
    """Name of a step's parameter for an argument of a recipe."""
    if isinstance(argument, Each):
        return parameter_name(argument.source)
    if isinstance(argument, Given):
        return argument.name
    if isinstance(argument, Made):
        return argument.otherwise or f"{stage_name(argument.task)}_{argument.output}"
    return str(argument.key)


def split_image(image: str) -> tuple[str, str]:
    """Name and tag of an image, the digest with the tag.

    >>> split_image("localhost:5000/vhbb-fit:1@sha256:ab")
    ('localhost:5000/vhbb-fit', '1@sha256:ab')
    >>> split_image("vhbb-fit")
    ('vhbb-fit', '')
    """
    name, at, digest = image.partition("@")
    folder, slash, last = name.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{folder}{slash}{base}", f"{tag}{at}{digest}"


def _step(stage: Stage, image: str) -> dict[str, Any]:
    name, tag = split_image(image)
    environment: dict[str, Any] = {
        "environment_type": "docker-encapsulated",
        "image": name,
        "imagetag": tag,
    }
    if stage.recipe.kerberos:
        environment["resources"] = [{"kerberos": True}]
    return {
        "process": {
            "process_type": "interpolated-script-cmd",
            "interpreter": "sh",
            "script": _script(stage),
        },
        "environment": environment,
        "publisher": {
            "publisher_type": "frompar-pub",
            "outputmap": {key: key for key in stage.outputs},
        },
    }


def _script(stage: Stage) -> str:
    """A shell script: embedded files are written, then the command runs on them."""
    lines = ["set -eu", *([KERBEROS] if stage.recipe.kerberos else [])]
    embedded = list(stage.recipe.of_kind(Embedded))
    if embedded:
        lines.append("embedded=$(mktemp -d)")
    for file in embedded:
        if END in file.content.splitlines():
            raise UserError(f"{stage.name}: {file.name} cannot be embedded: it has a line {END}")
        lines += [f"cat > \"$embedded/{file.name}\" << '{END}'"]
        lines += [_literal(file.content.rstrip("\n")), END]
    words = [_word(argument) for argument in stage.recipe.arguments]
    return "\n".join([*lines, " ".join(words)]) + "\n"


def _word(argument: Any) -> str:
    if isinstance(argument, str):
        return _literal(shlex.quote(argument))
    if isinstance(argument, Embedded):
        return f'"$embedded/{argument.name}"'
    name = parameter_name(argument)
    return f"{{{name}}}" if _is_list(argument) else f"'{{{name}}}'"


def _is_list(argument: Any) -> bool:
    """Whether a step gets several values at once, which packtivity joins with blanks."""
    if isinstance(argument, Each):
        return argument.batch > 1
    if isinstance(argument, Given):
        return isinstance(argument.value, list)
    return isinstance(argument, Made) and bool(getattr(argument.task, "is_workflow", bool)())


def _literal(text: str) -> str:
    """Text that stands for itself in a template."""
    return text.replace("{", "{{").replace("}", "}}")


def _stage(stage: Stage, scattered: set[str], steps_file: str) -> dict[str, Any]:
    arguments = [a for a in stage.recipe.arguments if not isinstance(a, str | Embedded)]
    parameters = {parameter_name(a): _value(a, stage, scattered) for a in arguments}
    over = [parameter_name(a) for a in stage.scattered]
    scheduler: dict[str, Any] = {
        "scheduler_type": "multistep-stage" if over else "singlestep-stage",
        "parameters": parameters,
    }
    if over:
        scheduler["scatter"] = {"method": "zip", "parameters": over}
    if over and stage.scattered[0].batch > 1:
        scheduler["batchsize"] = stage.scattered[0].batch
    scheduler["step"] = {"$ref": f"{steps_file}#/{stage.name}"}
    return {"name": stage.name, "dependencies": ["init", *stage.needs], "scheduler": scheduler}


def _value(argument: Any, stage: Stage, scattered: set[str]) -> Any:
    if isinstance(argument, Each):
        return _value(argument.source, stage, scattered)
    if isinstance(argument, Given):
        return {"step": "init", "output": argument.name}
    if isinstance(argument, Made):
        source = stage_name(argument.task)
        key = "stages" if source in scattered else "step"
        return {key: source, "output": argument.output}
    return f"{{workdir}}/{stage.outputs[argument.key]}"


def safe_name(text: str) -> str:
    """A name that is good for a file and a catalogue entry."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)
