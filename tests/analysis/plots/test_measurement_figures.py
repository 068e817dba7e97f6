"""Figures of measurements and exclusions against pictures that were looked at."""

import numpy as np
import pytest

from analysis import plots
from analysis.errors import AnalysisError
from analysis.exclusion import Point, exclude
from analysis.inference.impacts import Impact, Impacts
from analysis.inference.measurement import GoodnessOfFit, Significance, profile_scan
from analysis.inference.results import Limits, Scan
from analysis.inference.toys import ToySample
from analysis.model import tutorial_workspace

picture = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 60})
WORKSPACE = tutorial_workspace([12.0, 11.0], [50.0, 52.0], [61.0, 55.0])
NO_SCAN = Scan((), (), ((),) * 5)


def limits(mu, observed=None):
    expected = tuple(mu * factor for factor in (0.55, 0.73, 1.0, 1.4, 1.9))
    return Limits(0.9 * mu if observed is None else observed, expected, NO_SCAN)


@picture
def test_likelihood_scan():
    return plots.likelihood_scan(profile_scan(WORKSPACE, "mu"), luminosity=140.1, synthetic=True)


@picture
def test_pulls_and_impacts():
    parameters = [
        Impact(f"a_parameter_with_a_name_{i}", 0.4 - 0.2 * i, 0.9 - 0.05 * i, True,
               0.3 / (i + 1), -0.28 / (i + 1), 0.3 / (i + 1))
        for i in range(6)
    ]  # fmt: skip
    parameters.insert(2, Impact("background_norm", 1.02, 0.03, False, -0.2, None, -0.2))
    shown = Impacts(tuple(parameters), 0.85, 0.51, {}, ("a fit did not converge",))
    return plots.pulls_and_impacts(shown, luminosity=140.1, synthetic=True)


@picture
def test_goodness_of_fit():
    toys = np.random.default_rng(1).chisquare(20, 500)
    return plots.goodness_of_fit(GoodnessOfFit(28.3, 20, 0.103, toys, 0.11, ()), synthetic=True)


@picture
def test_significance():
    result = Significance(2.31, 0.0104, 3.02, 0.77, ("the data are far from the model",))
    return plots.significance(result, luminosity=140.1, synthetic=True)


@picture
def test_toys():
    rng = np.random.default_rng(2)
    return plots.toys(ToySample(1.2, 3.1, rng.chisquare(1, 2000), 2 * rng.chisquare(2, 2000)))


@picture
def test_exclusion():
    masses = np.linspace(100, 500, 9)
    points = [
        Point((mass,), limits(0.02 * 10 ** (mass / 200)), 2000 * 10 ** (-mass / 150))
        for mass in masses
    ]
    return plots.exclusion(exclude(points), parameter="Mass [GeV]", luminosity=140.1)


@picture
def test_contour():
    points = [
        Point((float(m), float(n)), limits(0.1 * 10 ** ((m + 0.7 * n - 300) / 400)))
        for m in range(200, 801, 100)
        for n in range(0, 401, 100)
    ]
    points[5] = Point(points[5].parameters, Limits(None, (None,) * 5, NO_SCAN))
    names = (r"$m_A$ [GeV]", r"$m_B$ [GeV]")
    return plots.contour(points, parameters=names, luminosity=140.1, synthetic=True)


def test_a_contour_needs_a_plane():
    line = [Point((float(i), 2.0 * i), limits(1.0)) for i in range(5)]
    for points in (line, line[:2]):
        with pytest.raises(AnalysisError, match="not on one line"):
            plots.contour(points, parameters=("a", "b"))
