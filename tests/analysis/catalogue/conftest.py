"""A catalogue file in a folder of its own, from its text."""

from pathlib import Path
from textwrap import dedent

import pytest

from analysis.catalogue import load_catalogue
from analysis.errors import AnalysisError


@pytest.fixture
def write(tmp_path):
    """Write a catalogue and return its path."""

    def write_catalogue(text: str, name: str = "my.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    return write_catalogue


@pytest.fixture
def load(write):
    """Load a catalogue from its text."""
    return lambda text, name="my.yaml": load_catalogue(write(text, name))


@pytest.fixture
def refused(load, tmp_path):
    """The error of a catalogue, which is one line that begins with the file."""

    def message(text: str) -> str:
        with pytest.raises(AnalysisError) as caught:
            load(text)
        told = str(caught.value)
        assert told.isprintable(), "must be one line"
        assert told.startswith(str(tmp_path / "my.yaml"))
        return told.removeprefix(str(tmp_path / "my.yaml"))

    return message


@pytest.fixture
def refused_signal(refused):
    """The error of a catalogue whose signal `s` has these lines, which tells the entry."""

    def message(lines: str) -> str:
        body = "\n".join(f"    {line}" for line in lines.strip().splitlines())
        told = refused(f"signals:\n  s:\n{body}\n")
        assert told.startswith((": signals.s", ": signals: "))
        return told

    return message
