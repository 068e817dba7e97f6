"""Cut flow: what is left after each cut, and its way to ROOT files and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import hist
import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.events import Float64Array, IntArray
from analysis.histograms import Histogram, exact_sum


@dataclass(frozen=True)
class Cutflow:
    """Events left after each cut, in the order of the cuts.

    Attributes:
        cuts: their names; the first is "all events".
        counts: number of events, int64, shape (n_cuts,).
        sum_of_weights: sum of weights, float64, shape (n_cuts,).
        variance: sum of squared weights, float64, shape (n_cuts,).
    """

    cuts: tuple[str, ...]
    counts: IntArray
    sum_of_weights: Float64Array
    variance: Float64Array

    @classmethod
    def of(cls, weights_by_cut: Mapping[str, Float64Array]) -> Self:
        """Cut flow from the weights of the events left after each cut.

        >>> cutflow = Cutflow.of({"all events": np.array([1., -2.]), ">= 2 jets": np.array([-2.])})
        >>> cutflow.counts.tolist(), cutflow.sum_of_weights.tolist(), cutflow.variance.tolist()
        ([2, 1], [-1.0, -2.0], [5.0, 4.0])
        """
        left = list(weights_by_cut.values())
        return cls(
            cuts=tuple(weights_by_cut),
            counts=np.array([len(weights) for weights in left], np.int64),
            sum_of_weights=np.array([weights.sum() for weights in left], np.float64),
            # Not a dot product: BLAS would start threads for each of these short vectors.
            variance=np.array([np.square(weights).sum() for weights in left], np.float64),
        )

    def __getitem__(self, rows: slice) -> "Cutflow":
        """Some of its cuts."""
        return Cutflow(
            self.cuts[rows], self.counts[rows], self.sum_of_weights[rows], self.variance[rows]
        )

    def then(self, further: "Cutflow") -> "Cutflow":
        """This cut flow with further cuts after its own."""
        return Cutflow(
            cuts=(*self.cuts, *further.cuts),
            counts=np.concatenate([self.counts, further.counts]),
            sum_of_weights=np.concatenate([self.sum_of_weights, further.sum_of_weights]),
            variance=np.concatenate([self.variance, further.variance]),
        )

    def to_histograms(self) -> dict[str, Histogram]:
        """``cutflow`` (events) and ``cutflow_weighted``, with one labelled bin a cut."""
        return {
            "cutflow": self._histogram("cutflow", self.counts, self.counts),
            "cutflow_weighted": self._histogram(
                "cutflow_weighted", self.sum_of_weights, self.variance
            ),
        }

    @classmethod
    def from_root(cls, file: Any, named: Callable[[str], str] = str) -> Self:
        """Read back what `to_histograms` gave to an open ROOT file.

        Args:
            file: the file.
            named: what the histograms are called there.
        """
        counts, weighted = file[named("cutflow")], file[named("cutflow_weighted")]
        return cls(
            cuts=tuple(str(label) for label in counts.axis().labels()),
            counts=np.rint(counts.values()).astype(np.int64),
            sum_of_weights=np.asarray(weighted.values(), np.float64),
            variance=np.asarray(weighted.variances(), np.float64),
        )

    def _histogram(
        self, name: str, values: npt.NDArray[np.number], variances: npt.NDArray[np.number]
    ) -> Histogram:
        axis = hist.axis.StrCategory(list(self.cuts), label="Cut")
        histogram = Histogram(axis, storage=hist.storage.Weight(), name=name)
        histogram.view()["value"] = values
        histogram.view()["variance"] = variances
        return histogram


def merge_cutflows(cutflows: Sequence[Cutflow]) -> Cutflow:
    """Sum of the cut flows of one selection, correctly rounded, so independent of their order.

    Raises:
        AnalysisError: they are of different cuts.
    """
    first = cutflows[0]
    for other in cutflows[1:]:
        if other.cuts != first.cuts:
            raise AnalysisError(
                f"cut flows of different selections cannot be merged: {', '.join(first.cuts)} and "
                f"{', '.join(other.cuts)}; skim all files with the same selection"
            )
    return Cutflow(
        cuts=first.cuts,
        counts=np.sum([cutflow.counts for cutflow in cutflows], axis=0, dtype=np.int64),
        sum_of_weights=exact_sum(np.stack([cutflow.sum_of_weights for cutflow in cutflows])),
        variance=exact_sum(np.stack([cutflow.variance for cutflow in cutflows])),
    )
