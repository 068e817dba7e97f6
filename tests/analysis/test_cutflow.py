"""Cut flows add up, in any order."""

import numpy as np
import pytest
import uproot

from analysis.cutflow import Cutflow, merge_cutflows
from analysis.errors import AnalysisError
from analysis.histograms import write_histograms


def cutflow(seed: int) -> Cutflow:
    weights = np.random.default_rng(seed).normal(0.5, 3, 100)
    return Cutflow.of(
        {"all events": weights, "event cleaning": weights[:70], ">= 2 jets": weights[:9]}
    )


def same(first: Cutflow, second: Cutflow) -> bool:
    return first.cuts == second.cuts and all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("counts", "sum_of_weights", "variance")
    )


def test_merging_does_not_depend_on_the_order():
    parts = [cutflow(seed) for seed in range(6)]
    merged = merge_cutflows(parts)
    assert same(merged, merge_cutflows(parts[::-1]))
    assert merged.counts.tolist() == [600, 420, 54]


def test_a_round_trip_keeps_names_counts_and_variances(tmp_path):
    path = tmp_path / "cutflow.root"
    written = cutflow(3)
    write_histograms(str(path), written.to_histograms())
    with uproot.open(path) as file:
        assert same(Cutflow.from_root(file), written)
        assert file["cutflow"].axis().labels() == list(written.cuts)


def test_cut_flows_of_different_selections_are_refused():
    other = Cutflow.of({"all events": np.ones(2), ">= 3 jets": np.ones(1)})
    with pytest.raises(AnalysisError, match=r"different selections .*>= 3 jets"):
        merge_cutflows([cutflow(1), other])
