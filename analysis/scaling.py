"""From a simulated sample's sum of weights to the events expected in the data."""

import math

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
    0.922002
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
