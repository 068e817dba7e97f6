"""Make what the tests of services stand on, beside the tests that need none.

    python -m tests.services.prepare

Nothing has to be prepared: a test makes what it does not find.
"""

from tests.services.docker.building import build_images
from tests.services.engine import docker_engine
from tests.services.htcondor.pool import debian_tree
from tests.services.recast.environments import environment


def main() -> None:
    """Images, the pool's Debian, and the environments of yadage, RECAST and REANA."""
    with docker_engine() as engine:
        build_images(engine)
        debian_tree()
        for name in ("recast", "reana"):
            environment(name)


if __name__ == "__main__":
    main()
