"""Lay out a dataset of many files whose skims are there, for the real chain to merge and fit.

python -m benchmarks.overhead_ways.chain FOLDER FILES
"""

import os
import sys
from pathlib import Path

from analysis import skim_files, skimming, synthetic
from tasks.fit import Fit
from tasks.framework.places import leaves
from tasks.skim import Skim

CATALOGUE = """\
signals:
  big:
    title: many files
    files: {folder}/events/*.root
    format: physlite-rntuple
    cross_section: 44.837 fb
"""


def lay_out(folder: Path, n_files: int) -> None:
    """Write the catalogue, ``n_files`` empty files and for each a link to the skim of one."""
    events = folder / "events.root"
    synthetic.write_synthetic_file(events, seed=1, index=0, n_events=500)
    (folder / "events").mkdir()
    for number in range(n_files):
        (folder / "events" / f"file_{number:06d}.root").touch()
    (folder / "big.yaml").write_text(CATALOGUE.format(folder=folder))
    fit = Fit(catalogue=str(folder / "big.yaml"), signals=("big",))
    workflow = next(task for task, *_ in fit.walk_deps() if isinstance(task, Skim))
    skim = folder / "skim.root"
    skim_files.write_skim(skim, skimming.skim([str(events)], workflow.cuts))
    for branch in workflow.get_branch_map():
        for target in leaves(workflow.branch_view(branch).output()):
            if branch == 0:
                target.parent.touch()
            source = skim if target.path.endswith(".root") else os.devnull
            os.symlink(source, target.abspath)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), int(sys.argv[2]))
