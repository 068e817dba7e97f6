"""Reference numbers on public ATLAS and CMS files, against plain uproot and vector."""

from pathlib import Path
from typing import NamedTuple

import awkward as ak
import numpy as np
import pytest
import uproot
import vector

from analysis.catalogue import BTag, Selection
from analysis.errors import AnalysisError
from analysis.skimming import skim

pytestmark = pytest.mark.realdata

EDGES = np.linspace(0, 500, 21)


class Layout(NamedTuple):
    tree: str
    jets: str
    mass: str
    weight: str
    gev: float


TTREE = Layout("CollectionTree", "AnalysisJetsAuxDyn.", "m", "EventInfoAuxDyn.mcEventWeights", 1e-3)
RNTUPLE = Layout("EventData", "AnalysisJetsAuxDyn:", "m", "EventInfoAuxDyn:mcEventWeights", 1e-3)
NANOAOD = Layout("Events", "Jet_", "mass", "genWeight", 1.0)

FILES = {
    "physlite/PHYSLITE_example.root": (TTREE, 100, 54, None),
    "physlite/uproot-issue-123b.root": (TTREE, 100, 74, 73668.0625),
    "physlite/uproot-issue-123a.root": (TTREE, 100, 74, None),
    "physlite/uproot-physlite-rntuple_v1-0-0-0.root": (RNTUPLE, 100, 82, 81567.26385498047),
    "nanoaod/nano_tt_v12.root": (NANOAOD, 200, 188, None),
    "nanoaod/nanoAOD_2015_CMS_Open_Data_ttbar.root": (NANOAOD, 200, 11, None),
}
"""Layout, events, events that pass, sum of weights: computed with uproot and vector alone."""


class Plain(NamedTuple):
    """What a physicist computes with uproot, awkward and vector in a notebook."""

    m_jj: np.ndarray
    n_jets: np.ndarray
    leading_pt: np.ndarray
    weights: np.ndarray


def plain(path: Path, layout: Layout, *, sort: bool = True) -> Plain:
    with uproot.open(path) as file:
        names = [f"{layout.jets}{name}" for name in ("pt", "eta", "phi", layout.mass)]
        events = file[layout.tree].arrays([*names, layout.weight])
    weights = events[layout.weight]
    weights = ak.to_numpy(weights if weights.ndim == 1 else weights[:, 0]).astype(np.float64)
    pt, eta, phi, mass = (ak.values_astype(events[name], np.float64) for name in names)
    jets = ak.zip(
        {"pt": pt * layout.gev, "eta": eta, "phi": phi, "mass": mass * layout.gev},
        with_name="Momentum4D",
        behavior=vector.backends.awkward.behavior,
    )
    jets = jets[(jets.pt > 50) & (abs(jets.eta) < 2.5)]
    if sort:
        jets = jets[ak.argsort(jets.pt, ascending=False, stable=True)]
    passing = ak.num(jets) >= 2
    jets = jets[passing]
    pair = jets[:, 0] + jets[:, 1]
    return Plain(
        ak.to_numpy(pair.mass),
        ak.to_numpy(ak.num(jets)),
        ak.to_numpy(jets[:, 0].pt),
        weights[ak.to_numpy(passing)],
    )


@pytest.mark.parametrize("order", ["pt", "container"])
@pytest.mark.parametrize("name", FILES)
def test_a_real_file_gives_the_reference_numbers_bin_for_bin(test_data, name, order):
    layout, n_events, passing, _ = FILES[name]
    path = test_data / name
    found = skim([str(path)], Selection("x", jet_order=order), with_sum_of_weights=False)
    assert found.cutflow.counts.tolist() == [n_events, passing]
    expected = plain(path, layout, sort=order == "pt")
    for histogram, values, edges in (
        ("h_mjj", expected.m_jj, EDGES),
        ("h_njets", expected.n_jets, np.arange(16) - 0.5),
        ("h_jet1_pt", expected.leading_pt, np.linspace(0, 1000, 41)),
    ):
        # With numpy.histogram, a difference of cumulative sums, huge weights would blur others.
        where = np.digitize(values, edges)
        contents = np.bincount(where, expected.weights, len(edges) + 1)
        variances = np.bincount(where, expected.weights**2, len(edges) + 1)
        view = found.histograms[histogram].view(flow=True)
        np.testing.assert_allclose(view["value"], contents, rtol=1e-12)
        np.testing.assert_allclose(view["variance"], variances, rtol=1e-12)


