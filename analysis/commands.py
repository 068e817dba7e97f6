"""What the commands of `python -m analysis` take and do."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analysis.catalogue import (
    MODELS,
    SAMPLES,
    Catalogue,
    Dataset,
    DatasetSum,
    HistogramSource,
    Luminosity,
    Selection,
    Variation,
    load_catalogue,
    parse_cross_section,
    parse_luminosity,
)
from analysis.catalogue.files import refuse_duplicates
from analysis.errors import AnalysisError
from analysis.progress import counting_events
from analysis.writing import whole_files

FIGURES = (".png", ".pdf", ".svg")
"""Suffixes that tell the format of a figure."""

Commands = Any  # argparse's type of add_subparsers() has no public name


def add_skim(commands: Commands) -> None:
    """Declare ``skim``: events to histograms."""
    command = commands.add_parser(
        "skim",
        help="select events and histogram them",
        description="Select the events of one or more files (PHYSLITE, DAOD_PHYS or NanoAOD; "
        "paths or root:// URLs) and histogram m_jj, jet multiplicity and leading-jet pT, with "
        "cut flow and sum of weights.",
    )
    command.add_argument("-i", "--input", nargs="+", required=True, metavar="FILE", help="events")
    command.add_argument("-o", "--output", required=True, metavar="ROOT", help="histograms")
    command.add_argument(
        "--format", type=_unless("auto", str), help="of the files; default, auto: found from each"
    )
    command.add_argument(
        "-s",
        "--sum-of-weights",
        type=_unless("files", float),
        metavar="W",
        help="what `scale` will be given; default, files: read from the files, which must have it",
    )
    command.add_argument("--keep-events", metavar="PARQUET", help="also write selected events")
    command.add_argument(
        "--shifts",
        nargs="+",
        metavar="NAME",
        help="shifts of the catalogue to make histograms of as well, such as h_mjj__jes_up, or "
        "none; default: those that shapes of its model need",
    )
    _add_catalogue(command)
    command.add_argument("--selection", metavar="NAME", help="of the catalogue; default: its own")
    command.set_defaults(run=_skim)


def add_scale(commands: Commands) -> None:
    """Declare ``scale``: sums of weights to expected events."""
    command = commands.add_parser(
        "scale",
        help="scale a selected signal to its expected yield",
        description="Multiply by cross section x filter efficiency x k-factor x luminosity / sum "
        "of weights.",
    )
    command.add_argument("-i", "--input", required=True, metavar="ROOT", help="output of skim")
    command.add_argument("-o", "--output", required=True, metavar="ROOT", help="scaled histograms")
    command.add_argument(
        "-p", "--plot", type=_figure, metavar="PDF|PNG", help="plot of the scaled histogram"
    )
    command.add_argument(
        "-c", "--cross-section", required=True, metavar="'44.837 fb'", help="with its unit"
    )
    command.add_argument(
        "-s",
        "--sum-of-weights",
        type=_unless("files", float),
        metavar="W",
        help="default, files: that of the input",
    )
    command.add_argument("-k", "--k-factor", type=float, default=1.0, metavar="K", help="default 1")
    command.add_argument(
        "-f", "--filter-efficiency", type=float, default=1.0, metavar="F", help="default 1"
    )
    command.add_argument(
        "-l", "--luminosity", metavar="'140.1 /fb'", help="with its unit; default: the catalogue's"
    )
    command.add_argument(
        "-g", "--histogram", default="h_mjj", help="histogram to plot; default h_mjj"
    )
    command.add_argument("--title", default="Signal", help="of the signal in the plot")
    command.add_argument(
        "--synthetic",
        choices=("auto", "yes"),
        default="auto",
        help="label the result as synthetic; default, auto: when the input is",
    )
    _add_catalogue(command)
    command.set_defaults(run=_scale)


def add_fit(commands: Commands) -> None:
    """Declare ``fit``: three histograms to limits."""
    command = commands.add_parser(
        "fit",
        help="set limits on the signal strength",
        description="CLs limits at 95 %% CL from the histograms of signal, background and data.",
    )
    command.add_argument("--filesig", required=True, metavar="ROOT", help="output of scale")
    command.add_argument("--histsig", default="h_mjj", metavar="NAME", help="default h_mjj")
    for role, name in (("bkg", "background"), ("data", "data")):
        also = " (default: the catalogue's)"
        command.add_argument(f"--file{role}", metavar="ROOT", help=f"file with the {name}{also}")
        names = ("--histdata", "--histdat") if role == "data" else (f"--hist{role}",)
        command.add_argument(*names, default=name, metavar="NAME", help=f"default {name}")
    for option, what in (("outputfile", "limits"), ("plotfile", "spectrum")):
        text = f"plot of the {what}, in one format or several"
        command.add_argument(
            f"--{option}", nargs="+", required=True, type=_figure, metavar="PNG|PDF", help=text
        )
    command.add_argument("--limitsfile", metavar="JSON", help="limits as numbers")
    command.add_argument("--workspacefile", metavar="JSON", help="HistFactory workspace")
    command.add_argument("--model", choices=MODELS, help="default: the catalogue's")
    command.add_argument("--signal", default="signal", metavar="NAME", help="for the results")
    command.add_argument("--title", default="Signal", help="of the signal in the plots")
    command.add_argument(
        "-c", "--cross-section", metavar="'44.837 fb'", help="for limits on it as well"
    )
    command.add_argument("-l", "--luminosity", metavar="'140.1 /fb'", help="of the data")
    _add_catalogue(command)
    command.set_defaults(run=_fit)


def _add_catalogue(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--catalogue",
        default="vhbb",
        metavar="YAML",
        help="selections, luminosity, model, and the data and background that are not given; "
        "default: the embedded vhbb",
    )


def _unless(word: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """An option's type of which one word says the default, as a fixed command line must."""

    def parse_unless(text: str) -> Any:
        return None if text == word else parse(text)

    parse_unless.__name__ = parse.__name__  # in argparse's messages
    return parse_unless


