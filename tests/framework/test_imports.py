"""What is imported before a task runs: start-up is what every call pays."""

import json
import subprocess
import sys

HEAVY = (
    "numpy", "scipy", "uproot", "awkward", "hist", "boost_histogram", "pyhf", "iminuit",
    "matplotlib", "mplhep", "cabinetry", "pyarrow", "XRootD", "fsspec", "tqdm",
)  # fmt: skip

SCRIPT = """
import json, sys
import law
from luigi.cmdline_parser import CmdlineParser
import tasks.fit, tasks.report, tasks.scale, tasks.skim
task = tasks.fit.Fit()
for required, *_ in task.walk_deps():
    required.complete()
    repr(required)
print(json.dumps(sorted(name for name in sys.modules if "." not in name)))
"""


def test_no_physics_package_is_imported_until_a_task_runs(root, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=root,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(root),
            "LAW_HOME": str(tmp_path),
            "LAW_CONFIG_FILE": str(root / "law.cfg"),
            "VHBB_RESULTS": str(tmp_path / "results"),
            "VHBB_HOME": str(root),
        },
        check=True,
    )
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert {"law", "luigi", "tasks", "analysis"} <= imported
    assert imported.isdisjoint(HEAVY), imported & set(HEAVY)
