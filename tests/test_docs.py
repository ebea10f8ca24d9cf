"""What the documentation's pages say about the package."""

import inspect
import re
from pathlib import Path

import pytest

import sklearn_static

DOCS = Path(__file__).parents[1] / "docs"
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)
ESTIMATORS = {
    "StaticLinearClassifier": 1,
    "StaticLinearRegressor": 2,
    "StaticClassifier": 3,
    "StaticRegressor": 3,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_table_of_parameters_has_those_of_the_estimator(name):
    other = {
        "StaticClassifier": "StaticRegressor",
        "StaticRegressor": "StaticClassifier",
    }
    table = (DOCS / "parameters.md").read_text("utf8").partition("\n## ")[0]
    listed = set()
    for parameter, rest in ROW.findall(table):
        cell = rest.split(" | ")[ESTIMATORS[name]].strip()
        if cell and not (name in other and f"`{other[name]}`" in cell):
            listed.add(parameter)
    constructor = inspect.signature(getattr(sklearn_static, name))
    assert listed == set(constructor.parameters)


def test_the_table_of_parameters_has_their_defaults():
    table = (DOCS / "parameters.md").read_text("utf8").partition("\n## ")[0]
    defaults = {
        parameter: rest.split(" | ")[0].strip().strip("`")
        for parameter, rest in ROW.findall(table)
    }
    for name in ESTIMATORS:
        for parameter in inspect.signature(
            getattr(sklearn_static, name)
        ).parameters.values():
            listed = defaults[parameter.name]
            if parameter.name not in ("alphas", "tol"):
                assert eval(listed) == parameter.default, parameter.name
