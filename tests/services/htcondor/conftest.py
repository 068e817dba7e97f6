"""The pool, and a place to run workflows in it."""

import os
from collections.abc import Iterator

import pytest

from tests.services.engine import ServiceUnavailableError
from tests.services.htcondor.bench import Bench
from tests.services.htcondor.pool import Pool, running_pool


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """A running pool of two nodes; skipped where the machine cannot have one, except in CI."""
    try:
        with running_pool() as pool:
            yield pool
    except ServiceUnavailableError as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no HTCondor pool: {reason}")


@pytest.fixture
def bench(pool: Pool, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A directory of the user on the submit node, from which to run a workflow."""
    bench = Bench(pool, pool.shared / request.node.name.replace("[", "-").rstrip("]"))
    yield bench
    bench.close()
