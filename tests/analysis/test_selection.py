"""Selection on flat arrays, against a plain loop over events."""

import math
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import vector
from hypothesis import given
from hypothesis import strategies as st

from analysis import pairs
from analysis.catalogue import (
    BTag,
    JetEnergyResolution,
    JetEnergyScale,
    Selection,
    Variation,
)
from analysis.events import AcceptedJets, EventChunk, Jets
from analysis.pairs import KnownPairs, dijet_mass, highest_pairs, leading_pairs
from analysis.selection import (
    SelectedEvents,
    b_tag_discriminant,
    cut_names,
    required_columns,
    select,
)
from analysis.shifts import select_varied, shifted_jets

DL1D = BTag("DL1dv01", "discriminant", 2.456, {"c": 0.018})
GN2 = BTag("GN2v01", "discriminant", 1.9, {"c": 0.2, "tau": 0.01})

# Few different momenta, so that ties and values on the threshold come up.
JETS = st.lists(
    st.tuples(
        st.sampled_from([20.0, 50.0, 50.5, 60.0, 75.0, 100.0, 300.0]),
        st.sampled_from([-3.0, -2.5, -1.0, 0.0, 0.5, 2.4, 2.5]),
        st.floats(-3.140625, 3.140625, width=32),
        st.sampled_from([-0.1, 0.0, 5.0, 12.0]),
        st.sampled_from([-1.0, 0.0, 0.05, 0.3, 0.9, 0.99]),
        st.booleans(),
    ),
    max_size=8,
)
EVENTS = st.lists(st.tuples(JETS, st.floats(-10, 10), st.booleans()), max_size=12)


def chunk_from(events: list[Any]) -> EventChunk:
    jets = [jet for event in events for jet in event[0]]
    columns = np.array([jet[:5] for jet in jets], np.float32).reshape(-1, 5)
    pb = columns[:, 4]
    rest = np.where(pb < 0, pb, (1 - pb) / 2)
    return EventChunk(
        Jets(
            pt=columns[:, 0] * np.float32(1000),
            eta=columns[:, 1],
            phi=columns[:, 2],
            m=columns[:, 3] * np.float32(1000),
            offsets=np.concatenate([[0], np.cumsum([len(e[0]) for e in events])]).astype(np.int64),
            gev=0.001,
            extra={
                "DL1dv01_pb": pb,
                "DL1dv01_pc": rest,
                "DL1dv01_pu": rest,
                "jvt": np.array([jet[5] for jet in jets], np.bool_),
            },
        ),
        weights=np.array([event[1] for event in events], np.float64),
        extra={"event_clean": np.array([event[2] for event in events], np.bool_)},
    )


def select_in_a_loop(chunk: EventChunk, selection: Selection) -> list[Any]:
    """(event, pair, m_jj, n_jets) of the selected events, one jet at a time."""
    found = []
    jets = chunk.jets
    for i in range(len(chunk)):
        if selection.event_cleaning and not chunk.extra["event_clean"][i]:
            continue
        good = []
        for k in range(jets.offsets[i], jets.offsets[i + 1]):
            if not float(jets.pt[k]) * jets.gev > selection.jet_pt_min:
                continue
            if not abs(jets.eta[k]) < selection.jet_eta_max:
                continue
            if selection.jvt and not jets.extra["jvt"][k]:
                continue
            if selection.b_tag is not None:
                pb, pc, pu = (float(jets.extra[f"DL1dv01_p{f}"][k]) for f in "bcu")
                if pb <= 0 or not math.log(pb / (0.018 * pc + 0.982 * pu)) > selection.b_tag.cut:
                    continue
            good.append(k)
        if len(good) < selection.min_jets:
            continue
        if selection.jet_order == "pt":
            pair = sorted(good, key=lambda k: (-jets.pt[k], k))[:2]
        else:
            pair = good[:2]
        first, second = (
            vector.obj(pt=float(jets.pt[k]), eta=float(jets.eta[k]), phi=float(jets.phi[k]),
                       m=float(jets.m[k]))
            for k in pair
        )  # fmt: skip
        found.append((i, pair, (first + second).m * jets.gev, len(good)))
    return found


SELECTIONS = st.builds(
    Selection,
    name=st.just("x"),
    min_jets=st.integers(2, 4),
    jet_order=st.sampled_from(["pt", "container"]),
    b_tag=st.sampled_from([None, DL1D]),
    event_cleaning=st.booleans(),
    jvt=st.booleans(),
)


