"""Pools without a shared file system: code and software travel with the job."""

import shutil
import sys
import tarfile

import pytest

from tests.services.htcondor.bench import TRIAL, Bench, give
from tests.services.htcondor.pool import PROJECT, UID, Pool

pytestmark = [pytest.mark.htcondor, pytest.mark.slow]

MODULE = """
import os
from pathlib import Path

import law

import trial


class Trial(trial.Trial):
    def run(self):
        root = Path(os.environ["VHBB_HOME"])
        names = sorted(str(path.relative_to(root)) for path in root.glob("notes/*"))
        self.note = "|".join([(root / "notes/a file.txt").read_text().strip(), *names])
        self.note += "|" + os.environ["VHBB_CODE_VERSION"][-6:]
        super().run()
"""


@pytest.fixture
def island(pool: Pool) -> Bench:
    """A repository of the user, with local changes, whose jobs run where nothing of it is seen."""
    directory = pool.shared / "my analysis"
    bench = Bench(pool, directory, store=pool.store / "of trials")
    bench.configure(requirements="HasSharedFileSystem == False", shared_file_system="False")
    shutil.copytree(PROJECT / "tasks" / "framework", directory / "tasks" / "framework")
    (directory / "tasks" / "__init__.py").touch()
    shutil.copy(TRIAL / "trial.py", directory / "trial.py")
    (directory / "my_trial.py").write_text(MODULE)
    (directory / "pyproject.toml").write_text('[project]\ndependencies = ["law==0.1.21"]\n')
    (directory / "notes").mkdir()
    (directory / "notes" / "a file.txt").write_text("as committed")
    (directory / "notes" / "deleted.txt").write_text("as committed")
    (directory / ".gitignore").write_text("law.cfg.local\n.law\noutput.txt\n")
    commands = [
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "x"],
    ]
    give(directory)
    for command in commands:
        pool.submit.run("git", *command, directory=directory)
    (directory / "notes" / "a file.txt").write_text("as changed")
    (directory / "notes" / "deleted.txt").unlink()
    (directory / "notes" / "untracked.txt").write_text("stays here")
    (directory / "x509up_u1000").write_text("a credential, untracked")
    give(directory)
    return bench


def island_environment(bench: Bench) -> dict[str, str]:
    own = {"VHBB_HOME": str(bench.directory), "PYTHONPATH": str(bench.directory)}
    return {**bench.environment, **own}


def test_jobs_run_with_the_bundled_repository_and_environment(island: Bench) -> None:
    island.module, island.variables = "my_trial", island_environment(island)
    result = island.run()
    assert result.code == 0, result.text
    texts = island.outputs()
    assert texts[3] == "9 as changed|notes/a file.txt|-dirty"
    assert {run.host for run in island.runs()} == {"island"}
    assert {run.uid for run in island.runs()} == {UID}
    archives = list((island.directory / ".law" / "htcondor" / "Trial" / "archives").iterdir())
    kinds = sorted(path.name.split("-")[0] for path in archives)
    assert kinds == ["environment", "repository"]
    [repository] = [path for path in archives if path.name.startswith("repository")]
    with tarfile.open(repository) as archive:
        names = archive.getnames()
    assert "notes/a file.txt" in names
    assert not [name for name in names if "x509" in name or ".git/" in name or "untracked" in name]
    # failures are told from the transferred log
    island.plan({1: ["mistake:no such branch"]})
    shutil.rmtree(island.store / "out put")
    again = island.run()
    assert "1 job (1 branch): no such branch; log: " in again.text, again.text
    assert sys.prefix not in (island.store / "out put" / "0.txt").read_text()
