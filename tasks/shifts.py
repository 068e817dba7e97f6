"""Systematic shifts of the tasks from events to expected yields."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import law

from analysis.catalogue import (
    Catalogue,
    FlavourTagging,
    GeneratorWeight,
    JetEnergyResolution,
    JetEnergyScale,
    ScaleFactor,
    Variation,
    WeightBranch,
)
from analysis.catalogue.values import suggestion
from analysis.errors import AnalysisError
from tasks.base import DatasetTask, SelectionMixin, read_catalogue
from tasks.framework.variants import VariedTask

Kinds = frozenset[type]

JETS: Kinds = frozenset({JetEnergyScale, JetEnergyResolution})
"""Shifts by which other events are selected."""

WEIGHTS: Kinds = frozenset({FlavourTagging, GeneratorWeight, ScaleFactor, WeightBranch})
"""Shifts by which events count more or less."""


class ShiftsMixin(SelectionMixin, DatasetTask, VariedTask):
    """Adds systematic shifts: an output more for each, from the same reading of the input.

    A task says which kinds of shifts it makes itself, and of which tasks it takes over theirs.
    """

    shifts = law.CSVParameter(
        default=(),
        description="names of shifts of the catalogue or of weights of the selection, or patterns "
        "such as 'jet_*', separated by commas; default: none",
    )

    exclude_index = True
    exclude_params_repr_empty = {"shifts"}  # noqa: RUF012 - law's convention

    implements: ClassVar[Kinds] = frozenset()
    inherits: ClassVar[tuple[type["ShiftsMixin"], ...]] = ()

    _variants: tuple[Catalogue, Mapping[str, str]] | None = None

    @classmethod
    def modify_param_values(cls, params: dict[str, Any]) -> dict[str, Any]:
        params = super().modify_param_values(params)
        content = read_catalogue(params["catalogue"])
        weights = content.selection(params["selection"]).weights
        known = {
            name: of
            for name, of in {**content.shifts, **weights}.items()
            if type(of) in cls.known_kinds()
        }
        found: dict[str, None] = {}
        for asked in params["shifts"]:
            matching = [name for name in known if fnmatchcase(name, asked)]
            if not matching:
                hint = suggestion(asked, known)
                raise AnalysisError(
                    f"{content.source}: no shift '{asked}' for {cls.__name__}{hint}"
                )
            found |= dict.fromkeys(matching)
        if found and content.dataset(params["dataset"]).is_data:
            raise AnalysisError(f"{params['dataset']}: is recorded data, which has no shifts")
        params["shifts"] = tuple(sorted(found))
        return params

    @classmethod
    def known_kinds(cls) -> Kinds:
        """Kinds of shifts that the task makes, or that its requirements hand on to it."""
        return cls.implements.union(*(task.known_kinds() for task in cls.inherits))

    @property
    def variations(self) -> tuple[Variation, ...]:
        """What the shifts stand for, each in its directions."""
        return self.analysis.variations(self.cuts, self.shifts)

    def variants(self) -> Mapping[str, str]:
        content = self.analysis
        if self._variants is None or self._variants[0] is not content:  # asked for once a branch
            names = {v.name: f"{v.name}-{v.digest()}" for v in self.variations}
            self._variants = content, names
        return self._variants[1]
