"""The whole interface of law's targets, on a real server."""

import json

import law
import pytest

from tasks.framework.errors import UserError
from tasks.framework.xrootd.errors import ExistsError, MissingError


@pytest.fixture
def files(store, server):
    return store(server)


def test_what_is_dumped_can_be_loaded(files, server):
    target = files.child("a/b/limits.json", type="f")
    assert not target.exists()
    target.dump({"mu": 0.224}, formatter="json")
    assert target.exists()
    assert target.load(formatter="json") == {"mu": 0.224}
    assert json.loads((server.files / "a/b/limits.json").read_text()) == {"mu": 0.224}
    assert [path.name for path in server.files.rglob("*") if path.is_file()] == ["limits.json"]


def test_a_dump_replaces_what_was_there(files):
    target = files.child("x.json", type="f")
    target.dump([1] * 1000, formatter="json")
    target.dump([2], formatter="json")
    assert target.load(formatter="json") == [2]


def test_files_are_readable_by_others_as_local_ones_are(files, server):
    files.child("x.txt", type="f").touch()
    assert (server.files / "x.txt").stat().st_mode & 0o777 == 0o644


def test_an_open_file_is_uploaded_when_it_is_closed(files):
    target = files.child("x.txt", type="f")
    with target.open("w") as stream:
        stream.write("first\n")
        assert not target.exists()
    stream = target.open("a")
    stream.write("second\n")
    stream.close()
    with target.open("r") as stream:
        assert stream.read() == "first\nsecond\n"


def test_an_exception_while_writing_leaves_what_was_there(files):
    target = files.child("x.txt", type="f")
    target.dump("old", formatter="text")
    with pytest.raises(KeyError), target.open("w") as stream:
        stream.write("half")
        raise KeyError
    with pytest.raises(KeyError), target.localize("w") as local:
        local.dump("half", formatter="text")
        raise KeyError
    assert target.load(formatter="text") == "old"


def test_localize_reads_writes_and_updates(files):
    target = files.child("x.txt", type="f")
    with target.localize("w") as local:
        local.dump("one", formatter="text")
    with target.localize("r") as local:
        assert local.load(formatter="text") == "one"
        assert local.ext() == "txt"
    assert not local.exists()
    with target.localize("a") as local, local.open("a") as stream:
        stream.write(" two")
    assert target.load(formatter="text") == "one two"


def test_localizing_without_writing_is_an_error(files):
    with pytest.raises(FileNotFoundError), files.child("x.txt", type="f").localize("w"):
        pass


def test_a_missing_file_is_the_error_it_is_locally(files):
    target = files.child("none.json", type="f")
    for read in (target.stat, target.load, lambda: target.open("r"), target.copy_to_local):
        with pytest.raises(FileNotFoundError, match=r"store 'eos'.*none\.json"):
            read() if read != target.copy_to_local else read("/dev/shm/never")
    assert isinstance(MissingError("x"), FileNotFoundError)


def test_copies_and_moves_between_here_and_there(files, tmp_path):
    remote, local = files.child("x.txt", type="f"), law.LocalFileTarget(str(tmp_path / "x.txt"))
    local.dump("VHbb", formatter="text")
    remote.copy_from_local(local)
    assert remote.copy_to_local(str(tmp_path / "y.txt")) == str(tmp_path / "y.txt")
    assert (tmp_path / "y.txt").read_text() == "VHbb"
    remote.copy_to(law.LocalFileTarget(str(tmp_path / "deep/z.txt")))
    assert (tmp_path / "deep/z.txt").read_text() == "VHbb"
    remote.move_to_local(law.LocalFileTarget(str(tmp_path / "w.txt")))
    assert not remote.exists()
    remote.move_from_local(str(tmp_path / "w.txt"))
    assert remote.exists()
    assert not (tmp_path / "w.txt").exists()
    remote.copy_from(local)
    remote.copy_to_local(law.LocalDirectoryTarget(str(tmp_path / "deep")))
    assert (tmp_path / "deep/x.txt").exists()


