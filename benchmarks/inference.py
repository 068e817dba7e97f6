"""Speed of limits and pseudo-experiments against plain pyhf (numpy, scipy) in the same run.

    python benchmarks/inference.py [--toys 1000] [--reference-toys 10]

The model has 20 bins, a signal, a background with its statistics bin by bin, luminosity and
normalisations: 24 parameters. A scan is 21 points with observed and expected CLs, the first call
after imports.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

# Small matrices: threads of the linear algebra only get in each other's way, pyhf's most of all.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyhf

from analysis.inference import upper_limits
from analysis.inference.limits import cls_at
from analysis.inference.toys import sample_toys

warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)


def workspace(n_bins: int = 20) -> dict[str, Any]:
    """A falling background with a peak on it, as the analysis's default model has them."""
    x = np.arange(n_bins)
    background = 800 * np.exp(-x / 5)
    signal = 40 * np.exp(-0.5 * (x - 4.5) ** 2) + 2
    rng = np.random.default_rng(2)
    data = rng.poisson(background).astype(float)
    normalisation = {"hi": 1.05, "lo": 0.95}
    on_signal = [
        {"name": "mu", "type": "normfactor", "data": None},
        {"name": "lumi", "type": "normsys", "data": {"hi": 1.0083, "lo": 0.9917}},
        {"name": "theory", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
    ]
    on_background = [
        {"name": "norm", "type": "normsys", "data": normalisation},
        {"name": "mc_background", "type": "staterror", "data": np.sqrt(background).tolist()},
    ]
    samples = [
        {"name": "signal", "data": signal.tolist(), "modifiers": on_signal},
        {"name": "background", "data": background.tolist(), "modifiers": on_background},
    ]
    return {
        "channels": [{"name": "m_jj", "samples": samples}],
        "observations": [{"name": "m_jj", "data": data.tolist()}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """A result and the seconds it took."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def compare_scan(spec: dict[str, Any], grid: list[float]) -> None:
    """21 points, observed and expected with bands."""
    ours, first = timed(lambda: cls_at(spec, grid))
    warm = statistics.median(timed(lambda: cls_at(spec, grid))[1] for _ in range(5))
    limits, whole = timed(lambda: upper_limits(spec))
    model = pyhf.Workspace(spec).model()
    data = pyhf.Workspace(spec).data(model)

    def plain() -> list[tuple[float, list[float]]]:
        return [
            pyhf.infer.hypotest(mu, data, model, test_stat="qtilde", return_expected_set=True)
            for mu in grid
        ]

    theirs, reference = timed(plain)
    observed = np.array([point[0] for point in theirs], dtype=float)
    expected = np.array([point[1] for point in theirs], dtype=float).T
    worst = max(
        float(np.abs(np.array(ours.observed) - observed).max()),
        float(np.abs(np.array(ours.expected) - expected).max()),
    )
    assert np.isfinite(ours.observed).all()
    print(f"scan of {len(grid)} points: ours {first:.3f} s first, {warm:.3f} s warm; ", end="")
    print(
        f"pyhf {reference:.2f} s; ratio {reference / first:.0f} first, {reference / warm:.0f} warm"
    )
    print(f"  largest difference of a CLs: {worst:.1e}")
    print(f"limits as roots with bands and a scan: {whole:.3f} s: {limits.observed:.5f} observed")


def compare_toys(spec: dict[str, Any], mu: float, n: int, n_reference: int) -> None:
    """Pseudo-experiments at one strength, signal and background each."""
    sample, ours = timed(lambda: sample_toys(spec, mu, n, seed=1))
    model = pyhf.Workspace(spec).model()
    data = pyhf.Workspace(spec).data(model)
    calculator = pyhf.infer.calculators.ToyCalculator(
        data, model, ntoys=n_reference, test_stat="qtilde", track_progress=False
    )
    _, reference = timed(lambda: calculator.distributions(mu))
    scaled = reference * n / n_reference
    print(f"{n} toys at mu = {mu:g}: ours {ours:.2f} s; pyhf {scaled:.0f} s ", end="")
    print(f"(from {n_reference} in {reference:.1f} s); ratio {scaled / ours:.0f}")
    print(f"  failed fits: {sample.n_failed}")


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toys", type=int, default=1000, help="pseudo-experiments of ours")
    parser.add_argument("--reference-toys", type=int, default=10, help="of pyhf, scaled up")
    arguments = parser.parse_args()
    spec = workspace()
    compare_scan(spec, np.linspace(0, 2, 22)[1:].tolist())
    compare_toys(spec, 1.0, arguments.toys, arguments.reference_toys)


if __name__ == "__main__":
    main()
