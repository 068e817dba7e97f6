"""Fixtures and rules for all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.services.sharing import Sharing, priority

# How long an example takes depends on what else the machine does.
settings.register_profile("vhbb", deadline=None)
settings.load_profile("vhbb")

SERVICES = ("realdata", "xrootd", "htcondor", "docker", "apptainer", "recast", "browser")
ROOT = Path(__file__).resolve().parents[1]

# A shell starts what runs in its background with interrupts ignored, and children inherit that: the
# tests that interrupt a command would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, a test of real data or of a real service that skips has failed."""
    outcome = yield
    report = outcome.get_result()
    needed = [name for name in SERVICES if item.get_closest_marker(name)]
    if report.skipped and needed and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where {', '.join(needed)} must run: {report.longrepr}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Where several processes share the tests, the longest begin first."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: priority(item.nodeid))


def pytest_xdist_make_scheduler(config, log):
    """Tests of one service stay in one process."""
    return Sharing(config, log)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of public ATLAS and CMS files."""
    place = os.environ.get("VHBB_TEST_DATA")
    if not place:
        pytest.skip("needs the public ATLAS and CMS files: set VHBB_TEST_DATA to their folder")
    return Path(place)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT
