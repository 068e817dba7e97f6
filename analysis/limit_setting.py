"""The last step of the analysis: from three histograms to limits, figures and their record."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from analysis import plots
from analysis.catalogue import SAMPLES, Luminosity, ModelSettings
from analysis.histograms import Histogram
from analysis.inference import join, predict, upper_limits
from analysis.model import Shifted, build_model


@dataclass(frozen=True)
class SignalLabel:
    """What results and figures say of a signal.

    Attributes:
        name: its key, for tables and JSON.
        title: for figures.
        cross_section: at strength one, in fb; None where it is not known.
        is_synthetic: not an experiment's simulation: said in every result and figure.
    """

    name: str
    title: str
    cross_section: float | None
    is_synthetic: bool


@dataclass(frozen=True)
class LimitResult:
    """Limits with everything a task or command writes.

    Attributes:
        document: the content of ``limits.json``.
        workspace: HistFactory JSON.
        scan_figure: CLs against the signal strength.
        spectrum_figure: signal, background and data.
    """

    document: Mapping[str, Any]
    workspace: Mapping[str, Any]
    scan_figure: Figure
    spectrum_figure: Figure


def find_shifted(settings: ModelSettings, find: Callable[[str, str], Histogram | None]) -> Shifted:
    """The histograms that shapes of a model need.

    Args:
        settings: of the model.
        find: gives a sample's histogram with a variation, such as ``signal`` and ``jes_up``; None
            where there is none.

    Returns:
        Those at +1 and -1 sigma by sample and shift, without those that are not there at all.
    """
    found: dict[tuple[str, str], tuple[Histogram, Histogram | None]] = {}
    for sample in SAMPLES:
        for shift in settings.shifts(sample):
            up, down = (find(sample, f"{shift}_{direction}") for direction in ("up", "down"))
            if up is not None:
                found[sample, shift] = (up, down)
    return found


def set_limits(
    signal: Histogram,
    background: Histogram,
    data: Histogram,
    label: SignalLabel,
    luminosity: Luminosity,
    settings: ModelSettings,
    shifted: Shifted | None = None,
) -> LimitResult:
    """Limits at 95 % CL on the strength of a signal in one spectrum.

    Args:
        signal: expected events at strength one.
        background: expected events.
        data: observed events.
        label: of the signal.
        luminosity: of the data.
        settings: of the statistical model.
        shifted: histograms that shapes of the model need, from `find_shifted`.

    Raises:
        AnalysisError: what `analysis.model.build_model` and `upper_limits` refuse.
    """
    model = build_model(
        signal, background, data, settings, luminosity.relative_uncertainty, shifted=shifted
    )
    limits = upper_limits(
        model.workspace,
        scan=model.scan,
        warnings=model.warnings,
        not_modelled=model.not_modelled,
    )
    document = {
        "signal": label.name,
        "title": label.title,
        "synthetic": label.is_synthetic,
        "cross_section_fb": label.cross_section,
        "luminosity_fb": luminosity.value,
        "model": asdict(settings),
        "edges_gev": data.axes[0].edges.tolist(),
        "channels": model.channels,
        "yields": {
            name: float(histogram.sum(flow=True).value)
            for name, histogram in (("signal", signal), ("background", background), ("data", data))
        },
        **limits.to_dict(label.cross_section),
        "systematics": [asdict(effect) for effect in model.effects],
    }
    fitted = join(predict(model.workspace), model.channels)
    channel = replace(fitted, warnings=tuple(dict.fromkeys((*limits.warnings, *fitted.warnings))))
    nominal = join(predict(model.workspace, fitted=False, strength=1.0), model.channels)
    return LimitResult(
        document,
        model.workspace,
        plots.limit_scan(
            limits,
            title=label.title,
            luminosity=luminosity.value,
            synthetic=label.is_synthetic,
        ),
        plots.spectrum(
            channel,
            data.axes[0].edges.tolist(),
            signal=nominal.samples["signal"],
            titles={"signal": label.title},
            luminosity=luminosity.value,
            synthetic=label.is_synthetic,
        ),
    )
