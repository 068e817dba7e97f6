"""Each figure against a picture that was looked at."""

import dataclasses

import hist
import numpy as np
import pytest

from analysis import plots
from analysis.histograms import Histogram
from analysis.inference import Limits, Prediction, Scan, upper_limits
from analysis.inference.limits import NO_SENSITIVITY
from analysis.model import tutorial_workspace

# Fonts are drawn a little differently by each release of FreeType.
picture = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 60})

EDGES = np.arange(0.0, 501.0, 50.0)
BACKGROUND = 4000 * np.exp(-np.arange(11) / 3) + 30
SIGNAL = np.array([2, 30, 80, 60, 20, 10, 5, 4, 3, 2, 8.0])


def prediction(**changes):
    wave = 1 + 0.05 * np.sin(np.arange(11))
    plain = Prediction(
        samples={"signal": 0 * SIGNAL, "background": BACKGROUND},
        total=BACKGROUND,
        uncertainty=0.04 * BACKGROUND,
        data=np.round(BACKGROUND * wave),
        fitted=True,
        strength=0.0,
    )
    return dataclasses.replace(plain, **changes)


def limits(**changes):
    workspace = tutorial_workspace([12.0, 11.0], [50.0, 52.0], [51.0, 48.0])
    return dataclasses.replace(upper_limits(workspace), **changes)


@picture
def test_spectrum():
    return plots.spectrum(
        prediction(), EDGES, signal=SIGNAL, titles={"signal": "ZH"}, luminosity=140.1,
        synthetic=True,
    )  # fmt: skip


@picture
def test_spectrum_of_several_backgrounds_with_empty_bins_and_a_warning():
    two = {"top": 0.3 * BACKGROUND[:10], "multijet": 0.7 * BACKGROUND[:10] * (EDGES[1:] < 400)}
    total = two["top"] + two["multijet"]
    total[9] = two["top"][9] = 0
    changes = {"samples": two, "total": total, "uncertainty": 0.1 * total, "fitted": False}
    data = np.round(total)
    shown = prediction(**changes, data=data, warnings=("the fit did not converge",))
    return plots.spectrum(shown, EDGES)


@picture
def test_spectrum_with_a_fitted_signal():
    fitted = {"signal": 15 * SIGNAL, "background": BACKGROUND}
    shown = prediction(samples=fitted, total=BACKGROUND + 15 * SIGNAL, strength=15.0)
    return plots.spectrum(shown, EDGES, signal=SIGNAL, titles={"signal": "ZH"}, synthetic=True)


@picture
def test_scaled_signal():
    histogram = Histogram(hist.axis.Variable(EDGES), storage=hist.storage.Weight())
    histogram.view(flow=True)["value"] = [0, *SIGNAL]
    histogram.view(flow=True)["variance"] = [0, *(4 * SIGNAL)]
    return plots.scaled_signal(histogram, histogram * 3, "ZH (synthetic)", True, luminosity=140.1)


@picture
def test_limit_scan():
    return plots.limit_scan(limits(), title="ZH (synthetic)", luminosity=140.1, synthetic=True)


@picture
def test_limit_scan_without_sensitivity():
    nothing = Limits(None, (None,) * 5, Scan((), (), ((),) * 5), warnings=("no sensitivity",))
    return plots.limit_scan(nothing)


@picture
def test_summary():
    empty = Scan((), (), ((),) * 5)
    strong = Limits(0.02, (0.01, 0.014, 0.02, 0.03, 0.04), empty)
    nothing = Limits(None, (None,) * 5, empty, warnings=(NO_SENSITIVITY,))
    return plots.summary(
        {"zh": limits(), "strong": strong, "none": nothing},
        titles={"zh": "ZH (synthetic)", "strong": "Strong", "none": "Nothing"},
        luminosity=140.1,
        synthetic=True,
    )


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_figure_gives_the_same_file(tmp_path, kind):
    for name in ("first", "second"):
        plots.save(plots.limit_scan(limits()), tmp_path / f"{name}.{kind}")
    first, second = (tmp_path / f"{name}.{kind}" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert b"CreationDate" not in first.read_bytes()


def test_the_scale_of_the_signal_is_a_round_number_and_stated():
    figure = plots.spectrum(prediction(), EDGES, signal=SIGNAL)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert r"Signal $\times$ 20" in texts


def test_a_signal_of_any_size_can_be_drawn():
    for scale in (1e-12, 1e12):
        plots.spectrum(prediction(), EDGES, signal=scale * SIGNAL)
    plots.spectrum(prediction(), EDGES, signal=0 * SIGNAL)


def test_drawing_leaves_the_settings_of_a_notebook_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.limit_scan(limits())
    assert dict(mpl.rcParams) == before
