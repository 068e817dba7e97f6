from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.catalogue.units import (
    parse_cross_section,
    parse_energy,
    parse_luminosity,
    parse_percent,
)
from analysis.errors import AnalysisError

positive = st.floats(min_value=1e-100, max_value=1e100)
PARSERS = {
    parse_cross_section: "44.837 fb",
    parse_luminosity: "140.1 /fb",
    parse_energy: "50 GeV",
    parse_percent: "0.83 %",
}


@given(positive)
def test_the_base_unit_gives_the_number_itself(value):
    assert parse_cross_section(f"{value!r} fb") == value
    assert parse_luminosity(f"{value!r} /fb") == value
    assert parse_energy(f"{value!r} GeV") == value


@given(positive, st.sampled_from([("fb", 0), ("pb", 3), ("nb", 6)]))
def test_a_cross_section_is_the_same_float_in_every_unit(value, unit):
    name, power = unit
    assert parse_cross_section(f"{Decimal(repr(value)).scaleb(-power)} {name}") == value


@given(positive, st.sampled_from([("fb", 0), ("pb", 3), ("nb", 6)]))
def test_a_luminosity_is_the_same_float_in_every_unit_and_spelling(value, unit):
    name, power = unit
    number = Decimal(repr(value)).scaleb(power)
    spelled = (f"/{name}", f"1/{name}", f"{name}^-1", f"{name}-1", f"/ {name}", f"{name}^(-1)")
    assert {parse_luminosity(f"{number} {one}") for one in spelled[1:]} == {value}
    assert parse_luminosity(f"{number} {spelled[0]}") == value


@given(st.floats(min_value=0, max_value=1e6))
def test_percent_is_a_hundredth(value):
    assert parse_percent(f"{value!r} %") == float(Decimal(repr(value)) / 100)


@pytest.mark.parametrize(
    ("text", "fb"),
    [
        ("44.837 fb", 44.837),
        ("44.837fb", 44.837),
        ("  44.837   fb ", 44.837),
        (".5 pb", 500.0),
        ("5. pb", 5000.0),
        ("+1e-3 nb", 1000.0),
        ("1E3 fb", 1000.0),
        ("0.044837 pb", 44.837),
    ],
)
def test_spellings_of_a_cross_section(text, fb):
    assert parse_cross_section(text) == fb


@pytest.mark.parametrize(
    ("text", "gev"), [("50 GeV", 50.0), ("50000 MeV", 50.0), ("1 TeV", 1000.0), ("-0.5 GeV", -0.5)]
)
def test_spellings_of_an_energy(text, gev):
    assert parse_energy(text) == gev


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (44.837, "44.837 has no unit"),
        (44, "44 has no unit"),
        ("44.837", "'44.837' has no unit"),
        ("44.837 barn", "unknown unit 'barn'"),
        ("44.837 FB", "unknown unit 'FB'"),
        ("44,837 fb", "unknown unit ',837 fb'"),
        ("1 2 fb", "unknown unit '2 fb'"),
        ("fb", "is not a number with a unit"),
        ("", "is not a number with a unit"),
        (True, "True is not a number with a unit"),
        (None, "None is not a number with a unit"),
        (["1 fb"], "is not a number with a unit"),
        ("٣ fb", "is not a number with a unit"),
        ("1_000 fb", "unknown unit '_000 fb'"),
    ],
)
def test_what_is_no_quantity_is_refused_with_an_example(parse, text, message):
    with pytest.raises(AnalysisError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert PARSERS[parse] in str(caught.value)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "Infinity", "1e400", "-1e400"])
def test_what_is_not_finite_is_refused(parse, number):
    unit = PARSERS[parse].split()[1]
    with pytest.raises(AnalysisError, match="is not finite"):
        parse(f"{number} {unit}")


def test_a_number_that_is_finite_only_in_its_own_unit_is_refused():
    with pytest.raises(AnalysisError, match="is not finite"):
        parse_cross_section("1e307 nb")


@pytest.mark.parametrize("number", ["0", "-1", "0.0", "-0", "1e-400", "1e-999999999999"])
def test_zero_and_negative_cross_sections_and_luminosities_are_refused(number):
    with pytest.raises(AnalysisError, match="must be greater than zero"):
        parse_cross_section(f"{number} fb")
    with pytest.raises(AnalysisError, match="must be greater than zero"):
        parse_luminosity(f"{number} /fb")


def test_a_negative_uncertainty_is_refused_and_none_is_zero():
    with pytest.raises(AnalysisError, match="must not be negative"):
        parse_percent("-1 %")
    assert parse_percent("0 %") == 0.0


@pytest.mark.parametrize(
    "text", ["140.1 fb", "140.1 /GeV", "140.1 fb^-2", "140.1 //fb", "140.1 /FB"]
)
def test_a_luminosity_needs_an_inverse_cross_section(text):
    with pytest.raises(AnalysisError, match="unknown unit"):
        parse_luminosity(text)


def test_a_cross_section_is_not_inverse():
    with pytest.raises(AnalysisError, match="unknown unit '/fb'"):
        parse_cross_section("140.1 /fb")
