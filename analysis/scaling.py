"""From a simulated sample's sum of weights to the events expected in the data."""

import math
from collections.abc import Mapping

from analysis.catalogue import Dataset
from analysis.errors import AnalysisError
from analysis.histograms import Histogram


def scale_factor(
    cross_section: float,
    filter_efficiency: float,
    k_factor: float,
    luminosity: float,
    sum_of_weights: float,
) -> float:
    """Expected events per unit of weight: ``sigma * efficiency * k * L / sum of weights``.

    Args:
        cross_section: in fb.
        filter_efficiency: share of generated events that passed the generator's filter.
        k_factor: correction of the cross section to a higher order.
        luminosity: in fb^-1.
        sum_of_weights: of all events that were generated, before any cut.

    Raises:
        AnalysisError: the sum of weights is zero or no number, or another factor is not positive.

    >>> round(scale_factor(44.837, 1, 1, 140.1, 6813.0258), 6)
    0.922008
    """
    if not math.isfinite(sum_of_weights) or sum_of_weights == 0:
        raise AnalysisError(
            f"cannot scale with a sum of weights of {sum_of_weights}; "
            "give the right `sum_of_weights`"
        )
    factors = {
        "cross section in fb": cross_section,
        "filter efficiency": filter_efficiency,
        "k-factor": k_factor,
        "luminosity in fb^-1": luminosity,
    }
    for name, value in factors.items():
        if not (math.isfinite(value) and value > 0):
            raise AnalysisError(f"cannot scale with a {name} of {value}; give a positive number")
    return cross_section * filter_efficiency * k_factor * luminosity / sum_of_weights


def dataset_factor(dataset: Dataset, luminosity: float, counted: float | None) -> float:
    """`scale_factor` of a catalogue's dataset.

    Args:
        dataset: with cross section, efficiency and k-factor, perhaps a sum of weights.
        luminosity: in fb^-1.
        counted: sum of weights read from the files; the catalogue's own goes before.

    Raises:
        AnalysisError: no cross section, no sum of weights, or what `scale_factor` refuses.
    """
    total = counted if dataset.sum_of_weights is None else dataset.sum_of_weights
    if dataset.cross_section is None or total is None:
        what = "cross section" if dataset.cross_section is None else "sum of weights"
        raise AnalysisError(
            f"{dataset.place or dataset.name}: has no {what} to scale it with; give one, or use "
            "it as recorded data (is_data)"
        )
    return scale_factor(
        dataset.cross_section, dataset.filter_efficiency, dataset.k_factor, luminosity, total
    )


def expected(
    histograms: Mapping[str, Histogram], dataset: Dataset, luminosity: float, counted: float | None
) -> dict[str, Histogram]:
    """Histograms of a dataset's events as expected in the data, by name.

    Args:
        histograms: sums of weights.
        dataset: as for `dataset_factor`.
        luminosity: in fb^-1.
        counted: as for `dataset_factor`.

    Raises:
        AnalysisError: what `dataset_factor` refuses.
    """
    factor = dataset_factor(dataset, luminosity, counted)
    return {name: to_luminosity(histogram, factor) for name, histogram in histograms.items()}


def to_luminosity(histogram: Histogram, factor: float) -> Histogram:
    """The histogram of expected events: contents times the factor, variances times its square.

    Args:
        histogram: sums of generator weights.
        factor: from `scale_factor`.
    """
    scaled: Histogram = histogram.copy()
    view = scaled.view(flow=True)
    view["value"] *= factor
    view["variance"] *= factor**2
    return scaled
