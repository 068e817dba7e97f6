"""Make the environments that the tests of yadage, RECAST and REANA need, beside other tests.

    python -m tests.services.prepare

Nothing has to be prepared: a test makes what it does not find.
"""

from tests.services.recast.environments import environment


def main() -> None:
    """Both environments."""
    for name in ("recast", "reana"):
        environment(name)


if __name__ == "__main__":
    main()
