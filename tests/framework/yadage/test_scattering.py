"""Stages of many steps are divided as yadage divides them."""

import pytest

from tasks.framework.errors import UserError
from tasks.framework.yadage.scattering import scattered


def scatter(method, *names, **more):
    return {"scatter": {"method": method, "parameters": list(names)}, **more}


def test_zip_goes_through_lists_in_step():
    steps = scattered({"x": [1, 2], "y": ["ab"], "z": 0}, scatter("zip", "x"))
    assert [step["x"] for step in steps] == [1, 2]
    assert all(step["y"] == ["ab"] and step["z"] == 0 for step in steps)


def test_cartesian_takes_every_combination_the_last_fastest():
    steps = scattered({"x": [1, 2], "y": [3, 4]}, scatter("cartesian", "x", "y"))
    assert [(s["x"], s["y"]) for s in steps] == [(1, 3), (1, 4), (2, 3), (2, 4)]


@pytest.mark.parametrize(
    ("option", "groups"),
    [
        ({"batchsize": 2}, [[1, 2], [3, 4], [5]]),
        ({"partitionsize": 2}, [[1, 2], [3, 4, 5]]),
        ({"partitionsize": 9}, [[1], [2], [3], [4], [5]]),
    ],
)
def test_lists_are_cut_by_size_or_by_number(option, groups):
    steps = scattered({"x": [1, 2, 3, 4, 5]}, scatter("zip", "x", **option))
    assert [step["x"] for step in steps] == groups


def test_an_empty_list_makes_no_steps():
    assert scattered({"x": []}, scatter("zip", "x", partitionsize=3)) == []


def test_what_is_no_list_or_no_method_is_named():
    with pytest.raises(UserError, match="scatter over 'x': 3 is no list"):
        scattered({"x": 3}, scatter("zip", "x"))
    with pytest.raises(UserError, match="unknown method 'dot'"):
        scattered({"x": [3]}, scatter("dot", "x"))