def test_copies_and_moves_on_the_store(files, wire, store):
    first = store(wire).child("x.txt", type="f")
    first.dump("VHbb", formatter="text")
    second = first.sibling("y/copy.txt", type="f")
    first.copy_to(second)
    assert second.load(formatter="text") == "VHbb"
    wire.forget()
    second.move_to(first.sibling("z.txt", type="f"))
    assert not wire.requests.get("read")
    assert not second.exists()
    assert first.sibling("z.txt", type="f").load(formatter="text") == "VHbb"
    first.sibling("d", type="d").touch()
    first.move_to(first.sibling("d", type="d"))
    assert files.child("d/x.txt", type="f").exists()


def test_directories_behave_as_local_ones(files, tmp_path):
    for name in ("d/a.txt", "d/b.json", "d/e/c.txt"):
        files.child(name, type="f").touch()
    directory = files.child("d")
    assert isinstance(directory, type(files))
    assert sorted(directory.listdir()) == ["a.txt", "b.json", "e"]
    assert directory.listdir(type="d") == ["e"]
    assert sorted(directory.listdir(type="f")) == ["a.txt", "b.json"]
    assert directory.listdir(pattern="*.txt") == ["a.txt"]
    assert sorted(directory.glob("*/*.txt")) == ["e/c.txt"]
    assert [(len(folders), len(names)) for _, folders, names, _ in directory.walk()] == [
        (1, 2),
        (0, 1),
    ]
    directory.copy_to_local(str(tmp_path / "copy"))
    assert (tmp_path / "copy/e/c.txt").exists()
    directory.copy_to(law.LocalDirectoryTarget(str(tmp_path / "other")))
    assert (tmp_path / "other/e/c.txt").exists()
    files.child("f", type="d").copy_from(law.LocalDirectoryTarget(str(tmp_path / "copy")))
    assert files.child("f/e/c.txt", type="f").exists()
    files.child("f", type="d").move_to(files.child("g", type="d"))
    assert files.child("g/e/c.txt", type="f").exists()
    assert not files.child("f", type="d").exists()
    with files.child("g", type="d").localize("a") as local:
        local.child("new.txt", type="f").touch()
    assert sorted(files.child("g", type="d").listdir()) == ["a.txt", "b.json", "e", "new.txt"]
    directory.remove()
    assert not directory.exists()
    directory.remove()
    with pytest.raises(FileNotFoundError):
        directory.listdir()


def test_making_directories_twice_is_fine_and_over_a_file_is_not(files):
    files.child("d/e", type="d").touch()
    files.child("d/e", type="d").touch()
    files.child("f", type="f").touch()
    with pytest.raises((ExistsError, NotADirectoryError)):
        files.child("f", type="d").touch()
    with pytest.raises(ExistsError):
        files.fs.mkdir("/d/e", silent=False)
    assert not files.child("f/below", type="f").exists()


def test_sizes_and_times_are_those_of_the_file(files, server):
    target = files.child("x.bin", type="f")
    with target.open("wb") as stream:
        stream.write(b"x" * 1234)
    told, real = target.stat(), (server.files / "x.bin").stat()
    assert (told.st_size, int(told.st_mtime)) == (1234, int(real.st_mtime))
    assert files.fs.isfile("/x.bin")
    assert files.fs.isdir("/")


def test_uris_name_the_file_on_the_server(files, server):
    target = files.child("a/x.txt", type="f")
    assert target.uri() == f"{server.url}/a/x.txt"
    assert target.uri(return_all=True) == [target.uri()]
    assert target.parent.child("x.txt", type="f").uri() == target.uri()
    with pytest.raises(UserError, match=r"no path below"):
        files.child("../../x", type="f").exists()


def test_uproot_writes_and_reads_through_its_formatter(files):
    numpy = pytest.importorskip("numpy")
    law.contrib.load("root")
    target = files.child("x.root", type="f")
    with target.dump(formatter="uproot") as file:
        file["h"] = numpy.histogram([1.0, 2.0], bins=2)
    with target.load(formatter="uproot") as file:
        assert file["h"].values().tolist() == [1, 1]


def test_other_formatters_work_as_locally(files):
    law.contrib.load("numpy")
    numpy = pytest.importorskip("numpy")
    target = files.child("x.npz", type="f")
    target.dump(a=numpy.arange(3), formatter="numpy")
    assert target.load(formatter="numpy")["a"].tolist() == [0, 1, 2]
