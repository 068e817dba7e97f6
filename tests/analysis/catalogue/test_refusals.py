"""What a user may get wrong in a catalogue: the error names entry, key and remedy."""

import pytest

GOOD = "files: s.root\ncross_section: 1 pb\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        # cross section
        ("files: s.root", ".s: has no cross section: add 'cross_section: 44.837 fb', or 'dsid"),
        ("files: s.root\ncross_section: 44.8", ".s.cross_section: 44.8 has no unit (fb, pb, nb)"),
        ("files: s.root\ncross_section: '44.8'", ".s.cross_section: '44.8' has no unit"),
        ("files: s.root\ncross_section: 1 barn", ".s.cross_section: '1 barn' has the unknown unit"),
        (
            "files: s.root\ncross_section: 0 fb",
            ".s.cross_section: '0 fb' must be greater than zero",
        ),
        ("files: s.root\ncross_section: -1 fb", ".s.cross_section: '-1 fb' must be greater than"),
        ("files: s.root\ncross_section: nan fb", ".s.cross_section: 'nan fb' is not finite"),
        ("files: s.root\ncross_section: inf fb", ".s.cross_section: 'inf fb' is not finite"),
        ("files: s.root\ncross_section: .nan", ".s.cross_section: nan has no unit"),
        (
            "files: s.root\ncross_section: true",
            ".s.cross_section: True is not a number with a unit",
        ),
        ("files: s.root\ncross_section:", ".s.cross_section: is empty: give it a value"),
        ("files: s.root\ncross_section: [1 fb]", ".s.cross_section: ['1 fb'] is not a number with"),
        # numbers
        (GOOD + "filter_efficiency: 0", ".s.filter_efficiency: 0 must be greater than zero"),
        (GOOD + "filter_efficiency: -0.5", ".s.filter_efficiency: -0.5 must be greater than zero"),
        (GOOD + "filter_efficiency: 54", ".s.filter_efficiency: 54 must be at most 1 (a fraction,"),
        (GOOD + "filter_efficiency: .inf", ".s.filter_efficiency: inf must be a finite number"),
        (
            GOOD + "filter_efficiency: '0.5'",
            ".s.filter_efficiency: '0.5' must be a number, without",
        ),
        (GOOD + "filter_efficiency: true", ".s.filter_efficiency: True must be a number"),
        (GOOD + "k_factor: 0", ".s.k_factor: 0 must be greater than zero"),
        (GOOD + "k_factor: [1]", ".s.k_factor: [1] must be a number"),
        (GOOD + f"k_factor: {'9' * 400}", ".s.k_factor: 999"),
        (GOOD + "sum_of_weights: 0", ".s.sum_of_weights: 0 must be greater than zero"),
        (GOOD + "sum_of_weights: -3.5", ".s.sum_of_weights: -3.5 must be greater than zero"),
        (GOOD + "sum_of_weights: .nan", ".s.sum_of_weights: nan must be a finite number"),
        # DSID
        ("files: s.root\ndsid: 345055", ".s.dsid: DSID 345055 is not among the 373 of dsids.csv"),
        ("files: s.root\ndsid: '410470'", ".s.dsid: '410470' must be a whole number"),
        ("files: s.root\ndsid: true", ".s.dsid: True must be a whole number"),
        (
            "files: s.root\ndsid: 410470\ncross_section: 729.77 fb",
            ".s.cross_section: 729.77 fb contradicts the 729770 fb of DSID 410470 (PhPy8EG_A14_tt",
        ),
        # files
        (
            "cross_section: 1 pb",
            ".s: has neither 'files' nor 'synthetic': add 'files: path/*.root'",
        ),
        ("cross_section: 1 pb\nfiles: []", ".s.files: must not be an empty list"),
        (
            "cross_section: 1 pb\nfiles: ''",
            ".s.files: '' must be a text on one line, and not empty",
        ),
        ("cross_section: 1 pb\nfiles: 3", ".s.files: 3 must be a text: put it in quotes"),
        ("cross_section: 1 pb\nfiles: [a, yes]", ".s.files: True must be a text: put it in quotes"),
        ("cross_section: 1 pb\nfiles: {a: b}", ".s.files: {'a': 'b'} must be a text"),
        ('cross_section: 1 pb\nfiles: "a\\0b"', ".s.files: 'a\\x00b' must be a text on one line"),
        ("cross_section: 1 pb\nfiles: [a, ./a]", "a' occurs twice: its events would count twice"),
        (
            "cross_section: 1 pb\nfiles: s3://b/a",
            ".s.files: 's3://b/a' has an unknown scheme: give",
        ),
        (
            "cross_section: 1 pb\nfiles: $NOT_SET/a",
            ".s.files: '$NOT_SET/a': the variable $NOT_SET is",
        ),
        (GOOD + "format: root", ".s.format: 'root' must be one of: physlite-ttree, physlite-rntup"),
        # synthetic
        (
            GOOD + "synthetic: {seed: 1, n_events: 1}",
            ".s: has both 'files' and 'synthetic': keep one",
        ),
        (
            "cross_section: 1 pb\nsynthetic: {seed: 1}",
            ".s.synthetic: the key 'n_events' is missing",
        ),
        ("cross_section: 1 pb\nsynthetic: yes", ".s.synthetic: True must be a mapping, with keys"),
        ("cross_section: 1 pb\nsynthetic:", ".s.synthetic: is empty"),
        (
            "cross_section: 1 pb\nsynthetic: {seed: -1, n_events: 1}",
            ".s.synthetic.seed: -1 must be a whole number, 0 or more",
        ),
        (
            "cross_section: 1 pb\nsynthetic: {seed: 1, n_events: 1.5}",
            ".s.synthetic.n_events: 1.5 must be a whole number, 1 or more",
        ),
        (
            "cross_section: 1 pb\nsynthetic: {seed: 1, n_events: 2, n_files: 3}",
            ".s.synthetic.n_files: more than the 2 events there are: use fewer",
        ),
        (
            "cross_section: 1 pb\nis_synthetic: false\nsynthetic: {seed: 1, n_events: 2}",
            ".s.is_synthetic: a sample with 'synthetic:' is synthetic: leave this out",
        ),
        # others
        (GOOD + "titel: x", ".s: unknown key 'titel': did you mean 'title'?"),
        (GOOD + "xsec: 1 fb", ".s: unknown key 'xsec': known are cross_section, dsid, files"),
        (GOOD + "is_data: true", ".s: unknown key 'is_data'"),
        (GOOD + "3: x", ".s: unknown key 3: known are"),
        (GOOD + "title: 2024", ".s.title: 2024 must be a text: put it in quotes"),
        (GOOD + 'title: "a\\nb"', r".s.title: 'a\nb' must be a text on one line"),
        (GOOD + "is_synthetic: 1", ".s.is_synthetic: 1 must be true or false"),
        (GOOD + "resources: {memory: 2000}", ".s.resources.memory: 2000 has no unit (MB, GB, TB)"),
        (GOOD + "resources: {cores: 0}", ".s.resources.cores: 0 must be a whole number, 1 or more"),
        (GOOD + "resources: {max_runtime: 3 GB}", ".s.resources.max_runtime: '3 GB' has the unkn"),
        (GOOD + "resources: {ram: 2 GB}", ".s.resources: unknown key 'ram'"),
    ],
)
def test_of_a_signal(refused_signal, lines, message):
    assert message in refused_signal(lines)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../up", "the name '../up' would not do in a path: use letters, digits"),
        ("'..'", "the name '..' would not do in a path"),
        ("a/b", "the name 'a/b' would not do"),
        (r"a\b", "would not do in a path"),
        ("a b", "the name 'a b' would not do"),
        (".hidden", "the name '.hidden' would not do"),
        ("-option", "the name '-option' would not do"),
        ("'a,b'", "the name 'a,b' would not do"),
        ("'a\0'", "not valid YAML"),
        ('"a\\n"', r"the name 'a\n' would not do"),
        ("größe", "the name 'größe' would not do"),
        ("''", "the name '' would not do"),
        ("a" * 101, "at most 100"),
        ("no", "the name False is not a text (YAML reads no, yes, on, off as booleans): put it in"),
        ("on", "the name True is not a text (YAML reads"),
        ("345055", "the name 345055 is not a text: put it in quotes"),
        ("1e3", "the name 1000.0 is not a text: put it in quotes"),
        ("null", "the name None is not a text: put it in quotes"),
        ("2024-01-01", "the name datetime.date(2024, 1, 1) is not a text"),
    ],
)
@pytest.mark.parametrize("section", ["signals", "datasets", "selections"])
def test_of_a_name_that_would_not_do_in_a_path(refused, section, name, message):
    told = refused(f"{section}:\n  {name}: {{files: a.root}}\n")
    assert message in told
    assert told.startswith((f": {section}: the name", ": not valid"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("signal: {}", ": unknown key 'signal': did you mean 'signals'?"),
        ("xyz: {}", ": unknown key 'xyz': known are background, data, datasets"),
        ("signals:", ": signals: is empty: give it a value or leave it out"),
        ("signals: [a]", ": signals: ['a'] must be a mapping, with keys such as 'my_name'"),
        ("signals: {s: }", ": signals.s: is empty"),
        (
            "signals: {s: a.root}",
            ": signals.s: 'a.root' must be a mapping, with keys such as 'files'",
        ),
        ("extends: 3", ": extends: 3 must be a text"),
        ("extends:", ": extends: is empty: give it a value"),
        (
            "default_signals: [s]",
            ": default_signals: 's' is not in the catalogue: known are zh_llbb",
        ),
        (
            "default_signals: zh_lbb",
            ": default_signals: 'zh_lbb' is not in the catalogue: did you m",
        ),
        ("default_signals: []", ": default_signals: must not be an empty list"),
        ("default_signals: [zh_llbb, zh_llbb]", ": default_signals: 'zh_llbb' stands there twice"),
        ("default_signals: [no]", ": default_signals: the name False is not a text"),
        ("default_selection: tight", ": default_selection: 'tight' is not in the catalogue: known"),
        (
            "datasets: {zh_llbb: {files: a, cross_section: 1 fb}}",
            ": 'zh_llbb' is both a signal and a dataset: rename one",
        ),
        # luminosity
        ("luminosity: 140.1 /fb", ": luminosity: '140.1 /fb' must be a mapping, with keys such as"),
        (
            "luminosity: {value: 140.1, relative_uncertainty: 1 %}",
            ": luminosity.value: 140.1 has no unit (/fb, /pb, /nb): write it like '140.1 /fb'",
        ),
        (
            "luminosity: {value: 140.1 fb, relative_uncertainty: 1 %}",
            ": luminosity.value: '140.1 fb' has the unknown unit 'fb'",
        ),
        (
            "luminosity: {value: 0 /fb, relative_uncertainty: 1 %}",
            ": luminosity.value: '0 /fb' must be greater than zero",
        ),
        ("luminosity: {value: 1 /fb}", ": luminosity: the key 'relative_uncertainty' is missing"),
        (
            "luminosity: {value: 1 /fb, relative_uncertainty: 0.83}",
            ": luminosity.relative_uncertainty: 0.83 has no unit (%): write it like '0.83 %'",
        ),
        (
            "luminosity: {value: 1 /fb, relative_uncertainty: -1 %}",
            ": luminosity.relative_uncertainty: '-1 %' must not be negative",
        ),
        # datasets
        (
            "datasets: {d: {files: a, is_data: true, cross_section: 1 fb}}",
            ": datasets.d.cross_section: does not apply to recorded data ('is_data: true')",
        ),
        (
            "datasets: {d: {files: a, is_data: true, dsid: 410470}}",
            ": datasets.d.dsid: does not apply to recorded data",
        ),
        (
            "datasets: {d: {is_data: true, synthetic: {seed: 1, n_events: 2}}}",
            ": datasets.d.synthetic: does not apply to recorded data",
        ),
        ("datasets: {d: {files: a, is_data: 1}}", ": datasets.d.is_data: 1 must be true or false"),
        ("datasets: {d: {files: a}}", ": datasets.d: has no cross section"),
        # model
        ("model: tutorial", ": model: 'tutorial' must be a mapping, with keys such as 'name'"),
        ("model: {name: Tutorial}", ": model.name: 'Tutorial' must be one of: default, tutorial"),
        ("model: {overflow: no}", ": model.overflow: False must be one of: bin, drop"),
        (
            "model: {negative_bins: keep}",
            ": model.negative_bins: 'keep' must be one of: refuse, clip",
        ),
        ("model: {background_uncertainty: 0.1}", ": model.background_uncertainty: 0.1 has no unit"),
        ("model: {signal_uncertainty: -3 %}", ": model.signal_uncertainty: '-3 %' must not be neg"),
    ],
)
def test_of_a_catalogue(refused, text, message):
    assert refused(text).startswith(message)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("min_jets: 1", ".min_jets: 1 must be a whole number, 2 or more"),
        ("min_jets: 2.0", ".min_jets: 2.0 must be a whole number, 2 or more"),
        ("min_jets: true", ".min_jets: True must be a whole number, 2 or more"),
        ("jet_pt_min: 50", ".jet_pt_min: 50 has no unit (GeV, MeV, TeV): write it like '50 GeV'"),
        ("jet_pt_min: -50 GeV", ".jet_pt_min: '-50 GeV' must not be negative"),
        ("jet_eta_max: 0", ".jet_eta_max: 0 must be greater than zero"),
        (
            "jet_eta_max: 2.5 rad",
            ".jet_eta_max: '2.5 rad' must be a number, without quotes or unit",
        ),
        ("jet_order: pT", ".jet_order: 'pT' must be one of: pt, container"),
        ("jvt: 'true'", ".jvt: 'true' must be true or false"),
        ("event_cleaning: 1", ".event_cleaning: 1 must be true or false"),
        ("jet_pt: 50 GeV", ": unknown key 'jet_pt': did you mean 'jet_pt_min'?"),
        ("m_jj: 20", ".m_jj: 20 must be a mapping, with keys such as 'n_bins', 'low', 'high'"),
        ("m_jj: {n_bins: 0, low: 0 GeV, high: 1 GeV}", ".m_jj.n_bins: 0 must be a whole number"),
        ("m_jj: {n_bins: 2, low: 0 GeV}", ".m_jj: the key 'high' is missing: add it"),
        ("m_jj: {n_bins: 2, low: 0, high: 1 GeV}", ".m_jj.low: 0 has no unit"),
        ("m_jj: {n_bins: 2, low: 9 GeV, high: 9 GeV}", ".m_jj.high: must be above 'low', 9 GeV"),
        ("b_tag: ", ".b_tag: is empty"),
        ("b_tag: {kind: score, cut: 1}", ".b_tag: the key 'tagger' is missing"),
        ("b_tag: {tagger: a/b, kind: score, cut: 1}", ".b_tag.tagger: the name 'a/b' would not do"),
        ("b_tag: {tagger: t, kind: weight, cut: 1}", ".b_tag.kind: 'weight' must be one of: discr"),
        ("b_tag: {tagger: t, kind: score}", ".b_tag: the key 'cut' is missing"),
        ("b_tag: {tagger: t, kind: score, cut: .inf}", ".b_tag.cut: inf must be a finite number"),
        ("b_tag: {tagger: t, kind: probability, cut: 8}", ".b_tag.cut: 8 must be at most 1"),
        (
            "b_tag: {tagger: t, kind: discriminant, cut: 1}",
            ".b_tag: the key 'fractions' is missing",
        ),
        (
            "b_tag: {tagger: t, kind: score, cut: 1, fractions: {c: 0.1}}",
            ".b_tag.fractions: has no part in a score: leave it out",
        ),
        (
            "b_tag: {tagger: t, kind: discriminant, cut: 1, fractions: {u: 0.1}}",
            ".b_tag.fractions: unknown key 'u': known are c, tau",
        ),
        (
            "b_tag: {tagger: t, kind: discriminant, cut: 1, fractions: {c: 1.8}}",
            ".b_tag.fractions.c: 1.8 must be at most 1",
        ),
        (
            "b_tag: {tagger: t, kind: discriminant, cut: 1, fractions: {c: 0.6, tau: 0.6}}",
            ".b_tag.fractions: add up to more than 1",
        ),
    ],
)
def test_of_a_selection(refused, keys, message):
    assert refused(f"selections: {{tight: {{{keys}}}}}").startswith(f": selections.tight{message}")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("source: x", ": needs one of 'file', 'contents' and 'datasets', and has none"),
        (
            "file: a, datasets: b",
            ": needs one of 'file', 'contents' and 'datasets', and has 'file'",
        ),
        ("file: a.root", ": the key 'histogram' is missing: add it"),
        ("file: a.root, histogram: no", ".histogram: False must be a text: put it in quotes"),
        (
            "file: a.root, histogram: h, edges: [0, 1]",
            ": unknown key 'edges': known are file, hist",
        ),
        ("file: [a.root], histogram: h", ".file: ['a.root'] must be a text"),
        ("file: 'ftp://h/a.root', histogram: h", ".file: 'ftp://h/a.root' has an unknown scheme"),
        ("datasets: []", ".datasets: must not be an empty list"),
        ("datasets: nowhere", ".datasets: 'nowhere' is not in the catalogue: known are none"),
        ("datasets: [a, a]", ".datasets: 'a' stands there twice: keep one"),
        ("contents: [1, 2]", ": the key 'edges' is missing: add it"),
        ("edges: [0, 2, 1], contents: [1, 2]", ".edges: must increase from each to the next"),
        ("edges: [0, 1, 1], contents: [1, 2]", ".edges: must increase from each to the next"),
        (
            "edges: [0], contents: [1]",
            ".edges: must increase from each to the next, and be at least",
        ),
        ("edges: [0, .inf], contents: [1]", ".edges: inf must be a finite number"),
        ("edges: [0, '1'], contents: [1]", ".edges: '1' must be a number"),
        ("edges: 20, contents: [1]", ".edges: 20 must be a list of numbers, such as [0, 25, 50]"),
        ("edges: [0, 1, 2], contents: [1]", ".contents: has 1 values for the 2 bins of 'edges'"),
        (
            "edges: [0, 1], contents: [1, 2]",
            "for the 1 bins of 'edges': give the last as 'overflow'",
        ),
        ("edges: [0, 1], contents: [-1]", ".contents: -1 must not be negative"),
        ("edges: [0, 1], contents: [.nan]", ".contents: nan must be a finite number"),
        ("edges: [0, 1], contents: [1], overflow: -2", ".overflow: -2 must not be negative"),
        ("edges: [0, 1], contents: [1], variances: [1, 2]", ".variances: has 2 values for the 1"),
        ("edges: [0, 1], contents: [1], variances: [-1]", ".variances: -1 must not be negative"),
        (
            "edges: [0, 1], contents: [1], variances: [1], overflow: 3",
            ": the key 'overflow_variance' is missing beside 'variances': add it",
        ),
        ("edges: [0, 1], contents: [1], bins: 3", ": unknown key 'bins'"),
    ],
)
def test_of_data(refused, keys, message):
    told = refused(f"data: {{{keys}}}")
    assert told.startswith(": data")
    assert message in told


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        (
            "background",
            "d",
            ": background.datasets: 'd' has 'is_data: true', which is no background",
        ),
        ("background", "m, d", ": background.datasets: 'd' has 'is_data: true'"),
        ("data", "m, d", ": data.datasets: recorded and simulated datasets do not add up"),
        ("data", "mm", ": data.datasets: 'mm' is not in the catalogue: did you mean 'm'?"),
        ("data", "zh_llbb", ": data.datasets: 'zh_llbb' is not in the catalogue"),
    ],
)
def test_of_sums_that_make_no_sense(refused, key, names, message):
    text = f"""
        datasets:
          m: {{files: m.root, cross_section: 1 fb}}
          d: {{files: d.root, is_data: true}}
        {key}: {{datasets: [{names}]}}
    """
    assert refused(text).startswith(message)


def test_of_a_nest_of_aliases_ends(refused):
    lines = ["model: &l0 [x, x, x, x, x, x, x, x]"]
    keys = ["data", "background", "luminosity", "datasets", "selections", "extends"]
    lines += [f"{key}: &l{n + 1} [{', '.join([f'*l{n}'] * 20)}]" for n, key in enumerate(keys)]
    told = refused("\n".join([*lines, "signals: *l6"]))
    assert told.startswith(": extends: [[")
    assert len(told) < 200