@given(events=EVENTS, selection=SELECTIONS)
def test_a_loop_over_events_selects_the_same(events, selection):
    chunk = chunk_from(events)
    selected = select(chunk, selection)
    expected = select_in_a_loop(chunk, selection)
    assert selected.event_index.tolist() == [event for event, *_ in expected]
    assert selected.pairs.tolist() == [pair for _, pair, *_ in expected]
    # float32 angles and masses of zero leave vector itself a few keV.
    np.testing.assert_allclose(selected.m_jj, [m for *_, m, _ in expected], rtol=1e-6, atol=1e-4)
    assert selected.n_jets.tolist() == [n for *_, n in expected]
    assert selected.m_jj.dtype == np.float64
    assert selected.cutflow.cuts == cut_names(selection)
    assert selected.cutflow.counts[0] == len(events)
    assert selected.cutflow.counts[-1] == len(expected)
    assert selected.cutflow.sum_of_weights[-1] == selected.weights.sum()


def test_events_without_or_with_one_jet_are_not_selected(chunk_of):
    jet = (80.0, 0.1, 0.2, 5.0)
    selected = select(chunk_of([[], [jet], [jet, jet], [], [jet] * 3]), Selection("x"))
    assert selected.event_index.tolist() == [2, 4]
    assert selected.n_jets.tolist() == [2, 3]


def test_a_chunk_without_jets_or_events_gives_an_empty_selection(chunk_of):
    for events in ([], [[]], [[], []]):
        selected = select(chunk_of(events), Selection("x"))
        assert selected.pairs.shape == (0, 2)
        assert selected.m_jj.shape == (0,)
        assert selected.cutflow.counts.tolist() == [len(events), 0]


def test_an_event_of_a_thousand_jets_gives_its_two_hardest(chunk_of):
    pts = np.random.default_rng(1).permutation(np.linspace(51, 900, 1000))
    jets = [(pt, 0.0, 0.0, 1.0) for pt in pts]
    selected = select(chunk_of([[], jets, jets[:2]]), Selection("x"))
    assert selected.pairs[0].tolist() == np.argsort(-pts)[:2].tolist()
    assert selected.n_jets.tolist() == [1000, 2]


def test_jets_of_equal_pt_are_taken_in_the_containers_order(chunk_of):
    jets = [(60.0, 0.0, 0.0, 1.0), (80.0, 0.0, 1.0, 1.0), (80.0, 1.0, 2.0, 1.0), (80.0, 1, 3, 1.0)]
    assert select(chunk_of([jets]), Selection("x")).pairs.tolist() == [[1, 2]]
    in_order = select(chunk_of([jets]), Selection("x", jet_order="container"))
    assert in_order.pairs.tolist() == [[0, 1]]


def test_thresholds_are_exclusive(chunk_of):
    at, above = (50.0, 0.0, 0.0, 5.0), (50.01, 0.0, 0.0, 5.0)
    edge = (80.0, -2.5, 0.0, 5.0)
    selected = select(chunk_of([[at, above], [edge, above], [above, above]]), Selection("x"))
    assert selected.event_index.tolist() == [2]


def test_weights_of_the_cut_flow_are_exact_and_may_be_negative(chunk_of):
    jet = (80.0, 0.1, 0.2, 5.0)
    weights = [1.5, -2.25, 0.5, -4.0]
    clean = {"event_clean": np.array([1, 1, 1, 0], np.bool_)}
    chunk = chunk_of([[jet] * 2, [jet] * 2, [jet], [jet] * 2], weights, event_extra=clean)
    cutflow = select(chunk, Selection("x", event_cleaning=True)).cutflow
    assert cutflow.cuts == ("all events", "event cleaning", ">= 2 jets")
    assert cutflow.counts.tolist() == [4, 3, 2]
    assert cutflow.sum_of_weights.tolist() == [-4.25, -0.25, -0.75]
    assert cutflow.variance.tolist() == [23.5625, 7.5625, 7.3125]


def test_units_of_the_file_do_not_matter(chunk_of):
    chunk = chunk_of([[(80.0, 0.5, 0.2, 5.0), (70.0, -0.5, 2.2, 8.0)]])
    jets = chunk.jets
    in_gev = Jets(jets.pt / 1000, jets.eta, jets.phi, jets.m / 1000, jets.offsets, gev=1.0)
    selected = [
        select(EventChunk(j, chunk.weights), Selection("x")) for j in (jets, in_gev)
    ]  # fmt: skip
    assert selected[0].m_jj[0] == pytest.approx(selected[1].m_jj[0], rel=1e-6)
    assert selected[0].leading_pt.tolist() == pytest.approx([80.0])


def mass_of(*jets: tuple[float, float, float, float]) -> float:
    columns = np.array(jets, np.float64).T
    pair = SimpleNamespace(
        pt=columns[0], eta=columns[1], phi=columns[2], m=columns[3], gev=1.0
    )  # fmt: skip
    return float(dijet_mass(pair, np.array([[0, 1]]))[0])  # type: ignore[arg-type]


