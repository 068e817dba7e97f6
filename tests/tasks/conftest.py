"""Tasks as a user runs them: `law run` in a process of its own, on a store of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Workspace:
    """A folder with a results store, from which `law run` is called."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "LAW_HOME": str(self.folder / ".law"),
            "LAW_CONFIG_FILE": str(ROOT / "law.cfg"),
            "PYTHONPATH": str(ROOT),
            "VHBB_HOME": str(ROOT),
            "VHBB_RESULTS": str(self.results),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **self.variables,
        }

    def command(self, task: str, *options: str) -> list[str]:
        return ["law", "run", task, *options]

    def law(self, task: str, *options: str, code: int | None = 0) -> subprocess.CompletedProcess:
        """Run a task; ``code`` None accepts any exit code."""
        done = subprocess.run(
            self.command(task, *options),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return done

    def analysis(self, *words: str) -> None:
        """Run a command of `python -m analysis`."""
        subprocess.run(
            [sys.executable, "-m", "analysis", *words],
            cwd=self.folder,
            env=self.environment(),
            check=True,
            timeout=300,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def files(self, pattern: str = "*") -> dict[str, int]:
        """Times of the outputs that match, by path below the results."""
        return {
            str(path.relative_to(self.results)): path.stat().st_mtime_ns
            for path in self.results.rglob(pattern)
            if path.is_file()
        }

    def made_since(self, before: dict[str, int]) -> set[str]:
        """Tasks that wrote an output after ``before`` was taken with `files`."""
        return {
            path.split("/")[0] for path, time in self.files().items() if before.get(path) != time
        }


@pytest.fixture(scope="session")
def task_index(tmp_path_factory) -> Path:
    """The index of tasks that setup.sh would make."""
    made = Workspace(tmp_path_factory.mktemp("index"))
    (made.folder / ".law").mkdir()
    command = ["law", "index", "--quiet"]
    subprocess.run(command, env=made.environment(), check=True, timeout=120)
    return made.folder / ".law" / "index"


@pytest.fixture
def workspace(tmp_path, task_index) -> Workspace:
    (tmp_path / ".law").mkdir()
    shutil.copy(task_index, tmp_path / ".law" / "index")
    return Workspace(tmp_path)


@pytest.fixture
def ttbar(workspace, test_data) -> Workspace:
    """A workspace with the catalogue of two real ATLAS files as new signals."""
    workspace.write(
        "my.yaml",
        f"""\
signals:
  ttbar:
    title: tt (Powheg+Pythia8)
    files: {test_data}/physlite/uproot-issue-123b.root
    cross_section: 729.77 pb
    filter_efficiency: 0.5439
    k_factor: 1.1398
  ttbar_run3:
    title: tt, Run 3
    files: {test_data}/physlite/uproot-physlite-rntuple_v1-0-0-0.root
    cross_section: 811.2 pb
    filter_efficiency: 0.543816
""",
    )
    return workspace
