"""Collections that list a directory without asking for it first."""

import law
import pytest

from tasks.framework.collection import NestedSiblingFileCollection, SiblingFileCollection, names_in


@pytest.fixture
def targets(tmp_path):
    made = [law.LocalFileTarget(str(tmp_path / f"{n % 2}/{n}.txt")) for n in range(10)]
    for target in made[:5]:
        target.touch()
    return made


def test_files_of_several_directories_are_counted(targets):
    collection = NestedSiblingFileCollection(dict(enumerate(targets)))
    assert collection.count(keys=True) == (5, [0, 1, 2, 3, 4])
    assert not collection.complete()
    assert NestedSiblingFileCollection(targets[:5]).complete()
    assert len(list(collection.iter_missing())) == 5
    assert len(list(collection.iter_all())) == 10


def test_files_of_one_directory_are_counted(targets):
    collection = SiblingFileCollection(targets[::2])
    assert collection.count() == 3
    assert "absent (3/5)" in collection.status_text()
    optional = law.LocalFileTarget(targets[8].path, optional=True)
    assert SiblingFileCollection([*targets[0:5:2], optional]).complete()


def test_a_missing_directory_has_no_names(tmp_path):
    assert names_in(law.LocalDirectoryTarget(str(tmp_path / "none"))) == frozenset()


def test_a_directory_that_cannot_be_read_is_an_error_not_empty():
    class Closed:
        def listdir(self):
            raise PermissionError

    with pytest.raises(PermissionError):
        names_in(Closed())
