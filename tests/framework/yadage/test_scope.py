"""Stages run when what they need is there, and a workflow that cannot end says so."""

import pytest

from tasks.framework.errors import UserError
from tasks.framework.yadage.scope import Scope

STEP = {"process": None, "publisher": {}, "environment": None}


def stage(name, *dependencies, scatter=None, body=None, **parameters):
    kind = "multistep-stage" if scatter else "singlestep-stage"
    scheduler = {"scheduler_type": kind, "parameters": parameters, **(body or {"step": STEP})}
    if scatter:
        scheduler["scatter"] = {"method": "zip", "parameters": [scatter]}
    return {"name": name, "dependencies": list(dependencies), "scheduler": scheduler}


class Runner:
    """Runs steps at once; each publishes its parameters as ``got``."""

    def __init__(self):
        self.order, self.results = [], {}

    def __call__(self, steps):
        return self.results.get(steps.path)

    def run(self, scope):
        while missing := scope.advance(self):
            self.order.append([steps.path for steps in missing])
            for steps in missing:
                self.results[steps.path] = [{"got": p} for p in steps.parameters]
        return scope


def run(*stages, inputs=None):
    runner = Runner()
    scope = Scope.of({"stages": list(stages)}, inputs or {})
    return runner, runner.run(scope)


def test_stages_that_do_not_need_each_other_run_together():
    runner, scope = run(stage("c", "a", "b"), stage("a", "init"), stage("b", "init"))
    assert runner.order == [["a", "b"], ["c"]]
    assert scope.finished()


def test_parameters_are_selected_from_inputs_and_results():
    first = stage("a", "init", x={"step": "init", "output": "n"}, fixed=1)
    runner, _ = run(first, stage("b", "a", y={"step": "a", "output": "got.x"}), inputs={"n": 7})
    assert runner.results["b"] == [{"got": {"y": 7}}]


def test_a_list_from_one_stage_is_spread_over_the_next():
    first = stage("a", "init", scatter="x", x={"step": "init", "output": "xs"})
    second = stage("b", "a", scatter="y", y={"stages": "a", "output": "got.x"})
    third = stage("c", "b", z={"stages": "b[*]", "output": "got.y"})
    runner, _ = run(first, second, third, inputs={"xs": [1, 2, 3]})
    assert runner.results["c"] == [{"got": {"z": [1, 2, 3]}}]


def test_a_stage_over_an_empty_list_is_done_without_a_step():
    first = stage("a", "init", scatter="x", x={"step": "init", "output": "xs"})
    runner, scope = run(
        first, stage("b", "a", y={"stages": "a", "output": "got"}), inputs={"xs": []}
    )
    assert runner.results["b"] == [{"got": {"y": []}}]
    assert scope.finished()


def test_sub_workflows_see_their_own_inputs_and_stages_alone():
    inner = {"stages": [stage("b", "init", v={"step": "init", "output": "x"})]}
    outer = stage(
        "a", "init", scatter="x", x={"step": "init", "output": "xs"}, body={"workflow": inner}
    )
    last = stage("c", "a", r={"stages": "a[*].b", "output": "got.v"})
    runner, scope = run(outer, last, inputs={"xs": [5, 6]})
    assert runner.order == [["a_0/b", "a_1/b"], ["c"]]
    assert runner.results["c"] == [{"got": {"r": [5, 6]}}]
    assert [steps.path for steps in scope.scheduled()] == ["c", "a_0/b", "a_1/b"]


def test_cases_choose_what_runs():
    body = {"cases": [{"if": ".no", "step": {}}, {"if": ".yes", "step": STEP}]}
    runner, scope = run(stage("a", "init", body=body, no=False, yes=True))
    assert runner.order == [["a"]]
    _, scope = run(stage("a", "init", body=body, no=False, yes=False))
    assert scope.finished()


def test_a_stage_may_wait_for_expressions():
    waiting = stage("b", x={"step": "a", "output": "got.n"})
    waiting["dependencies"] = {
        "dependency_type": "expressions_fulfilled",
        "expressions": [{"expression_type": "stage-output-selector", "step": "a", "output": "got"}],
    }
    runner, _ = run(waiting, stage("a", "init", n=3))
    assert runner.order == [["a"], ["b"]]


def test_stages_that_can_never_run_are_told():
    _, scope = run(stage("a", "init"), stage("b", "nothing"))
    assert not scope.finished()
    assert scope.waiting() == ["b"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"step": "a", "output": "got"}, "'step: a' selects 2 steps"),
        ({"step": "a[0]", "output": "x"}, "0 outputs match 'x'"),
    ],
)
def test_a_selection_of_nothing_or_too_much_is_told(value, message):
    with pytest.raises(UserError, match=message):
        run(stage("a", "init", scatter="n", n=[1, 2]), stage("b", "a", v=value))
