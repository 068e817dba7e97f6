"""Event files as ROOT writes them: the layouts of ATLAS and CMS with invented numbers.

Runs in an environment with ROOT, never in the project's own::

    python root_files.py FOLDER [EVENTS]          # the input of the benchmark
    python root_files.py --samples FOLDER         # the small files of the tests
"""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

WRITER = r"""
#include <TFile.h>
#include <TFree.h>
#include <TRandom3.h>
#include <TTree.h>
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleWriter.hxx>
#include <ROOT/RNTupleWriteOptions.hxx>
#include <string>
#include <vector>

// Jets of one event after another, the same sequence whatever the layout.
struct Events {
  TRandom3 random{42};
  double mean_jets;
  std::vector<float> pt, eta, phi, m, weights;
  std::vector<char> jvt;
  std::vector<std::vector<float>> others;
  Events(double mean, int n_others) : mean_jets(mean), others(n_others) {}
  void next() {
    const int n = mean_jets > 0 ? random.Poisson(mean_jets) : 0;
    const auto scale = {&pt, &eta, &phi, &m};
    for (auto* column : scale) column->resize(n);
    jvt.resize(n);
    for (int i = 0; i < n; ++i) {
      pt[i] = 20e3 + random.Exp(45e3);
      eta[i] = random.Gaus(0, 1.6);
      phi[i] = random.Uniform(-3.14159f, 3.14159f);
      m[i] = 0.12 * pt[i] * random.Uniform(0.5, 1.5);
      jvt[i] = random.Uniform() < 0.9;
    }
    weights.assign(1, random.Gaus(1, 0.2));
    for (auto& column : others) {
      column.resize(n);
      // ATLAS stores most variables with few bits of mantissa: they compress well.
      for (auto& value : column) value = std::floor(random.Rndm() * 4);
    }
  }
};

void write_metadata(long n_events) {
  TTree tree("MetaData", "MetaData");
  std::vector<std::string> name{"PHYSLITEKernel", "AllExecutedEvents"};
  std::vector<std::string> stream{"StreamAOD", "StreamAOD"};
  std::vector<int> cycle{0, 0};
  std::vector<double> sum{1.0, 1.0 * n_events};
  tree.Branch("CutBookkeepersAux.name", &name);
  tree.Branch("CutBookkeepersAux.cycle", &cycle);
  tree.Branch("CutBookkeepersAux.inputStream", &stream);
  tree.Branch("CutBookkeepersAux.sumOfEventWeights", &sum);
  tree.Fill();
  tree.Write();
}

// As a job that dies after it saved the tree: the last baskets are in the tree's own record.
void save(TTree& tree, bool saved_only) {
  if (saved_only) tree.AutoSave("SaveSelf");
  else tree.Write();
}

// What is written from now on lies beyond 4 GB, behind a hole that takes no space on disk.
void jump(TFile& file) {
  const Long64_t far = 5000000000;
  auto* free = static_cast<TFree*>(file.GetListOfFree()->Last());
  free->SetFirst(far);
  free->SetLast(far + 1000000000);
  file.SetEND(far);
}

void fill(TTree& tree, TFile& file, long i, long n_events, bool far) {
  if (far && i == n_events / 2) {
    tree.FlushBaskets();
    jump(file);
  }
  tree.Fill();
}

void write_xaod(const char* path, long n_events, int compression, long flush, int basket,
                int n_others, double mean_jets, bool far, bool saved_only) {
  TFile file(path, "RECREATE", "", compression);
  TTree tree("CollectionTree", "CollectionTree");
  Events events(mean_jets, n_others);
  const std::string jets = "AnalysisJetsAuxDyn.";
  tree.Branch((jets + "pt").c_str(), &events.pt, basket);
  tree.Branch((jets + "eta").c_str(), &events.eta, basket);
  tree.Branch((jets + "phi").c_str(), &events.phi, basket);
  tree.Branch((jets + "m").c_str(), &events.m, basket);
  for (size_t i = 0; i < events.others.size() / 2; ++i)
    tree.Branch((jets + "other" + std::to_string(i)).c_str(), &events.others[i], basket);
  tree.Branch((jets + "NNJvtPass").c_str(), &events.jvt, basket);
  for (size_t i = events.others.size() / 2; i < events.others.size(); ++i)
    tree.Branch((jets + "other" + std::to_string(i)).c_str(), &events.others[i], basket);
  tree.Branch("EventInfoAuxDyn.mcEventWeights", &events.weights, basket);
  tree.SetAutoFlush(flush);
  for (long i = 0; i < n_events; ++i) { events.next(); fill(tree, file, i, n_events, far); }
  save(tree, saved_only);
  write_metadata(n_events);
  file.Close();
}

void write_nanoaod(const char* path, long n_events, int compression, long flush, int basket,
                   int n_others, double mean_jets, bool far, bool saved_only) {
  TFile file(path, "RECREATE", "", compression);
  TTree tree("Events", "Events");
  Events events(mean_jets, n_others);
  const int most = 200;
  unsigned int n_jets;
  float weight;
  std::vector<std::vector<float>> columns(4 + n_others, std::vector<float>(most));
  tree.Branch("nJet", &n_jets, "nJet/i", basket);
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::vector<std::string> names{"pt", "eta", "phi", "mass"};
    const std::string name = "Jet_" + (i < 4 ? names[i] : "other" + std::to_string(i - 4));
    tree.Branch(name.c_str(), columns[i].data(), (name + "[nJet]/F").c_str(), basket);
  }
  tree.Branch("genWeight", &weight, "genWeight/F", basket);
  tree.SetAutoFlush(flush);
  for (long i = 0; i < n_events; ++i) {
    events.next();
    n_jets = events.pt.size();
    for (unsigned int j = 0; j < n_jets; ++j) {
      columns[0][j] = events.pt[j] / 1000;
      columns[1][j] = events.eta[j];
      columns[2][j] = events.phi[j];
      columns[3][j] = events.m[j] / 1000;
      for (int k = 0; k < n_others; ++k) columns[4 + k][j] = events.others[k][j];
    }
    weight = events.weights[0];
    fill(tree, file, i, n_events, far);
  }
  save(tree, saved_only);
  TTree runs("Runs", "Runs");
  double sum = n_events;
  runs.Branch("genEventSumw", &sum);
  runs.Fill();
  runs.Write();
  file.Close();
}

void write_rntuple(const char* path, long n_events, int compression, long flush, int n_others,
                   double mean_jets, bool far) {
  Events events(mean_jets, n_others);
  {
    auto model = ROOT::RNTupleModel::CreateBare();
    std::vector<std::pair<std::string, std::vector<float>*>> columns{
        {"AnalysisJetsAuxDyn:pt", &events.pt}, {"AnalysisJetsAuxDyn:eta", &events.eta},
        {"AnalysisJetsAuxDyn:phi", &events.phi}, {"AnalysisJetsAuxDyn:m", &events.m},
        {"EventInfoAuxDyn:mcEventWeights", &events.weights}};
    for (size_t i = 0; i < events.others.size(); ++i)
      columns.emplace_back("AnalysisJetsAuxDyn:other" + std::to_string(i), &events.others[i]);
    for (auto& [name, _] : columns)
      model->AddField(std::make_unique<ROOT::RField<std::vector<float>>>(name));
    model->AddField(std::make_unique<ROOT::RField<std::vector<char>>>("AnalysisJetsAuxDyn:NNJvtPass"));
    ROOT::RNTupleWriteOptions options;
    options.SetCompression(compression);
    std::unique_ptr<TFile> file(far ? new TFile(path, "RECREATE") : nullptr);
    auto writer =
        far ? ROOT::RNTupleWriter::Append(std::move(model), "EventData", *file, options)
            : ROOT::RNTupleWriter::Recreate(std::move(model), "EventData", path, options);
    auto entry = writer->CreateEntry();
    for (auto& [name, column] : columns) entry->BindRawPtr(name, column);
    entry->BindRawPtr("AnalysisJetsAuxDyn:NNJvtPass", &events.jvt);
    for (long i = 0; i < n_events; ++i) {
      events.next();
      if (far && i == n_events / 2) {
        writer->CommitCluster();
        jump(*file);
      }
      writer->Fill(*entry);
      if (flush > 0 && (i + 1) % flush == 0) writer->CommitCluster();
    }
  }
  TFile file(path, "UPDATE");
  write_metadata(n_events);
  file.Close();
}
"""

