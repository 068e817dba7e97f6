"""Weighted histograms: exact sums, exact round trips, errors of one line."""

from fractions import Fraction

import hist
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from analysis.catalogue import Binning, InlineHistogram
from analysis.errors import AnalysisError
from analysis.histograms import (
    Histogram,
    exact_sum,
    from_inline,
    merge,
    read_histogram,
    require_same_edges,
    write_histograms,
)
from analysis.spectra import empty_histograms


def filled(seed: int = 1, n: int = 500, binning: Binning | None = None) -> Histogram:
    rng = np.random.default_rng(seed)
    histogram = empty_histograms(binning or Binning())["h_mjj"]
    return histogram.fill(rng.normal(200, 250, n), weight=rng.normal(0.3, 1, n))


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "histograms.root")


def test_a_round_trip_keeps_every_bit(path):
    histogram = filled()
    write_histograms(path, {"h_mjj": histogram})
    back = read_histogram(path, "h_mjj")
    assert back == histogram
    assert back.name == "h_mjj"
    assert back.axes[0].label == r"$m_{jj}$ [GeV]"
    assert isinstance(back.axes[0], hist.axis.Regular)
    assert back.view(flow=True)["value"][[0, -1]].all()


def test_a_round_trip_keeps_variable_edges(path):
    axis = hist.axis.Variable([0, 30, 75, 500], label="m")
    histogram = Histogram(axis, storage=hist.storage.Weight(), name="h")
    histogram.fill([10, 50, 60, 700], weight=[0.1, 0.2, -0.7, 1e-9])
    write_histograms(path, {"h": histogram})
    assert read_histogram(path, "h") == histogram


def test_a_file_has_what_root_expects(path):
    histogram = filled()
    write_histograms(path, {"h_mjj": histogram})
    with uproot.open(path) as file:
        written = file["h_mjj"]
        assert written.classname == "TH1D"
        np.testing.assert_array_equal(
            written.member("fSumw2"), histogram.variances(flow=True)
        )  # fmt: skip


def test_a_histogram_without_squared_weights_has_poisson_variances(path):
    with uproot.recreate(path) as file:
        file["data"] = np.array([4.0, 9.0]), np.array([0.0, 100.0, 200.0])
    assert read_histogram(path, "data").variances().tolist() == [4.0, 9.0]


def test_merging_does_not_depend_on_the_order():
    parts = [filled(seed) for seed in range(7)]
    assert merge(parts) == merge(parts[::-1]) == merge(parts[3:] + parts[:3])


def test_merging_parts_gives_the_whole():
    parts = [filled(seed) for seed in range(5)]
    whole = sum(part.view(flow=True)["value"] for part in parts)
    np.testing.assert_allclose(merge(parts).view(flow=True)["value"], whole, rtol=1e-12)
    assert parts[0] == filled(0)


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30), st.randoms())
def test_sums_of_weights_are_correctly_rounded_in_any_order(weights, random):
    shuffled = list(weights)
    random.shuffle(shuffled)
    exact = float(sum(map(Fraction, weights)))
    for values in (weights, shuffled):
        assert exact_sum(np.array(values)[:, np.newaxis]).tolist() == [exact]


def test_different_edges_are_refused_with_both_names():
    others = {
        "signal.root:h_mjj": filled(),
        "data.root:data": filled(binning=Binning(10, 0, 500)),
    }
    with pytest.raises(AnalysisError) as error:
        require_same_edges(others)
    assert str(error.value) == (
        "data.root:data has 10 bins from 0 to 500, but signal.root:h_mjj has 20 bins from 0 to "
        "500; give both the same binning"
    )


def test_edges_that_differ_by_rounding_are_the_same():
    inline = InlineHistogram(tuple(np.linspace(0, 500, 21) * (1 + 1e-14)), (1.0,) * 20)
    require_same_edges({"a": filled(), "b": from_inline("b", inline)})


