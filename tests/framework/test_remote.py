"""Stores of law.cfg that are not a folder, as far as no server is needed."""

import law
import pytest

from tasks.framework import remote, storage
from tasks.framework.errors import UserError
from tasks.framework.xrootd import XRootDDirectoryTarget, XRootDFileTarget
from tasks.framework.xrootd.retry import Retry

BASE = "root://localhost:1//eos"


@pytest.fixture
def configured(monkeypatch):
    """Write a section [store_eos]."""
    kept = dict(law.config.items("store_eos")) if law.config.has_section("store_eos") else {}

    def write(**options):
        law.config.remove_section("store_eos")
        law.config.update({"store_eos": options})
        remote._root.cache_clear()

    yield write
    write(**kept)


def test_options_become_those_of_the_file_system(configured, tmp_path):
    configured(
        base=BASE,
        timeout="2m",
        retries="7",
        retry_delay="3s",
        use_cache="True",
        cache_root=str(tmp_path / "cache"),
        cache_max_size="5GB",
        credentials="",
    )
    directory = storage.directory("eos", "Fit", "v1")
    assert isinstance(directory, XRootDDirectoryTarget)
    target = directory.child("x.json", type="f")
    assert isinstance(target, XRootDFileTarget)
    assert target.uri() == f"{BASE}/Fit/v1/x.json"
    interface = directory.fs.file_interface
    assert interface.server.timeout == 120
    assert interface.retry_policy == Retry(7, 3.0)
    assert directory.fs.copies.max_size == 5 * 1024**3
    assert storage.directory("eos", "Fit", "v1").fs is directory.fs


def test_without_options_there_are_defaults_and_no_cache(configured):
    configured(base=BASE)
    fs = storage.directory("eos").fs
    assert fs.copies is None
    assert fs.file_interface.retry_policy == Retry()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "davs://host/path"}, "needs `interface: gfal`"),
        ({"base": BASE, "interface": "ftp"}, "neither xrootd nor gfal"),
        ({"base": "root://host"}, "no XRootD URL"),
        ({"base": BASE, "use_cache": "True", "cache_max_size": "many"}, "of law.cfg"),
        ({"base": BASE, "timeout": "soon"}, "of law.cfg"),
        ({"base": BASE, "credentials": "luck"}, "unknown kind of credentials 'luck'"),
        ({"base": "$VHBB_NOT_SET"}, "is not set; export it"),
    ],
)
def test_a_wrong_section_is_told_in_one_line(configured, options, message, monkeypatch, tmp_path):
    monkeypatch.setenv("LAW_HOME", str(tmp_path))
    configured(**options)
    with pytest.raises(UserError, match=message):
        storage.directory("eos", "Fit")


def test_a_store_through_gfal_wants_its_credentials_too(configured, monkeypatch, tmp_path):
    monkeypatch.setenv("KRB5CCNAME", str(tmp_path / "none"))
    configured(base="davs://host/path", interface="gfal", credentials="krb5")
    with pytest.raises(UserError, match=r"store 'eos': no valid credentials .*kinit"):
        storage.directory("eos", "Fit")


def test_file_urls_are_local(configured, tmp_path):
    configured(base=f"file://{tmp_path}/here")
    assert storage.directory("eos", "Fit").abspath == f"{tmp_path}/here/Fit"


def test_paths_cannot_leave_the_store(configured):
    configured(base=BASE)
    for part in ("..", "a/b", ""):
        with pytest.raises(UserError, match="cannot be part"):
            storage.directory("eos", part)


def test_single_files_have_targets():
    target = remote.file_target("root://localhost:1//eos/a/x.root")
    assert target.uri() == "root://localhost:1//eos/a/x.root"
    with pytest.raises(UserError, match="no XRootD URL"):
        remote.file_target("/eos/x.root")


def test_what_a_server_does_not_tell_is_none():
    url = "https://example.org/x.root"
    assert remote.fingerprint(url) == {"uri": url, "size": None, "adler32": None}


def test_local_files_are_not_staged(tmp_path):
    paths = [str(tmp_path / "x.root"), "https://example.org/x.root"]
    with remote.staged(paths, copy=True) as staged:
        assert staged == paths
    with remote.staged(["root://localhost:1//x"], copy=False) as staged:
        assert staged == ["root://localhost:1//x"]
