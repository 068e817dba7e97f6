"""Yields and cut flows as tables: text, LaTeX and plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.cutflow import Cutflow
from analysis.errors import AnalysisError
from analysis.inference.prediction import Prediction

Cell = str | float | tuple[float, float] | None
"""Text, a number, a number with its uncertainty, or nothing."""

_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", ">": "$>$", "<": "$<$"}


@dataclass(frozen=True)
class Table:
    """Rows under a header.

    Attributes:
        header: name of each column.
        rows: a cell for each column.
        notes: what a reader must know, below the table.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """For a terminal, the columns aligned.

        Example:
            >>> print(Table(("sample", "events"), (("data", 12.0), ("top", (9.5, 1.2)))).to_text())
            sample      events
            data            12
            top     9.5 +- 1.2
        """
        cells = [list(self.header), *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.header))]
        lines = [
            f"{row[0]:{widths[0]}}"
            + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
            for row in cells
        ]
        return "\n".join([*(line.rstrip() for line in lines), *self.notes])

    def to_latex(self) -> str:
        """A tabular environment; nothing but standard LaTeX is needed."""
        lines = [rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}", r"\hline"]
        lines += [" & ".join(_escape(name) for name in self.header) + r" \\", r"\hline"]
        lines += [" & ".join(_latex(cell) for cell in row) + r" \\" for row in self.rows]
        lines += [r"\hline", r"\end{tabular}", *(f"% {note}" for note in self.notes)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a number with an uncertainty is a pair."""
        rows = [dict(zip(self.header, row, strict=True)) for row in self.rows]
        return {"columns": list(self.header), "rows": rows, "notes": list(self.notes)}


def yields_table(
    before: Mapping[str, Prediction],
    after: Mapping[str, Prediction],
    *,
    notes: Sequence[str] = (),
) -> Table:
    """Events of each sample and channel, before and after the fit, and the data.

    Uncertainties of the total have all correlations, between bins too.

    Args:
        before: predictions by channel, not fitted.
        after: the same fitted.
        notes: what a reader must know.
    """
    rows: list[tuple[Cell, ...]] = []
    for channel, fitted in after.items():
        for sample, events in fitted.samples.items():
            nominal = float(before[channel].samples[sample].sum())
            rows.append((f"{channel}: {sample}", nominal, float(events.sum())))
        totals = [
            (float(p.total.sum()), p.yield_uncertainty or 0.0) for p in (before[channel], fitted)
        ]
        rows.append((f"{channel}: total", *totals))
        observed = float(fitted.data.sum())
        rows.append((f"{channel}: data", observed, observed))
    warnings = [text for prediction in after.values() for text in prediction.warnings]
    return Table(("sample", "pre-fit", "post-fit"), tuple(rows), (*notes, *dict.fromkeys(warnings)))


def cutflow_table(cutflows: Mapping[str, Cutflow], *, notes: Sequence[str] = ()) -> Table:
    """Events left after each cut, weighted with uncertainty, and the fraction of all events.

    Args:
        cutflows: by dataset, of the same selection.
        notes: what a reader must know.

    Raises:
        AnalysisError: none, or of different cuts.
    """
    if not cutflows:
        raise AnalysisError("a cut flow table needs at least one dataset")
    first = next(iter(cutflows.values()))
    for name, cutflow in cutflows.items():
        if cutflow.cuts != first.cuts:
            raise AnalysisError(f"dataset {name!r} has other cuts: skim all with one selection")
    header = ["cut"]
    for name in cutflows:
        header += [f"{name} events", f"{name} weighted", f"{name} fraction"]
    rows: list[tuple[Cell, ...]] = []
    for i, cut in enumerate(first.cuts):
        row: list[Cell] = [cut]
        for cutflow in cutflows.values():
            weighted, everything = float(cutflow.sum_of_weights[i]), cutflow.sum_of_weights[0]
            row += [float(cutflow.counts[i]), (weighted, float(np.sqrt(cutflow.variance[i])))]
            row.append(float(weighted / everything) if everything else None)
        rows.append(tuple(row))
    return Table(tuple(header), tuple(rows), tuple(notes))


def _text(cell: Cell) -> str:
    if isinstance(cell, tuple):
        return "{} +- {}".format(*_rounded(*cell))
    if cell is None:
        return "-"
    return cell if isinstance(cell, str) else f"{cell:.6g}"


def _latex(cell: Cell) -> str:
    if isinstance(cell, tuple):
        return r"${} \pm {}$".format(*_rounded(*cell))
    return _escape(_text(cell))


def _escape(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _rounded(value: float, error: float) -> tuple[str, str]:
    """Both to the second digit of the uncertainty.

    >>> _rounded(123.456, 1.234), _rounded(123456.0, 789.0), _rounded(5.0, 0.0)
    (('123.5', '1.2'), ('123460', '790'), ('5', '0'))
    """
    if not error > 0 or not np.isfinite(error):
        return f"{value:.6g}", f"{error:.2g}"
    digits = 1 - int(np.floor(np.log10(error)))
    shown = max(digits, 0)
    return f"{round(value, digits):.{shown}f}", f"{round(error, digits):.{shown}f}"
