"""Upper limits on a signal strength: CLs with asymptotic formulas, each fit done once."""

from collections.abc import Sequence

import numpy as np

from analysis.errors import AnalysisError
from analysis.inference.arrays import Array, Bools
from analysis.inference.asymptotics import (
    BANDS,
    SIGNIFICANCE,
    expected_roots,
    log_cls,
    log_expected_cls,
)
from analysis.inference.fitting import Diagnosis, diagnose, strength_uncertainty
from analysis.inference.histfactory import Workspace
from analysis.inference.likelihood import Data, Likelihood
from analysis.inference.minimisation import Fits, fit, fit_deeper
from analysis.inference.results import Limits, Scan
from analysis.inference.roots import crossings

_WIDE = 100.0  # range of the signal strength in units of its expected limit
NO_SENSITIVITY = "no sensitivity: the signal predicts no events in any bin"


def upper_limits(
    workspace: Workspace,
    *,
    points: int = 21,
    scan: Sequence[float] | None = None,
    warnings: Sequence[str] = (),
    not_modelled: Sequence[str] = (),
) -> Limits:
    """Observed and expected upper limits at 95 % CL of a HistFactory workspace.

    The limits are roots of CLs = 0.05, never points or ends of the scan, which is for drawing.

    Args:
        workspace: HistFactory JSON with observations and one parameter of interest.
        points: number of signal strengths of the scan, chosen around the limits.
        scan: increasing signal strengths of the scan instead, taken if they reach all limits.
        warnings: of the model, carried into the result.
        not_modelled: of the model, carried into the result.

    Raises:
        AnalysisError: no parameter of interest, a signal that is negative in sum, or data in bins
            where the model without signal expects nothing.

    Example:
        >>> from analysis.model import tutorial_workspace
        >>> limits = upper_limits(tutorial_workspace([12.0, 11.0], [50.0, 52.0], [51, 48], [3, 7]))
        >>> round(limits.expected[2], 3), round(limits.observed, 3)
        (1.062, 1.012)
    """
    likelihood = Likelihood.of(workspace)
    signal = signal_yield(likelihood)
    if not signal.any():
        empty = Scan((), (), ((),) * 5)
        notes = (*warnings, NO_SENSITIVITY)
        return Limits(None, (None,) * 5, empty, warnings=notes, not_modelled=tuple(not_modelled))
    return _Calculation(likelihood).limits(points, scan, tuple(warnings), tuple(not_modelled))


def cls_at(workspace: Workspace, mu: Sequence[float]) -> Scan:
    """Observed and expected CLs at given signal strengths.

    Args:
        workspace: HistFactory JSON with observations and one parameter of interest.
        mu: increasing signal strengths; those whose fits fail are left out.

    Raises:
        AnalysisError: as :func:`upper_limits`, or a signal without events.
    """
    likelihood = Likelihood.of(workspace)
    require_signal(likelihood)
    return _Calculation(likelihood).scan(np.array(mu, dtype=np.float64))


def require_signal(likelihood: Likelihood) -> None:
    """Raise an AnalysisError unless there is a signal, with events."""
    if not signal_yield(likelihood).any():
        raise AnalysisError(NO_SENSITIVITY)


def signal_yield(likelihood: Likelihood) -> Array:
    """Events a unit of signal strength adds to each bin, shape (n_bins,).

    Raises:
        AnalysisError: no parameter of interest, or the sum is negative.
    """
    if likelihood.poi is None:
        raise AnalysisError("the workspace has no parameter of interest: add a signal")
    both = np.array([likelihood.init, likelihood.init])
    both[:, likelihood.poi] = (1.0, 2.0)
    without, with_ = likelihood.expected(both)[:, : likelihood.model.n_bins]
    signal = np.asarray(with_ - without)
    if signal.sum() < 0:
        message = f"the signal's expected events are negative in sum ({signal.sum():g})"
        raise AnalysisError(f"{message}: nothing can be said of its strength")
    return signal


