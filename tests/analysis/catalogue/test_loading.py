import copy
import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.catalogue import (
    Binning,
    BTag,
    DatasetSum,
    HistogramFile,
    InlineHistogram,
    ModelSettings,
    Selection,
    Synthetic,
    Systematic,
    load_catalogue,
)
from analysis.errors import AnalysisError

SIGNAL = "signals: {s: {files: s.root, cross_section: 1 pb}}"
COMPLETE = """
extends: none
luminosity: {value: 1 /fb, relative_uncertainty: 1 %}
selections: {mine: {}}
data: {file: data.root, histogram: data}
background: {file: background.root, histogram: background}
"""

EMBEDDED_MODEL = ModelSettings(
    systematics=(
        Systematic(
            "jet_energy_scale",
            "shape",
            ("signal",),
            shift="jet_energy_scale",
            covers=("jet energy scale",),
        ),
    )
)


class TestDefault:
    catalogue = load_catalogue()

    def test_has_the_numbers_of_the_tutorial(self):
        signal = self.catalogue.signal("zh_llbb")
        assert (signal.cross_section, signal.filter_efficiency, signal.k_factor) == (44.837, 1, 1)
        assert self.catalogue.luminosity.value == 140.1
        assert self.catalogue.luminosity.relative_uncertainty == 0.0083
        assert self.catalogue.luminosity.source == "arXiv:2212.09379"

    def test_says_that_its_signal_is_synthetic(self):
        signal = self.catalogue.signal("zh_llbb")
        assert signal.is_synthetic
        assert "synthetic" in signal.title
        assert signal.synthetic == Synthetic(seed=345055, n_events=20000, n_files=4)
        assert signal.files == ()

    def test_has_the_selections(self):
        assert self.catalogue.default_selection == "vhbb"
        assert set(self.catalogue.selections) == {"vhbb", "vhbb_container", "vhbb_btag"}
        vhbb = self.catalogue.selection("vhbb")
        assert vhbb == Selection(name="vhbb", title=vhbb.title), "a selection's defaults are vhbb"
        assert vhbb.m_jj == Binning(20, 0.0, 500.0)
        assert (vhbb.min_jets, vhbb.jet_pt_min, vhbb.jet_eta_max) == (2, 50.0, 2.5)
        assert vhbb.jet_order == "pt"
        assert self.catalogue.selection("vhbb_container").jet_order == "container"
        assert self.catalogue.selection("vhbb_btag").b_tag == BTag(
            tagger="DL1dv01", kind="discriminant", fractions={"c": 0.018}, cut=2.456
        )

    def test_has_21_bins_of_data_and_background_with_source_and_licence(self):
        for histogram in (self.catalogue.data, self.catalogue.background):
            assert isinstance(histogram, InlineHistogram)
            assert histogram.edges == tuple(25.0 * edge for edge in range(21))
            assert len(histogram.contents) == 20
            assert histogram.overflow > 0
            assert histogram.license == "CC-BY-4.0"
            assert "standalone-recast-tutorial" in histogram.source

    @pytest.mark.realdata
    def test_bins_are_those_of_the_digitised_picture(self, test_data):
        digitised = json.loads((test_data / "tutorial/digitised_results.json").read_text())
        data, background = self.catalogue.data, self.catalogue.background
        assert [*data.contents, data.overflow] == digitised["data"]
        assert [*background.contents, background.overflow] == digitised["background"]

    def test_model_is_that_of_the_settings(self):
        assert self.catalogue.model == EMBEDDED_MODEL

    def test_analyses_its_signal(self):
        assert self.catalogue.default_signals == ("zh_llbb",)
        assert self.catalogue.source == "vhbb"

    def test_can_be_hashed_compared_and_sent_to_another_process(self):
        assert copy.deepcopy(self.catalogue) == self.catalogue
        assert pickle.dumps(self.catalogue)
        assert hash(self.catalogue) == hash(load_catalogue("vhbb"))


