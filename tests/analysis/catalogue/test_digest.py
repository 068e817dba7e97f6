import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.catalogue import digest, load_catalogue
from analysis.catalogue.digest import LENGTH, NOT_CONTENT

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@dataclass(frozen=True)
class Cut:
    low: float
    title: str = field(default="", metadata=NOT_CONTENT)
    veto: str | None = None


@dataclass(frozen=True)
class OtherCut:
    low: float


@given(plain)
def test_is_short_hexadecimal_and_the_same_each_time(value):
    assert digest(value) == digest(value)
    assert len(digest(value)) == LENGTH
    assert int(digest(value), 16) >= 0


def test_is_the_same_in_another_process_with_another_hash_seed(root):
    program = "from analysis.catalogue import digest; print(digest('m_jj', {'a': 1, 'b': 0.1}))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {digest("m_jj", {"a": 1, "b": 0.1})}


def test_is_frozen_as_paths_of_earlier_runs_depend_on_it():
    assert digest("m_jj", 500, None, True, [0.1, {"c": Path("a/b")}], Cut(50.0)) == "3929724414"


@pytest.mark.parametrize(
    ("one", "other"),
    [(50, 50.0), ((1, 2), [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (0.0, -0.0)],
)
def test_means_the_same(one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, None), ("1", 1), ((1, 2), (2, 1)), ("a", ["a"]), (0.1, 0.1 + 2**-56)],
)
def test_means_something_else(one, other):
    assert digest(one) != digest(other)


def test_parts_do_not_run_into_each_other():
    assert digest("a", "b") != digest("ab")
    assert digest("a", "b") != digest(["a", "b"])


def test_of_a_dataclass_is_of_its_content_and_type():
    assert digest(Cut(50.0)) == digest(Cut(50, title="fifty"))
    assert digest(Cut(50.0)) != digest(Cut(51.0))
    assert digest(Cut(50.0)) != digest(OtherCut(50.0))
    assert digest(Cut(50.0)) != digest(Cut(50.0, veto="electron"))


def test_an_unused_optional_field_added_later_renames_nothing():
    later = dataclass(frozen=True)(
        type("OtherCut", (), {"__annotations__": {"low": float, "new": object}, "new": None})
    )
    assert digest(later(50.0)) == digest(OtherCut(50.0))
    assert digest(later(50.0, ())) == digest(OtherCut(50.0))
    assert digest(later(50.0, 0)) != digest(OtherCut(50.0))


