"""Every type of publisher finds what a step made."""

import pytest

from tasks.framework.errors import UserError
from tasks.framework.yadage.publishing import initial, publish


@pytest.fixture
def workdir(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "result.yml").write_text("total: 3\nfiles: [a.txt]\n")
    return tmp_path


CASES = {
    "constant-pub": ({"publish": {"n": 1}}, {"n": 1}),
    "frompar-pub": (
        {"outputmap": {"out": "file", "all": "files"}},
        {"out": "F", "all": ["x"]},
    ),
    "interpolated-pub": ({"publish": {"out": "{workdir}/{n}.txt"}}, {"out": "W/2.txt"}),
    "fromglob-pub": (
        {"globexpression": "*.txt", "outputkey": "texts"},
        {"texts": ["W/a.txt", "W/b.txt"]},
    ),
    "fromyaml-pub": ({"yamlfile": "result.yml"}, {"total": 3, "files": ["a.txt"]}),
    "fromparjq-pub": ({"script": ".nested"}, {"deep": 1}),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_publisher(kind, workdir):
    publisher, expected = CASES[kind]
    parameters = {"file": "F", "files": ["x"], "n": 2, "nested": {"deep": 1}}
    result = publish({"publisher_type": kind, **publisher}, parameters, str(workdir))
    assert str(result).replace(str(workdir), "W") == str(expected)


def test_interpolation_may_look_for_files(workdir):
    publisher = {"publisher_type": "interpolated-pub", "glob": True, "relative_paths": True}
    found = publish({**publisher, "publish": {"out": "*.txt"}}, {}, str(workdir))
    assert found == {"out": [f"{workdir}/a.txt", f"{workdir}/b.txt"]}


def test_parameters_may_name_files(workdir):
    publisher = {"publisher_type": "fromparjq-pub", "relative_paths": True, "glob": True}
    found = publish(publisher, {"one": "a.txt", "many": "*.txt", "not": "c.txt"}, str(workdir))
    texts = [f"{workdir}/a.txt", f"{workdir}/b.txt"]
    assert found == {"one": texts[0], "many": texts, "not": "c.txt"}


def test_what_is_missing_is_named(workdir):
    with pytest.raises(UserError, match="there is no parameter 'x'"):
        publish({"publisher_type": "frompar-pub", "outputmap": {"o": "x"}}, {}, str(workdir))
    with pytest.raises(UserError, match="cannot be filled in"):
        publish({"publisher_type": "interpolated-pub", "publish": "{x}"}, {}, str(workdir))
    with pytest.raises(UserError, match="type 'manual-publishing' cannot be run"):
        publish({"publisher_type": "manual-publishing"}, {}, str(workdir))


def test_inputs_that_are_files_of_the_folder_get_their_paths(workdir):
    found = initial({"file": "a.txt", "name": "zh", "n": 3, "url": "root://a//b"}, str(workdir))
    assert found == {"file": f"{workdir}/a.txt", "name": "zh", "n": 3, "url": "root://a//b"}
    assert initial({"file": "a.txt"}, None) == {"file": "a.txt"}


def test_an_input_that_is_a_pattern_is_the_list_of_the_files(workdir):
    found = initial({"files": "*.txt", "none": "*.root", "name": "[GeV]"}, str(workdir))
    files = [f"{workdir}/a.txt", f"{workdir}/b.txt"]
    assert found == {"files": files, "none": "*.root", "name": "[GeV]"}