class _Calculation:
    """The fits of one workspace: what they share is done once."""

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood
        self.warnings: list[str] = []
        background = fit(likelihood, likelihood.data, poi=0.0)
        if not np.isfinite(background.nll[0]):
            raise AnalysisError(
                "there are data in bins where the model without signal expects none: "
                "merge these bins with neighbours or drop them"
            )
        self.asimov = likelihood.asimov(background.parameters)
        self.start = background.parameters[0]
        self.unit = strength_uncertainty(likelihood, self.start, self.asimov)
        self.background = background
        self.free = self._free_fit()
        self.diagnosis: Diagnosis = diagnose(likelihood, self.free, self.bounds)
        # Both kinds of data, to be indexed by the fits of a batch.
        self.data = Data(
            np.concatenate([likelihood.data.counts, self.asimov.counts]),
            np.concatenate([likelihood.data.centres, self.asimov.centres]),
        )

    def _free_fit(self) -> Fits:
        """The best fit, in a range of signal strengths wide enough for it."""
        for width in (_WIDE, 100 * _WIDE, 10_000 * _WIDE):
            self.bounds = (0.0, width * self.unit)
            free = fit_deeper(
                self.likelihood, self.likelihood.data, start=self.start, poi_bounds=self.bounds
            )
            poi = self.likelihood.poi or 0
            if free.parameters[0, poi] < self.bounds[1]:
                break
        if self.background.nll[0] < free.nll[0]:
            return self.background
        return free

    def roots(self, mu: Array, observed: Bools, starts: Array) -> tuple[Array, Array]:
        """Square roots of qtilde at signal strengths, of the data or of the Asimov data.

        Returns:
            The roots, NaN where a fit failed, and the fitted parameters.
        """
        which = np.where(observed, 0, 1)
        fits = fit_deeper(self.likelihood, self.data[which], poi=mu, start=starts)
        free = np.where(observed, self.free.nll[0], 0.0)
        above = mu > self.diagnosis.best_fit
        q = np.where(observed & ~above, 0.0, 2 * (fits.nll - free))
        root = np.sqrt(np.maximum(q, 0.0))
        return np.where(fits.converged, root, np.nan), fits.parameters

    def find(self) -> tuple[Array, Bools]:
        """The limits, expected and then observed, and which of them exist."""
        targets = expected_roots()
        guess = np.append(targets, targets[2]) * self.unit
        guess[5] = np.hypot(guess[5], self.diagnosis.best_fit) + 0.5 * self.diagnosis.best_fit
        starts = np.tile(self.start, (7, 1))
        observed = np.array([False] * 5 + [True, False])

        def distance(mu: Array, wanted: Bools) -> Array:
            nonlocal starts
            needed = np.append(wanted, wanted[5])
            result = np.full(7, np.nan)
            at = np.append(mu, mu[5])
            result[needed], starts[needed] = self.roots(
                at[needed], observed[needed], starts[needed]
            )
            log_ratio = np.log(SIGNIFICANCE) - log_cls(result[5:6], result[6:7])
            return np.append(result[:5] - targets, log_ratio)

        return crossings(distance, guess)

    def scan(self, mu: Array) -> Scan:
        """CLs at signal strengths."""
        n = len(mu)
        observed = np.repeat([True, False], n)
        starts = np.tile(self.start, (2 * n, 1))
        root, _ = self.roots(np.tile(mu, 2), observed, starts)
        if np.isnan(root).any():
            failed = ", ".join(f"{value:.3g}" for value in mu[np.isnan(root.reshape(2, n)).any(0)])
            self.warnings.append(f"fits did not converge: no CLs at signal strength {failed}")
        good = ~np.isnan(root.reshape(2, n)).any(axis=0)
        data, asimov = root[:n][good], root[n:][good]
        # At zero both hypotheses are one: rounding in the fits must not show.
        zero = mu[good] == 0
        data, asimov = np.where(zero, 0, data), np.where(zero, 0, asimov)
        expected = np.exp(log_expected_cls(asimov))
        return Scan(
            tuple(mu[good].tolist()),
            tuple(np.exp(log_cls(data, asimov)).tolist()),
            tuple(tuple(band) for band in expected.tolist()),
        )

    def limits(
        self,
        points: int,
        scan: Sequence[float] | None,
        warnings: tuple[str, ...],
        not_modelled: tuple[str, ...],
    ) -> Limits:
        values, found = self.find()
        quoted = [float(value) if ok else None for value, ok in zip(values, found, strict=True)]
        if not found.all():
            names = [*(f"expected at {n:+d} sigma" for n in BANDS), "observed"]
            missing = ", ".join(name for name, ok in zip(names, found, strict=True) if not ok)
            self.warnings.append(f"CLs does not cross {SIGNIFICANCE}: no limit quoted ({missing})")
        highest = float(np.nanmax(values)) if found.any() else 5 * self.unit
        grid = np.linspace(0, 1.1 * highest, points)
        if scan is not None and scan[-1] >= highest:
            grid = np.array(scan)
        curves = self.scan(grid)
        return Limits(
            quoted[5],
            tuple(quoted[:5]),
            curves,
            best_fit=self.diagnosis.best_fit,
            uncertainty=self.diagnosis.uncertainty,
            p_value=self.diagnosis.p_value,
            warnings=(*warnings, *self.diagnosis.warnings, *self.warnings),
            not_modelled=not_modelled,
        )