class TestExamples:
    def test_signal_is_a_dozen_lines_and_extends_the_default(self):
        catalogue = load_catalogue("example_signal")
        assert catalogue.default_signals == ("my_signal",)
        assert catalogue.signal("my_signal").cross_section == 12.5
        assert catalogue.data == load_catalogue().data

    def test_datasets_show_data_and_background_from_files(self):
        catalogue = load_catalogue("example_datasets")
        assert catalogue.data == DatasetSum(("data_2016",))
        assert catalogue.background == DatasetSum(("ttbar",))
        assert catalogue.dataset("data_2016").is_data
        assert catalogue.dataset("data_2016").cross_section is None
        assert catalogue.dataset("ttbar").cross_section == 729770.0
        assert catalogue.selection("tight") == Selection("tight", "tight", jet_pt_min=80.0)
        assert catalogue.model.background_uncertainty == 0.1
        assert catalogue.model.overflow == "bin"

    @pytest.mark.parametrize("name", ["vhbb", "example_signal", "example_datasets"])
    def test_can_be_copied(self, write, root, name):
        text = (root / f"analysis/catalogue/{name}.yaml").read_text()
        copy = load_catalogue(write(text))
        assert set(copy.signals) == set(load_catalogue(name).signals) | {"zh_llbb"}


class TestLayers:
    def test_a_signal_is_added_and_becomes_the_default(self, load):
        catalogue = load(SIGNAL)
        assert set(catalogue.signals) == {"s", "zh_llbb"}
        assert catalogue.default_signals == ("s",)
        assert catalogue.default_selection == "vhbb"
        assert catalogue.luminosity == load_catalogue().luminosity

    def test_default_signals_may_be_said(self, load):
        assert load(f"{SIGNAL}\ndefault_signals: [zh_llbb, s]").default_signals == ("zh_llbb", "s")
        assert load(f"{SIGNAL}\ndefault_signals: zh_llbb").default_signals == ("zh_llbb",)

    def test_without_signals_the_default_ones_stay(self, load):
        assert load("model: {name: tutorial}").default_signals == ("zh_llbb",)

    def test_an_entry_replaces_the_one_of_its_name_whole(self, load):
        catalogue = load("selections: {vhbb_btag: {jvt: true}}")
        assert catalogue.selection("vhbb_btag") == Selection("vhbb_btag", "vhbb_btag", jvt=True)

    def test_the_model_changes_key_by_key(self, load):
        catalogue = load("model: {negative_bins: clip}")
        assert catalogue.model == replace(EMBEDDED_MODEL, negative_bins="clip")

    def test_extending_nothing_leaves_only_what_is_there(self, load):
        catalogue = load(COMPLETE + SIGNAL)
        assert set(catalogue.signals) == {"s"}
        assert set(catalogue.selections) == {"mine"}
        assert catalogue.default_selection == "mine"
        assert catalogue.model == ModelSettings()

    @pytest.mark.parametrize("section", ["luminosity", "data", "background"])
    def test_extending_nothing_needs_every_section(self, refused, section):
        lines = [line for line in COMPLETE.splitlines() if not line.startswith(section)]
        assert refused("\n".join(lines)) == (
            f": the section '{section}' is missing: add it, or leave out 'extends: none'"
        )

    def test_extending_nothing_needs_a_choice_of_selections(self, refused):
        text = COMPLETE.replace("{mine: {}}", "{mine: {}, other: {}}")
        assert refused(text) == ": the key 'default_selection' is missing: add it"

    def test_catalogues_extend_each_other_by_path(self, load, write, tmp_path):
        write("signals: {a: {files: a.root, cross_section: 1 pb}}", "group/base.yaml")
        catalogue = load(f"extends: group/base.yaml\n{SIGNAL}")
        assert set(catalogue.signals) == {"zh_llbb", "a", "s"}
        assert catalogue.signal("a").files == (str(tmp_path / "group/a.root"),)
        assert catalogue.signal("s").files == (str(tmp_path / "s.root"),)

    def test_a_circle_is_refused(self, write, tmp_path):
        write("extends: sub/../two.yaml", "one.yaml")
        write("extends: ./one.yaml", "two.yaml")
        (tmp_path / "sub").mkdir()
        with pytest.raises(AnalysisError, match=r"two.yaml: extends: './one.yaml' extends this"):
            load_catalogue(tmp_path / "one.yaml")

    def test_itself_is_refused(self, refused):
        assert "break the circle" in refused("extends: my.yaml")

    def test_an_error_beneath_names_the_file_beneath(self, load, write):
        write("luminosity: 140.1", "base.yaml")
        with pytest.raises(AnalysisError, match=r"base\.yaml: luminosity: 140.1 must be a mapping"):
            load("extends: base.yaml")


