"""Parameters that name things of the catalogue, and the catalogue behind them."""

import functools
import os
import pickle
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import law
import luigi

from analysis.catalogue import Catalogue, Dataset, Selection, load_catalogue
from analysis.errors import AnalysisError
from tasks import formatters  # noqa: F401 - registers them with law
from tasks.framework import remote
from tasks.framework.base import AnalysisTask
from tasks.framework.errors import report_in_one_line

report_in_one_line(AnalysisError)

HANDED_IN = "VHBB_CATALOGUE"  # names the file a task in a container has its catalogue from


def read_catalogue(source: str) -> Catalogue:
    """The catalogue, one object a process while its file stays as it is.

    So all tasks of a run see the same list of files, whatever a glob would match later. A task in
    a container is handed the catalogue with this list: it sees no other files than its own.
    """
    handed_in = os.environ.get(HANDED_IN)
    if handed_in:
        content = _unpickle(handed_in)
        if content.source == source:
            return content
    try:
        changed = os.stat(source).st_mtime_ns
    except OSError:
        changed = 0  # an embedded one, or one whose absence is told when it is read
    return _read_catalogue(source, changed)


@functools.lru_cache
def _read_catalogue(source: str, _changed: int) -> Catalogue:
    with remote.staged([source], copy=True) as (path,):
        content = load_catalogue(path)
    return content if path == source else replace(content, source=source)


@functools.cache
def _unpickle(path: str) -> Catalogue:
    return cast("Catalogue", pickle.loads(Path(path).read_bytes()))  # noqa: S301 - our own


def wants_ticket(files: Iterable[str]) -> bool:
    """Whether files are on EOS, elsewhere than in its public part: to read them takes Kerberos.

    >>> wants_ticket(["root://eosatlas.cern.ch//eos/a.root"]), wants_ticket(["/data/a.root"])
    (True, False)
    """
    eos = [file for file in files if file.startswith("root://")]
    return any(not file.startswith("root://eospublic.cern.ch/") for file in eos)


class CatalogueParameter(luigi.Parameter):
    """An embedded catalogue's name, a ``root://`` URL or the path of a YAML file, made absolute."""

    def parse(self, text: str) -> str:
        if "://" in text or not os.path.splitext(text)[1]:
            return text
        return os.path.abspath(os.path.expanduser(text))

    def normalize(self, value: str) -> str:
        return self.parse(str(value))


class CatalogueTask(AnalysisTask):
    """A task whose physics is in a catalogue."""

    catalogue = CatalogueParameter(
        default="vhbb",
        description="YAML file with your signals, datasets and selections, on top of the embedded "
        "one; default: vhbb, the embedded one alone",
    )

    exclude_index = True

    @property
    def analysis(self) -> Catalogue:
        """The catalogue's validated content."""
        return read_catalogue(self.catalogue)

    def documents(self) -> dict[str, bytes]:
        return {HANDED_IN: pickle.dumps(self.analysis)}


class DatasetTask(CatalogueTask):
    """A task on one dataset or signal."""

    dataset = luigi.Parameter(description="name of a dataset or signal of the catalogue")

    exclude_index = True

    @classmethod
    def modify_param_values(cls, params: dict[str, Any]) -> dict[str, Any]:
        params = super().modify_param_values(params)
        read_catalogue(params["catalogue"]).dataset(params["dataset"])
        return params

    @property
    def entry(self) -> Dataset:
        """The dataset's entry in the catalogue."""
        return self.analysis.dataset(self.dataset)


class SelectionMixin(law.Task):
    """Adds the selection by name; empty means the catalogue's default."""

    selection = luigi.Parameter(
        default=law.NO_STR,
        description="name of a selection of the catalogue; default: the catalogue's own default",
    )

    exclude_index = True

    @classmethod
    def modify_param_values(cls, params: dict[str, Any]) -> dict[str, Any]:
        params = super().modify_param_values(params)
        content = read_catalogue(params["catalogue"])
        if params["selection"] in {law.NO_STR, "", None}:
            params["selection"] = content.default_selection
        content.selection(params["selection"])
        return params

    @property
    def cuts(self) -> Selection:
        """The definition behind the selection's name."""
        selection: Selection = self.analysis.selection(self.selection)
        return selection
