"""Branches that are read when they are first used."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from analysis.reading.branches import CLASSES, Postponed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "events.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("events", {"used": "f4", "unused": "i4", "jets": "var * float32"})
        for start in (0, 10):
            numbers = np.arange(start, start + 10)
            jets = ak.unflatten(np.arange(20, dtype="f4"), np.full(10, 2))
            tree.extend(
                {"used": numbers.astype("f4"), "unused": numbers.astype("i4"), "jets": jets}
            )
    return path


def is_postponed(branch: Any) -> bool:
    return type(branch) is Postponed


def assert_same_branches(found: Any, expected: Any) -> None:
    assert found.keys() == expected.keys()
    # The last first: what it refers to has not been read then.
    for name in reversed(expected.keys(recursive=False)):
        branch, other = found[name], expected[name]
        assert (branch.classname, branch.typename) == (other.classname, other.typename)
        assert branch.entry_offsets == other.entry_offsets
        assert type(branch.interpretation) is type(other.interpretation)
        assert branch.keys() == other.keys()
        leaves = zip(branch.member("fLeaves"), other.member("fLeaves"), strict=True)
        for leaf, other_leaf in leaves:
            counts = [each.member("fLeafCount") for each in (leaf, other_leaf)]
            names = [count and count.member("fName") for count in counts]
            assert names[0] == names[1]


def test_only_the_branches_that_are_used_are_read(path: Path) -> None:
    with uproot.open({path: None}, custom_classes=CLASSES) as file:
        used, *others = file["events"].branches
        assert file["events"]["used"] is used
        assert (used.name, is_postponed(used)) == ("used", True)
        assert used.num_baskets == 2
        assert isinstance(used, uproot.TBranch)
        assert not is_postponed(used)
        assert all(is_postponed(branch) for branch in others)


def test_a_branch_brings_along_the_one_that_counts_its_elements(path: Path) -> None:
    with uproot.open({path: None}, custom_classes=CLASSES) as file:
        tree = file["events"]
        (leaf,) = tree["jets"].member("fLeaves")
        assert leaf.member("fLeafCount").member("fName") == "njets"
        assert not is_postponed(tree["njets"])
        assert is_postponed(tree["unused"])
        assert ak.to_list(tree["jets"].array(entry_stop=2)) == [[0, 1], [2, 3]]


def test_branches_are_those_of_uproot(path: Path) -> None:
    with uproot.open(path) as expected, uproot.open({path: None}, custom_classes=CLASSES) as file:
        assert_same_branches(file["events"], expected["events"])
        for branch, other in zip(file["events"].branches, expected["events"].branches, strict=True):
            assert ak.array_equal(branch.array(), other.array())


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("physlite/uproot-issue-123b.root", "CollectionTree"),
        ("nanoaod/nano_tt_v12.root", "Events"),
    ],
)
def test_branches_of_the_public_files_are_those_of_uproot(
    test_data: Path, name: str, tree: str
) -> None:
    path = test_data / name
    with uproot.open(path) as expected, uproot.open({path: None}, custom_classes=CLASSES) as file:
        assert_same_branches(file[tree], expected[tree])


def test_an_attribute_that_no_branch_has_is_an_error(path: Path) -> None:
    with uproot.open({path: None}, custom_classes=CLASSES) as file:
        assert not hasattr(file["events"].branches[0], "nonsense")


def test_a_branch_that_could_not_be_read_fails_again_the_same_way() -> None:
    def fail() -> None:
        raise OSError("gone")

    branch = Postponed("pt", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            _ = branch.num_baskets
    assert branch.name == "pt"
