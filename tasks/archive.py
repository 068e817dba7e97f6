"""A bundle of the analysis and its results that a stranger unpacks, checks and repeats."""

import datetime as dt
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from string import Template
from typing import Any

import law
import luigi

from analysis.catalogue import digest
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin, limits_of
from tasks.framework.errors import UserError
from tasks.framework.preservation import bag
from tasks.framework.preservation.export import example
from tasks.framework.preservation.guide import TEMPLATES
from tasks.framework.provenance import code_version
from tasks.preserve import Preserve
from tasks.provenance import Provenance
from tasks.written_catalogue import dump, written_catalogue

TITLE = "VHbb: limits on the strength of a signal"


class Archive(SignalsMixin, SelectionMixin, CatalogueTask):
    """Pack results, catalogue, inputs, code, provenance and specification as a BagIt bundle."""

    copy_inputs = luigi.BoolParameter(
        default=True,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="copy local event files into the bundle; default: True",
    )
    specification = luigi.BoolParameter(
        default=True,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="add what Preserve writes, which takes images in a registry; default: True",
    )

    def requires(self) -> dict[str, Any]:
        _commit()  # before anything runs
        return {"fit": Fit.req(self), "provenance": Provenance.req(self)}

    def store_parts(self) -> tuple[str, ...]:
        fits = [limits.path for limits in limits_of(self.requires()["fit"])]
        options = [self.copy_inputs, self.specification, code_version()["commit"]]
        return (*super().store_parts(), f"{self.selection}-{digest(fits, options)}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(bundle="vhbb-bundle.tar.gz")

    def run(self) -> None:
        commit = _commit()
        with tempfile.TemporaryDirectory() as scratch:
            data = Path(scratch, "vhbb-bundle", "data")
            data.mkdir(parents=True)
            _unpack_code(commit, data / "code")
            self.add_results(data)
            self.add_catalogue(data)
            if self.specification:
                self.add_specification(data / "recast")
            (data / "README.md").write_text(self.readme(data, commit), encoding="utf-8")
            today = dt.datetime.now(dt.UTC).date().isoformat()
            about = {"External-Description": TITLE, "Bagging-Date": today, "Code-Commit": commit}
            bag.make_bag(data.parent, about)
            with self.localize_output() as output:
                bag.pack(data.parent, output["bundle"].abspath)

    def add_results(self, data: Path) -> None:
        """Outputs of Fit by signal, with the records of how they were made, and the provenance."""
        branches = self.input()["fit"]["collection"].targets.values()
        folders = [("results", signal) for signal in self.signals]
        for parts, outputs in zip(folders, branches, strict=True):
            _copy(outputs, data.joinpath(*parts))
        _copy(self.input()["provenance"], data / "provenance")

    def add_catalogue(self, data: Path) -> None:
        """The catalogue of the limits, and the local files of its signals, which it names."""
        catalogue = written_catalogue(self)
        for name, entry in catalogue["signals"].items():
            if "files" in entry:
                entry["files"] = _files(entry["files"], data / "inputs" / name, self.copy_inputs)
        (data / "catalogue.yaml").write_text(dump(catalogue), encoding="utf-8")

    def add_specification(self, folder: Path) -> None:
        """What Preserve writes, its examples with the files of the bundle."""
        local = {}
        for name in self.signals:
            entry = self.analysis.signal(name)
            files = [] if entry.synthetic is not None else list(entry.resolve_files())
            if place := example({"files": files}).folder:
                local[place] = f"../data/inputs/{name}"  # from the work directory of `recast run`
        for path, text in Preserve.req(self).exported().items():
            for place, bundled in local.items():
                text = text.replace(place, bundled)  # noqa: PLW2901
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")

    def readme(self, data: Path, commit: str) -> str:
        """How to check and repeat what is in the bundle."""
        template = Template((TEMPLATES / "bundle.md.txt").read_text(encoding="utf-8"))
        compare = [
            f"    cmp $VHBB_RESULTS/Fit/{name}/*/v1/limits.json ../results/{name}/limits.json"
            for name in self.signals
        ]
        text = "`recast/README.md` says how to run it with RECAST, yadage or REANA, without law.\n"
        row = "| `recast/` | the workflow for RECAST, yadage and REANA, with images by digest |\n"
        return template.substitute(
            title=TITLE,
            commit=commit,
            inputs_note="" if self.copy_inputs else ", where they are not remote: not copied",
            signals=",".join(self.signals),
            options=f"--model {self.model} --selection {self.selection}",
            comparison="\n".join(compare),
            specification_row=row if self.specification else "",
            specification_text=text if self.specification else "",
            codes=_codes(data / "provenance" / "prov.json"),
        )


def _commit() -> str:
    """The commit of the code, which must be all there is of it.

    Raises:
        UserError: there is no repository, or it has changes that are not committed.
    """
    version = code_version()
    if version["commit"] is None:
        raise UserError("the code is in no git repository: clone it, to archive it")
    if version["dirty"]:
        raise UserError("the code has changes that are not committed: commit them, to archive it")
    return str(version["commit"])


def _unpack_code(commit: str, folder: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(root), "archive", "--format=tar", commit]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")


def _copy(targets: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    for target in targets.values():
        with target.localize("r") as local:
            shutil.copyfile(local.abspath, folder / target.basename)


def _files(files: list[str], folder: Path, copy: bool) -> list[str]:
    """Files of a signal as its catalogue entry in the bundle names them."""
    place = example({"files": files})
    if place.folder is None or not copy:
        return files
    for file, name in zip(files, place.inputs["files"], strict=True):
        if file != name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
    relative = os.path.join(folder.parent.name, folder.name)
    return [
        os.path.join(relative, name) if file != name else file
        for file, name in zip(files, place.inputs["files"], strict=True)
    ]


def _codes(path: Path) -> str:
    """Commits of the code that made the results."""
    agents = json.loads(path.read_text(encoding="utf-8"))["agent"].values()
    edited = {"True": " (edited)"}
    told = {f"{agent['vhbb:commit']}{edited.get(agent['vhbb:dirty'], '')}" for agent in agents}
    return ", ".join(sorted(told))
