"""`law run Yadage`: completeness, reruns and errors, as of any other task."""

import pytest

WORKFLOW = """\
stages:
  - name: double
    dependencies: [init]
    scheduler:
      scheduler_type: multistep-stage
      parameters:
        number: {step: init, output: numbers}
        out: '{workdir}/double.txt'
      scatter: {method: zip, parameters: [number]}
      step: {$ref: 'steps.yml#/double'}
  - name: add
    dependencies: [double]
    scheduler:
      scheduler_type: singlestep-stage
      parameters:
        files: {stages: double, output: out}
        out: '{workdir}/sum.txt'
      step: {$ref: 'steps.yml#/add'}
"""
STEPS = """\
double:
  process: {process_type: string-interpolated-cmd, cmd: 'echo $((2 * {number})) > {out}'}
  environment: {environment_type: localproc-env}
  publisher: {publisher_type: frompar-pub, outputmap: {out: out}}
add:
  process:
    process_type: interpolated-script-cmd
    script: |
      total=0
      for file in {files}; do total=$((total + $(cat $file))); done
      echo $total > {out}
  environment: {environment_type: docker-encapsulated, image: busybox}
  publisher: {publisher_type: frompar-pub, outputmap: {sum: out}}
"""


@pytest.fixture
def site(workspace):
    workspace.write("workflow.yml", WORKFLOW)
    workspace.write("steps.yml", STEPS)
    workspace.write("inputs.yml", "numbers: [1, 2, 3]\n")
    return workspace


OPTIONS = ("--spec", "workflow.yml", "--inputs", "inputs.yml", "--containers", "none")


def sums(site):
    return [path.read_text() for path in sorted(site.results.rglob("sum.txt"))]


def test_steps_run_once_and_files_lie_by_step(site):
    site.law("Yadage", *OPTIONS)
    assert sums(site) == ["12\n"]
    before = site.files()
    assert sum(path.endswith("double.txt") for path in before) == 3
    site.law("Yadage", *OPTIONS)
    assert site.files() == before


def test_a_missing_step_alone_is_made_again(site):
    site.law("Yadage", *OPTIONS)
    before = site.files()
    (missing,) = (path for path in before if path.endswith("double_1.json"))
    (site.results / missing).unlink()
    for path in site.results.glob("Yadage/*/v1/results.json"):
        path.unlink()
    site.law("Yadage", *OPTIONS)
    changed = {path for path, time in site.files().items() if before.get(path) != time}
    assert {path.split("/")[-1] for path in changed} == {
        "double_1.json", "double_1.log", "double_1.provenance.json", "double.txt",
        "results.json", "results.provenance.json",
    }  # fmt: skip


def test_editing_a_step_redoes_it_and_nothing_before_it(site):
    site.law("Yadage", *OPTIONS)
    before = site.files()
    site.write("steps.yml", STEPS.replace("echo $total", "echo 1$total"))
    site.law("Yadage", *OPTIONS)
    assert sums(site) in (["12\n", "112\n"], ["112\n", "12\n"])
    made = {path.split("/")[1].rpartition("-")[0] for path in site.files().keys() - before.keys()}
    assert made == {"add", "workflow", ""}  # "": its plan


def refused(site, *options):
    done = site.law("Yadage", *OPTIONS, *options, code=None)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    return text


def test_a_step_that_fails_is_told_with_its_last_words(site):
    site.write("steps.yml", STEPS.replace("total=0", "echo no memory; exit 3"))
    assert "the step add failed with exit code 3: no memory" in refused(site)
    assert sums(site) == []


def test_a_step_that_does_not_write_what_it_publishes_has_failed(site):
    site.write("steps.yml", STEPS.replace("echo $total > {out}", ": {out}"))
    assert "the step add has not written sum.txt, which it publishes" in refused(site)


def test_a_dependency_that_yadage_would_wait_for_without_a_word_is_refused(site):
    site.write("workflow.yml", WORKFLOW.replace("[double]", "[doubel]"))
    assert "depends on 'doubel', which is no stage: it would never run" in refused(site)
    assert site.files() == {}


def test_a_missing_input_is_refused(site):
    site.write("inputs.yml", "n: 3\n")
    assert "'init' has no output 'numbers'" in refused(site)
