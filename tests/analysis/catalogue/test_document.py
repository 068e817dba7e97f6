import os

import pytest

from analysis.catalogue.document import read_document
from analysis.errors import AnalysisError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("signals: [1, 2", ", line 2: malformed YAML"),
        ("a: 1\nb: {c: 2\nd: 3\n", ", line 3: malformed YAML"),
        ("a: 1\n\tb: 2", ", line 2: malformed YAML: found a tab"),
        ("a: b: c", ", line 1: malformed YAML: mapping values are not allowed"),
        ("a: *nothing", ", line 1: malformed YAML: found undefined alias"),
        ("a: 1\n---\nb: 2", ", line 2: malformed YAML: but found another document"),
        ("a: 1\na: 2", ", line 2: duplicate key 'a': keep one"),
        ("x:\n  y: {a: 1, b: 2, a: 3}", ", line 2: duplicate key 'a': keep one"),
        ("x:\n- {a: 1}\n- {a: 1, 'a': 3}", ", line 3: duplicate key 'a': keep one"),
        ("", ": is empty: a catalogue is a mapping"),
        ("# only a comment", ": is empty: a catalogue is a mapping"),
        ("- a\n- b", ": is a list: a catalogue is a mapping"),
        ("just text", ": is a str: a catalogue is a mapping"),
        ("[a]: 1\n? {b: c}\n: 2", ", line 1: found unhashable key"),
    ],
)
def test_what_is_no_catalogue_is_refused_with_its_line(write, text, message):
    path = write(text)
    with pytest.raises(AnalysisError) as caught:
        read_document(path)
    told = str(caught.value).removeprefix(str(path))
    assert told.startswith(message)
    assert told.isprintable()


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object:os.system",
        "!!python/object/apply:os.system",
        "!!python/object/new:os.system",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple",
        "!include",
    ],
)
def test_yaml_that_would_construct_an_object_is_refused(write, tmp_path, tag):
    path = write(f"a: 1\nb: {tag} ['touch {tmp_path}/pwned']\n")
    with pytest.raises(AnalysisError, match=r"line 2: the tag .* constructs an object, which is"):
        read_document(path)
    assert os.listdir(tmp_path) == ["my.yaml"]


@pytest.mark.parametrize("content", [b"a: \xff\xfe\xff", b"a: \x00", b"\xff\xfea"])
def test_a_binary_file_is_refused(tmp_path, content):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    with pytest.raises(AnalysisError) as caught:
        read_document(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AnalysisError, match=r"catalogue .*/none.yaml: No such file or directory: "):
        read_document(tmp_path / "none.yaml")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(AnalysisError, match="Is a directory"):
        read_document(tmp_path)


@pytest.mark.parametrize("text", ["1e-3", "1E3", "+1e3", "-2.5e-3", "2.e1"])
def test_a_number_with_an_exponent_is_a_number(write, text):
    assert read_document(write(f"a: {text}")) == {"a": float(text)}


@pytest.mark.parametrize("text", ["1e-3 fb", "'1e-3'", "e3", "1e", "345055a"])
def test_other_texts_stay_texts(write, text):
    assert read_document(write(f"a: {text}")) == {"a": text.strip("'")}


def test_merge_keys_may_override(write):
    text = "c: {<<: &b {<<: &a {x: 1, y: 1}, x: 2}}\nd: {e: {<<: *b, y: 3}}\nf: {<<: [*a, *b]}"
    assert read_document(write(text))["d"] == {"e": {"x": 2, "y": 3}}


def test_a_list_within_itself_does_not_hang(write):
    assert "a" in read_document(write("a: &a [*a]"))


def test_a_changed_file_is_read_again(write):
    assert read_document(write("a: 1")) == {"a": 1}
    assert read_document(write("a: 12")) == {"a": 12}


def test_an_unchanged_file_is_parsed_once(write):
    path = write("a: 1")
    assert read_document(path) is read_document(path)


@pytest.mark.parametrize("text", ["a: 2024-13-45", "a: !!float abc", "a: !!int ''"])
def test_a_value_that_pyyaml_stumbles_over_is_refused(write, text):
    with pytest.raises(AnalysisError, match="not valid YAML"):
        read_document(write(text))
