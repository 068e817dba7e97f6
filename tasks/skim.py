"""From events to histograms: generate or read the files, select, merge."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import law
import luigi

from analysis.catalogue import Synthetic, digest, write_out_selection
from analysis.errors import AnalysisError
from tasks.base import DatasetTask, wants_ticket
from tasks.framework import remote
from tasks.framework.base import variant_of
from tasks.framework.htcondor import Resources
from tasks.framework.local_workflow import tolerated_failures
from tasks.framework.merging import Merge, MergeStep, Merging
from tasks.framework.preservation.recipe import Each, Embedded, Given, Made, Output, Recipe
from tasks.framework.workflow import Workflow
from tasks.shifts import JETS, WEIGHTS, ShiftsMixin


class GenerateSynthetic(DatasetTask, Workflow):
    """Write the labelled synthetic sample of a dataset, a branch per file."""

    def create_branch_map(self) -> list[int]:
        if self.entry.synthetic is None:
            raise AnalysisError(f"{self.entry.place}: has files of its own: nothing to generate")
        return list(range(self.entry.synthetic.n_files))

    def store_parts(self) -> tuple[str, ...]:
        return (*super().store_parts(), f"{self.dataset}-{self.entry.inputs_digest()}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(events=f"synthetic_{self.branch}.root")

    def run(self) -> None:
        from analysis.synthetic import write_synthetic_file

        synthetic = cast("Synthetic", self.entry.synthetic)
        with self.localize_output() as output:
            write_synthetic_file(
                output["events"].abspath,
                seed=synthetic.seed,
                index=self.branch,
                n_events=synthetic.events_per_file()[self.branch],
            )

    def recipe(self) -> Recipe:
        synthetic = cast("Synthetic", self.entry.synthetic)
        return Recipe(
            *("python", "-m", "analysis", "generate", "-o", Output("events")),
            *("--seed", Given("synthetic_seed", synthetic.seed)),
            *("--n-events", Given("synthetic_events", synthetic.n_events)),
            *("--n-files", Given("synthetic_n_files", synthetic.n_files)),
            *("--index", Each(Given("synthetic_files", list(range(synthetic.n_files))))),
        )


class Skim(ShiftsMixin, Workflow):
    """Select the events of a dataset and histogram them, a branch per file or group of files.

    Shifts that are missing are made together, from one reading of the input.
    """

    implements = JETS | WEIGHTS

    files_per_branch = luigi.IntParameter(
        default=1, description="number of input files a branch reads; default: 1"
    )
    keep_events = luigi.BoolParameter(
        default=False, description="also write the selected events as Parquet; default: False"
    )

    stage_in = luigi.BoolParameter(
        default=False,
        significant=False,
        description="copy remote files here before reading, instead of fetching the columns that "
        "are needed; default: False",
    )

    def create_branch_map(self) -> list[tuple[str | int, ...]]:
        synthetic, step = self.entry.synthetic, self.files_per_branch
        files: Sequence[str | int] = (
            self.entry.resolve_files() if synthetic is None else range(synthetic.n_files)
        )
        return [tuple(files[start : start + step]) for start in range(0, len(files), step)]

    def workflow_requires(self) -> dict[str, law.Task]:
        return {**super().workflow_requires(), **self.requires_from_branch()}

    def requires(self) -> dict[str, law.Task]:
        if self.entry.synthetic is None:
            return {}
        return {"generated": GenerateSynthetic.req(self, branch=-1, branches=())}

    def before_branches(self) -> None:
        if self.entry.synthetic is not None:
            return
        branches = list(self.get_branch_map().values())
        reasons = remote.out_of_reach(file for files in branches for file in files)
        failing = [files for files in branches if not reasons.keys().isdisjoint(files)]
        if len(failing) > tolerated_failures(self):
            raise next(reasons[file] for file in failing[0] if file in reasons)

    @property
    def sums_weights(self) -> bool:
        """Whether the files tell the sum of weights, rather than the catalogue."""
        return self.entry.sum_of_weights is None

    def branch_name(self) -> str:
        """Name of the branch's outputs: its first file and a digest of what it reads.

        A branch keeps its name, and so its outputs, when files are added to the dataset.
        """
        entry, read = self.entry, self.branch_data
        if entry.synthetic is not None:
            return f"synthetic_{read[0]}-{digest(read, entry.inputs_digest())}"
        files = [entry.file_digest(file) for file in read]
        stem = re.sub(r"[^A-Za-z0-9_.+-]", "_", os.path.splitext(os.path.basename(read[0]))[0])
        return f"{stem[:80]}-{digest(entry.sum_of_weights is None, files)}"

    def files_read(self) -> tuple[str, ...]:
        """The branch's event files: as the catalogue names them, or as they were generated."""
        if self.entry.synthetic is None:
            return self.branch_data
        generated = self.input()["generated"]["collection"].targets
        return tuple(generated[index]["events"].abspath for index in self.branch_data)

    def store_parts(self) -> tuple[str, ...]:
        return (*super().store_parts(), self.dataset, f"{self.selection}-{self.cuts.digest()}")

    def htcondor_default_resources(self) -> Resources:
        given: dict[str, Any] = self.entry.resources.given()
        return replace(super().htcondor_default_resources(), **given)

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        stem = self.branch_name()
        names = {"histograms": f"{stem}.root"}
        if self.keep_events:
            names["events"] = f"{stem}.parquet"
        return self.targets(**names) | self.variant_targets(histograms=f"{stem}.root")

    def run(self) -> None:
        from analysis import histograms, skim_files, skimming
        from analysis.progress import counting_events

        files = remote.staged(self.files_read(), copy=self.stage_in)
        with files as files_here, self.localize_output() as output:
            with counting_events(f"Skim {self.dataset} {self.branch}") as progress:
                skims = skimming.skim_variations(
                    files_here,
                    self.cuts,
                    variations=[v for v in self.variations if v.name in self.making],
                    format=self.entry.format,
                    is_data=self.entry.is_data,
                    with_sum_of_weights=self.sums_weights,
                    keep_events=output["events"].abspath if "events" in output else None,
                    progress=progress,
                )
            for key, target in output.items():
                if key.startswith("histograms"):
                    skim = skims[variant_of(key) or histograms.NOMINAL]
                    skim_files.write_skim(target.abspath, skim)

    def recipe(self) -> Recipe:
        generated = self.requires().get("generated")
        files = [] if generated else list(self.entry.resolve_files())
        source = Made(generated, "events", "signal_files") if generated else None
        keep = ("--keep-events", Output("events")) if self.keep_events else ()
        selection = write_out_selection(self.analysis, self.cuts, self.shifts)
        return Recipe(
            *("python", "-m", "analysis", "skim", "-o", Output("histograms"), *keep),
            *("-i", Each(source or Given("signal_files", files), self.files_per_branch)),
            *("--format", Given("signal_format", self.entry.format or "auto")),
            *("-s", Given("sum_of_weights", self.entry.sum_of_weights or "files")),
            *("--shifts", *(self.shifts or ("none",))),
            *("--catalogue", Embedded("selection.yaml", selection)),
            kerberos=wants_ticket(files),
        )