class TestSource:
    def test_is_the_absolute_path(self, write, tmp_path, monkeypatch):
        write(SIGNAL)
        monkeypatch.chdir(tmp_path)
        catalogue = load_catalogue("my.yaml")
        assert catalogue.source == str(tmp_path / "my.yaml")
        assert catalogue == load_catalogue(Path("my.yaml"))

    def test_may_begin_with_the_home(self, write, tmp_path, monkeypatch):
        write(SIGNAL)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert load_catalogue("~/my.yaml").source == str(tmp_path / "my.yaml")

    def test_unknown_names_the_embedded_ones(self):
        with pytest.raises(AnalysisError, match=r"unknown catalogue 'vhb': .*example_signal, vhbb"):
            load_catalogue("vhb")

    def test_missing_file_is_named(self, tmp_path):
        with pytest.raises(AnalysisError, match=r"none\.yaml: No such file or directory"):
            load_catalogue(tmp_path / "none.yaml")


class TestLookUp:
    catalogue = load_catalogue("example_datasets")

    def test_dataset_finds_signals_too(self):
        assert self.catalogue.dataset("my_signal") is self.catalogue.signal("my_signal")
        assert self.catalogue.dataset("ttbar") is self.catalogue.datasets["ttbar"]

    @pytest.mark.parametrize(
        ("find", "wrong", "message"),
        [
            (
                "signal",
                "my_signa",
                "unknown signal 'my_signa': did you mean 'my_signal'? known are",
            ),
            ("signal", "ttbar", "unknown signal 'ttbar': known are my_signal, zh_llbb"),
            ("dataset", "qqq", "unknown dataset 'qqq': known are data_2016, my_signal, ttbar, zh"),
            ("selection", "vhb", "unknown selection 'vhb': did you mean 'vhbb'? known are tight,"),
        ],
    )
    def test_unknown_names_list_the_known(self, find, wrong, message):
        with pytest.raises(AnalysisError) as caught:
            getattr(self.catalogue, find)(wrong)
        assert message in str(caught.value)
        assert str(caught.value).startswith("example_datasets: ")


class TestDataset:
    def test_fills_in_the_facts_of_its_dsid(self, load):
        signal = load("signals: {s: {files: a.root, dsid: 410470}}").signal("s")
        assert signal.cross_section == 729770.0
        assert signal.filter_efficiency == 0.5437965
        assert signal.k_factor == 1.139756362
        assert signal.dsid == 410470

    def test_says_what_its_jobs_need_which_changes_no_path(self, load):
        resources = "resources: {memory: 1.5 GB, max_runtime: 90 min}"
        text = "signals: {{s: {{files: [root://x//a.root], cross_section: 1 pb{}}}}}"
        plain, large = (load(text.format(more)).signal("s") for more in ("", f", {resources}"))
        assert plain.resources.given() == {}
        assert large.resources.given() == {"memory": 1500, "max_runtime": 1.5}
        assert large.inputs_digest() == plain.inputs_digest()
        assert large.normalisation_digest() == plain.normalisation_digest()

    def test_what_is_given_goes_before_the_dsid(self, load):
        text = "signals: {s: {files: a.root, dsid: 410470, cross_section: 800 pb, k_factor: 1}}"
        signal = load(text).signal("s")
        assert (signal.cross_section, signal.k_factor) == (800000.0, 1.0)
        assert signal.filter_efficiency == 0.5437965

    def test_of_data_needs_no_cross_section(self, load):
        dataset = load("datasets: {d: {files: d.root, is_data: true}}").dataset("d")
        assert dataset.cross_section is None
        assert dataset.is_data
        assert not dataset.is_synthetic

    def test_of_files_may_be_synthetic(self, load):
        text = "signals: {s: {files: a.root, cross_section: 1 fb, is_synthetic: true}}"
        assert load(text).signal("s").is_synthetic

    def test_defaults(self, load):
        signal = load(SIGNAL).signal("s")
        assert (signal.title, signal.format, signal.sum_of_weights) == ("s", None, None)
        assert (signal.filter_efficiency, signal.k_factor) == (1.0, 1.0)

    def test_all_keys(self, load):
        signal = load(
            """
            signals:
              s-1.2+b:
                title: "Größe $m_H$"
                files: [root://host//a.root, b.root]
                format: nanoaod
                cross_section: 1e-3 pb
                filter_efficiency: 1e-3
                k_factor: 2
                sum_of_weights: 6813.0258
            """
        ).signal("s-1.2+b")
        assert signal.title == "Größe $m_H$"
        assert signal.format == "nanoaod"
        assert signal.cross_section == 1.0
        assert signal.filter_efficiency == 0.001
        assert (signal.k_factor, signal.sum_of_weights) == (2.0, 6813.0258)

    def test_resolves_its_files(self, load, tmp_path):
        for name in ("b.root", "a.root"):
            (tmp_path / name).touch()
        signal = load(
            "signals: {s: {files: [root://h//x.root, '*.root'], cross_section: 1 pb}}"
        ).signal("s")
        local = (str(tmp_path / "a.root"), str(tmp_path / "b.root"))
        assert signal.resolve_files() == ("root://h//x.root", *local)

    @pytest.mark.parametrize("pattern", ["none.root", "none*.root"])
    def test_missing_files_name_catalogue_entry_and_pattern(self, load, tmp_path, pattern):
        signal = load(f"signals: {{s: {{files: '{pattern}', cross_section: 1 pb}}}}").signal("s")
        with pytest.raises(AnalysisError) as caught:
            signal.resolve_files()
        told = str(caught.value)
        assert told.startswith(f"{tmp_path}/my.yaml: signals.s.files: ")
        assert f"'{tmp_path}/{pattern}'" in told

    def test_a_file_matched_twice_names_the_entry(self, load, tmp_path):
        (tmp_path / "a.root").touch()
        signal = load("signals: {s: {files: [a.root, '?.root'], cross_section: 1 pb}}").signal("s")
        with pytest.raises(AnalysisError, match=r"signals\.s\.files: .*a\.root' occurs twice"):
            signal.resolve_files()

    def test_a_synthetic_one_has_no_files_to_resolve(self):
        with pytest.raises(AnalysisError, match=r"signals\.zh_llbb: is synthetic"):
            load_catalogue().signal("zh_llbb").resolve_files()