def test_edges_of_the_same_number_of_bins_are_compared():
    shifted = from_inline("b", InlineHistogram((0.0, 100.0, 210.0), (1.0, 1.0)))
    with pytest.raises(AnalysisError, match=r"b has .* but a has"):
        require_same_edges({"a": filled(binning=Binning(2, 0, 200)), "b": shifted})
    inner = from_inline("c", InlineHistogram((0.0, 110.0, 200.0), (1.0, 1.0)))
    with pytest.raises(AnalysisError, match=r"c has 2 bins \(edges 0, 110, 200\)"):
        require_same_edges({"a": filled(binning=Binning(2, 0, 200)), "c": inner})


def test_no_histograms_cannot_be_merged():
    with pytest.raises(AnalysisError, match="no histograms"):
        merge([])


def test_inline_numbers_have_poisson_variances_and_flow_bins():
    inline = InlineHistogram((0.0, 25.0, 50.0), (7.0, 5.0), underflow=1.0, overflow=3.0)
    histogram = from_inline("data", inline)
    assert histogram.values(flow=True).tolist() == [1, 7, 5, 3]
    assert histogram.variances(flow=True).tolist() == [1, 7, 5, 3]
    assert histogram.name == "data"


def test_inline_variances_are_taken_where_given():
    inline = InlineHistogram((0.0, 25.0, 50.0), (7.0, 5.0), overflow=3.0, variances=(2.0, 1.5))
    assert from_inline("b", inline).variances(flow=True).tolist() == [0, 2.0, 1.5, 3.0]


class TestErrors:
    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(AnalysisError, match=r"none\.root: no such file"):
            read_histogram(str(tmp_path / "none.root"), "h")

    def test_a_file_that_is_not_root_is_named(self, tmp_path):
        place = tmp_path / "text.root"
        place.write_text("this is text, and long enough for a header\n")
        with pytest.raises(AnalysisError, match=r"text\.root: is not a ROOT file"):
            read_histogram(str(place), "h")

    def test_a_missing_histogram_lists_those_that_are_there(self, path):
        write_histograms(path, {"signal": filled(), "background": filled()})
        with pytest.raises(AnalysisError) as error:
            read_histogram(path, "h_mjj")
        assert str(error.value) == (
            f"{path}: has no histogram 'h_mjj'; it has background, signal"
        )  # fmt: skip

    def test_a_tree_is_not_a_histogram(self, path):
        with uproot.recreate(path) as file:
            file.mktree("events", {"x": "f4"})
        with pytest.raises(AnalysisError, match="events is a TTree, not a 1-D histogram"):
            read_histogram(path, "events")

    def test_a_histogram_of_two_dimensions_is_refused(self, path):
        with uproot.recreate(path) as file:
            file["h2"] = np.ones((2, 2)), np.arange(3.0), np.arange(3.0)
        with pytest.raises(AnalysisError, match="h2 is a TH2D, not a 1-D histogram"):
            read_histogram(path, "h2")

    def test_contents_that_are_not_numbers_are_refused(self, path):
        with uproot.recreate(path) as file:
            file["h"] = np.array([1.0, np.nan]), np.arange(3.0)
        with pytest.raises(AnalysisError, match="h has nan in bin 2"):
            read_histogram(path, "h")


@pytest.mark.realdata
def test_the_tutorials_interface_of_two_histograms_is_read(test_data):
    data = read_histogram(str(test_data / "recast" / "data.root"), "data")
    background = read_histogram(str(test_data / "recast" / "background.root"), "background")
    assert data.values().tolist() == [195, 116]
    assert background.values().tolist() == [200, 100]
    require_same_edges({"data": data, "background": background})


def test_a_histogram_file_in_other_units_is_converted_to_gev(tmp_path):
    from analysis.catalogue import HistogramFile
    from analysis.histograms import from_source

    made = hist.Hist(hist.axis.Regular(2, 0, 500e3), storage=hist.storage.Weight())
    made.fill([1e3, 300e3, 900e3], weight=[1, 2, 4])
    path = str(tmp_path / "mev.root")
    write_histograms(path, {"data": made})
    read = from_source("data", HistogramFile(path, "data", unit=0.001))
    np.testing.assert_allclose(read.axes[0].edges, [0, 250, 500])
    np.testing.assert_array_equal(read.values(flow=True), [0, 1, 2, 4])