ZSTD, LZ4, LZMA, ZLIB, NONE = 505, 404, 207, 101, 0
"""Compression algorithm and level, as ROOT numbers them."""


@dataclass(frozen=True)
class File:
    """One file to write.

    Attributes:
        layout: ``xaod``, ``nanoaod`` or ``rntuple``.
        events: number of events.
        compression: ROOT's number of algorithm and level.
        flush: events a cluster; ROOT chooses by size when it is negative (bytes) or zero.
        basket: bytes a basket at most.
        others: further jet variables nobody asks for.
        mean_jets: mean number of jets an event.
        far: the second half of the events lies beyond 4 GB.
        saved_only: leave the last baskets of a TTree in memory, as recovered files have them.
    """

    layout: str
    events: int
    compression: int = ZSTD
    flush: int = 500
    basket: int = 32000
    others: int = 10
    mean_jets: float = 5.5
    far: bool = False
    saved_only: bool = False


def benchmark_files(events: int) -> dict[str, File]:
    """Name -> the benchmark's inputs."""
    return {
        "atlas": File("xaod", events, others=100),
        "large": File("xaod", events, flush=18_000, basket=2_000_000),
        "lz4": File("xaod", events, LZ4),
        "lzma": File("xaod", events, LZMA),
        "zlib": File("xaod", events, ZLIB),
        "nanoaod": File("nanoaod", events, flush=18_000, basket=2_000_000),
        "rntuple": File("rntuple", events, flush=0),
        "small": File("xaod", 300),
    }


