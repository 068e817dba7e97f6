"""Expected counts of a HistFactory model with exact first and second derivatives.

Every quantity has a leading axis of parameter points: scan points, pseudo-experiments or shifted
parameters are evaluated together, which is what makes scans and toys fast in plain numpy.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.inference.arrays import Array, Index
from analysis.inference.histfactory import Model
from analysis.inference.interpolation import Interpolated, code4, code4_coefficients, code4p_even

# A factor of zero has a derivative too: value / factor stays exact with this instead of zero.
_TINY = 1e-100


class Expansion(NamedTuple):
    """The expectation around parameter points.

    Attributes:
        expected: counts, shape (n_points, n_counts).
        jacobian: their derivatives, shape (n_points, n_parameters, n_counts).
        cells: events of each cell (one bin of one sample), shape (n_points, n_cells).
        logarithmic: logarithmic derivative of each factor entry.
        shifts: derivative of each shift entry, in events.
        bends: second derivative of each entry by its own parameter, in events.
    """

    expected: Array
    jacobian: Array
    cells: Array
    logarithmic: Array
    shifts: Array
    bends: Array


@dataclass(frozen=True)
class _Scatter:
    """Sums of entries that share a target: entries are sorted by it."""

    order: Index
    starts: Index
    targets: Index

    @classmethod
    def by(cls, targets: Index) -> "_Scatter":
        order = np.argsort(targets, kind="stable")
        unique, starts = np.unique(targets[order], return_index=True)
        return cls(order, starts.astype(np.intp), unique.astype(np.intp))

    def sum(self, entries: Array) -> Array:
        """Sums of entries (n_points, n_entries), shape (n_points, n_targets)."""
        if not self.targets.size:
            return np.zeros((len(entries), 0))
        return np.asarray(np.add.reduceat(entries[:, self.order], self.starts, axis=1))


class Expectation:
    """Expected counts as a function of the parameters.

    A cell, one bin of one sample, is its nominal content plus shifts, times factors. Factors and
    shifts are kept as flat entries, sorted by the cell they act on.

    Args:
        model: the workspace's tables.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._nominal = np.array(model.terms.nominal, dtype=np.float64)
        self._to_bin = _Scatter.by(np.array(model.terms.bins, dtype=np.intp))
        self._shape = (len(model.parameters.names), len(model.observed))
        self._compile_factors()
        self._compile_shifts()
        self._compile_jacobian()

    def _compile_factors(self) -> None:
        """Factors are columns: one, the linear parameters, then the normsys terms."""
        terms = self.model.terms
        linear = sorted({parameter for parameter, _ in terms.linear})
        column = {parameter: 1 + i for i, parameter in enumerate(linear)}
        self._linear = np.array(linear, dtype=np.intp)
        self._normsys = np.array([term[0] for term in terms.normsys], dtype=np.intp)
        self._log_up = np.array([term[1] for term in terms.normsys])
        self._log_down = np.array([term[2] for term in terms.normsys])
        self._coefficients = code4_coefficients(self._log_up, self._log_down)
        first = 1 + len(linear)
        columns = [0] * len(self._nominal) + [column[parameter] for parameter, _ in terms.linear]
        cells = list(range(len(self._nominal))) + [cell for _, cell in terms.linear]
        for i, (_, _, _, term_cells) in enumerate(terms.normsys):
            columns += [first + i] * len(term_cells)
            cells += term_cells
        scatter = _Scatter.by(np.array(cells, dtype=np.intp))
        self._column = np.array(columns, dtype=np.intp)[scatter.order]
        self._column_starts = scatter.starts
        keep = self._column > 0
        parameter_of = np.concatenate([[-1], self._linear, self._normsys]).astype(np.intp)
        self._entry_column = self._column[keep]
        self._entry_cell = np.array(cells, dtype=np.intp)[scatter.order][keep]
        self._entry_parameter = parameter_of[self._entry_column]

    def _compile_shifts(self) -> None:
        """Dense matrices of the odd and even parts of the shape shifts."""
        histosys = self.model.terms.histosys
        shifting = sorted({term[0] for term in histosys})
        row = {parameter: i for i, parameter in enumerate(shifting)}
        self._shifting = np.array(shifting, dtype=np.intp)
        self._odd = np.zeros((len(shifting), len(self._nominal)))
        self._even = np.zeros_like(self._odd)
        for parameter, cell, up, down in histosys:
            self._odd[row[parameter], cell] += (up + down) / 2
            self._even[row[parameter], cell] += (up - down) / 16
        self._shift_row, self._shift_cell = np.nonzero((self._odd != 0) | (self._even != 0))

    def _compile_jacobian(self) -> None:
        """Where derivatives of cells, from factors and then from shifts, add to bins."""
        n_counts = self._shape[1]
        bins = np.array(self.model.terms.bins, dtype=np.intp)
        cells = np.concatenate([self._entry_cell, self._shift_cell])
        parameters = np.concatenate([self._entry_parameter, self._shifting[self._shift_row]])
        self._to_jacobian = _Scatter.by(parameters * n_counts + bins[cells])
        self._to_diagonal = _Scatter.by(parameters)
        self._bin, self._cell = bins, cells

    def _factors(self, parameters: Array, zero: float) -> Interpolated:
        """Factors with their derivatives divided by them, shape (n_points, n_columns) each.

        A linear factor of zero is given as ``zero``.
        """
        one = np.ones((len(parameters), 1))
        linear = parameters[:, self._linear]
        linear = np.where(linear == 0, zero, linear)
        term = code4(parameters[:, self._normsys], self._log_up, self._log_down, self._coefficients)
        return Interpolated(
            np.concatenate([one, linear, term.value], axis=1),
            np.concatenate(
                [0 * one, 1 / np.where(linear == 0, _TINY, linear), term.slope / term.value], axis=1
            ),
            np.concatenate([0 * one, 0 * linear, term.bend / term.value], axis=1),
        )

    def _parts(self, parameters: Array, columns: Array) -> tuple[Array, Array]:
        """Shifted nominal and product of factors of each cell."""
        nominal = self._nominal + np.zeros((len(parameters), 1))
        if self._shifting.size:
            alpha = parameters[:, self._shifting]
            nominal = nominal + alpha @ self._odd + code4p_even(alpha).value @ self._even
        return nominal, np.multiply.reduceat(columns[:, self._column], self._column_starts, axis=1)

    def cells(self, parameters: Array) -> Array:
        """Expected events of each cell (one bin of one sample), shape (n_points, n_cells)."""
        nominal, product = self._parts(parameters, self._factors(parameters, 0.0).value)
        return nominal * product

    def expected(self, parameters: Array) -> Array:
        """Expected counts, shape (n_points, n_counts), for parameters (n_points, n_parameters)."""
        return self._to_bin.sum(self.cells(parameters))

    def expand(self, parameters: Array) -> Expansion:
        """The expectation and its derivatives at points, shape (n_points, n_parameters)."""
        factors = self._factors(parameters, _TINY)
        nominal, product = self._parts(parameters, factors.value)
        cells = nominal * product
        logarithmic = factors.slope[:, self._entry_column]
        shifts = np.zeros((len(parameters), 0))
        bends = cells[:, self._entry_cell] * factors.bend[:, self._entry_column]
        if self._shifting.size:
            row, cell = self._shift_row, self._shift_cell
            even = code4p_even(parameters[:, self._shifting])
            slope = self._odd[row, cell] + even.slope[:, row] * self._even[row, cell]
            shifts = product[:, cell] * slope
            bend = product[:, cell] * even.bend[:, row] * self._even[row, cell]
            bends = np.concatenate([bends, bend], axis=1)
        entries = np.concatenate([cells[:, self._entry_cell] * logarithmic, shifts], axis=1)
        flat = np.zeros((len(parameters), self._shape[0] * self._shape[1]))
        flat[:, self._to_jacobian.targets] = self._to_jacobian.sum(entries)
        jacobian = flat.reshape(-1, *self._shape)
        return Expansion(self._to_bin.sum(cells), jacobian, cells, logarithmic, shifts, bends)

    def bend(self, expansion: Expansion, weights: Array) -> Array:
        """Sum of the counts' second derivatives, each with a weight.

        Args:
            expansion: of :meth:`expand`.
            weights: of the counts, shape (n_points, n_counts).

        Returns:
            Symmetric matrices, shape (n_points, n_parameters, n_parameters).
        """
        cells, pull = expansion.cells, weights[:, self._bin]
        n_points, n_cells = cells.shape
        n_parameters = self._shape[0]
        factor = np.zeros((n_points, n_cells, n_parameters))
        factor[:, self._entry_cell, self._entry_parameter] = expansion.logarithmic
        mixed = factor * (pull * cells)[:, :, None]
        own = self._to_diagonal.sum(expansion.bends * pull[:, self._cell])
        result = np.zeros((n_points, n_parameters, n_parameters))
        twice = np.zeros((n_points, n_parameters))
        if expansion.shifts.shape[1]:
            additive = np.zeros_like(factor)
            additive[:, self._shift_cell, self._shifting[self._shift_row]] = (
                expansion.shifts * pull[:, self._shift_cell]
            )
            cross = additive.transpose(0, 2, 1) @ factor
            result += cross + cross.transpose(0, 2, 1)
            diagonal = np.arange(n_parameters)
            twice = result[:, diagonal, diagonal]
        result += factor.transpose(0, 2, 1) @ mixed
        # A parameter's product with itself is not a second derivative: its own bend is.
        twice[:, self._to_diagonal.targets] += own
        diagonal = np.arange(n_parameters)
        result[:, diagonal, diagonal] = twice
        return result
