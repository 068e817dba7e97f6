"""Uploads on servers that behave otherwise than the one of the service tests."""

import zlib
from contextlib import contextmanager

import pytest

from tasks.framework.xrootd import transfer
from tasks.framework.xrootd.client import Entry
from tasks.framework.xrootd.errors import CorruptError, ExistsError, MissingError, WrongKindError

SIZE = 1000


class Eos:
    """A server in memory that refuses to rename onto a file, as EOS does."""

    url = "root://eos"

    def __init__(self, *, keeps_checksums: bool = True, drops: int = 0):
        self.files = {}
        self.leftovers = set()
        self.keeps_checksums = keeps_checksums
        self.drops = drops

    @contextmanager
    def writing(self, path, mode):
        content = bytearray()

        class File:
            def write(self, data, offset):
                content[offset:offset] = data

        yield File()
        self.files[path] = bytes(content[self.drops :])

    @contextmanager
    def reading(self, path):
        content = self.files[path]

        class File:
            def size(self):
                return len(content)

            def read(self, offset, length):
                return content[offset : offset + length]

        yield File()

    def stat(self, path):
        if path not in self.files:
            raise MissingError(path)
        is_directory = self.files[path] is None
        return Entry(path, len(self.files[path] or b""), 0, is_directory, 0, "1")

    def adler32(self, path, size):
        return f"{zlib.adler32(self.files[path]):08x}" if self.keeps_checksums else None

    def rename(self, source, destination):
        if destination in self.files:
            raise ExistsError(destination)
        self.files[destination] = self.files.pop(source)

    def remove_file(self, path):
        if path not in self.files:
            raise MissingError(path)
        del self.files[path]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"x" * SIZE)
    return path


@pytest.fixture(autouse=True)
def same_server(monkeypatch):
    """Leftovers are removed over a connection of their own; here it is the same server."""
    monkeypatch.setattr(transfer, "_impatient", lambda server: server)


def test_a_file_that_exists_is_replaced_where_renaming_refuses_to(source):
    server = Eos()
    server.files["/x.bin"] = b"old"
    assert transfer.upload(source, server, "/x.bin", 0o644).size == SIZE
    assert server.files == {"/x.bin": b"x" * SIZE}


def test_a_directory_is_not_replaced(source):
    server = Eos()
    server.files["/x.bin"] = None
    with pytest.raises(WrongKindError):
        transfer.upload(source, server, "/x.bin", 0o644)
    assert server.files == {"/x.bin": None}


def test_without_checksums_what_was_written_is_read_back(source):
    server = Eos(keeps_checksums=False)
    assert transfer.upload(source, server, "/x.bin", 0o644).size == SIZE


@pytest.mark.parametrize("keeps_checksums", [True, False])
def test_bytes_lost_on_the_server_are_noticed(source, keeps_checksums):
    server = Eos(keeps_checksums=keeps_checksums, drops=1)
    with pytest.raises(CorruptError, match="1000 bytes"):
        transfer.upload(source, server, "/x.bin", 0o644)
    assert server.files == {}


def test_copies_between_servers_are_checked_on_both_sides(source):
    here, there = Eos(), Eos()
    transfer.upload(source, here, "/x.bin", 0o644)
    transfer.copy(here, "/x.bin", there, "/y.bin", 0o644)
    assert there.files == {"/y.bin": b"x" * SIZE}
