"""What the documentation's pages say about the package."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import sklearn_static

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["urls"]
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)
ESTIMATORS = {
    "StaticLinearClassifier": 1,
    "StaticLinearRegressor": 2,
    "StaticClassifier": 3,
    "StaticRegressor": 3,
}


def test_links_of_the_readme_work_wherever_it_is_shown():
    readme = (ROOT / "README.md").read_text("utf8")
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_links_into_the_repository_name_files_that_are_there(page):
    text = (ROOT / page).read_text("utf8")
    in_repository = re.findall(
        re.escape(URLS["Repository"]) + r"/blob/main/([^)#]+)", text
    )
    raw = URLS["Repository"].replace("github.com", "raw.githubusercontent.com")
    shown = re.findall(re.escape(raw) + r"/main/([^)#]+)", text)
    assert in_repository
    assert [name for name in in_repository + shown if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_that_was_downloaded_runs_alone(example):
    """It imports nothing from the files beside it."""
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(ast.parse(example.read_bytes()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported.isdisjoint(each.stem for each in EXAMPLES)


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
