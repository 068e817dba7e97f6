"""The analysis exported: a specification that RECAST, yadage and REANA run without law."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import law
import luigi

from analysis.catalogue import digest
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin
from tasks.framework.preservation import guide
from tasks.framework.preservation.export import Export, Variant, documents, example
from tasks.framework.preservation.images import images_of
from tasks.framework.preservation.specification import inputs, safe_name
from tasks.framework.preservation.walking import Stage, walk
from tasks.framework.storage import LocalFileTarget

DESCRIPTION = "VHbb: limits on the strength of a signal from the invariant mass of two jets"
RESULTS = {"limits": "fit/limits.json"}
GIVEN = ("GenerateSynthetic",)


class Preserve(SignalsMixin, SelectionMixin, CatalogueTask):
    """Write the specification of Fit for RECAST, yadage and REANA; the signals are its examples."""

    destination = luigi.Parameter(
        default="recast", description="folder of the specification; default: recast"
    )
    name = luigi.Parameter(default="vhbb", description="name in RECAST's catalogue; default: vhbb")
    author = luigi.Parameter(
        default="the VHbb-law developers", description="for RECAST's catalogue"
    )

    def requires(self) -> Any:
        return Fit.req(self).fixed_requires()

    def store_parts(self) -> tuple[str, ...]:
        return (*super().store_parts(), f"{safe_name(self.name)}-{digest(self.folder)}")

    @property
    def folder(self) -> str:
        """Absolute path of the destination."""
        return os.path.abspath(os.path.expanduser(self.destination))

    def output(self) -> dict[str, Any]:
        recast = LocalFileTarget(os.path.join(self.folder, "recast.yml"))
        return {**self.targets(log="preserve.txt"), "recast": recast}

    def complete(self) -> bool:
        """Whether the folder has what would be written now, byte for byte."""
        if not all(task.complete() for task in law.util.flatten(self.requires())):
            return False
        return super().complete() and all(
            _content(Path(self.folder, path)) == text for path, text in self.exported().items()
        )

    def run(self) -> None:
        files = self.exported()
        for path in guide.KNOWN - files.keys():
            Path(self.folder, path).unlink(missing_ok=True)
        for path, text in files.items():
            target = LocalFileTarget(os.path.join(self.folder, path))
            target.dump(text, formatter="text")
        listed = "".join(f"{os.path.join(self.folder, path)}\n" for path in sorted(files))
        self.output()["log"].dump(listed, formatter="text")

    def exported(self) -> dict[str, str]:
        """Texts of all files by path in the destination."""
        fits = [Fit.req(self, branch=branch) for branch in range(len(self.signals))]
        reinterpretation = {fit.branch_data: walk(fit, GIVEN) for fit in fits}
        variants = [_variant(self.name, DESCRIPTION, "", reinterpretation)]
        made = {
            fit.branch_data: walk(fit)
            for fit in fits
            if self.analysis.signal(fit.branch_data).synthetic is not None
        }
        if made:
            about = f"{DESCRIPTION}; makes a synthetic signal itself"
            variants.append(_variant(f"{self.name}-synthetic", about, "_synthetic", made))
        stages = [stage for variant in variants for stage in variant.stages]
        export = Export(variants, images_of(stages), self.author, RESULTS)
        return documents(guide.completed(export))


def _variant(name: str, about: str, suffix: str, signals: Mapping[str, list[Stage]]) -> Variant:
    """A workflow with every signal as an example; the first one's has the name ``default``."""
    names = ["default", *list(signals)[1:]]
    values = [example(inputs(stages)) for stages in signals.values()]
    stages = next(iter(signals.values()))
    return Variant(name, about, suffix, stages, dict(zip(names, values, strict=True)))


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
