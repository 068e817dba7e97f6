"""Commands for the parts of a dataset: write a file of a synthetic one, add the skims of all."""

import argparse
from typing import Any

from analysis.catalogue import Synthetic
from analysis.catalogue.files import refuse_duplicates
from analysis.errors import AnalysisError
from analysis.writing import whole_files

Commands = Any  # argparse's type of add_subparsers() has no public name


def add_generate(commands: Commands) -> None:
    """Declare ``generate``: a file of the synthetic sample."""
    command = commands.add_parser(
        "generate",
        help="write a file of a synthetic sample",
        description="Write one of the files of a synthetic ZH -> llbb sample in PHYSLITE's "
        "layout: labelled toy events, not an experiment's simulation.",
    )
    command.add_argument("-o", "--output", required=True, metavar="ROOT", help="events")
    command.add_argument("--seed", type=int, required=True, help="of the sample")
    command.add_argument("--n-events", type=int, required=True, help="of all files together")
    command.add_argument("--n-files", type=int, default=1, help="of the sample; default 1")
    command.add_argument("--index", type=int, default=0, help="of this file; default 0")
    command.set_defaults(run=_generate)


def add_merge(commands: Commands) -> None:
    """Declare ``merge``: the skims of a dataset's files to one."""
    command = commands.add_parser(
        "merge",
        help="add the skims of several files",
        description="Add the histograms, cut flows and sums of weights of skims of one dataset.",
    )
    command.add_argument(
        "-i", "--input", nargs="+", required=True, metavar="ROOT", help="outputs of skim"
    )
    command.add_argument("-o", "--output", required=True, metavar="ROOT", help="their sum")
    command.set_defaults(run=_merge)


def _generate(options: argparse.Namespace) -> None:
    from analysis.synthetic import write_synthetic_file

    sample = Synthetic(options.seed, options.n_events, options.n_files)
    if not 0 <= options.index < sample.n_files <= sample.n_events:
        raise AnalysisError(
            f"no file {options.index} in a sample of {sample.n_events} events in "
            f"{sample.n_files} files; the first is 0"
        )
    n_events = sample.events_per_file()[options.index]
    with whole_files(options.output) as new:
        path = new[options.output]
        write_synthetic_file(path, seed=sample.seed, index=options.index, n_events=n_events)


def _merge(options: argparse.Namespace) -> None:
    from analysis import skim_files, skimming

    refuse_duplicates(options.input)
    with whole_files(options.output, inputs=options.input) as new:
        parts = [skim_files.read_skims(path) for path in options.input]
        skim_files.write_skims(new[options.output], skimming.merge_variations(parts))