def _figure(path: str) -> str:
    """An option's type: a file of a format that figures can have."""
    if os.path.splitext(path)[1] not in FIGURES:
        raise argparse.ArgumentTypeError(f"{path!r} must end in {', '.join(FIGURES)}")
    return path


def _skim(options: argparse.Namespace) -> None:
    from analysis import skim_files, skimming

    catalogue = load_catalogue(options.catalogue)
    selection = catalogue.selection(options.selection or catalogue.default_selection)
    refuse_duplicates(options.input)
    outputs = (options.output, options.keep_events)
    with whole_files(*outputs, inputs=options.input) as new:
        with counting_events("skim") as progress:
            skims = skimming.skim_variations(
                options.input,
                selection,
                variations=_variations(options, catalogue, selection),
                format=options.format,
                with_sum_of_weights=options.sum_of_weights is None,
                keep_events=new.get(options.keep_events),
                progress=progress,
            )
        skim_files.write_skims(new[options.output], skims)


def _variations(
    options: argparse.Namespace, catalogue: Catalogue, selection: Selection
) -> tuple[Variation, ...]:
    from analysis.reading import open_events

    shifts = options.shifts
    if shifts is None:
        with open_events(options.input[0], options.format) as file:
            is_data = file.is_data
        made = {**catalogue.shifts, **selection.weights}  # others come with a given background
        needed = {shift for sample in SAMPLES for shift in catalogue.model.shifts(sample)}
        shifts = () if is_data else sorted(needed & made.keys())
    return catalogue.variations(selection, () if shifts == ["none"] else shifts)


