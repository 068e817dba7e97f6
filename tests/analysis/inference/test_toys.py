import numpy as np
import pyhf
import pytest
from scipy.stats import ks_2samp

from analysis.errors import AnalysisError
from analysis.inference import upper_limits
from analysis.inference.likelihood import Likelihood
from analysis.inference.limits import _Calculation, cls_at
from analysis.inference.toy_limits import (
    crossings_of,
    limits_from_toys,
    sample_from_dict,
    sample_to_dict,
    strengths,
)
from analysis.inference.toys import (
    ToyCLs,
    ToySample,
    draw,
    merge_toys,
    sample_toys,
    toy_cls,
)
from analysis.model import tutorial_workspace


def test_the_same_seed_gives_the_same_experiments_on_any_number_of_cores(large):
    one, two = (sample_toys(large, 1.0, 600, seed=4, processes=n) for n in (1, 2))
    np.testing.assert_array_equal(one.with_signal, two.with_signal)
    np.testing.assert_array_equal(one.without_signal, two.without_signal)
    other = sample_toys(large, 1.0, 100, seed=5, processes=1)
    assert not np.array_equal(one.with_signal[:100], other.with_signal)


@pytest.mark.slow
def test_toys_agree_with_the_asymptotic_formulas_where_these_hold(large):
    workspace = large
    mu = upper_limits(workspace).expected[2]
    sample = toy_cls(sample_toys(workspace, mu, 10_000, seed=1))
    scan = cls_at(workspace, [mu])
    assert abs(sample.observed - scan.observed[0]) < 4 * sample.error + 0.003
    bands = [band[0] for band in scan.expected]
    # An excess of two sigma fits a strength above the one tested: qtilde is zero and CLs one,
    # which the formulas for the band, without that limit, do not know.
    assert sample.expected[:4] == pytest.approx(bands[:4], abs=0.03)


@pytest.mark.slow
def test_the_distribution_is_that_of_the_toy_calculator_of_pyhf(plain):
    workspace = tutorial_workspace([6.0, 9.0], [20.0, 12.0], [22.0, 13.0], [3.0, 2.0])
    model, data = plain.model(workspace)
    np.random.seed(3)  # noqa: NPY002 - what pyhf draws from
    calculator = pyhf.infer.calculators.ToyCalculator(
        data, model, ntoys=400, test_stat="qtilde", track_progress=False
    )
    theirs = calculator.distributions(1.0)
    ours = sample_toys(workspace, 1.0, 4000, seed=2)
    assert ours.observed == pytest.approx(
        float(pyhf.infer.test_statistics.qmu_tilde(1.0, data, model, *suggested(model))), abs=1e-3
    )
    for mine, other in zip((ours.with_signal, ours.without_signal), theirs, strict=True):
        samples = np.round(mine, 3), np.round(np.maximum(other.samples, 0), 3)
        assert ks_2samp(*samples).pvalue > 0.01


def suggested(model):
    config = model.config
    return config.suggested_init(), config.suggested_bounds(), config.suggested_fixed()


@pytest.mark.slow
def test_limits_cover_the_true_strength_as_often_as_they_say(large):
    """500 experiments with a signal: the observed limit is above it in 95 % of them.

    A limit from CLs covers too often where the data have little sensitivity; a signal of several
    times the expected limit is far from that.
    """
    likelihood = Likelihood.of(large)
    strength = 4 * upper_limits(large).expected[2]
    point = likelihood.init.copy()
    point[likelihood.poi] = strength
    experiments = draw(likelihood, point, 500, np.random.default_rng(8))
    covered = 0
    for i in range(500):
        likelihood.data = experiments[np.array([i])]
        limits, found = _Calculation(likelihood).find()
        assert found.all()
        covered += limits[5] > strength
    assert abs(covered - 475) < 2 * np.sqrt(500 * 0.95 * 0.05)


def test_samples_of_one_strength_are_merged_and_others_refused():
    parts = [ToySample(1.0, 2.0, np.ones(3), np.zeros(2), 1) for _ in range(2)]
    merged = merge_toys(parts)
    assert (len(merged.with_signal), len(merged.without_signal), merged.n_failed) == (6, 4, 2)
    with pytest.raises(AnalysisError, match="same signal strength"):
        merge_toys([parts[0], ToySample(2.0, 2.0, np.ones(3), np.zeros(2))])


def test_data_more_extreme_than_any_experiment_carry_a_warning():
    result = toy_cls(ToySample(1.0, 9.0, np.arange(8.0), np.arange(20.0)))
    assert result.observed == 0
    assert result.error > 0
    assert "none of 8 experiments" in result.warnings[0]


def test_toy_limits_lie_between_points_and_are_none_outside_them():
    points = [
        ToyCLs(mu, float(np.exp(-3 * mu)), 0.01, (float(np.exp(-mu)),) * 5)
        for mu in (0.5, 0.9, 1.1, 1.5)
    ]
    limits = crossings_of(points)
    assert limits[5] == pytest.approx(np.log(20) / 3)
    assert limits[:5] == (None,) * 5


@pytest.mark.slow
def test_limits_from_toys_are_near_the_asymptotic_ones(large):
    asymptotic = upper_limits(large)
    grid = strengths(asymptotic, 7)
    samples = [sample_toys(large, mu, 1000, seed=2) for mu in grid]
    stored = [sample_from_dict(sample_to_dict(sample)) for sample in samples]
    limits = limits_from_toys(stored).limits
    assert limits.observed == pytest.approx(asymptotic.observed, rel=0.12)
    assert limits.expected[2] == pytest.approx(asymptotic.expected[2], rel=0.12)


def test_blocks_of_one_strength_are_put_together():
    rng = np.random.default_rng(1)
    blocks = [
        ToySample(mu, 2.0, rng.chisquare(1, 50), 4 * rng.chisquare(1, 50))
        for mu in (2.0, 1.0, 1.0, 2.0)
    ]
    assert [point.mu for point in limits_from_toys(blocks).points] == [1.0, 2.0]


def test_without_a_limit_to_look_around_there_are_no_toys():
    nothing = limits_from_toys([]).limits
    assert (nothing.observed, nothing.expected) == (None, (None,) * 5)
    assert "no pseudo-experiments" in nothing.warnings[0]
