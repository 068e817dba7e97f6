"""Which tests of services may run at the same time: `pytest --numprocesses=2 --dist=loadgroup`."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
GROUPS = {"xrootd": "store", "htcondor": "pool", "luigid": "page"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One process for what shares a service; tests of containers count those of all."""
    for item in items:
        if HERE in item.path.parents:
            folder = item.path.relative_to(HERE).parts[0]
            item.add_marker(pytest.mark.xdist_group(GROUPS.get(folder, "containers")))
