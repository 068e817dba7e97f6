"""What the batch jobs of a sample ask for."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.framework.htcondor.settings import site_resources
from tasks.skim import Skim

CATALOGUE = """
signals:
  plain: {files: a.root, cross_section: 1 pb}
  large:
    files: a.root
    cross_section: 1 pb
    resources: {memory: 5 GB, cores: 2, max_runtime: 90 min}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    path = tmp_path / "my.yaml"
    path.write_text(CATALOGUE)
    return str(path)


def test_a_sample_without_wishes_gets_what_the_site_gives(catalogue):
    assert Skim(catalogue=catalogue, dataset="plain").htcondor_resources() == site_resources()


def test_the_catalogue_goes_before_the_site_and_options_before_both(catalogue):
    skim = Skim(catalogue=catalogue, dataset="large", htcondor_memory=6000)
    expected = replace(site_resources(), memory=6000, cores=2, max_runtime=1.5)
    assert skim.htcondor_resources() == expected
