"""A bundle is a valid bag, and its specification runs by what is in it."""

import pytest
import yaml

from tests.tasks.test_archive import unpacked

pytestmark = [pytest.mark.recast, pytest.mark.docker, pytest.mark.slow]


def test_a_bundle_is_valid_and_gives_the_limits_by_recast(
    recast, reana, clone, site, ttbar, limits, as_caller
):
    clone.variables["LAW_CONFIG_FILE"] = str(site.folder / "law.cfg")
    catalogue = str(site.folder / "my.yaml")
    clone.law("Archive", "--catalogue", catalogue)
    bundle = unpacked(clone)
    reana.run("bagit.py", "--validate", bundle, cwd=bundle)
    recipe = yaml.safe_load((bundle / "data/recast/recast.yml").read_text())
    assert recipe["example_inputs"]["default"]["dataopts"] == {"initdir": "../data/inputs/ttbar"}
    variables = {"RECAST_ATLAS_CATALOGUE": str(bundle / "data/recast"), **as_caller}
    command = ["recast", "run", "vhbb", "--backend", "local", "--tag", "t"]
    recast.run(*command, cwd=bundle, variables=variables)
    made = (bundle / "recast-t/fit/limits.json").read_bytes()
    assert made == limits("ttbar").read_bytes()
    assert made == (bundle / "data/results/ttbar/limits.json").read_bytes()
