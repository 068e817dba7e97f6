"""What operations cost, counted on the way to the server."""

import law
import pytest

from tasks.framework.collection import NestedSiblingFileCollection, SiblingFileCollection
from tasks.framework.xrootd.interface import listings


@pytest.fixture
def files(wire, store):
    return store(wire)


def test_a_collection_is_one_listing_per_directory(files, wire, server):
    for directory in ("a", "b"):
        (server.files / directory).mkdir()
        for number in range(0, 300, 2):
            (server.files / directory / f"{number}.json").touch()
    targets = {
        number: files.child(f"{'ab'[number % 2]}/{number // 2}.json", type="f")
        for number in range(600)
    }
    files.listdir()
    wire.forget()
    collection = NestedSiblingFileCollection(targets)
    assert collection.count() == 300
    assert wire.requests == {"dirlist": 2}
    wire.forget()
    assert SiblingFileCollection([targets[0], targets[2]]).count() == 1
    assert not collection.complete()
    assert wire.requests == {"dirlist": 3}


def test_a_collection_in_a_directory_that_is_missing_is_one_request(files, wire):
    files.listdir()
    wire.forget()
    collection = SiblingFileCollection([files.child(f"none/{n}", type="f") for n in range(100)])
    assert collection.count() == 0
    assert not collection.exists()
    assert wire.requests == {"dirlist": 2}
    assert "absent (0/100)" in collection.status_text()


def test_a_collection_from_a_directory_is_one_listing(files, wire, server):
    for number in range(10):
        (server.files / f"{number}.txt").touch()
    (server.files / "folder").mkdir()
    assert len(SiblingFileCollection.from_directory(files)) == 10
    assert wire.requests == {"dirlist": 1}


def test_status_reports_cost_listings_not_stats(files, wire, server):
    for number in range(3):
        (server.files / f"{number}.txt").touch()
    with listings():
        found = [files.child(f"{number}.txt", type="f").exists() for number in range(6)]
        assert not files.child("none/x.txt", type="f").exists()
    assert found == [True] * 3 + [False] * 3
    assert wire.requests == {"dirlist": 2}
    wire.forget()
    (server.files / "5.txt").touch()
    assert files.child("5.txt", type="f").exists()
    assert wire.requests == {"stat": 1}


def test_a_small_file_is_six_requests_to_write_and_four_to_read(files, wire):
    target = files.child("a/b/x.json", type="f")
    target.dump([1], formatter="json")
    expected = {"open": 1, "write": 1, "close": 1, "stat": 1, "query": 1, "mv": 1}
    assert wire.requests == expected
    wire.forget()
    assert target.load(formatter="json") == [1]
    assert sum(wire.requests.values()) <= 5
    assert "stat" not in wire.requests


def test_removing_a_directory_lists_it_once(files, wire, server):
    (server.files / "d").mkdir()
    for number in range(20):
        (server.files / "d" / str(number)).touch()
    (server.files / "d").chmod(0o777)
    wire.forget()
    files.child("d", type="d").remove()
    assert wire.requests == {"rm": 21, "dirlist": 1, "rmdir": 1}
    assert not (server.files / "d").exists()


def test_collections_can_be_localized_and_removed(files, server):
    collection = SiblingFileCollection([files.child(f"{n}.txt", type="f") for n in range(3)])
    with collection.localize("w") as local:
        for target in law.util.flatten(local.targets):
            target.dump("VHbb", formatter="text")
    assert collection.complete()
    with collection.localize("r") as local:
        assert [t.load(formatter="text") for t in local.targets] == ["VHbb"] * 3
    collection.remove()
    assert list(server.files.iterdir()) == []
