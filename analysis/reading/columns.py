"""Columns of a file as flat arrays, by plain uproot: every layout, at uproot's pace."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import awkward as ak
import numpy as np
import numpy.typing as npt

from analysis.events import IntArray


class Column(NamedTuple):
    """Values of consecutive entries, one after another.

    Attributes:
        values: all values, native byte order, shape (n_values,).
        offsets: values of entry i are ``offsets[i]:offsets[i + 1]``, shape (n_entries + 1,); None
            where each entry has exactly one value.
    """

    values: npt.NDArray[np.generic]
    offsets: IntArray | None


class ColumnReader(Protocol):
    """Something that reads columns of one tree."""

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by branch name."""


class PlainReader:
    """Reads through uproot's own arrays."""

    def __init__(self, tree: Any) -> None:  # noqa: ANN401 - uproot has no types
        self._tree = tree

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Columns of the entries from start up to and without stop, by branch name."""
        return {
            name: to_column(self._tree[name].array(entry_start=start, entry_stop=stop))
            for name in names
        }


def to_column(array: ak.Array) -> Column:
    """Flat values and offsets of an awkward array with at most one jagged axis.

    Raises:
        ValueError: the array is nested deeper, or is not one of numbers.

    >>> to_column(ak.Array([[1, 2], [], [3]]))
    Column(values=array([1, 2, 3]), offsets=array([0, 2, 2, 3]))
    """
    layout = ak.to_packed(array).layout
    offsets = None
    if isinstance(layout, ak.contents.RegularArray):
        layout = layout.to_ListOffsetArray64(start_at_zero=True)
    if isinstance(layout, ak.contents.ListOffsetArray):
        offsets = np.asarray(layout.offsets.data, dtype=np.int64)
        layout = layout.content
    if not isinstance(layout, ak.contents.NumpyArray) or layout.data.ndim != 1:
        raise ValueError(f"is of type {ak.type(array)}, not a number or a list of numbers an event")
    return Column(np.asarray(layout.data), offsets)