class SkimMerging(ShiftsMixin, Merging):
    """Adds histograms, cut flows and sums of weights."""

    merges = Skim
    inherits = (Skim,)
    exclude_index = True

    def store_parts(self) -> tuple[str, ...]:
        inputs = digest(self.cuts, self.entry.inputs_digest(), self.entry.sum_of_weights is None)
        return (*super().store_parts(), self.dataset, f"{self.selection}-{inputs}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        name = f"selected{self.part}.root"
        return self.targets(histograms=name) | self.variant_targets(histograms=name)

    def merge(self, parts: Sequence[Any], output: Any) -> None:
        from analysis import skim_files, skimming

        for key, target in output.items():
            skims = [skim_files.read_skim(part[key].abspath) for part in parts]
            skim_files.write_skim(target.abspath, skimming.merge_skims(skims))


class MergeSkimStep(SkimMerging, MergeStep):
    """Merge some files of a dataset that has too many for one step, a branch per step."""

    def recipe(self) -> Recipe:
        parts = Each(Made(self.below, "histograms"), max(2, self.merge_size))
        return Recipe("python", "-m", "analysis", "merge", "-i", parts, "-o", Output("histograms"))


class MergeSkim(SkimMerging, Merge):
    """Merge all files of a dataset."""

    step = MergeSkimStep

    def recipe(self) -> Recipe:
        parts = Made(self.requires(), "histograms")
        return Recipe("python", "-m", "analysis", "merge", "-i", parts, "-o", Output("histograms"))
