"""The stages of a task are its graph; a recipe that does not fit the task is refused."""

import pytest

from tasks.framework.errors import UserError
from tasks.framework.preservation.recipe import Each, Given, Made, Output, Recipe
from tasks.framework.preservation.walking import walk


def test_required_tasks_come_first_with_their_dependencies(tasks):
    stages = walk(tasks.Total())
    assert [stage.name for stage in stages] == ["make_numbers", "double", "total"]
    assert [stage.needs for stage in stages] == [[], ["make_numbers"], ["double"]]


def test_workflows_are_spread_over_their_branches_and_others_are_not(tasks):
    assert [bool(stage.scattered) for stage in walk(tasks.Total())] == [True, True, False]


def test_outputs_of_branches_have_names_of_their_own_and_others_keep_theirs(tasks):
    assert [stage.outputs for stage in walk(tasks.Total())] == [
        {"number": "number.txt"},
        {"double": "double.txt"},
        {"total": "total.txt", "plot": "total.pdf"},
    ]


def test_what_a_task_outside_makes_becomes_an_input(tasks):
    stages = walk(tasks.Total(), ("MakeNumbers",))
    assert [stage.name for stage in stages] == ["double", "total"]
    (numbers,) = stages[0].scattered
    assert numbers == Each(Given("files", ["made_0.txt", "made_1.txt"]))
    assert stages[0].needs == []


def refused(tasks, monkeypatch, recipe):
    monkeypatch.setattr(tasks.Total, "recipe", recipe)
    with pytest.raises(UserError) as caught:
        walk(tasks.Total())
    return str(caught.value)


def test_a_task_without_recipe_is_named(tasks, monkeypatch):
    monkeypatch.delattr(tasks.Double, "recipe")
    with pytest.raises(UserError, match="Double: has no recipe"):
        walk(tasks.Total())


def test_an_output_that_the_recipe_does_not_write_is_named(tasks, monkeypatch):
    line = refused(tasks, monkeypatch, lambda _: Recipe("add", Output("total")))
    assert line.endswith("'plot' is an output that its recipe lacks")


def test_a_file_that_is_no_output_is_named(tasks, monkeypatch):
    outputs = [Output("total"), Output("plot"), Output("log")]
    line = refused(tasks, monkeypatch, lambda _: Recipe("add", *outputs))
    assert line.endswith("'log' is no output of it")


def test_reading_from_a_task_that_is_not_required_is_refused(tasks, monkeypatch):
    def recipe(_):
        made = Made(tasks.MakeNumbers(), "number")
        return Recipe("add", made, Output("total"), Output("plot"))

    assert "which it does not require" in refused(tasks, monkeypatch, recipe)


def test_one_task_with_two_sets_of_parameters_is_refused(tasks, monkeypatch):
    def requires(self):
        return [tasks.Double.req(self), tasks.Double.req(self, version="v2")]

    monkeypatch.setattr(tasks.Total, "requires", requires)
    monkeypatch.setattr(
        tasks.Total, "recipe", lambda _: Recipe("add", Output("total"), Output("plot"))
    )
    with pytest.raises(UserError, match="Double: is required twice with different parameters"):
        walk(tasks.Total())