def sample_files() -> dict[str, File]:
    """Name -> small files of every compression and awkward shape, for the tests."""
    compressions = {"zstd": ZSTD, "lz4": LZ4, "lzma": LZMA, "zlib": ZLIB, "none": NONE}
    files = {
        f"{layout}-{name}": File(layout, 1234, number, flush=100, others=1)
        for layout, (name, number) in itertools.product(
            ("xaod", "nanoaod", "rntuple"), compressions.items()
        )
    }
    for layout in ("xaod", "nanoaod", "rntuple"):
        files |= {
            f"{layout}-no-event": File(layout, 0, others=1),
            f"{layout}-one-event": File(layout, 1, others=1),
            f"{layout}-no-jets": File(layout, 321, flush=100, others=1, mean_jets=0),
            f"{layout}-few-jets": File(layout, 3210, flush=1000, others=1, mean_jets=0.3),
            f"{layout}-unaligned": File(layout, 2500, flush=-3_000_000, basket=4000, others=1),
            f"{layout}-many-blocks": File(layout, 400, flush=400, basket=64_000_000, mean_jets=150),
            f"{layout}-far": File(layout, 1111, flush=100, others=1, far=True),
            f"{layout}-recovered": File(layout, 2777, flush=-9, others=1, saved_only=True),
        }
    return files


def write(folder: Path, files: dict[str, File]) -> None:
    """Write files that are not there yet."""
    import ROOT

    folder.mkdir(parents=True, exist_ok=True)
    ROOT.gROOT.SetBatch(True)
    ROOT.gInterpreter.Declare(WRITER)
    for name, file in files.items():
        path = folder / f"{name}.root"
        if path.exists():
            continue
        part = folder / f"{name}.part.root"
        arguments = [str(part), file.events, file.compression, file.flush]
        if file.layout != "rntuple":
            arguments.append(file.basket)
        arguments += [file.others, file.mean_jets, file.far]
        if file.layout != "rntuple":
            arguments.append(file.saved_only)
        getattr(ROOT, f"write_{file.layout}")(*arguments)
        part.rename(path)
        print(f"{path}: {file.events} events, {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--samples", action="store_true", help="the small files of the tests")
    options = parser.parse_args()
    write(options.folder, sample_files() if options.samples else benchmark_files(options.events))
