"""Which tests of services may run at the same time as others, and which go first.

    pytest --numprocesses=2 --no-loadscope-reorder

One process runs all that share a service: a pool, servers of a kind, the containers of the machine,
which some tests count.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

SERVICES = ("tests", "services")
GROUPS = {"xrootd": "store", "htcondor": "pool", "luigid": "page"}
LONGEST = ("htcondor", "docker", "apptainer", "recast")


def folder_of(nodeid: str) -> str | None:
    """The folder or module of a test of services, None for others."""
    parts = PurePosixPath(nodeid.partition("::")[0]).parts
    return parts[2] if parts[:2] == SERVICES else None


def priority(nodeid: str) -> int:
    """The lower, the earlier a test has to begin."""
    folder = folder_of(nodeid)
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


class Sharing(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole groups of tests, and those that need no service one by one."""

    def _split_scope(self, nodeid: str) -> str:
        folder = folder_of(nodeid)
        return nodeid if folder is None else GROUPS.get(folder, "containers")