def _scale(options: argparse.Namespace) -> None:
    from analysis import histograms, plots, scaling, skim_files

    skims = skim_files.read_skims(options.input)
    skim = skims[histograms.NOMINAL]
    luminosity = _luminosity(options, load_catalogue(options.catalogue))
    signal = Dataset(
        name="signal",
        title=options.title,
        cross_section=parse_cross_section(options.cross_section),
        filter_efficiency=options.filter_efficiency,
        k_factor=options.k_factor,
        sum_of_weights=options.sum_of_weights,
        place=options.input,
    )
    synthetic = options.synthetic == "yes" or skim.is_synthetic
    scaled = {
        histograms.varied_name(name, variation): histogram
        for variation, part in skims.items()
        for name, histogram in scaling.expected(
            part.histograms, signal, luminosity.value, part.sum_of_weights
        ).items()
    }
    if options.histogram not in scaled:
        known = ", ".join(scaled)
        raise AnalysisError(f"{options.input}: no histogram {options.histogram!r}; it has {known}")
    with whole_files(options.output, options.plot, inputs=[options.input]) as new:
        histograms.write_histograms(new[options.output], scaled, synthetic=synthetic)
        if options.plot is not None:
            figure = plots.scaled_signal(
                skim.histograms[options.histogram],
                scaled[options.histogram],
                title=options.title,
                luminosity=luminosity.value,
                synthetic=synthetic,
            )
            plots.save(figure, new[options.plot])


def _fit(options: argparse.Namespace) -> None:
    from analysis import histograms, plots, skim_files, tables
    from analysis.limit_setting import SignalLabel, find_shifted, set_limits

    catalogue = load_catalogue(options.catalogue)
    cross_section = parse_cross_section(options.cross_section) if options.cross_section else None
    if skim_files.is_skim(options.filesig):
        raise AnalysisError(f"{options.filesig}: is not scaled yet; give the output of `scale`")
    synthetic = histograms.is_synthetic(options.filesig)
    settings = replace(catalogue.model, name=options.model or catalogue.model.name)

    def find(sample: str, variation: str) -> Any:
        path, name = (
            (options.filesig, options.histsig)
            if sample == "signal"
            else (options.filebkg, options.histbkg)
        )
        if path is not None:
            return histograms.find_histogram(path, histograms.varied_name(name, variation))
        source = catalogue.background
        if isinstance(source, DatasetSum):
            return None
        return histograms.from_source_varied(sample, source, variation)

    result = set_limits(
        histograms.read_histogram(options.filesig, options.histsig),
        _given_or_catalogues(options.filebkg, options.histbkg, catalogue.background, "background"),
        _given_or_catalogues(options.filedata, options.histdata, catalogue.data, "data"),
        SignalLabel(options.signal, options.title, cross_section, is_synthetic=synthetic),
        _luminosity(options, catalogue),
        settings,
        find_shifted(settings, find),
    )
    figures = ((options.outputfile, result.scan_figure), (options.plotfile, result.spectrum_figure))
    files = (*options.outputfile, *options.plotfile, options.limitsfile, options.workspacefile)
    documents = ((options.limitsfile, result.document), (options.workspacefile, result.workspace))
    inputs = (options.filesig, options.filebkg, options.filedata)
    with whole_files(*files, inputs=inputs) as new:
        for paths, figure in figures:
            for path in paths:
                plots.save(figure, new[path])
        for path, content in documents:
            if path is not None:
                with open(new[path], "w", encoding="utf-8") as stream:
                    json.dump(content, stream, indent=2)
    print(tables.limits_table([result.document]))  # noqa: T201


def _given_or_catalogues(path: str | None, name: str, source: HistogramSource, role: str) -> Any:
    from analysis import histograms

    if path is not None:
        return histograms.read_histogram(path, name)
    if isinstance(source, DatasetSum):
        raise AnalysisError(
            f"the catalogue makes the {role} from datasets: give it as a file, with --file"
            f"{'bkg' if role == 'background' else 'data'}"
        )
    return histograms.from_source(role, source)


def _luminosity(options: argparse.Namespace, catalogue: Catalogue) -> Luminosity:
    if options.luminosity is None:
        return catalogue.luminosity
    return replace(catalogue.luminosity, value=parse_luminosity(options.luminosity))