def test_the_mass_of_collinear_massless_jets_is_exactly_zero():
    for eta in (0.0, 0.3, 2.4999, -4.7):
        assert mass_of((3141.59, eta, 1.1, 0.0), (271.828, eta, 1.1, 0.0)) == 0.0


def test_a_negative_mass_squared_gives_zero_and_not_a_nan():
    assert mass_of((100.0, 1.0, 1.0, -5.0), (100.0, 1.0, 1.0, -5.0)) == 0.0
    assert mass_of((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)) == 0.0


def test_back_to_back_massless_jets_have_twice_their_momentum():
    assert mass_of((62.5, 0.0, 0.0, 0.0), (62.5, 0.0, math.pi, 0.0)) == pytest.approx(125.0)


PT, ETA, PHI, MASS = (
    st.floats(1, 5000),
    st.floats(-5, 5),
    st.floats(-math.pi, math.pi),
    st.floats(0, 100),
)


@given(st.tuples(PT, ETA, PHI, MASS), st.tuples(PT, ETA, PHI, MASS))
def test_the_mass_is_that_of_the_sum_of_four_vectors(first, second):
    sum_of_both = sum(
        np.array(
            [
                pt * math.cos(phi),
                pt * math.sin(phi),
                pt * math.sinh(eta),
                math.sqrt((pt * math.cosh(eta)) ** 2 + m**2),
            ],
            np.longdouble,
        )
        for pt, eta, phi, m in (first, second)
    )
    energy = float(sum_of_both[3])
    expected = sum_of_both[3] ** 2 - (sum_of_both[:3] ** 2).sum()
    # The difference of squares loses digits where ours does not: compare at its precision.
    assert mass_of(first, second) ** 2 == pytest.approx(
        float(expected), rel=1e-9, abs=1e-14 * energy**2
    )


def test_the_discriminant_has_the_formula_of_dl1_and_gn2():
    p = {f: np.array([v]) for f, v in {"b": 0.6, "c": 0.2, "u": 0.15, "tau": 0.05}.items()}
    assert b_tag_discriminant(p, {"c": 0.018})[0] == pytest.approx(
        math.log(0.6 / (0.018 * 0.2 + 0.982 * 0.15))
    )
    assert b_tag_discriminant(p, {"c": 0.2, "tau": 0.01})[0] == pytest.approx(
        math.log(0.6 / (0.2 * 0.2 + 0.01 * 0.05 + 0.79 * 0.15))
    )


@pytest.mark.parametrize(
    ("pb", "pc", "pu", "expected"),
    [
        (-1.0, -1.0, -1.0, -math.inf),
        (math.nan, 0.5, 0.5, -math.inf),
        (0.5, math.nan, 0.5, -math.inf),
        (-99.0, -99.0, -99.0, -math.inf),
        (999.0, 0.1, 0.1, -math.inf),
        (0.0, 0.0, 0.0, -math.inf),
        (0.0, 0.5, 0.5, -math.inf),
        (1.0, 0.0, 0.0, math.inf),
    ],
)
def test_a_jet_with_invalid_probabilities_is_never_tagged(pb, pc, pu, expected):
    p = {"b": np.array([pb]), "c": np.array([pc]), "u": np.array([pu])}
    assert b_tag_discriminant(p, {"c": 0.018})[0] == expected


def tagged(chunk_of: Any, tag: BTag, **columns: list[float]) -> SelectedEvents:
    jet = (80.0, 0.0, 0.0, 5.0)
    extra = {name: np.array(values, np.float32) for name, values in columns.items()}
    return select(chunk_of([[jet] * 3], extra=extra), Selection("x", b_tag=tag))


def test_a_raw_probability_is_cut_on(chunk_of):
    tag = BTag("DL1r", "probability", 0.8, {})
    assert required_columns(Selection("x", b_tag=tag)) == (("DL1r_pb",), ())
    selected = tagged(chunk_of, tag, DL1r_pb=[0.7, 0.9, 0.95])
    assert selected.pairs.tolist() == [[1, 2]]
    assert selected.cutflow.cuts == ("all events", ">= 2 jets", ">= 2 b-tagged jets")
    assert selected.cutflow.counts.tolist() == [1, 1, 1]
    assert not len(tagged(chunk_of, tag, DL1r_pb=[0.7, 0.9, 99.0]).m_jj)


