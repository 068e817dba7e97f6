"""Pseudo-experiments: distributions of test statistics without asymptotic formulas."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from scipy.special import ndtr

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array
from analysis.inference.asymptotics import BANDS
from analysis.inference.histfactory import Workspace
from analysis.inference.likelihood import Data, Likelihood
from analysis.inference.minimisation import fit

# Experiments of one random stream: the same numbers come out on one core and on many.
_BLOCK = 250
_FEW_FAILURES = 0.01


@dataclass(frozen=True)
class ToySample:
    """Values of qtilde in pseudo-experiments at one signal strength.

    Attributes:
        mu: the strength tested.
        observed: qtilde of the data.
        with_signal: of experiments with a signal of that strength, shape (n,).
        without_signal: of experiments without, shape (m,).
        n_failed: experiments whose fits failed, left out of both.
    """

    mu: float
    observed: float
    with_signal: Array
    without_signal: Array
    n_failed: int = 0


@dataclass(frozen=True)
class ToyCLs:
    """CLs from pseudo-experiments.

    Attributes:
        mu: the strength tested.
        observed: CLs of the data.
        error: its statistical error from the number of experiments.
        expected: CLs expected without signal at -2, -1, 0, 1, 2 sigma.
        warnings: what could mislead.
    """

    mu: float
    observed: float
    error: float
    expected: tuple[float, ...]
    warnings: tuple[str, ...] = ()


def draw(likelihood: Likelihood, point: Array, n: int, rng: np.random.Generator) -> Data:
    """Pseudo-experiments of a model: counts and auxiliary measurements.

    Args:
        likelihood: the model.
        point: its parameters, shape (n_parameters,).
        n: number of experiments.
        rng: random numbers.
    """
    counts = rng.poisson(likelihood.expected(point[None])[0], size=(n, likelihood.n_counts))
    centres = rng.normal(point, likelihood.sigma, size=(n, len(point)))
    return Data(counts.astype(np.float64), centres)


def qtilde(
    likelihood: Likelihood, data: Data, mu: float, start: Array, bounds: tuple[float, float]
) -> Array:
    """Test statistic of upper limits for each dataset; NaN where a fit failed, shape (n,).

    Args:
        likelihood: the model.
        data: datasets.
        mu: strength tested.
        start: parameters to start fits from, shape (n_parameters,).
        bounds: range of the strength; the lower one is zero.
    """
    fixed = fit(likelihood, data, poi=mu, start=start)
    begin = fixed.parameters.copy()
    free = fit(likelihood, data, start=begin, poi_bounds=bounds)
    best = free.parameters[:, likelihood.poi or 0]
    q = np.where(best > mu, 0.0, np.maximum(2 * (fixed.nll - free.nll), 0.0))
    return np.where(fixed.converged & free.converged, q, np.nan)


def sample_toys(
    workspace: Workspace, mu: float, n: int, *, seed: int = 0, processes: int | None = None
) -> ToySample:
    """Pseudo-experiments with and without a signal of one strength.

    As in pyhf's toy calculator, experiments are drawn at the parameters fitted to the data with
    the strength fixed to ``mu`` and to zero, auxiliary measurements included.

    Args:
        workspace: HistFactory JSON.
        mu: signal strength, positive.
        n: number of experiments of each kind.
        seed: of the random numbers; the result does not depend on the number of processes.
        processes: to share the work among; by default one for each core if that pays.

    Raises:
        AnalysisError: no signal, or more than one per cent of the fits fail.
    """
    likelihood = Likelihood.of(workspace)
    if likelihood.poi is None:
        raise AnalysisError("the workspace has no parameter of interest: add a signal")
    points = fit(likelihood, likelihood.data, poi=np.array([mu, 0.0]))
    if not points.converged.all():
        raise AnalysisError("the fits to the data that define the experiments did not converge")
    jobs = [
        _Job(workspace, mu, points.parameters[kind], size, kind, seed, block)
        for kind in (0, 1)
        for block, size in enumerate(_sizes(n))
    ]
    cores = processes or (len(os.sched_getaffinity(0)) if len(jobs) > 2 else 1)  # noqa: PLR2004
    if cores == 1:
        results = [job.run(likelihood) for job in jobs]
    else:
        with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
            results = list(pool.map(_run, jobs))
    values = [
        np.concatenate([r for job, r in zip(jobs, results, strict=True) if job.kind == kind])
        for kind in (0, 1)
    ]
    failed = int(sum(np.isnan(value).sum() for value in values))
    if failed > _FEW_FAILURES * 2 * n:
        raise AnalysisError(f"{failed} of {2 * n} pseudo-experiments could not be fitted")
    bounds = (0.0, max(float(likelihood.high[likelihood.poi]), 10 * mu))
    observed = qtilde(likelihood, likelihood.data, mu, points.parameters[0], bounds)
    finite = [value[np.isfinite(value)] for value in values]
    return ToySample(mu, float(observed[0]), finite[0], finite[1], failed)


def _sizes(n: int) -> list[int]:
    return [_BLOCK] * (n // _BLOCK) + ([n % _BLOCK] if n % _BLOCK else [])


@dataclass(frozen=True)
class _Job:
    workspace: Workspace
    mu: float
    point: Array
    size: int
    kind: int
    seed: int
    block: int

    def run(self, likelihood: Likelihood) -> Array:
        rng = np.random.default_rng([self.seed, self.kind, self.block])
        data = draw(likelihood, self.point, self.size, rng)
        poi = likelihood.poi or 0
        bounds = (0.0, max(float(likelihood.high[poi]), 10 * self.mu))
        return qtilde(likelihood, data, self.mu, self.point, bounds)


def _run(job: _Job) -> Array:
    return job.run(Likelihood.of(job.workspace))


def merge_toys(samples: Sequence[ToySample]) -> ToySample:
    """Experiments of several samples of the same strength and data, as one.

    Raises:
        AnalysisError: none, or of different strengths.
    """
    if len({sample.mu for sample in samples}) != 1:
        raise AnalysisError("only pseudo-experiments of the same signal strength can be merged")
    return ToySample(
        samples[0].mu,
        samples[0].observed,
        np.concatenate([sample.with_signal for sample in samples]),
        np.concatenate([sample.without_signal for sample in samples]),
        sum(sample.n_failed for sample in samples),
    )


def toy_cls(sample: ToySample) -> ToyCLs:
    """CLs of a sample of pseudo-experiments.

    Example:
        >>> toy_cls(ToySample(1.0, 2.0, np.arange(4.0), np.arange(8.0))).observed
        0.6666666666666666
    """
    n, m = len(sample.with_signal), len(sample.without_signal)
    warnings = []
    p_signal = float(np.mean(sample.with_signal >= sample.observed))
    p_background = float(np.mean(sample.without_signal >= sample.observed))
    if p_signal * n < 1:
        warnings.append(f"mu = {sample.mu:g}: none of {n} experiments is as extreme as the data")
    if sample.n_failed:
        warnings.append(f"mu = {sample.mu:g}: {sample.n_failed} experiments could not be fitted")
    cls = p_signal / p_background if p_background > 0 else 0.0
    # At least one experiment's worth: zero of n is no exact zero.
    spread = [
        np.sqrt(max(p * (1 - p), 1 / size) / size) for p, size in ((p_signal, n), (p_background, m))
    ]
    safe = max(p_background, 1 / m)
    error = float(np.hypot(spread[0] / safe, cls * spread[1] / safe))
    # More signal-like means a smaller q: the upper band of the limit is the lower tail of q.
    quantiles = np.quantile(sample.without_signal, 1 - ndtr(np.array(BANDS, dtype=np.float64)))
    expected = tuple(
        float(np.mean(sample.with_signal >= q) / np.mean(sample.without_signal >= q))
        for q in quantiles
    )
    return ToyCLs(sample.mu, cls, error, expected, tuple(warnings))
