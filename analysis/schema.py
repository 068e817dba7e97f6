"""Canonical columns and the branch names that carry them in each input format.

One `Schema` a format; everything else in the package speaks of canonical columns only:

- jet columns: ``pt``, ``eta``, ``phi``, ``m``, ``jvt``, ``hadron_flavour``, and any tagger
  output by its own name (``DL1dv01_pb``, ``GN2v01_ptau``, ``btagDeepFlavB``);
- event columns: ``weight``, ``event_clean``, ``weight[i]`` (see `generator_weight`), and any branch
  with one value an event by its own name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

KINEMATICS = ("pt", "eta", "phi", "m")
"""Jet columns of every chunk."""

BOOLEAN = frozenset({"jvt", "event_clean"})
"""Columns that are stored as 0/1 integers and handed on as bool."""


SYNTHETIC = "synthetic"
"""Name of the string that marks a file as synthetic; no file of an experiment has it."""


def generator_weight(index: int) -> str:
    """Canonical name of the event column with one of the generator's weights.

    >>> generator_weight(4)
    'weight[4]'
    """
    return f"weight[{index}]"


@dataclass(frozen=True)
class Schema:
    """Where a file format keeps the canonical columns.

    Attributes:
        format: name of the format, as in the catalogue.
        trees: names of the event tree, the first that is there counts.
        rntuple: whether the event tree is an RNTuple (else a TTree).
        gev: GeV per stored unit of pt and m.
        jets: prefix of the jet variables, up to and with the separator.
        b_tag: prefixes under which tagger outputs are looked for, in this order.
        link: jet variable with the index of each jet's element in a container of `b_tag`; None
            where tagger outputs are jet variables themselves.
        jet_names: canonical jet columns that are not called the same in the file.
        event_names: event columns, with the names they may have.
    """

    format: str
    trees: tuple[str, ...]
    rntuple: bool
    gev: float
    jets: str
    b_tag: tuple[str, ...]
    link: str | None
    jet_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    event_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def jet_branches(self, column: str) -> tuple[str, ...]:
        """Branch names that may hold a jet column, the preferred first.

        >>> SCHEMAS["nanoaod"].jet_branches("m")
        ('Jet_mass',)
        >>> SCHEMAS["physlite-rntuple"].jet_branches("jvt")
        ('AnalysisJetsAuxDyn:NNJvtPass',)
        """
        if column in KINEMATICS or column in self.jet_names:
            names = self.jet_names.get(column, (column,))
            return tuple(self.jets + name for name in names)
        return tuple(prefix + column for prefix in (*self.b_tag, self.jets))

    def event_branches(self, column: str) -> tuple[str, ...]:
        """Branch names that may hold an event column, the preferred first.

        >>> SCHEMAS["nanoaod"].event_branches("weight")
        ('genWeight',)
        """
        stem = column.partition("[")[0]
        return self.event_names.get(stem, (stem,))

    def is_separate(self, branch: str) -> bool:
        """Whether a jet column lies in a container of its own, linked to by the jets."""
        return branch.startswith(self.b_tag) and not branch.startswith(self.jets)


def _xaod(name: str, trees: tuple[str, ...], separator: str, container: str) -> Schema:
    """An ATLAS derivation; TTree and RNTuple differ by the separator of variable names."""
    return Schema(
        format=name,
        trees=trees,
        rntuple=separator == ":",
        gev=0.001,
        jets=f"{container}AuxDyn{separator}",
        b_tag=(
            f"BTagging_AntiKt4EMPFlowAuxDyn{separator}",
            f"BTagging_AntiKt4EMPFlow_201903AuxDyn{separator}",
        ),
        link="btaggingLink.m_persIndex",
        jet_names={"jvt": ("NNJvtPass",), "hadron_flavour": ("HadronConeExclTruthLabelID",)},
        event_names={
            "weight": (f"EventInfoAuxDyn{separator}mcEventWeights",),
            "event_clean": (f"EventInfoAuxDyn{separator}DFCommonJets_eventClean_LooseBad",),
        },
    )


_NANOAOD = Schema(
    format="nanoaod",
    trees=("Events",),
    rntuple=False,
    gev=1.0,
    jets="Jet_",
    b_tag=(),
    link=None,
    jet_names={"m": ("mass",), "hadron_flavour": ("hadronFlavour",)},
    event_names={"weight": ("genWeight",), "event_clean": ("Flag_METFilters",)},
)

SCHEMAS: Mapping[str, Schema] = {
    schema.format: schema
    for schema in (
        _xaod("physlite-ttree", ("CollectionTree",), ".", "AnalysisJets"),
        _xaod("physlite-rntuple", ("EventData", "CollectionTree"), ":", "AnalysisJets"),
        _xaod("daod_phys", ("CollectionTree",), ".", "AntiKt4EMPFlowJets"),
        _NANOAOD,
    )
}
"""Every known format by name, in the order in which a file is tried."""