def test_a_score_is_cut_on(chunk_of):
    tag = BTag("btagDeepFlavB", "score", 0.3, {})
    assert required_columns(Selection("x", b_tag=tag)) == (("btagDeepFlavB",), ())
    assert tagged(chunk_of, tag, btagDeepFlavB=[0.4, -1.0, 0.31]).pairs.tolist() == [[0, 2]]


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", ">f4"])
def test_compiled_code_finds_the_pairs_that_numpy_finds(monkeypatch, dtype):
    assert pairs.compiled() is not None
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, 5000)
    # few momenta: many are equal
    pt = rng.choice([20.0, 60.0, 75.0, 100.0], counts.sum()).astype(dtype)
    mask = pt > 50
    offsets = np.concatenate([[0], np.cumsum(counts)])
    accepted = AcceptedJets(np.arange(len(pt)), offsets).that(mask)
    for events in (np.flatnonzero(accepted.per_event() >= 2), np.zeros(0, np.int64)):
        found = leading_pairs(pt, accepted, events, by_pt=True)
        expected = highest_pairs(pt, accepted, events)
        assert found.shape == expected.shape == (len(events), 2)
        np.testing.assert_array_equal(found, expected)
        monkeypatch.setattr(pairs, "compiled", lambda: None)
        np.testing.assert_array_equal(leading_pairs(pt, accepted, events, by_pt=True), expected)
        monkeypatch.undo()


@pytest.mark.parametrize("b_tag", [None, DL1D])
@pytest.mark.parametrize("order", ["pt", "container"])
@pytest.mark.parametrize("jvt", [False, True])
def test_known_pairs_change_nothing_however_momenta_do(b_tag, order, jvt):
    """Few momenta and factors, which make equal momenta of different ones and the reverse."""
    rng = np.random.default_rng(1)
    events = [
        ([(rng.choice([60.0, 75.0, 100.0]), rng.choice([-3.0, -1.0, 0.0, 0.5, 2.4]),
           rng.uniform(-3, 3), rng.choice([0.0, 12.0]), rng.choice([0.3, 0.9, 0.99]),
           rng.random() < 0.8) for _ in range(rng.integers(0, 7))], rng.normal(), True)
        for _ in range(3000)
    ]  # fmt: skip
    selection = Selection("x", jet_order=order, b_tag=b_tag, jvt=jvt)
    chunk = chunk_from(events)
    jets = chunk.jets
    accepted = AcceptedJets(np.arange(len(jets.pt)), jets.offsets)
    known = KnownPairs.of(jets, accepted, by_pt=order == "pt")
    scales = np.array([0.8, 1.0, 1.0, 1.0, 1.0, 1.25], np.float32)
    factors = rng.choice(scales, len(jets.pt))
    shifted = replace(chunk, jets=replace(jets, pt=jets.pt * factors, m=jets.m * factors))
    found, expected = select(shifted, selection, known), select(shifted, selection)
    assert len(expected.event_index) > 100
    assert np.any(known.pairs[expected.event_index] != expected.pairs)
    for name in ("event_index", "pairs", "m_jj", "weights", "n_jets", "leading_pt"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@given(events=EVENTS, selection=SELECTIONS, size=st.sampled_from([0.01, 0.2, 0.5]))
def test_shifts_made_together_are_those_made_from_all_jets(events, selection, size):
    chunk = chunk_from(events)
    variations = [
        Variation("shift", direction, of)
        for of in (JetEnergyScale(size), JetEnergyResolution(size))
        for direction in ("up", "down")
    ]
    varied = select_varied(chunk, select(chunk, selection), selection, variations)
    for variation, found in zip(variations, varied, strict=True):
        shifted = replace(chunk, jets=shifted_jets(chunk.jets, variation))
        expected = select(shifted, selection)
        for name in ("m_jj", "weights", "n_jets", "leading_pt"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.cutflow.cuts == expected.cutflow.cuts
        np.testing.assert_array_equal(found.cutflow.counts, expected.cutflow.counts)


def test_gn2_needs_its_tau_output():
    selection = Selection("x", b_tag=GN2, jvt=True, event_cleaning=True)
    jets, events = required_columns(selection)
    assert jets == ("jvt", "GN2v01_pb", "GN2v01_pu", "GN2v01_pc", "GN2v01_ptau")
    assert events == ("event_clean",)
    assert required_columns(Selection("x")) == ((), ())


def test_of_jets_in_order_of_pt_the_first_two_are_taken_of_equal_ones_too():
    pt = np.array([60, 90, 80, 80, 70, 70, 70], np.float32)
    accepted = AcceptedJets(np.arange(7), np.array([0, 1, 4, 7]))
    pairs = leading_pairs(pt, accepted, np.array([1, 2]), by_pt=True)
    assert pairs.tolist() == [[1, 2], [4, 5]]
    # A later event with more than the one before is no jet out of order; a jet that is, counts.
    pt[3] = 95
    pairs = leading_pairs(pt, accepted, np.array([1, 2]), by_pt=True)
    assert pairs.tolist() == [[3, 1], [4, 5]]
