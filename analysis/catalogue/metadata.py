"""Cross sections of ATLAS Open Data samples by dataset number (DSID)."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from analysis.errors import AnalysisError

TABLE: Final = Path(__file__).with_name("dsids.csv")


@dataclass(frozen=True)
class DsidFacts:
    """What the public metadata say about one simulated sample.

    Attributes:
        dsid: dataset number.
        name: physics short name.
        cross_section: before filter and k-factor, in fb.
        filter_efficiency: of the generator filter, 0 to 1.
        k_factor: higher order over generator cross section.
    """

    dsid: int
    name: str
    cross_section: float
    filter_efficiency: float
    k_factor: float


def dsid_facts(dsid: int) -> DsidFacts:
    """Look a sample up in the table `dsids.csv` beside this module (its header has the source).

    Args:
        dsid: dataset number, such as 410470.

    Raises:
        AnalysisError: the table does not have it.

    Examples:
        >>> dsid_facts(410470).cross_section
        729770.0
    """
    table = _table()
    if dsid not in table:
        raise AnalysisError(
            f"DSID {dsid} is not among the {len(table)} of {TABLE.name}: leave it out and give "
            "cross_section, filter_efficiency and k_factor"
        )
    _, name, cross_section, filter_efficiency, k_factor = table[dsid]
    return DsidFacts(
        dsid=dsid,
        name=name,
        cross_section=float(Decimal(cross_section) * 1000),  # the table has pb
        filter_efficiency=float(filter_efficiency),
        k_factor=float(k_factor),
    )


@cache
def _table() -> dict[int, list[str]]:
    """Rows by DSID; read once, as the file is part of the package."""
    rows = [line.split(",") for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return {int(row[0]): row for row in rows[1:]}
