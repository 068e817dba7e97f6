"""Speed of limits and pseudo-experiments against plain pyhf (numpy, scipy) in the same run.

    python benchmarks/inference.py [--toys 1000] [--reference-toys 100]

The model has 20 bins, a signal, a background with its statistics bin by bin, luminosity and
normalisations: 24 parameters. A scan is 21 points with observed and expected CLs, from which both
take the limits, the first call after imports. Writes `RESULTS-inference.md`.
"""

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

# Small matrices: threads of the linear algebra only get in each other's way, pyhf's most of all.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyhf
from scipy.stats import ks_2samp

from analysis.inference import upper_limits
from analysis.inference.toys import sample_toys

warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)

GRID = np.linspace(0, 2.31, 22)[1:]  # beyond the weakest limit
STRENGTH = 1.0
SCAN, TOYS = 10, 20  # how many times faster is asked for


class Seconds(NamedTuple):
    """Of the clock, and of processors, those of child processes included."""

    clock: float
    cpu: float

    def times(self, factor: float) -> "Seconds":
        """As if it had been so many times the work."""
        return Seconds(self.clock * factor, self.cpu * factor)

    def __str__(self) -> str:
        return f"{self.clock:.3g} | {self.cpu:.3g}"


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


def timed(function: Callable[[], Any]) -> tuple[Any, Seconds]:
    """A result and the seconds it took."""
    start, before = time.perf_counter(), os.times()
    result = function()
    clock, after = time.perf_counter() - start, os.times()
    return result, Seconds(clock, sum(after[:4]) - sum(before[:4]))


def compare_scan(spec: dict[str, Any]) -> list[str]:
    """21 points, observed and expected with bands, and the limits."""
    ours, first = timed(lambda: upper_limits(spec, scan=GRID.tolist()))
    _, warm = timed(lambda: [upper_limits(spec, scan=GRID.tolist()) for _ in range(5)])

    def plain() -> Any:
        model = pyhf.Workspace(spec).model()
        return pyhf.infer.intervals.upper_limits.upper_limit(
            pyhf.Workspace(spec).data(model), model, scan=GRID, return_results=True
        )

    (observed, expected, (_, points)), reference = timed(plain)
    theirs = np.array([[float(point[0]), *map(float, point[1])] for point in points]).T
    cls = np.array([ours.scan.observed, *ours.scan.expected])
    limits = np.array(ours.scan.interpolated(), dtype=float)
    their_limits = np.array([*map(float, expected), float(observed)])
    numbers = np.concatenate([cls.ravel(), limits, [ours.observed or np.nan], ours.expected])
    assert np.isfinite(numbers.astype(float)).all(), "a number is missing"
    assert ours.scan.mu == tuple(GRID.tolist()), "not the same signal strengths"
    worst = np.abs(cls - theirs).max(), np.abs(limits / their_limits - 1).max()
    gain = reference.clock / first.clock, reference.cpu / first.cpu
    return [
        "## Scan of 21 signal strengths, observed and expected CLs with bands, six limits",
        "",
        "| way | seconds | of processors |",
        "|---|---:|---:|",
        f"| this project, first call | {first} |",
        f"| this project, later calls | {warm.times(1 / 5)} |",
        f"| pyhf, numpy and scipy | {reference} |",
        "",
        (
            f"- **{gain[0]:.0f} times faster** ({gain[1]:.0f} in processor time), first call; "
            f"asked for: {SCAN} times."
        ),
        (
            f"- Largest difference of the {cls.size} values of CLs: {worst[0]:.1e}; of the six "
            f"limits taken from them alike: {worst[1]:.1e} relative; asked for: 1e-3. No NaN."
        ),
        (
            f"- Beside them, in the same time, ours finds the roots: {ours.observed:.5f} observed, "
            f"{ours.expected[2]:.5f} expected, where the scan says {limits[5]:.5f} and "
            f"{limits[2]:.5f}."
        ),
        "",
    ]


def compare_toys(spec: dict[str, Any], n: int, n_reference: int) -> list[str]:
    """Pseudo-experiments at one strength, signal and background each."""
    sample, ours = timed(lambda: sample_toys(spec, STRENGTH, n, seed=1))
    model = pyhf.Workspace(spec).model()
    calculator = pyhf.infer.calculators.ToyCalculator(
        pyhf.Workspace(spec).data(model),
        model,
        ntoys=n_reference,
        test_stat="qtilde",
        track_progress=False,
    )
    theirs, reference = timed(lambda: calculator.distributions(STRENGTH))
    scaled = reference.times(n / n_reference)
    pairs = zip((sample.with_signal, sample.without_signal), theirs, strict=True)
    # Half of the values are zero, which pyhf's fits reach to some digits only.
    same = [
        ks_2samp(*(np.round(np.maximum(q, 0), 3) for q in (values, other.samples))).pvalue
        for values, other in pairs
    ]
    how = "measured" if n == n_reference else f"{n_reference}, times {n / n_reference:g}"
    return [
        f"## {n:,} pseudo-experiments at one signal strength, with and without signal each",
        "",
        "| way | seconds | of processors |",
        "|---|---:|---:|",
        f"| this project, {os.cpu_count()} cores | {ours} |",
        f"| pyhf, numpy and scipy ({how}) | {scaled} |",
        "",
        (
            f"- **{scaled.clock / ours.clock:.0f} times faster** ({scaled.cpu / ours.cpu:.0f} in "
            f"processor time); asked for: {TOYS} times."
        ),
        (
            "- Same distributions: p-values of Kolmogorov and Smirnov's test "
            f"{same[0]:.2f} with and {same[1]:.2f} without signal. Fits that failed: "
            f"{sample.n_failed}."
        ),
        "",
    ]


def main() -> None:
    """Run both comparisons and write what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toys", type=int, default=1000, help="pseudo-experiments of ours")
    parser.add_argument("--reference-toys", type=int, default=100, help="of pyhf, scaled up")
    options = parser.parse_args()
    spec = workspace()
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyhf", "numpy", "scipy"))
    lines = [
        "# Limits and pseudo-experiments against pyhf",
        "",
        (
            "Written by `python benchmarks/inference.py`; both ways one after another in one "
            "process, the model with 20 bins and 24 parameters. Ratios of processor time hold on a "
            f"busy machine too. {platform.machine()}, {os.cpu_count()} cores, Python "
            f"{platform.python_version()}, {packages}."
        ),
        "",
        *compare_scan(spec),
        *compare_toys(spec, options.toys, options.reference_toys),
    ]
    text = "\n".join(lines)
    Path(__file__).with_name("RESULTS-inference.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
