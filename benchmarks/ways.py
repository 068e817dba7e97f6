"""The same skim in several ways, each in a process of its own: ``python ways.py WAY FILE CORES``.

At least two jets with pT > 50 GeV and abs(eta) < 2.5; weighted histogram of the invariant mass of
the two of highest pT. Prints one line of JSON: seconds, peak memory, and the sums that all ways
must agree on. A first run pays imports, compilers and the memory that is kept, so what counts is
the median of up to five more, as every further file of a job costs.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

Sums = tuple[float, float]
"""Sum of weights of the selected events, and of weight times mass in GeV."""

REPEATS = 5
"""Runs that count."""

ENOUGH_SECONDS = 2.0
"""No further run after as long: the machine's pace matters less to long ones."""

TURNS = 11
"""Times round of `in_turn`."""

TURNS_SECONDS = 20.0
"""None begins after as long."""

TREES = {"nanoaod": "Events", "rntuple": "EventData"}


def columns(path: str) -> tuple[str, list[str], str, float]:
    """Name of the tree, its jet columns, the weight, and GeV per unit."""
    layout = Path(path).stem
    if layout == "nanoaod":
        return "Events", ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"], "genWeight", 1.0
    mark = ":" if layout == "rntuple" else "."
    jets = [f"AnalysisJetsAuxDyn{mark}{name}" for name in ("pt", "eta", "phi", "m")]
    return TREES.get(layout, "CollectionTree"), jets, f"EventInfoAuxDyn{mark}mcEventWeights", 1e-3


def vhbb(path: str, share: int = 1) -> Sums:
    """Ours, all histograms and the cut flow included; of all events or the first of them."""
    from analysis.catalogue import Selection
    from analysis.reading import open_events
    from analysis.selection import select
    from analysis.spectra import empty_histograms, entries, fill

    total = mass = 0.0
    selection = Selection("benchmark")
    histograms = empty_histograms(selection.m_jj)
    with open_events(path) as file:
        stop = file.n_events // share
        for selected in file.each(lambda chunk: entries(select(chunk, selection)), stop=stop):
            fill(histograms, selected)
            total += float(selected.weights.sum())
            mass += float((selected.weights * selected.m_jj).sum())
    return total, mass


def vhbb_numpy(path: str) -> Sums:
    """Ours where no C compiler was at hand."""
    import analysis.pairs
    import analysis.reading.compiled

    for module in (analysis.pairs, analysis.reading.compiled):
        module.compiled = lambda: None
    return vhbb(path)


def vhbb_quarter(path: str) -> Sums:
    """Ours, a quarter of the events: whether memory depends on their number."""
    return vhbb(path, share=4)


def vhbb_shifts(path: str) -> Sums:
    """Ours, nominal and ten shifts of the jets' energy scale, from one reading."""
    from analysis.catalogue import JetEnergyScale, Selection, Variation
    from analysis.histograms import NOMINAL
    from analysis.skimming import skim_variations

    shifts = [
        Variation(f"scale_{percent}", direction, JetEnergyScale(percent / 100))
        for percent in range(1, 6)
        for direction in ("up", "down")
    ]
    skims = skim_variations(
        [path], Selection("benchmark"), variations=shifts, with_sum_of_weights=False
    )
    return float(skims[NOMINAL].histograms["h_mjj"].sum(flow=True).value), 0.0


def vhbb_read(path: str) -> Sums:
    """Our reader without the physics."""
    from analysis.reading import open_events

    with open_events(path) as file:
        return float(sum(len(chunk) for chunk in file.chunks())), 0.0


