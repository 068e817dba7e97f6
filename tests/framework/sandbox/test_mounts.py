import os

import law
import pytest

from tasks.framework.errors import UserError
from tasks.framework.sandbox import mounts
from tasks.framework.sandbox.mounts import Mount


def test_an_input_is_mounted_alone_and_read_only(tmp_path):
    (tmp_path / "a.root").touch()
    (tmp_path / "secret").touch()
    path = str(tmp_path / "a.root")
    assert mounts.input_mounts([path, f"file://{path}"]) == [Mount(path, path, writable=False)]


def test_many_inputs_of_a_folder_are_mounted_by_their_folder(tmp_path):
    paths = [str(tmp_path / f"{i}.root") for i in range(mounts.FILES_PER_FOLDER + 1)]
    for path in paths:
        open(path, "w").close()
    assert mounts.input_mounts(paths) == [Mount.same(tmp_path)]
    assert len(mounts.input_mounts(paths[1:])) == mounts.FILES_PER_FOLDER


@pytest.mark.parametrize("path", ["/nowhere/x.root", "nowhere.root"])
def test_an_input_that_does_not_exist_is_named(path):
    with pytest.raises(UserError, match=r"nowhere.*cannot be mounted.*does not exist"):
        mounts.input_mounts([path])


def test_folders_of_outputs_are_made_and_writable(tmp_path):
    target = law.LocalFileTarget(tmp_path / "task" / "v1" / "x.root")
    assert mounts.output_mounts([target]) == [Mount.same(tmp_path / "task" / "v1", writable=True)]
    assert (tmp_path / "task" / "v1").is_dir()


def test_a_folder_for_outputs_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    target = law.LocalFileTarget(tmp_path / "file" / "v1" / "x.root")
    with pytest.raises(UserError, match="cannot be made for the outputs"):
        mounts.output_mounts([target])


def test_targets_in_collections_are_found(tmp_path):
    files = [law.LocalFileTarget(tmp_path / name) for name in "abc"]
    structure = {"x": files[0], "y": {"collection": law.SiblingFileCollection(files[1:])}}
    assert [target.basename for target in mounts.file_targets(structure)] == ["a", "b", "c"]


def test_a_read_only_file_in_a_writable_folder_stays_read_only():
    folder, file = Mount.same("/store", writable=True), Mount.same("/store/in.root")
    assert mounts.without_repetition([file, folder]) == [folder, file]
    assert mounts.without_repetition([Mount.same("/store"), folder]) == [folder]


def test_the_code_of_a_task_and_of_further_packages_is_found():
    class Here(law.Task):
        def run(self):
            pass

    found, roots = mounts.code_mounts(Here(), ["tasks", "analysis"])
    names = [os.path.basename(mount.source) for mount in found]
    assert names[1:] == ["tasks", "analysis"]
    assert os.path.isfile(os.path.join(roots[-1], "pyproject.toml"))
    with pytest.raises(UserError, match="'nonesuch' cannot be mounted"):
        mounts.code_mounts(Here(), ["nonesuch"])
