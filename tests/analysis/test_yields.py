import json

import numpy as np
import pytest

from analysis.cutflow import Cutflow
from analysis.errors import AnalysisError
from analysis.inference import predict
from analysis.model import tutorial_workspace
from analysis.yields import cutflow_table, yields_table

FLOW = Cutflow(
    ("all events", ">= 2 jets"), np.array([100, 40]), np.array([50.0, 20.0]), np.array([30.0, 9.0])
)


def yields(**options):
    workspace = tutorial_workspace([5.0, 2.0], [49.0, 36.0], [40, 41])
    before = predict(workspace, fitted=False, strength=1.0)
    return yields_table(before, predict(workspace), **options)


def test_yields_are_those_of_the_model():
    rows = {row[0]: row[1:] for row in yields().rows}
    assert rows["singlechannel: signal"] == (7.0, 0.0)
    assert rows["singlechannel: background"][0] == 85.0
    assert rows["singlechannel: data"] == (81.0, 81.0)
    # 7 and 6 events of uncorrelated uncertainty
    assert rows["singlechannel: total"][0] == pytest.approx((92.0, np.hypot(7.0, 6.0)))


def test_a_cut_flow_has_counts_weights_and_fractions():
    table = cutflow_table({"zh": FLOW})
    assert table.rows[1] == (">= 2 jets", 40.0, (20.0, 3.0), 0.4)


def test_tables_are_text_latex_and_json():
    table = cutflow_table({"my_signal": FLOW}, notes=("synthetic sample",))
    assert "20.0 +- 3.0" in table.to_text()
    latex = table.to_latex()
    assert r"my\_signal" in latex
    assert r"$20.0 \pm 3.0$" in latex
    assert "$>$= 2 jets" in latex
    assert json.loads(json.dumps(table.to_dict()))["notes"] == ["synthetic sample"]
    assert table.to_text().endswith("synthetic sample")


def test_different_cuts_and_no_datasets_are_refused():
    other = Cutflow(("all events", "one"), FLOW.counts, FLOW.sum_of_weights, FLOW.variance)
    with pytest.raises(AnalysisError, match="'b' has other cuts"):
        cutflow_table({"a": FLOW, "b": other})
    with pytest.raises(AnalysisError, match="at least one dataset"):
        cutflow_table({})
