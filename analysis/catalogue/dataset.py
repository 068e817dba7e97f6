"""A sample of events in the catalogue: its files and its normalisation."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property

from analysis.catalogue.digest import NOT_CONTENT, digest
from analysis.catalogue.files import expand
from analysis.errors import AnalysisError


@dataclass(frozen=True)
class Synthetic:
    """A sample that a task writes, for the lack of public files; labelled as synthetic.

    Attributes:
        seed: of the random numbers.
        n_events: of all files together.
        n_files: among which the events are divided.
    """

    seed: int
    n_events: int
    n_files: int

    def events_per_file(self) -> tuple[int, ...]:
        """Number of events of each file, shape (n_files,).

        Examples:
            >>> Synthetic(seed=1, n_events=10, n_files=4).events_per_file()
            (3, 3, 2, 2)
        """
        share, left = divmod(self.n_events, self.n_files)
        return tuple(share + (index < left) for index in range(self.n_files))


@dataclass(frozen=True)
class JobResources:
    """What a batch job that reads a sample asks for; None leaves it to the site's settings.

    Attributes:
        memory: MB.
        cores: processor cores.
        disk: MB of scratch space.
        max_runtime: hours.
    """

    memory: int | None = None
    cores: int | None = None
    disk: int | None = None
    max_runtime: float | None = None

    def given(self) -> dict[str, float]:
        """What is not left to the site.

        Examples:
            >>> JobResources(memory=4000).given()
            {'memory': 4000}
        """
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Dataset:
    """A sample of events: a signal, a background process, or recorded data.

    Attributes:
        name: its key in the catalogue.
        title: for plots and tables.
        files: absolute local paths and globs, and URIs; empty when synthetic.
        synthetic: how a task makes the files, None when they are given.
        format: of the files as `analysis.reading` names it; None to find out from each file.
        cross_section: before filter and k-factor, in fb; None for data.
        filter_efficiency: of the generator filter, 0 to 1.
        k_factor: higher order over generator cross section.
        sum_of_weights: of all generated events; None to read it from the files.
        is_data: recorded, not simulated: not scaled.
        is_synthetic: not from an experiment's simulation: plots and results say so.
        dsid: ATLAS dataset number, if named.
        place: catalogue file and entry, for errors.
        parameters: of the signal's model, such as its mass, against which limits are drawn.
        resources: of a batch job that reads some of the files.
    """

    name: str = field(metadata=NOT_CONTENT)
    title: str = field(metadata=NOT_CONTENT)
    files: tuple[str, ...] = ()
    synthetic: Synthetic | None = None
    format: str | None = None
    cross_section: float | None = None
    filter_efficiency: float = 1.0
    k_factor: float = 1.0
    sum_of_weights: float | None = None
    is_data: bool = False
    is_synthetic: bool = False
    dsid: int | None = field(default=None, metadata=NOT_CONTENT)
    place: str = field(default="", metadata=NOT_CONTENT)
    parameters: Mapping[str, float] = field(default_factory=dict, hash=False, metadata=NOT_CONTENT)
    resources: JobResources = field(default=JobResources(), metadata=NOT_CONTENT)

    def resolve_files(self) -> tuple[str, ...]:
        """The files, globs expanded: looked up once, so that a run sees one list throughout.

        Returns:
            Absolute paths and URIs in the order of the catalogue, those of a glob sorted.

        Raises:
            AnalysisError: nothing there, a file occurs twice, or the dataset is synthetic.
        """
        return self._resolved

    @cached_property
    def _resolved(self) -> tuple[str, ...]:
        if self.synthetic is not None:
            raise AnalysisError(f"{self.place}: is synthetic: its files are made by a task")
        try:
            return expand(self.files)
        except AnalysisError as error:
            raise AnalysisError(f"{self.place}.files: {error}") from None

    def file_digest(self, file: str) -> str:
        """Of what a pass over one of the files depends on, besides the selection.

        A skim named by it stays valid when other files come and go, and whatever its number.
        """
        return digest(file, self.format, self.is_data)

    def inputs_digest(self) -> str:
        """Of everything a skim of the whole dataset depends on, besides the selection.

        The files that globs match now, or the parameters of the synthetic sample.

        Raises:
            AnalysisError: as `resolve_files`.
        """
        return self._inputs_digest

    @cached_property
    def _inputs_digest(self) -> str:
        files = () if self.synthetic is not None else self.resolve_files()
        return digest(files, self.synthetic, self.format, self.is_data)

    def normalisation_digest(self) -> str:
        """Of what turns weights to expected events, besides the luminosity; and the label."""
        return digest(
            self.cross_section,
            self.filter_efficiency,
            self.k_factor,
            self.sum_of_weights,
            self.is_data,
            self.is_synthetic,
        )
