"""Tasks with further outputs of the same kind, each made when it is missing and only then.

class Squares(VariedTask):
    def variants(self):
        return {"shifted_up": "shifted_up-1234"}   # names, and what tells their files from others

    def output(self):                              # keys: number, number@shifted_up, and records
        return self.targets(number="n.json") | self.variant_targets(number="n.json")

    def run(self):
        with self.localize_output() as output:     # of the variants to be made: see `making`
            ...
"""

import os
from collections.abc import Mapping
from typing import Any

import law

from tasks.framework import remote
from tasks.framework.base import RECORD, AnalysisTask, printing_status, variant_of
from tasks.framework.provenance import RECORD_SUFFIX


class VariedTask(AnalysisTask):
    """A task whose outputs come in variants beside the plain ones, with a record for each."""

    exclude_index = True

    def variants(self) -> Mapping[str, str]:
        """Names of the variants, and what their file names have before the suffix."""
        return {}

    def variant_targets(self, **names: str) -> dict[str, Any]:
        """File targets and records of all variants, by ``key@variant``; in a status tree as one."""
        directory = self.directory
        parts = {key: os.path.splitext(name) for key, name in names.items()}
        parts[RECORD] = next(iter(parts.values()))[0], RECORD_SUFFIX
        found = {
            f"{key}@{variant}": directory.child(f"{stem}.{tag}{suffix}", type="f")
            for variant, tag in self.variants().items()
            for key, (stem, suffix) in parts.items()
        }
        is_branch = hasattr(self, "branch")
        if found and printing_status.get() and not is_branch:
            return {"variants": law.FileCollection(found)}
        return found

    def incomplete(self) -> tuple[str, ...]:
        with remote.listings():
            missing = [variant_of(k) for k, target in self.output().items() if not target.exists()]
        return tuple(dict.fromkeys(missing))
