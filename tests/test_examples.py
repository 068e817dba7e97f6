"""The notebooks run from their first cell to the last."""

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what jupyter's packages say of each other
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(path, tmp_path, root, monkeypatch):
    for name, value in {
        "LAW_HOME": str(tmp_path / ".law"),
        "LAW_CONFIG_FILE": str(root / "law.cfg"),
        "PYTHONPATH": str(root),
        "VHBB_HOME": str(root),
        "VHBB_RESULTS": str(tmp_path / "results"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".law").mkdir()
    os.system("law index --quiet")  # noqa: S605 - a fixed command
    shutil.copy(path, tmp_path)
    notebook = nbformat.read(tmp_path / path.name, as_version=4)
    done = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    text = "".join(str(output.get("text", output.get("data", ""))) for output in outputs)
    assert "observed: 0." in text
    assert "GenerateSynthetic" in text
    assert text.count("image/png") == 2
