"""The published likelihood of ATLAS's search for sbottoms decaying to Higgs bosons, 1908.03122."""

import io
import json
import tarfile
import warnings

import jsonpatch
import numpy as np
import pyhf
import pytest

from analysis.inference.limits import cls_at

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

# CLs of the data at mu = 1, quoted by pyhf's documentation for two signals.
QUOTED = {"sbottom_1300_205_60": 0.24443628, "sbottom_1400_950_60": 0.0213733}
# Signals the search can see: where it cannot, CLs is one but for the precision of pyhf's fits.
POINTS = [
    ("RegionA", "sbottom_1300_205_60"),
    ("RegionA", "sbottom_1400_950_60"),
    ("RegionA", "sbottom_1000_650_60"),
    ("RegionA", "sbottom_1200_550_60"),
    ("RegionB", "sbottom_700_450_60"),
    ("RegionB", "sbottom_900_730_600"),
    ("RegionB", "sbottom_800_580_450"),
    ("RegionC", "sbottom_1400_1150_60"),
    ("RegionC", "sbottom_1100_450_60"),
    ("RegionC", "sbottom_1500_1250_60"),
]


@pytest.fixture(scope="module")
def archive(test_data):
    path = test_data / "pyhf" / "pyhf-ins1748602-probability-models.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        yield tar


def workspace_of(tar, region, point):
    members = {name.removeprefix("./"): name for name in tar.getnames()}
    background, patch = (
        json.load(tar.extractfile(members[f"{region}/{file}"]))
        for file in ("BkgOnly.json", f"patch.{point}.json")
    )
    return jsonpatch.apply_patch(background, patch)


@pytest.mark.parametrize(("region", "point"), POINTS)
def test_cls_of_data_and_expectation_are_those_of_pyhf(archive, region, point):
    workspace = workspace_of(archive, region, point)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        reader = pyhf.Workspace(workspace)
        model = reader.model()
    observed, expected = pyhf.infer.hypotest(
        1.0, reader.data(model), model, test_stat="qtilde", return_expected_set=True
    )
    ours = cls_at(workspace, [1.0])
    assert ours.observed[0] == pytest.approx(float(observed), abs=1e-4)
    np.testing.assert_allclose(np.array(ours.expected)[:, 0], expected, atol=1e-4)
    if point in QUOTED:
        assert ours.observed[0] == pytest.approx(QUOTED[point], abs=1e-4)


def test_where_the_default_optimiser_of_pyhf_stops_short_we_agree_with_minuit(archive):
    """pyhf on scipy gives 0.9957 here; on Minuit every fit ends lower, and CLs is 0.9811."""
    workspace = workspace_of(archive, "RegionB", "sbottom_1300_450_60")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        reader = pyhf.Workspace(workspace)
        model = reader.model()
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3))
    try:
        observed = pyhf.infer.hypotest(1.0, reader.data(model), model, test_stat="qtilde")
    finally:
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    assert cls_at(workspace, [1.0]).observed[0] == pytest.approx(float(observed), abs=1e-4)
