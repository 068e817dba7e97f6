import csv

import pytest

from analysis.catalogue import dsid_facts
from analysis.catalogue.metadata import TABLE, _table
from analysis.errors import AnalysisError


def test_the_facts_of_ttbar_are_those_of_the_public_table_in_fb():
    facts = dsid_facts(410470)
    assert facts.name == "PhPy8EG_A14_ttbar_hdamp258p75_nonallhad"
    assert facts.cross_section == 729770.0
    assert facts.filter_efficiency == 0.5437965
    assert facts.k_factor == 1.139756362


def test_an_unknown_dsid_says_what_to_do():
    with pytest.raises(
        AnalysisError, match=r"DSID 345055 is not among the 373 of dsids.csv: leave"
    ):
        dsid_facts(345055)


@pytest.mark.parametrize("dsid", sorted(_table()))
def test_every_sample_can_be_scaled(dsid):
    facts = dsid_facts(dsid)
    assert facts.dsid == dsid
    assert facts.name.isprintable()
    assert facts.cross_section > 0
    assert 0 < facts.filter_efficiency <= 1
    assert facts.k_factor > 0


def test_the_table_says_where_it_is_from():
    header = [line for line in TABLE.read_text().splitlines() if line.startswith("#")]
    assert any("ATLAS Open Data" in line and "iris-hep/agc-physlite" in line for line in header)


@pytest.mark.realdata
def test_the_table_agrees_with_the_public_one(test_data):
    with (test_data / "meta/agc_physlite_metadata.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == len(_table())
    for row in rows:
        facts = dsid_facts(int(row["dataset_number"]))
        assert facts.name == row["physics_short"]
        assert facts.cross_section == pytest.approx(float(row["crossSection_pb"]) * 1000, rel=1e-15)
        assert facts.filter_efficiency == float(row["genFiltEff"])
        assert facts.k_factor == float(row["kFactor"])
