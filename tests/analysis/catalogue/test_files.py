import os

import pytest

from analysis.catalogue.files import absolute, expand, is_remote, refuse_duplicates
from analysis.errors import AnalysisError


@pytest.fixture
def files(tmp_path):
    for name in ("b.root", "a.root", "sub/c.root", "sub/deep/d.root", "odd[1].root", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(paths, folder):
    return [os.path.relpath(path, folder) for path in paths]


def test_a_relative_path_is_relative_to_the_catalogue(tmp_path):
    assert absolute("x/../a.root", tmp_path) == str(tmp_path / "a.root")


def test_an_absolute_path_stays(tmp_path):
    assert absolute("/data/a.root", tmp_path) == "/data/a.root"


def test_home_and_variables_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/higgs")
    monkeypatch.setenv("SAMPLES", "/eos/samples")
    assert absolute("~/a.root", tmp_path) == "/home/higgs/a.root"
    assert absolute("$SAMPLES/a.root", tmp_path) == "/eos/samples/a.root"
    assert absolute("${SAMPLES}/a.root", tmp_path) == "/eos/samples/a.root"


def test_variables_are_expanded_in_uris(tmp_path, monkeypatch):
    monkeypatch.setenv("EOS_HOST", "eospublic.cern.ch")
    assert absolute("root://$EOS_HOST//a.root", tmp_path) == "root://eospublic.cern.ch//a.root"


@pytest.mark.parametrize("pattern", ["$NOT_SET/a.root", "${NOT_SET}/a.root"])
def test_an_unset_variable_is_named(tmp_path, monkeypatch, pattern):
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(AnalysisError, match=r"the variable \$\{?NOT_SET\}? is not set: export it"):
        absolute(pattern, tmp_path)


@pytest.mark.parametrize("host", ["", "localhost"])
def test_a_file_uri_is_a_local_path(tmp_path, host):
    assert absolute(f"file://{host}/data/a%20b.root", tmp_path) == "/data/a b.root"


@pytest.mark.parametrize("uri", ["file://data/a.root", "file://"])
def test_a_file_uri_with_two_slashes_is_refused(tmp_path, uri):
    with pytest.raises(AnalysisError, match="must have three slashes"):
        absolute(uri, tmp_path)


@pytest.mark.parametrize(
    "uri", ["root://eospublic.cern.ch//eos/a.root", "https://host/a.root?x=1", "http://host/a.root"]
)
def test_remote_uris_stay(tmp_path, uri):
    assert absolute(uri, tmp_path) == uri
    assert expand([uri]) == (uri,)
    assert is_remote(uri)


def test_a_path_with_a_colon_is_local(tmp_path):
    assert not is_remote(absolute("a:b.root", tmp_path))


@pytest.mark.parametrize("uri", ["gopher://host/a.root", "roots://host/a.root", "HTTPS://h/a.root"])
def test_an_unknown_scheme_is_refused_with_the_known(tmp_path, uri):
    with pytest.raises(AnalysisError, match=r"unknown scheme: give a local path or root://, https"):
        absolute(uri, tmp_path)


def test_a_remote_glob_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="patterns are for local paths"):
        absolute("root://host//eos/*.root", tmp_path)


def test_the_files_of_a_glob_are_sorted(files):
    assert names(expand([f"{files}/[ab].root"]), files) == ["a.root", "b.root"]


def test_patterns_keep_their_order(files):
    found = expand([f"{files}/sub/*.root", f"{files}/a.root"])
    assert names(found, files) == ["sub/c.root", "a.root"]


def test_two_stars_go_into_folders(files):
    assert names(expand([f"{files}/sub/**/*.root"]), files) == ["sub/c.root", "sub/deep/d.root"]


def test_a_glob_leaves_folders_out(files):
    assert names(expand([f"{files}/sub/*"]), files) == ["sub/c.root"]


def test_a_name_with_brackets_is_found(files):
    assert names(expand([f"{files}/odd[1].root"]), files) == ["odd[1].root"]


def test_a_missing_file_is_named(files):
    with pytest.raises(AnalysisError, match=r"there is no file '.*/none.root': correct the path"):
        expand([f"{files}/none.root"])


def test_a_glob_without_match_is_named(files):
    with pytest.raises(AnalysisError, match=r"no file matches '.*/z\*.root': correct the path"):
        expand([f"{files}/a.root", f"{files}/z*.root"])


def test_a_folder_is_refused_with_the_glob_to_write(files):
    with pytest.raises(AnalysisError, match=r"is a folder: write '.*/sub/\*.root'"):
        expand([f"{files}/sub"])


def test_a_file_in_two_patterns_is_refused(files):
    with pytest.raises(AnalysisError, match=r"'.*/a.root' occurs twice: its events would count"):
        expand([f"{files}/a.root", f"{files}/*.root"])


def test_a_link_to_a_listed_file_is_refused(files):
    (files / "z.root").symlink_to(files / "a.root")
    with pytest.raises(AnalysisError, match=r"'.*/z.root' occurs twice \(also as '.*/a.root'\)"):
        expand([f"{files}/?.root"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("root://host//eos/a.root", "root://host//eos/a.root"),
        ("root://host//eos/a.root", "root://host:1094//eos/a.root"),
        ("root://host//eos/a.root", "root://HOST//eos//a.root"),
        ("root://host//eos/a.root", "root://me@host/eos/a.root"),
        ("/eos/a.root", "/eos/a.root"),
    ],
)
def test_spellings_of_one_file_are_duplicates(one, other):
    with pytest.raises(AnalysisError, match="occurs twice"):
        refuse_duplicates([one, "/eos/b.root", other])


@pytest.mark.parametrize(
    "other",
    [
        "root://other//eos/a.root",
        "root://host:1095//eos/a.root",
        "root://host//eos/A.root",
        "https://host/eos/a.root",
        "/eos/a.root",
    ],
)
def test_other_files_are_no_duplicates(other):
    refuse_duplicates(["root://host//eos/a.root", other])


def test_an_unknown_user_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="there is no such user"):
        absolute("~nobody-of-that-name/a.root", tmp_path)


@pytest.mark.parametrize("uri", ["file://[::1/x", "root://[h/x"])
def test_a_broken_uri_is_refused(tmp_path, uri):
    with pytest.raises(AnalysisError, match="is not a valid URI"):
        absolute(uri, tmp_path)


def test_a_file_that_cannot_be_looked_up_is_not_called_missing():
    with pytest.raises(AnalysisError, match="cannot be looked up: File name too long"):
        expand(["/tmp/" + "a" * 300])


def test_a_path_through_a_file_is_missing(files):
    with pytest.raises(AnalysisError, match="there is no file"):
        expand([f"{files}/a.root/b.root"])
