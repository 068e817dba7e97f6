"""Branches whose baskets are counted when they are first used."""

import numpy as np
import pytest
import uproot

from analysis.reading.branches import CLASSES


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "events.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("events", {"used": "f4", "unused": "i4"})
        for start in (0, 10):
            numbers = np.arange(start, start + 10)
            tree.extend({"used": numbers.astype("f4"), "unused": numbers.astype("i4")})
    return path


def counted(branch):
    return "_num_normal_baskets" in vars(branch)


def test_only_the_branches_that_are_read_count_their_baskets(path):
    with uproot.open({path: None}, custom_classes=CLASSES) as file:
        used, unused = file["events"].branches
        assert not counted(used)
        assert used.num_baskets == 2
        assert counted(used)
        assert not counted(unused)


def test_branches_are_those_of_uproot(path):
    with uproot.open(path) as expected, uproot.open({path: None}, custom_classes=CLASSES) as file:
        for branch, other in zip(file["events"].branches, expected["events"].branches, strict=True):
            assert branch.classname == other.classname
            assert branch.entry_offsets == other.entry_offsets
            assert branch.typename == other.typename
            assert np.array_equal(branch.array(library="np"), other.array(library="np"))


def test_an_attribute_that_no_branch_has_is_an_error(path):
    with uproot.open({path: None}, custom_classes=CLASSES) as file:
        assert not hasattr(file["events"].branches[0], "nonsense")
