"""The statistical model as a catalogue declares it."""

from dataclasses import dataclass, field

from analysis.catalogue.digest import digest

MODELS = ("default", "tutorial")
"""Names of the statistical models."""

SAMPLES = ("signal", "background")
"""What systematic uncertainties can act on."""

SOURCES = (
    "signal theory",
    "background shape",
    "jet energy scale",
    "jet energy resolution",
    "flavour tagging",
    "pile-up",
)
"""What every result names as not modelled unless a systematic covers it."""


@dataclass(frozen=True)
class Systematic:
    """A source of uncertainty: one parameter for all samples it acts on, and for its namesakes.

    Attributes:
        name: of the parameter; systematics of the same name are fully correlated.
        kind: ``normalisation``, or ``shape`` for shifted histograms.
        samples: on which it acts, of SAMPLES.
        up: relative change of the yield at +1 sigma; of a normalisation only.
        down: the same at -1 sigma.
        shift: name of the skim's shift whose ``up`` and ``down`` are the histograms; of a shape
            only.
        covers: which of SOURCES it stands for.
    """

    name: str
    kind: str
    samples: tuple[str, ...]
    up: float = 0.0
    down: float = 0.0
    shift: str = ""
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSettings:
    """The statistical model.

    Attributes:
        name: ``default``, or ``tutorial`` for exactly pyhf's uncorrelated background with
            sqrt(b), in which the other numbers have no part.
        background_uncertainty: relative, on the normalisation of the background.
        signal_uncertainty: relative, on the theory prediction of the signal; 0 for none.
        overflow: ``bin`` for a bin of its own, or ``drop``; alike in signal, background and data.
        negative_bins: ``refuse`` a signal that has them, or ``clip`` to zero with a warning.
        background_normalisation: ``constrained`` by `background_uncertainty`, or ``free``: then
            the bins with little signal, the sideband, determine it.
        window: m_jj of the signal in GeV: the bins outside are a channel of their own, the
            sideband; None for one channel.
        systematics: further uncertainties.
        pruning: relative size below which a systematic's normalisation or shape is left out.
        smoothing: ``353QH`` for the ratio of shifted and nominal histograms, or ``none``.
        luminosity_on: the samples that are scaled to the luminosity and have its uncertainty;
            empty for the signal, and for a background that is made of simulated datasets.
    """

    name: str = "default"
    background_uncertainty: float = 0.05
    signal_uncertainty: float = 0.0
    overflow: str = "bin"
    negative_bins: str = "refuse"
    background_normalisation: str = "constrained"
    window: tuple[float, float] | None = None
    systematics: tuple[Systematic, ...] = field(default=())
    pruning: float = 0.0
    smoothing: str = "none"
    luminosity_on: tuple[str, ...] = ()

    def shifts(self, sample: str) -> tuple[str, ...]:
        """Names of the shifts of the skim that a sample's shapes need, sorted."""
        if self.name == "tutorial":
            return ()
        needed = {s.shift for s in self.systematics if s.shift and sample in s.samples}
        return tuple(sorted(needed))

    def digest(self) -> str:
        """Of all settings."""
        return digest(self)
