"""The commands on parts of a dataset do what the tasks do."""

import pytest

from analysis.__main__ import main
from analysis.skim_files import read_skim


@pytest.fixture
def sample(tmp_path):
    """Two files of a small synthetic sample."""
    files = [tmp_path / f"events_{index}.root" for index in range(2)]
    for index, file in enumerate(files):
        options = ["--seed", "1", "--n-events", "301", "--n-files", "2", "--index", str(index)]
        assert main(["generate", "-o", str(file), *options]) == 0
    return files


def test_merged_skims_equal_the_skim_of_all_files(sample, tmp_path):
    parts = [str(tmp_path / f"skim_{index}.root") for index in range(2)]
    for file, part in zip(sample, parts, strict=True):
        skim = ["skim", "-i", str(file), "-o", part, "--format", "auto", "-s", "files"]
        assert main(skim) == 0
    merged, whole = str(tmp_path / "merged.root"), str(tmp_path / "whole.root")
    assert main(["merge", "-i", *parts, "-o", merged]) == 0
    assert main(["skim", "-i", *map(str, sample), "-o", whole]) == 0
    one, other = read_skim(merged), read_skim(whole)
    assert one.n_events == other.n_events > 0
    assert one.sum_of_weights == other.sum_of_weights
    assert one.histograms == other.histograms


def test_a_given_sum_of_weights_is_not_read_from_the_files(sample, tmp_path):
    output = str(tmp_path / "skim.root")
    assert main(["skim", "-i", str(sample[0]), "-o", output, "-s", "12.5"]) == 0
    assert read_skim(output).sum_of_weights is None


def test_a_file_beyond_the_sample_is_refused(tmp_path, capsys):
    options = ["--seed", "1", "--n-events", "10", "--n-files", "2", "--index", "2"]
    assert main(["generate", "-o", str(tmp_path / "events.root"), *options]) == 1
    assert "no file 2 in a sample of 10 events in 2 files" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
