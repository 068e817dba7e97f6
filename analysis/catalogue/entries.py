"""What a catalogue has besides datasets, as frozen dataclasses; made and validated by `loading`.

Their digests go into paths. What does not change a number (names, titles, sources, licences) is
not part of a digest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from analysis.catalogue.dataset import Dataset
from analysis.catalogue.digest import NOT_CONTENT, digest
from analysis.catalogue.model import ModelSettings
from analysis.catalogue.shifts import Shift, Variation, Weight, variations
from analysis.catalogue.values import suggestion
from analysis.errors import AnalysisError

T = TypeVar("T")


@dataclass(frozen=True)
class Luminosity:
    """Integrated luminosity.

    Attributes:
        value: in fb^-1.
        relative_uncertainty: a fraction of the value.
        source: where the numbers are from.
    """

    value: float
    relative_uncertainty: float
    source: str = field(default="", metadata=NOT_CONTENT)

    def digest(self) -> str:
        """Of value and uncertainty; what only scales uses ``digest(luminosity.value)``."""
        return digest(self)


@dataclass(frozen=True)
class Binning:
    """Bins of equal width.

    Attributes:
        n_bins: number of bins, without under- and overflow.
        low: lower edge of the first, in GeV.
        high: upper edge of the last, in GeV.
    """

    n_bins: int = 20
    low: float = 0.0
    high: float = 500.0


@dataclass(frozen=True)
class BTag:
    """A requirement on the b-tagging of each jet.

    Attributes:
        tagger: its name in the files, such as ``DL1dv01`` or ``btagDeepFlavB``.
        kind: ``discriminant`` (ln of p_b over the weighted sum of the others), ``probability``
            (p_b itself) or ``score`` (a column of that name).
        fractions: f_c and, for taggers that have it, f_tau of the discriminant, by ``c``, ``tau``.
        cut: jets above it are b-tagged.
    """

    tagger: str
    kind: str
    cut: float
    fractions: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Selection:
    """Cuts and binning; the defaults are those of the public RECAST tutorial, but pT-sorted.

    Attributes:
        name: its key in the catalogue.
        title: for plots and tables.
        min_jets: number of selected jets an event needs, at least 2.
        jet_pt_min: jets are above it, in GeV.
        jet_eta_max: jets are below it in absolute pseudorapidity; infinity for no such cut.
        jet_order: ``pt`` (descending) or ``container`` (as stored): which two jets lead.
        b_tag: jets must pass it; None for no b-tagging.
        event_cleaning: events must pass the loose jet cleaning.
        jvt: jets must pass the jet-vertex requirement.
        m_jj: binning of the invariant mass of the leading pair.
        weights: what the events of simulation are weighted with besides the generator's weight,
            by name.
    """

    name: str = field(metadata=NOT_CONTENT)
    title: str = field(default="", metadata=NOT_CONTENT)
    min_jets: int = 2
    jet_pt_min: float = 50.0
    jet_eta_max: float = 2.5
    jet_order: str = "pt"
    b_tag: BTag | None = None
    event_cleaning: bool = False
    jvt: bool = False
    m_jj: Binning = Binning()
    weights: Mapping[str, Weight] = field(default_factory=dict, hash=False)

    def digest(self) -> str:
        """Of cuts, binning and weights, but not of how these are varied."""
        return self._digest

    @cached_property
    def _digest(self) -> str:  # asked for once a file
        return digest(self)


@dataclass(frozen=True)
class HistogramFile:
    """A histogram in a ROOT file.

    Attributes:
        path: absolute local path or URI.
        histogram: its name in the file.
        unit: GeV per unit of its axis: 1, or 0.001 for an axis in MeV.
        shifted: names of its histograms with a shift, by the variation's, such as ``jes_up``.
    """

    path: str
    histogram: str
    unit: float = 1.0
    shifted: Mapping[str, str] = field(default_factory=dict, hash=False)

    def variation(self, name: str) -> "HistogramFile | None":
        """The histogram with a shift, if it has one."""
        if name not in self.shifted:
            return None
        return HistogramFile(self.path, self.shifted[name], self.unit)


@dataclass(frozen=True)
class InlineHistogram:
    """A histogram written out in the catalogue.

    Attributes:
        edges: bin edges in GeV, increasing, shape (n_bins + 1,).
        contents: events, shape (n_bins,).
        underflow: events below the first edge.
        overflow: events above the last edge.
        variances: squared statistical uncertainties, shape (n_bins,); None: as `contents`.
        underflow_variance: of `underflow`; None: as `underflow`.
        overflow_variance: of `overflow`; None: as `overflow`.
        source: where the numbers are from.
        license: under which they are.
        shifted: the same histogram with a shift, by the variation's name, such as ``jes_up``.
    """

    edges: tuple[float, ...]
    contents: tuple[float, ...]
    underflow: float = 0.0
    overflow: float = 0.0
    variances: tuple[float, ...] | None = None
    underflow_variance: float | None = None
    overflow_variance: float | None = None
    source: str = field(default="", metadata=NOT_CONTENT)
    license: str = field(default="", metadata=NOT_CONTENT)
    shifted: Mapping[str, "InlineHistogram"] = field(default_factory=dict, hash=False)

    def variation(self, name: str) -> "InlineHistogram | None":
        """The histogram with a shift, if it has one."""
        return self.shifted.get(name)


@dataclass(frozen=True)
class DatasetSum:
    """A histogram to be made by skimming, scaling and adding datasets.

    Attributes:
        datasets: their names in the catalogue.
    """

    datasets: tuple[str, ...]


HistogramSource = HistogramFile | InlineHistogram | DatasetSum


@dataclass(frozen=True)
class Catalogue:
    """Everything that is analysed, and how.

    Attributes:
        source: name of the embedded catalogue, or absolute path of the YAML file.
        luminosity: to which simulation is scaled.
        signals: datasets with a limit each, by name.
        datasets: datasets for data and background, by name.
        selections: by name.
        default_signals: names of the signals analysed unless asked otherwise.
        default_selection: name of the selection used unless asked otherwise.
        data: the observed histogram.
        background: the expected histogram without signal.
        model: the statistical model.
        shifts: what a skim can vary besides the weights of its selection, by name.
    """

    source: str = field(metadata=NOT_CONTENT)
    luminosity: Luminosity
    signals: Mapping[str, Dataset] = field(hash=False)
    datasets: Mapping[str, Dataset] = field(hash=False)
    selections: Mapping[str, Selection] = field(hash=False)
    default_signals: tuple[str, ...]
    default_selection: str
    data: HistogramSource
    background: HistogramSource
    model: ModelSettings
    shifts: Mapping[str, Shift] = field(default_factory=dict, hash=False)

    def signal(self, name: str) -> Dataset:
        """The signal of that name, or an AnalysisError with the known ones."""
        return self._find("signal", name, self.signals)

    def dataset(self, name: str) -> Dataset:
        """The signal or dataset of that name, or an AnalysisError with the known ones."""
        return self._find("dataset", name, {**self.signals, **self.datasets})

    def selection(self, name: str) -> Selection:
        """The selection of that name, or an AnalysisError with the known ones."""
        return self._find("selection", name, self.selections)

    def variations(self, selection: Selection, shifts: Iterable[str]) -> tuple[Variation, ...]:
        """The histograms beside the nominal one for some shifts, each in its directions.

        Args:
            selection: whose weights count as well.
            shifts: names of shifts of the catalogue or of weights of the selection.

        Raises:
            AnalysisError: an unknown shift, or a weight without variations.
        """
        known = {**self.shifts, **selection.weights}
        found = []
        for name in shifts:
            directions = list(variations(name, self._find("shift", name, known)))
            if not directions:
                raise AnalysisError(
                    f"{self.source}: selections.{selection.name}.weights.{name}: is not varied: "
                    "give it an 'up'"
                )
            found += directions
        return tuple(found)

    def histogram_digest(self, histogram: HistogramSource) -> str:
        """Of `data` or `background`; for datasets, of all that their sum depends on.

        Except the selection, which a path names itself. Of a file it takes the path: what changes
        in the file is seen by provenance.

        Raises:
            AnalysisError: as `Dataset.resolve_files`.
        """
        if not isinstance(histogram, DatasetSum):
            return digest(histogram)
        parts = [self.dataset(name) for name in histogram.datasets]
        summands = [(part.inputs_digest(), part.normalisation_digest()) for part in parts]
        return digest(summands, self.luminosity.value)

    def _find(self, kind: str, name: str, known: Mapping[str, T]) -> T:
        if name not in known:
            hint = suggestion(name, known)
            listed = "" if "known" in hint else f" known are {', '.join(sorted(known))}"
            raise AnalysisError(f"{self.source}: unknown {kind} '{name}'{hint}{listed}")
        return known[name]
