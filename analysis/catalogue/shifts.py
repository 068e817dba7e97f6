"""What a skim can vary, and by what it weights events: as a catalogue declares them.

A shift is a source of systematic uncertainty of which the skim makes histograms at +1 and -1 sigma.
Weights belong to a selection: they correct the nominal histograms too, and are shifts by
themselves where their variations are given.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analysis.catalogue.digest import NOT_CONTENT, digest

VARIATION = "variation"
"""Input of a correction that takes the name of its nominal or varied values."""


@dataclass(frozen=True)
class JetEnergyScale:
    """All jets' pT and mass times ``1 + size`` and ``1 - size``."""

    size: float


@dataclass(frozen=True)
class JetEnergyResolution:
    """All jets' pT and mass smeared by a Gaussian of relative width `size`.

    Simulation can be smeared, not sharpened: there is no histogram at -1 sigma, and a model takes
    the mirror image.
    """

    size: float


@dataclass(frozen=True)
class FlavourTagging:
    """The weight of each accepted jet times ``1 + size`` and ``1 - size`` by its true flavour.

    Attributes:
        b: relative size for jets with a b-hadron.
        c: for jets with a c-hadron, and no b-hadron.
        light: for all others.
    """

    b: float
    c: float
    light: float


@dataclass(frozen=True)
class GeneratorWeight:
    """Other weights of the generator in place of the nominal one.

    Attributes:
        up: position among the event's weights, of which 0 is the nominal one.
        down: the same at -1 sigma; None to take the mirror image of `up`.
        own_sum: scale with the sum of this weight over all generated events, so that only
            acceptance and shape change; else with the nominal sum, and the yield changes as well.
    """

    up: int = field(metadata=NOT_CONTENT)
    down: int | None = field(default=None, metadata=NOT_CONTENT)
    own_sum: bool = True


Shift = JetEnergyScale | JetEnergyResolution | FlavourTagging | GeneratorWeight


@dataclass(frozen=True)
class WeightBranch:
    """A weight that stands in the files, one value an event.

    Attributes:
        nominal: name of its branch.
        up: branch with its value at +1 sigma; empty where it is not varied.
        down: at -1 sigma; empty to take the mirror image of `up`.
    """

    nominal: str
    up: str = field(default="", metadata=NOT_CONTENT)
    down: str = field(default="", metadata=NOT_CONTENT)


@dataclass(frozen=True)
class ScaleFactor:
    """A correction of correctionlib, evaluated for each accepted jet or for each event.

    Attributes:
        content: JSON of the correction, in correctionlib's schema.
        correction: its name.
        inputs: what each of its inputs takes: ``variation``; a jet's column such as ``jet.pt``
            (GeV), ``jet.abs_eta``, ``jet.hadron_flavour``; an event's branch such as
            ``event.Pileup_nTrueInt``; or a constant.
        nominal: what ``variation`` stands for.
        up: the same at +1 sigma; empty where it is not varied.
        down: at -1 sigma; empty to take the mirror image of `up`.
    """

    content: str
    correction: str
    inputs: Mapping[str, str | float] = field(hash=False)
    nominal: str = ""
    up: str = field(default="", metadata=NOT_CONTENT)
    down: str = field(default="", metadata=NOT_CONTENT)


Weight = WeightBranch | ScaleFactor


@dataclass(frozen=True)
class Variation:
    """One histogram more than the nominal one: a shift, or a selection's weight, up or down.

    Attributes:
        shift: name of the source in the catalogue.
        direction: ``up`` or ``down``.
        of: what is varied.
    """

    shift: str
    direction: str
    of: Shift | Weight

    @property
    def name(self) -> str:
        """Such as ``jet_energy_scale_up``."""
        return f"{self.shift}_{self.direction}"

    @property
    def value(self) -> object:
        """What the direction stands for: a weight's number, branch or name; None for jets."""
        return getattr(self.of, self.direction, None)

    def digest(self) -> str:
        """Of all that makes it differ from the nominal histogram, so not of the other direction."""
        return digest(self.direction, self.of, self.value)


def variations(shift: str, of: Shift | Weight) -> Iterator[Variation]:
    """The directions in which a source varies; none for a weight without variations.

    >>> [v.name for v in variations("jer", JetEnergyResolution(0.1))]
    ['jer_up']
    """
    if isinstance(of, JetEnergyScale | FlavourTagging):
        directions = ["up", "down"]
    elif isinstance(of, JetEnergyResolution):
        directions = ["up"]
    else:
        directions = [which for which in ("up", "down") if getattr(of, which) not in {"", None}]
    return (Variation(shift, direction, of) for direction in directions)