@pytest.mark.parametrize(
    ("n_events", "n_files", "expected"),
    [(20000, 4, (5000,) * 4), (10, 3, (4, 3, 3)), (3, 3, (1, 1, 1)), (7, 1, (7,))],
)
def test_synthetic_events_are_divided_among_the_files(n_events, n_files, expected):
    assert Synthetic(0, n_events, n_files).events_per_file() == expected


class TestHistograms:
    def test_from_files_are_relative_to_the_catalogue(self, load, tmp_path):
        catalogue = load(
            """
            data: {file: data.root, histogram: data}
            background: {file: root://h//b.root, histogram: dir/background}
            """
        )
        assert catalogue.data == HistogramFile(str(tmp_path / "data.root"), "data")
        assert catalogue.background == HistogramFile("root://h//b.root", "dir/background")

    def test_inline_with_variances(self, load):
        text = """
            background:
              edges: [0, 25.5, 1e2]
              contents: [1, -0.5]
              variances: [1, 2]
              underflow: 3
              underflow_variance: 4
        """
        assert load(text).background == InlineHistogram(
            edges=(0.0, 25.5, 100.0),
            contents=(1.0, -0.5),
            variances=(1.0, 2.0),
            underflow=3.0,
            underflow_variance=4.0,
        )

    def test_data_may_be_pseudo_data(self, load):
        text = """
            datasets: {a: {files: a.root, cross_section: 1 pb}}
            data: {datasets: a}
        """
        assert load(text).data == DatasetSum(("a",))


def test_importing_is_light_and_loads_no_numpy(root):
    program = (
        "import sys, analysis.catalogue as c; c.load_catalogue();"
        "heavy = {'numpy', 'awkward', 'uproot', 'law', 'luigi', 'hist'} & set(sys.modules);"
        "assert not heavy, heavy;"
        "assert c.metadata._table.cache_info().currsize == 0, 'dsids.csv is read'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)


def test_loading_again_takes_no_time_to_speak_of():
    load_catalogue()
    start = time.perf_counter()
    for _ in range(20):
        load_catalogue()
    assert (time.perf_counter() - start) / 20 < 0.05, "a task asks for it at every turn"


def test_nothing_is_written(load, tmp_path):
    load(SIGNAL)
    assert os.listdir(tmp_path) == ["my.yaml"]