@pytest.mark.parametrize("value", [{1, 2}, object(), Cut, {1: 2}, b"bytes"])
def test_refuses_what_has_no_canonical_form(value):
    with pytest.raises(TypeError):
        digest(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_what_is_no_number(value):
    with pytest.raises(ValueError, match="no digest of"):
        digest([value])


class TestSelection:
    selection = load_catalogue().selection("vhbb_btag")

    @pytest.mark.parametrize("change", [{"title": "other"}, {"name": "other"}])
    def test_does_not_change_with_its_description(self, change):
        assert replace(self.selection, **change).digest() == self.selection.digest()

    @pytest.mark.parametrize(
        "change",
        [
            {"min_jets": 3},
            {"jet_pt_min": 50.001},
            {"jet_eta_max": 2.4},
            {"jet_order": "container"},
            {"b_tag": None},
            {"event_cleaning": True},
            {"jvt": True},
        ],
    )
    def test_changes_with_every_cut(self, change):
        assert replace(self.selection, **change).digest() != self.selection.digest()

    @pytest.mark.parametrize("change", [{"n_bins": 100}, {"low": 1.0}, {"high": 501.0}])
    def test_changes_with_the_binning(self, change):
        changed = replace(self.selection, m_jj=replace(self.selection.m_jj, **change))
        assert changed.digest() != self.selection.digest()

    @pytest.mark.parametrize(
        "change",
        [{"tagger": "GN2v01"}, {"kind": "score"}, {"cut": 2.0}, {"fractions": {"c": 0.02}}],
    )
    def test_changes_with_the_b_tag(self, change):
        changed = replace(self.selection, b_tag=replace(self.selection.b_tag, **change))
        assert changed.digest() != self.selection.digest()


class TestDataset:
    @pytest.fixture
    def dataset(self, tmp_path, load):
        for name in ("a.root", "b.root"):
            (tmp_path / name).touch()
        return load(
            "signals: {s: {files: ['*.root'], cross_section: 1 pb, sum_of_weights: 5}}"
        ).signal("s")

    @pytest.mark.parametrize("change", [{"title": "t"}, {"dsid": 3}, {"place": "p"}, {"name": "n"}])
    def test_does_not_change_with_its_description(self, dataset, change):
        changed = replace(dataset, **change)
        assert changed.inputs_digest() == dataset.inputs_digest()
        assert changed.normalisation_digest() == dataset.normalisation_digest()

    @pytest.mark.parametrize(
        "change",
        [
            {"cross_section": 2.0},
            {"filter_efficiency": 0.5},
            {"k_factor": 1.1},
            {"sum_of_weights": 6.0},
            {"is_synthetic": True},
        ],
    )
    def test_normalisation_changes_without_the_inputs(self, dataset, change):
        changed = replace(dataset, **change)
        assert changed.inputs_digest() == dataset.inputs_digest()
        assert changed.normalisation_digest() != dataset.normalisation_digest()

    @pytest.mark.parametrize("change", [{"format": "nanoaod"}, {"is_data": True}])
    def test_inputs_change(self, dataset, change):
        changed = replace(dataset, **change)
        assert changed.inputs_digest() != dataset.inputs_digest()
        assert changed.file_digest("a.root") != dataset.file_digest("a.root")

    def test_inputs_change_with_the_files_that_a_glob_matches(self, dataset, tmp_path):
        before = dataset.inputs_digest()
        (tmp_path / "aa.root").touch()
        assert dataset.inputs_digest() == before, "one run sees one list"
        assert replace(dataset).inputs_digest() != before

    def test_a_file_keeps_its_digest_when_another_comes_before_it(self, dataset, tmp_path):
        last = dataset.resolve_files()[-1]
        before = dataset.file_digest(last)
        (tmp_path / "aa.root").touch()
        later = replace(dataset)
        assert later.file_digest(later.resolve_files()[-1]) == before

    def test_the_same_relative_path_in_two_folders_is_two_inputs(self, load, tmp_path):
        text = "signals: {s: {files: a.root, cross_section: 1 pb}}"
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "a.root").touch()
        one, two = (load(text, f"{folder}/my.yaml").signal("s") for folder in ("one", "two"))
        assert one.inputs_digest() != two.inputs_digest()

    def test_of_a_synthetic_sample_is_of_its_parameters(self):
        dataset = load_catalogue().signal("zh_llbb")
        other = replace(dataset, synthetic=replace(dataset.synthetic, seed=1))
        assert dataset.inputs_digest() == replace(dataset).inputs_digest()
        assert dataset.inputs_digest() != other.inputs_digest()


class TestHistograms:
    def test_inline_changes_with_contents_and_not_with_source(self):
        catalogue = load_catalogue()
        data = catalogue.data
        before = catalogue.histogram_digest(data)
        assert catalogue.histogram_digest(replace(data, source="", license="")) == before
        assert catalogue.histogram_digest(replace(data, overflow=1.0)) != before
        assert catalogue.histogram_digest(replace(data, contents=data.contents[::-1])) != before
        assert catalogue.histogram_digest(catalogue.background) != before

    def test_of_a_file_is_of_its_resolved_path_and_name(self, load):
        def of(text):
            catalogue = load(text)
            return catalogue.histogram_digest(catalogue.data)

        before = of("data: {file: data.root, histogram: data}")
        assert of("data: {file: ./x/../data.root, histogram: data}") == before
        assert of("data: {file: data.root, histogram: other}") != before
        assert of("data: {file: other.root, histogram: data}") != before

    def test_of_datasets_is_of_all_that_the_sum_depends_on(self, load):
        text = """
            luminosity: {{value: {lumi}, relative_uncertainty: 1 %}}
            datasets: {{b: {{files: root://host//{file}, cross_section: {xs}, title: {title}}}}}
            background: {{datasets: [b]}}
        """

        def of(**change):
            values = {"lumi": "1 /fb", "file": "a.root", "xs": "1 pb", "title": "B"} | change
            catalogue = load(text.format(**values))
            return catalogue.histogram_digest(catalogue.background)

        assert of(title="Bees") == of()
        assert of(xs="1000 fb") == of()
        for change in ({"lumi": "2 /fb"}, {"file": "b.root"}, {"xs": "2 pb"}):
            assert of(**change) != of()


def test_luminosity_and_model_digests_follow_their_numbers():
    catalogue = load_catalogue()
    luminosity, model = catalogue.luminosity, catalogue.model
    assert replace(luminosity, source="x").digest() == luminosity.digest()
    assert replace(luminosity, value=139.0).digest() != luminosity.digest()
    assert replace(luminosity, relative_uncertainty=0.02).digest() != luminosity.digest()
    assert replace(model, name="tutorial").digest() != model.digest()
    assert replace(model, background_uncertainty=0.1).digest() != model.digest()
