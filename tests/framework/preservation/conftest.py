"""A small analysis that can be preserved: numbers are doubled, each by itself, then added."""

from types import SimpleNamespace

import pytest

from tasks.framework.base import AnalysisTask
from tasks.framework.preservation.export import Export, Variant, example
from tasks.framework.preservation.recipe import Each, Embedded, Given, Made, Output, Recipe
from tasks.framework.preservation.specification import inputs
from tasks.framework.preservation.walking import walk
from tasks.framework.workflow import Workflow

IMAGE = f"registry.example.org/steps/double:1.0@sha256:{'5' * 64}"


class Preserved(AnalysisTask):
    exclude_index = True

    def run(self):
        raise NotImplementedError


class MakeNumbers(Preserved, Workflow):
    def create_branch_map(self):
        return [10, 20]

    def output(self):
        return self.targets(number=f"made_{self.branch}.txt")

    def recipe(self):
        source = Each(Given("seeds", [10, 20]))
        return Recipe("make", source, Output("number"))


class Double(Preserved, Workflow):
    def create_branch_map(self):
        return [0, 1]

    def workflow_requires(self):
        return {**super().workflow_requires(), **self.requires_from_branch()}

    def requires(self):
        return {"made": MakeNumbers.req(self, branch=-1, branches=())}

    def output(self):
        return self.targets(double=f"double_{self.branch}.txt")

    def recipe(self):
        numbers = Each(Made(self.requires()["made"], "number", "files"))
        rules = Embedded("rules.txt", "times: {2}\n")
        return Recipe("double", "it's", numbers, rules, "--to", Output("double"))


class Total(Preserved):
    def requires(self):
        return Double.req(self)

    def output(self):
        return self.targets(total="total.txt", plot="total.pdf")

    def recipe(self):
        doubles = Made(self.requires(), "double")
        outputs = (Output("total"), "--plot", Output("plot"))
        return Recipe("add", "--unit", Given("unit", "GeV"), doubles, *outputs)


@pytest.fixture
def tasks(store):
    """The classes of the analysis."""
    return SimpleNamespace(MakeNumbers=MakeNumbers, Double=Double, Total=Total)


@pytest.fixture
def export(store):
    """The analysis with its two workflows: with numbers from files, and with numbers made."""
    given, made = walk(Total(), ("MakeNumbers",)), walk(Total())
    variants = [
        Variant("toy", "adds numbers", "", given, {"default": example(inputs(given))}),
        Variant("toy-made", "makes them", "_made", made, {"default": example(inputs(made))}),
    ]
    images = dict.fromkeys(("make_numbers", "double", "total"), IMAGE)
    return Export(variants, images, "somebody", {"total": "total/total.txt"})
