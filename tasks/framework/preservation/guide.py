"""The files beside a specification that tell people and services how to run it."""

from dataclasses import replace
from pathlib import Path
from string import Template

from tasks.framework.preservation.export import Export

TEMPLATES = Path(__file__).parent / "templates"
SPECIFICATION = ("recast", "inputs", "specs/workflow", "specs/reana")
KNOWN = frozenset(
    {f"{stem}{suffix}.yml" for stem in SPECIFICATION for suffix in ("", "_synthetic")}
    | {"specs/steps.yml", "reana.yaml", "README.md", "ci.yml", "runner/Dockerfile"}
)
"""All files that an export may have."""


def completed(export: Export) -> Export:
    """The export with its README, CI example and runner image."""
    first, last = export.variants[0], export.variants[-1]
    inputs = next(iter(first.examples.values())).inputs
    rows = "\n".join(f"| `{name}` | `{value}` |" for name, value in inputs.items())
    result = next(iter(export.results.values()))
    values = {
        "name": first.name,
        "runnable": last.name,
        "description": first.description,
        "inputs": rows,
        "suffix": last.suffix,
        "synthetic": f", `recast{last.suffix}.yml` makes its own" if last.suffix else "",
        "result": result,
        "images": "\n".join(f"- `{image}`" for image in dict.fromkeys(export.images.values())),
    }
    texts = {
        path: Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
        for path, template in (
            ("README.md", "README.md.txt"),
            ("ci.yml", "ci.yml.txt"),
            ("runner/Dockerfile", "Dockerfile.txt"),
        )
    }
    return replace(export, texts={**export.texts, **texts})