@pytest.mark.parametrize("name", FILES)
def test_the_sum_of_weights_is_that_of_the_file_or_an_error(test_data, name):
    *_, expected = FILES[name]
    path = str(test_data / name)
    if expected is None:
        with pytest.raises(AnalysisError, match="give `sum_of_weights` in the catalogue"):
            skim([path], Selection("x"))
    else:
        assert skim([path], Selection("x")).sum_of_weights == expected


def test_jets_of_ttree_files_are_not_sorted_and_sorting_matters(test_data):
    path = test_data / "physlite" / "uproot-issue-123b.root"
    assert len(plain(path, TTREE).m_jj) == 74
    changed = plain(path, TTREE).m_jj != plain(path, TTREE, sort=False).m_jj
    assert 0 < changed.sum() < 5


def test_a_negative_weight_of_a_real_file_is_kept(test_data):
    path = test_data / "physlite" / "PHYSLITE_example.root"
    found = skim([str(path)], Selection("x"), with_sum_of_weights=False)
    assert (plain(path, TTREE).weights < 0).any()
    assert found.histograms["h_mjj"].view(flow=True)["variance"].min() >= 0


@pytest.mark.parametrize(
    ("name", "tag", "outputs"),
    [
        ("uproot-physlite-rntuple_v1-0-0-0.root", "DL1dv01", ("EventData", ":", "")),
        ("PHYSLITE_example.root", "DL1dv01", ("CollectionTree", ".", "")),
        ("uproot-issue-123b.root", "DL1r", ("CollectionTree", ".", "_201903")),
    ],
)
def test_b_tagged_pairs_of_a_real_file_are_those_of_the_formula(test_data, name, tag, outputs):
    tree, separator, version = outputs
    path = test_data / "physlite" / name
    selection = Selection("x", b_tag=BTag(tag, "discriminant", 2.456, {"c": 0.018}))
    found = skim([str(path)], selection, with_sum_of_weights=False)
    with uproot.open(path) as file:
        prefix = f"BTagging_AntiKt4EMPFlow{version}AuxDyn{separator}{tag}_p"
        names = [f"{prefix}{flavour}" for flavour in "bcu"]
        jets = [f"AnalysisJetsAuxDyn{separator}{column}" for column in ("pt", "eta")]
        events = file[tree].arrays([*names, *jets])
    pb, pc, pu = (ak.values_astype(events[column], np.float64) for column in names)
    tagged = np.log(pb / (0.018 * pc + 0.982 * pu)) > 2.456
    good = (events[jets[0]] > 50e3) & (abs(events[jets[1]]) < 2.5)
    expected = [int(ak.sum(ak.sum(mask, axis=1) >= 2)) for mask in (good, good & tagged)]
    assert found.cutflow.counts.tolist()[1:] == expected
    assert 0 < expected[1] < expected[0] or tag == "DL1dv01"


def test_cms_jets_are_cut_on_by_score_and_ttbar_has_b_jets(test_data):
    tag = BTag("btagDeepFlavB", "score", 0.3, {})
    path = str(test_data / "nanoaod" / "nano_tt_v12.root")
    found = skim([path], Selection("x", b_tag=tag), with_sum_of_weights=False)
    with uproot.open(path) as file:
        events = file["Events"].arrays(["Jet_pt", "Jet_eta", "Jet_btagDeepFlavB"])
    good = (events.Jet_pt > 50) & (abs(events.Jet_eta) < 2.5) & (events.Jet_btagDeepFlavB > 0.3)
    assert found.cutflow.counts[-1] == ak.sum(ak.sum(good, axis=1) >= 2) > 0
