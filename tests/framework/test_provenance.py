"""What a record says of the files behind an output."""

import pytest

from tasks.framework import provenance

uproot = pytest.importorskip("uproot")


@pytest.fixture
def root_file(tmp_path):
    path = tmp_path / "events.root"
    with uproot.recreate(path) as file:
        file["note"] = "any content"
    return path


def test_a_small_root_file_is_told_by_its_checksum(root_file):
    assert provenance.source_fingerprint(str(root_file)) == provenance.fingerprint(str(root_file))


def test_a_large_root_file_is_told_by_its_uuid_and_not_read_whole(root_file, monkeypatch):
    monkeypatch.setattr(provenance, "LARGE", 100)
    found = provenance.source_fingerprint(str(root_file))
    with uproot.open(root_file) as file:
        assert found["root_uuid"] == str(file.file.uuid)
    assert found["size"] == root_file.stat().st_size
    assert found["adler32"] is None
    assert found["modified"].endswith("+00:00")


def test_outputs_and_other_large_files_keep_their_checksum(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "LARGE", 100)
    path = tmp_path / "events.parquet"
    path.write_bytes(b"a" * 1000)
    assert provenance.source_fingerprint(str(path)) == provenance.fingerprint(str(path))
    assert provenance.fingerprint(str(path))["adler32"] is not None
