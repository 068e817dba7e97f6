"""Every test of the framework has a law configuration and a store of its own."""

import law
import pytest


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty local store that new tasks write to."""
    base = tmp_path / "store"
    monkeypatch.setenv("VHBB_RESULTS", str(base))
    section = "store_local"
    before = law.config.get(section, "base") if law.config.has_section(section) else None
    law.config.update({section: {"base": "$VHBB_RESULTS"}})
    yield base
    law.config.update({section: {"base": before or "$VHBB_RESULTS"}})