def decompress_only(path: str) -> Sums:
    """The physical limit: read the bytes of the needed columns and decompress them.

    Opening the file and finding the bytes is done before the clock starts.
    """
    import numpy as np
    import uproot

    from analysis.reading.baskets import basket_table, read_keys
    from analysis.reading.chunking import ahead, available_cores, keep_freed_memory, split
    from analysis.reading.decompression import decompress, decompress_all
    from analysis.reading.pages import field_table
    from analysis.reading.ranges import LocalFile

    name, jets, weight, _ = columns(path)
    source = LocalFile(Path(path))
    with uproot.open(path) as file:
        tree = file[name]
        if name == "EventData":
            fields = [field_table(tree, column) for column in (*jets, weight)]
            tables = [t for field in fields for t in (field.values, field.ends) if t]
        else:
            tables = [basket_table(tree[column]) for column in (*jets, weight)]
            if name == "Events":
                tables.append(basket_table(tree["nJet"]))

    def unpack(table, first, last):  # noqa: ANN001, ANN202
        which = slice(first, last)
        data, positions = source.read(table.seeks[which], table.sizes[which])
        ends, sizes = positions + table.sizes[which], np.diff(table.bounds[first : last + 1])
        if name == "EventData":
            view, sizes = memoryview(data), sizes * table.dtype.itemsize
            for begin, end, size in zip(positions, ends, sizes.tolist(), strict=True):
                decompress(view[begin:end], size)
        else:
            keys = read_keys(data, positions, table.sizes[which], sizes)
            decompress_all(data, positions + keys.length, ends, keys.data)

    keep_freed_memory()
    start, cpu = time.perf_counter(), time.process_time()
    for table in tables:
        # Half a megabyte, so that what was read is still in the cache when it is unpacked.
        at_a_time = max(1, 2**19 // int(table.sizes.max()))
        groups = split(np.zeros(0, np.int64), 0, len(table.seeks), at_a_time)
        for _ in ahead(lambda group, table=table: unpack(table, *group), groups, available_cores()):
            pass
    sums = time.perf_counter() - start, time.process_time() - cpu
    source.close()
    return sums


def in_turn(path: str) -> dict[str, float]:
    """Ratios of runs next to one another: the pace of a machine changes within seconds.

    Returns:
        Medians of: our time over that of decompression alone, on one core; ours on one core over
        ours on two; the same of decompression.
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    turns: list[dict[tuple[str, int], float]] = []
    begin = time.perf_counter()
    while len(turns) < 2 or (  # noqa: PLR2004 - the first does not count
        len(turns) < TURNS and time.perf_counter() - begin < TURNS_SECONDS
    ):
        turn = {}
        for n in (1, 2):
            os.sched_setaffinity(0, cores[:n])
            os.environ["VHBB_CORES"] = str(n)
            turn["bound", n] = decompress_only(path)[0]
            start = time.perf_counter()
            vhbb(path)
            turn["vhbb", n] = time.perf_counter() - start
        turns.append(turn)
    turns = turns[1:]  # the first has imports and memory to get
    return {
        "x decompress": median(turn["vhbb", 1] / turn["bound", 1] for turn in turns),
        "cores": median(turn["vhbb", 1] / turn["vhbb", 2] for turn in turns),
        "cores, decompress": median(turn["bound", 1] / turn["bound", 2] for turn in turns),
    }


def opening(path: str) -> Sums:
    """Open the file and its tree by uproot, which all but ROOT do."""
    from analysis.reading import open_events

    with open_events(path) as file:
        return float(file.n_events), 0.0


def awkward_skim(jets, weights, gev):  # noqa: ANN001, ANN201 - the peers have no types
    """Awkward arrays in, as a physicist writes it; mass in numpy."""
    import awkward as ak
    import numpy as np

    pt, eta, phi, m = jets
    mask = (pt * gev > 50) & (abs(eta) < 2.5)  # noqa: PLR2004
    enough = ak.num(pt[mask]) >= 2  # noqa: PLR2004
    pt, eta, phi, m = (column[mask][enough] for column in (pt, eta, phi, m))
    order = ak.argsort(pt, ascending=False)[:, :2]
    pt, eta, phi, m = (
        np.asarray(ak.flatten(column[order]), np.float64).reshape(-1, 2).T
        for column in (pt, eta, phi, m)
    )
    weights = weights[:, 0] if weights.ndim == 2 else weights  # noqa: PLR2004
    weights = np.asarray(weights[enough], np.float64)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    e = np.sqrt(px**2 + py**2 + pz**2 + m**2)
    m2 = e.sum(0) ** 2 - px.sum(0) ** 2 - py.sum(0) ** 2 - pz.sum(0) ** 2
    return np.sqrt(np.maximum(m2, 0)) * gev, weights


def _fill(masses, weights) -> Sums:  # noqa: ANN001
    import hist

    histogram = hist.Hist.new.Reg(20, 0, 500).Weight()
    histogram.fill(masses, weight=weights)
    return float(weights.sum()), float((weights * masses).sum())


def uproot_iterate(path: str) -> Sums:
    """Uproot in chunks of 100,000 events, awkward masks."""
    import uproot

    name, jets, weight, gev = columns(path)
    total = mass = 0.0
    with uproot.open(path) as file:
        for chunk in file[name].iterate([*jets, weight], step_size=100_000):
            sums = _fill(*awkward_skim([chunk[jet] for jet in jets], chunk[weight], gev))
            total, mass = total + sums[0], mass + sums[1]
    return total, mass


def uproot_read(path: str) -> Sums:
    """Uproot in chunks, no physics."""
    import uproot

    name, jets, weight, _ = columns(path)
    with uproot.open(path) as file:
        chunks = file[name].iterate([*jets, weight], step_size=100_000)
        return float(sum(len(chunk) for chunk in chunks)), 0.0


def coffea_runner(path: str) -> Sums:
    """Coffea's Runner, chunks of 100,000 events."""
    import warnings

    warnings.simplefilter("ignore")
    from coffea import processor
    from coffea.nanoevents import BaseSchema

    name, jets, weight, gev = columns(path)

    class Skim(processor.ProcessorABC):
        def process(self, events):  # noqa: ANN001, ANN202
            masses, weights = awkward_skim([events[jet] for jet in jets], events[weight], gev)
            return dict(zip(("total", "mass"), _fill(masses, weights), strict=True))

        def postprocess(self, accumulator):  # noqa: ANN001, ANN202
            return accumulator

    cores = len(os.sched_getaffinity(0))
    executor = (
        processor.IterativeExecutor(status=False)
        if cores == 1
        else processor.FuturesExecutor(workers=cores, status=False)
    )
    runner = processor.Runner(executor, schema=BaseSchema, chunksize=100_000, savemetrics=False)
    result = runner({"data": {"files": {path: name}}}, Skim())
    return result["total"], result["mass"]


RDF = """
double leading_mass(const ROOT::RVecF& pt, const ROOT::RVecF& eta, const ROOT::RVecF& phi,
                    const ROOT::RVecF& m, float gev) {
  int first = -1, second = -1;
  for (size_t i = 0; i < pt.size(); ++i) {
    if (!(pt[i] * gev > 50) || !(std::abs(eta[i]) < 2.5)) continue;
    if (first < 0 || pt[i] > pt[first]) { second = first; first = i; }
    else if (second < 0 || pt[i] > pt[second]) second = i;
  }
  if (second < 0) return -1;
  const ROOT::Math::PtEtaPhiMVector a(pt[first], eta[first], phi[first], m[first]);
  const ROOT::Math::PtEtaPhiMVector b(pt[second], eta[second], phi[second], m[second]);
  return (a + b).M() * gev;
}
double first_weight(float weight) { return weight; }
double first_weight(const ROOT::RVecF& weights) { return weights[0]; }
"""


def rdataframe(path: str) -> Sums:
    """ROOT's RDataFrame with a compiled function."""
    import ROOT

    if not hasattr(ROOT, "leading_mass"):
        ROOT.gInterpreter.Declare(RDF)
        cores = len(os.sched_getaffinity(0))
        if cores > 1:
            ROOT.EnableImplicitMT(cores)
    name, jets, weight, gev = columns(path)
    frame = ROOT.RDataFrame(name, path)
    # RDataFrame's expressions take no colons in a column's name, aliases do.
    for short, full in zip(("pt_", "eta_", "phi_", "m_", "w_"), [*jets, weight], strict=True):
        frame = frame.Alias(short, full)
    frame = (
        frame.Define("mass", f"leading_mass(pt_, eta_, phi_, m_, {gev}f)")
        .Filter("mass >= 0")
        .Define("weight", "first_weight(w_)")
        .Define("weighted", "weight * mass")
    )
    histogram = frame.Histo1D(("h", "", 20, 0.0, 500.0), "mass", "weight")
    total, mass = frame.Sum("weight"), frame.Sum("weighted")
    histogram.GetEntries()
    return total.GetValue(), mass.GetValue()


WAYS: dict[str, Callable[[str], Sums]] = {
    "vhbb": vhbb,
    "vhbb, without compiled code": vhbb_numpy,
    "vhbb, nominal and ten shifts": vhbb_shifts,
    "vhbb, a quarter of the events": vhbb_quarter,
    "vhbb, read only": vhbb_read,
    "uproot iterate + awkward": uproot_iterate,
    "uproot, read only": uproot_read,
    "coffea Runner": coffea_runner,
    "RDataFrame, compiled function": rdataframe,
    "open only": opening,
    "decompress only": decompress_only,
}
PEERS = ("coffea Runner", "RDataFrame, compiled function")
"""Ways that run in the peers' environment."""
NO_MASSES = (
    "vhbb, nominal and ten shifts",
    "vhbb, a quarter of the events",
    "vhbb, read only",
    "uproot, read only",
    "open only",
    "decompress only",
)
"""Ways whose sums are not those of the others."""

IN_TURN = "in turn"

FIRST_FILE = (
    "vhbb, without compiled code",
    "vhbb, nominal and ten shifts",
    "vhbb, a quarter of the events",
)
"""Ways that are run on the first file only."""


def main() -> None:
    """Run one way, or the limit and ours in turn."""
    way, path, cores = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if way == IN_TURN:
        print(json.dumps(in_turn(path)))
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    run = WAYS[way]
    run(path)
    clocks: list[Sums] = []
    while len(clocks) < REPEATS and sum(wall for wall, _ in clocks) < ENOUGH_SECONDS:
        start, cpu = time.perf_counter(), time.process_time()
        sums = run(path)
        clocks.append((time.perf_counter() - start, time.process_time() - cpu))
        if way == "decompress only":
            clocks[-1] = sums
    seconds, cpu = (median(clock) for clock in zip(*clocks, strict=True))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "sums": sums,
                "megabytes": usage.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
