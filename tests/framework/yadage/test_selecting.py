"""Expressions select what yadage's would, and say when they cannot."""

import pytest

from tasks.framework.errors import UserError
from tasks.framework.yadage.selecting import combined, find, output_of

TREE = {"skim": [{"id": 1}, {"id": 2}, {"id": 3}], "fit": [{"id": 4}], "a name": [0]}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("fit", [[{"id": 4}]]),
        ("skim[*].id", [1, 2, 3]),
        ("$.skim[1].id", [2]),
        ("skim[-1].id", [3]),
        ("skim[1:]", TREE["skim"][1:]),
        ("skim[7]", []),
        ("skim[-7]", []),
        ("fit,skim", [TREE["fit"], TREE["skim"]]),
        ("nothing", []),
        ("['a name'][0]", [0]),
        ("*", list(TREE.values())),
    ],
)
def test_the_part_of_jsonpath_that_workflows_use(expression, found):
    assert find(expression, TREE) == found


@pytest.mark.parametrize("expression", ["skim[?(@.id>1)]", "skim..id", "a | b", "skim[x]"])
def test_the_rest_of_jsonpath_is_refused_by_name(expression):
    with pytest.raises(UserError, match="is not understood"):
        find(expression, TREE)


def test_an_output_is_one():
    assert output_of({"a": {"b": [1, 2]}}, "a.b[1]", "here") == 2
    assert output_of({"a": 1}, None, "here") == {"a": 1}
    assert output_of({"a.b": 1}, "a.b", "here") == 1
    with pytest.raises(UserError, match=r"here: 2 outputs match 'a\[\*\]'"):
        output_of({"a": [1, 2]}, "a[*]", "here")


def test_a_single_output_may_be_unwrapped():
    assert combined([["a"]], flatten=True, unwrap=True) == "a"
    assert combined([["a"]], flatten=False, unwrap=True) == ["a"]
    assert combined([["a"], "b"], flatten=False, unwrap=True) == [["a"], "b"]
