"""What others wrote and yadage runs is accepted; what it would not run is not."""

import pytest

from tasks.framework.yadage.checks import check_workflow

STEP = {
    "process": {"process_type": "string-interpolated-cmd", "cmd": "true"},
    "environment": {"environment_type": "localproc-env"},
    "publisher": {"publisher_type": "frompar-pub", "outputmap": {"out": "out"}},
}


def stage(name, dependencies, scatter=None, **parameters):
    scheduler = {
        "scheduler_type": "multistep-stage" if scatter else "singlestep-stage",
        "parameters": {"out": "{workdir}/out", **parameters},
        "step": STEP,
    }
    if scatter:
        scheduler["scatter"] = {"method": "zip", "parameters": [scatter]}
    return {"name": name, "dependencies": dependencies, "scheduler": scheduler}


def problems(*stages):
    return check_workflow({"stages": list(stages)}, ["n"], pinned=False)


INPUT = {"step": "init", "output": "n"}
MADE = {"step": "make", "output": "out"}


@pytest.mark.parametrize(
    "last",
    [
        stage("last", ["middle"], n=INPUT),
        stage("last", ["middle"], file=MADE),
        stage("last", ["make,middle"], files={"stages": "make,middle", "output": "out"}),
        stage("last", ["middle"], all={"stages": "middle"}),
    ],
    ids=["inputs", "a stage before the one before", "several stages at once", "all outputs"],
)
def test_what_is_there_by_then_may_be_read(last):
    make = stage("make", ["init"], n=INPUT)
    middle = stage("middle", ["make"], file=MADE)
    assert problems(make, middle, last) == []


def test_what_may_not_be_there_yet_may_not():
    (line,) = problems(stage("make", ["init"]), stage("other", ["init"], file=MADE))
    assert line.endswith("parameter 'file': reads from 'make' without depending on it")


def test_one_step_of_a_list_of_one_is_left_to_the_run():
    make = stage("make", ["init"], scatter="n", n=INPUT)
    assert problems(make, stage("last", ["make"], file=MADE)) == []


def test_malformed_dependencies_are_told():
    broken = stage("make", {"dependency_type": "jsonpath_ready"})
    assert problems(broken) == ["workflow: stage make: dependencies: has no 'expressions'"]


def test_files_that_a_subworkflow_would_look_for_are_refused_by_name():
    inner = {"stages": [stage("make", ["init"])]}
    outer = stage("outer", ["init"])
    outer["scheduler"] = {
        "scheduler_type": "singlestep-stage",
        "parameters": {},
        "workflow": inner,
        "workflow_opts": {"discover": True},
    }
    (line,) = problems(outer)
    assert "'discover') is not supported" in line
