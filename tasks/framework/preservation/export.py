"""The files of a preserved analysis: for yadage, RECAST and REANA, checked before they are written.

Every file is a text by its path in the folder of the export, so that equal analyses give equal
files, byte for byte, and an export is up to date when the folder has these very texts.
"""

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from tasks.framework.errors import UserError
from tasks.framework.preservation import specification
from tasks.framework.preservation.walking import Stage
from tasks.framework.yadage import references
from tasks.framework.yadage.checks import check_workflow
from tasks.framework.yadage.inputs import check_inputs

Documents = dict[str, str]


@dataclass(frozen=True)
class Example:
    """Inputs of a workflow that are known to work.

    Attributes:
        inputs: by name; local files relative to ``folder``.
        folder: of local files; None when there are none.
    """

    inputs: Mapping[str, Any]
    folder: str | None = None


@dataclass(frozen=True)
class Variant:
    """One workflow of an analysis.

    Attributes:
        name: of the analysis in RECAST's catalogue.
        description: in a line.
        suffix: of its file names.
        stages: what `walk` gave.
        examples: by name, the first one for the files that have only one.
    """

    name: str
    description: str
    suffix: str
    stages: Sequence[Stage]
    examples: Mapping[str, Example]


@dataclass(frozen=True)
class Export:
    """A preserved analysis.

    Attributes:
        variants: the workflows, which have their steps in common; the last one is REANA's.
        images: image with tag and digest by stage.
        author: for RECAST's catalogue.
        results: file of a result below the work directory, by what it is called.
        texts: further files by path: documentation, settings.
    """

    variants: Sequence[Variant]
    images: Mapping[str, str]
    author: str
    results: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)


def example(values: Mapping[str, Any]) -> Example:
    """An example with its local files relative to the folder that they have in common."""
    local = [item for value in values.values() for item in _local_files(value)]
    if not local:
        return Example(dict(values))
    folder = os.path.commonpath([os.path.dirname(path) for path in local])

    def relative(value: Any) -> Any:
        if isinstance(value, list):
            return [relative(item) for item in value]
        return os.path.relpath(value, folder) if _local_files(value) else value

    return Example({name: relative(value) for name, value in values.items()}, folder)


def _local_files(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and os.path.isabs(item)]


def documents(export: Export) -> Documents:
    """All files of an export, by path.

    Raises:
        UserError: the specification has faults, all of them listed.
    """
    steps: dict[str, Any] = {}
    files: Documents = dict(export.texts)
    for variant in export.variants:
        steps |= specification.steps(variant.stages, export.images)
        files |= _variant(variant, export)
    files["specs/steps.yml"] = dump(steps)
    files["reana.yaml"] = dump(_reana(export.variants[-1], export))
    if problems := find_problems(files, export):
        raise UserError(f"the export would be broken: {'; '.join(problems)}")
    return files


def find_problems(files: Documents, export: Export) -> list[str]:
    """Everything wrong with the files of an export, as the tools would read them."""

    def read(path: str) -> Any:
        if path not in files:
            raise UserError(f"there is no file {path}")
        return yaml.safe_load(files[path])

    def read_spec(path: str) -> Any:
        return read(posixpath.join("specs", path))

    problems: list[str] = []
    for variant in export.variants:
        for path, reader in (
            (f"workflow{variant.suffix}.yml", read_spec),
            (f"specs/reana{variant.suffix}.yml", read),
        ):
            workflow = references.resolve(reader(path), reader, path)
            for name, one in variant.examples.items():
                found = check_workflow(workflow, one.inputs.keys(), pinned=True)
                found = found or check_inputs(one.inputs, workflow)
                problems += [f"{path}, example {name}: {problem}" for problem in found]
    return list(dict.fromkeys(problems))


def _variant(variant: Variant, export: Export) -> Documents:
    suffix, stages = variant.suffix, variant.stages
    first = next(iter(variant.examples.values()))
    return {
        f"specs/workflow{suffix}.yml": dump(specification.workflow(stages, "steps.yml")),
        f"specs/reana{suffix}.yml": dump(specification.workflow(stages, "specs/steps.yml")),
        f"inputs{suffix}.yml": dump(dict(first.inputs)),
        f"recast{suffix}.yml": dump(_recast(variant, export)),
    }


def _recast(variant: Variant, export: Export) -> dict[str, Any]:
    examples = {}
    for name, one in variant.examples.items():
        examples[name] = {"initdata": dict(one.inputs)}
        if one.folder is not None:
            examples[name]["dataopts"] = {"initdir": one.folder}
    return {
        "name": variant.name,
        "metadata": {"author": export.author, "short_description": variant.description},
        "spec": {"workflow": f"workflow{variant.suffix}.yml"},
        "example_inputs": examples,
        "results": [
            {"name": name, "relpath": path, "load_yaml": True}
            for name, path in export.results.items()
        ],
    }


def _reana(variant: Variant, export: Export) -> dict[str, Any]:
    first = next(iter(variant.examples.values()))
    inputs: dict[str, Any] = {"directories": ["specs"], "parameters": dict(first.inputs)}
    if first.folder is not None:
        inputs["directories"].append("inputs")
        inputs["options"] = {"initdir": "inputs"}
    return {
        "version": "0.9.0",
        "inputs": inputs,
        "workflow": {"type": "yadage", "file": f"specs/reana{variant.suffix}.yml"},
        "outputs": {"files": list(export.results.values())},
    }


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks, the order of the writer, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Any) -> str:
    """A document as YAML for people."""
    compact = None  # innermost lists and mappings on a line
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=100, default_flow_style=compact
    )
