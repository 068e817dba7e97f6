import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.exclusion import Point, exclude
from analysis.inference.results import Limits, Scan


def point(mass, observed, *warnings):
    scan = Scan((), (), ((),) * 5)
    return Point((mass,), Limits(observed, (0.1, 0.3, 1.5, 2.0, 3.0), scan, warnings=warnings), 5.0)


def test_ranges_end_where_the_limit_crosses_one():
    result = exclude([point(300.0, 10.0), point(100.0, 0.1), point(200.0, 1.0)])
    assert result.values.tolist() == [100, 200, 300]
    assert result.observed_ranges == ((100.0, 200.0),)
    assert result.expected_ranges == ()


def test_an_island_between_crossings_is_a_range():
    result = exclude([point(1.0, 4.0), point(2.0, 0.25), point(3.0, 4.0), point(4.0, 0.25)])
    assert result.observed_ranges == ((1.5, 2.5), (3.5, 4.0))


def test_a_point_without_a_limit_is_left_out_and_said():
    result = exclude([point(1.0, 0.5), point(2.0, None, "no sensitivity"), point(3.0, 0.5)])
    assert result.observed_ranges == ((1.0, 3.0),)
    assert np.isnan(result.observed[1])
    assert result.warnings == ("no limit at 2: left out", "2: no sensitivity")


@pytest.mark.parametrize(
    "points",
    [
        [],
        [point(1.0, 1.0)],
        [point(1.0, 1.0), point(1.0, 2.0)],
        [Point((1.0, 2.0), point(1.0, 1.0).limits)] * 2,
    ],
)
def test_too_few_or_mixed_points_are_refused(points):
    with pytest.raises(AnalysisError, match="exclusion"):
        exclude(points)
