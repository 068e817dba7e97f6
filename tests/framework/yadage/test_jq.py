"""Scripts of jq: paths by ourselves, the rest by its library."""

import sys

import pytest

from tasks.framework.errors import UserError
from tasks.framework.yadage.jq import evaluate, results

VALUE = {"a": {"b": [1, 2]}, "files": [["x", "y"], ["z"]], "n": 3}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (".", [VALUE]),
        (".n", [3]),
        (".a.b", [[1, 2]]),
        (".a.b[]", [1, 2]),
        (".files[]", [["x", "y"], ["z"]]),
        (".a[]", [[1, 2]]),
        (".nothing", [None]),
    ],
)
def test_paths_take_no_library(script, expected, monkeypatch):
    monkeypatch.setitem(sys.modules, "jq", None)
    assert results(script, VALUE) == expected


def test_what_cannot_be_evaluated_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "jq", None)
    with pytest.raises(UserError, match="takes the package jq: pip install jq"):
        results(".files|length", VALUE)
    with pytest.raises(UserError, match="'n' is no list"):
        results(".n[]", VALUE)
    with pytest.raises(UserError, match="has no result"):
        evaluate(".none[]", {"none": []})
