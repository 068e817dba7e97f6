"""Which tests of services may run at the same time, and which go first.

pytest --numprocesses=2 --dist=loadgroup --no-loadscope-reorder
"""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
GROUPS = {"xrootd": "store", "htcondor": "pool", "luigid": "page"}
LONGEST = ("htcondor", "docker", "apptainer", "recast")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One process for what shares a service; tests of containers count those of all."""
    position = {}
    for item in items:
        if HERE in item.path.parents:
            folder = item.path.relative_to(HERE).parts[0]
            item.add_marker(pytest.mark.xdist_group(GROUPS.get(folder, "containers")))
            position[item] = LONGEST.index(folder) if folder in LONGEST else len(LONGEST)
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: position.get(item, len(LONGEST)))
