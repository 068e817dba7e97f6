"""The lists of what each image needs: complete, closed, and no more."""

import ast
import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
STARTS = {
    "skim": ("skimming", "synthetic"),
    "scale": ("histograms", "plots", "scaling", "skimming"),
    "fit": ("histograms", "limit_setting", "plots", "tables"),
}
# used by name only: file formats, stores, and the formats of results
UNSEEN = {"law", "luigi", "fsspec", "aiohttp", "xrootd", "tqdm", "pyarrow", "pyyaml"}
TOOLS_OF_RESULTS = {"pyhf", "iminuit"}  # to go on with a workspace inside the image


def listed(step):
    """Names asked for, and names that these need."""
    asked, _, needed = (ROOT / f"docker/{step}.txt").read_text().partition("# what these need")
    parts = []
    for text in (asked, needed.partition("\n")[2]):
        parts.append({line for line in text.splitlines() if line and not line.startswith("#")})
    return parts


def for_this_python(names):
    """Those that are installed with this Python: lists have what older ones need as well."""
    entries = re.findall(
        r"^(\S+)==[^;\s]+(?: ; ([^\\]+))?", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    applying = {
        canonicalize_name(name.partition("[")[0])
        for name, marker in entries
        if not marker or Marker(marker).evaluate()
    }
    return names & applying


def closure(names):
    """Distributions that the named ones need with this Python, themselves included."""
    found, waiting = set(), [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found.add(name)
        for text in importlib.metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed)
    return found


def imports(path):
    """Modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def third_party(modules):
    """Distributions that modules of `analysis` import, directly or by one another."""
    provided = importlib.metadata.packages_distributions()
    seen, found, waiting = set(), set(), [f"analysis.{name}" for name in modules]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        if module.partition(".")[0] != "analysis":
            top = module.partition(".")[0]
            found |= {canonicalize_name(name) for name in provided.get(top, ())}
            continue
        base = ROOT / module.replace(".", "/")
        packages = [parent / "__init__.py" for parent in (base, *base.parents[:-1])]
        for path in (base.with_suffix(".py"), *packages):
            if path.exists():
                waiting += imports(path)
    return found


@pytest.mark.parametrize("step", STARTS)
class TestRequirements:
    def test_everything_a_step_imports_is_listed(self, step):
        asked, needed = listed(step)
        assert third_party(STARTS[step]) <= asked | needed

    def test_everything_listed_has_what_it_needs(self, step):
        asked, needed = listed(step)
        assert closure(asked) == for_this_python(asked | needed)

    def test_nothing_is_listed_without_use(self, step):
        asked, _ = listed(step)
        extra = TOOLS_OF_RESULTS if step == "fit" else set()
        assert asked == (third_party(STARTS[step]) | UNSEEN | extra) & asked
        assert not asked & {"pytest", "mypy", "ruff", "ipykernel"}


def test_all_names_are_pinned_with_hashes():
    import subprocess
    import sys

    for step in STARTS:
        command = [sys.executable, ROOT / "docker/subset.py", ROOT / "requirements.txt"]
        command.append(ROOT / f"docker/{step}.txt")
        pinned = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines = pinned.splitlines()
        assert len(lines) >= 30
        assert all("==" in line and "--hash=sha256:" in line for line in lines)
