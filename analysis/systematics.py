"""Systematic uncertainties as HistFactory modifiers: split, smoothed and pruned in the open."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.catalogue import Systematic
from analysis.errors import AnalysisError
from analysis.inference.arrays import Array, Index

_WINDOWS = (3, 5, 3)


@dataclass(frozen=True)
class Effect:
    """What one systematic does to one sample, and what of it is in the model.

    Attributes:
        name: of the parameter.
        sample: on which it acts.
        up: relative change of the yield at +1 sigma.
        down: the same at -1 sigma.
        shape: largest relative change of a bin beyond that of the yield; 0 without shape.
        in_model: which of ``normalisation`` and ``shape`` were not pruned.
        smoothed: the shape was smoothed.
    """

    name: str
    sample: str
    up: float
    down: float
    shape: float
    in_model: tuple[str, ...]
    smoothed: bool


@dataclass(frozen=True)
class Variation:
    """An effect with its numbers.

    Attributes:
        effect: for the record.
        factors: of the yield at +1 and -1 sigma; None if pruned.
        shapes: bins at +1 and -1 sigma with the nominal yield, shape (2, n_bins); None if
            pruned or without shape.
    """

    effect: Effect
    factors: tuple[float, float] | None
    shapes: Array | None

    def modifiers(self, bins: Index) -> list[dict[str, Any]]:
        """HistFactory modifiers for some of the bins."""
        result: list[dict[str, Any]] = []
        name = self.effect.name
        if self.factors is not None:
            up, down = self.factors
            result.append({"name": name, "type": "normsys", "data": {"hi": up, "lo": down}})
        if self.shapes is not None:
            up_bins, down_bins = self.shapes[:, bins].tolist()
            data = {"hi_data": up_bins, "lo_data": down_bins}
            result.append({"name": name, "type": "histosys", "data": data})
        return result


def normalisation(systematic: Systematic, sample: str, pruning: float) -> Variation:
    """A change of the yield alone.

    Args:
        systematic: of the kind ``normalisation``.
        sample: on which it acts.
        pruning: relative size below which it is left out.

    Example:
        >>> systematic = Systematic("theory", "normalisation", ("signal",), up=0.1, down=-0.08)
        >>> normalisation(systematic, "signal", 0.0).factors
        (1.1, 0.92)
    """
    up, down = systematic.up, systematic.down
    kept = max(abs(up), abs(down)) > pruning
    effect = Effect(
        systematic.name, sample, up, down, 0.0, ("normalisation",) if kept else (), smoothed=False
    )
    # A mirrored change of 100 % or more has no positive factor: its inverse is taken instead.
    low = 1 + down if down > -1 else 1 / (1 + up)
    return Variation(effect, (1 + up, low) if kept else None, None)


def shape(
    systematic: Systematic,
    sample: str,
    nominal: Array,
    shifted: tuple[Array, Array | None],
    *,
    pruning: float,
    smoothing: str,
) -> Variation:
    """A change of the spectrum, split into yield and shape.

    Args:
        systematic: of the kind ``shape``.
        sample: on which it acts.
        nominal: events of each bin.
        shifted: events at +1 and -1 sigma; without the second the first is mirrored.
        pruning: relative size below which yield or shape is left out.
        smoothing: ``353QH`` or ``none``.

    Raises:
        AnalysisError: a shifted histogram without events.
    """
    up = shifted[0]
    down = 2 * nominal - up if shifted[1] is None else shifted[1]
    total = nominal.sum()
    ratios = np.array([up.sum(), down.sum()]) / total if total > 0 else np.ones(2)
    if (ratios <= 0).any():
        raise AnalysisError(
            f"systematic '{systematic.name}': a shifted {sample} histogram has no events; "
            "make its skim again or leave it out"
        )
    smoothed = smoothing != "none" and len(nominal) >= max(_WINDOWS)
    safe = np.where(nominal > 0, nominal, 1.0)
    relative = np.where(nominal > 0, np.array([up, down]) / ratios[:, None] / safe, 1.0)
    if smoothed:
        relative = np.array([smooth_353qh(row) for row in relative])
    # A shape changes no yield, smoothed or not; a bin is never below zero.
    bins = np.maximum(relative * nominal, 0.0)
    bins *= (total / np.maximum(bins.sum(axis=1), 1e-300))[:, None]
    largest = float(np.abs(np.where(nominal > 0, bins / safe, 1.0) - 1).max(initial=0.0))
    change = ratios - 1
    keep = {"normalisation": float(np.abs(change).max()) > pruning, "shape": largest > pruning}
    effect = Effect(
        systematic.name,
        sample,
        float(change[0]),
        float(change[1]),
        largest,
        tuple(part for part, kept in keep.items() if kept),
        smoothed,
    )
    factors = (float(ratios[0]), float(ratios[1])) if keep["normalisation"] else None
    return Variation(effect, factors, bins if keep["shape"] else None)


def smooth_353qh(values: Array) -> Array:
    """Tukey's 353QH: running medians of 3, 5, 3; flat tops replaced by parabolas; Hanning's mean.

    As in J. Friedman, CERN 74-23 (1974), and the TH1::Smooth of ROOT, applied once.

    Example:
        >>> smooth_353qh(np.array([1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0])).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    result = values.copy()
    for width in _WINDOWS:
        half = width // 2
        padded = np.pad(result, half, mode="edge")
        medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
        # Ends have no full window.
        medians[:half], medians[len(medians) - half :] = result[:half], result[-half:]
        result = medians
    flat = result.copy()
    for i in range(2, len(values) - 2):
        if result[i - 1] != result[i] or result[i] != result[i + 1]:
            continue
        left, right = result[i - 2] - result[i], result[i + 2] - result[i]
        if left * right <= 0:
            continue
        near = 1 if abs(right) > abs(left) else -1
        flat[i] = result[i - 2 * near] / -12 + result[i] * 0.75 + result[i + 2 * near] / 3
    smooth = flat.copy()
    smooth[1:-1] = (flat[:-2] + 2 * flat[1:-1] + flat[2:]) / 4
    return np.asarray(smooth)
