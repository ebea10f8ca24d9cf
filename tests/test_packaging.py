"""The installed distribution: what it contains, what it needs, what it imports."""

import ast
import configparser
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zlib
from importlib.metadata import files, version
from importlib.resources import files as resources
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sklearn_static

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
PROJECT = PYPROJECT["project"]


def requirements(*groups):
    return [Requirement(requirement) for group in groups for requirement in group]


def test_tests_run_against_the_installed_package():
    if "TOX_ENV_NAME" not in os.environ:
        pytest.skip("outside tox an editable install is fine")
    site_packages = Path(sysconfig.get_path("purelib")).resolve()
    assert site_packages in Path(sklearn_static.__file__).resolve().parents


def test_version_is_that_of_the_distribution():
    assert sklearn_static.__version__ == version("sklearn-static")


def test_package_data_is_installed():
    package = resources("sklearn_static")
    assert package.joinpath("py.typed").is_file()
    default = package.joinpath("models", "default")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert default.joinpath(name).is_file(), name


def test_bundled_model_adds_little_to_the_wheel():
    bundled = [file for file in files("sklearn-static") if "models" in file.parts]
    compressed = sum(len(zlib.compress(file.read_binary())) for file in bundled)
    assert 0 < compressed < 8e6


def test_default_install_is_free_of_torch():
    names = {requirement.name for requirement in requirements(PROJECT["dependencies"])}
    assert names.isdisjoint({"skorch", "torch", "transformers"})


def test_importing_the_package_imports_no_optional_or_slow_library():
    imported = modules_after("from sklearn_static import *")
    assert "sklearn_static.classifier" in imported
    assert imported.isdisjoint(
        {"huggingface_hub", "skorch", "torch", "tqdm", "transformers"}
    )


def test_names_are_imported_when_they_are_asked_for():
    assert modules_after("import sklearn_static").isdisjoint({"numpy", "sklearn"})
    imported = modules_after("from sklearn_static import StaticPipeline")
    assert "sklearn_static.pipeline" in imported
    assert imported.isdisjoint({"sklearn_static.classifier", "sklearn.metrics"})


def modules_after(code):
    """The names of all modules of a new process that has run `code`."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("name", sklearn_static.__all__)
def test_every_public_name_is_there_and_listed(name):
    value = getattr(sklearn_static, name)
    assert getattr(sklearn_static, name) is value
    assert getattr(value, "__name__", name) == name
    assert name in dir(sklearn_static)


def test_public_names_are_those_that_type_checkers_see():
    tree = ast.parse(Path(sklearn_static.__file__).read_text("utf8"))
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: statement.module
        for statement in guarded.body
        for alias in statement.names
    }
    assert seen == sklearn_static._HOMES
    assert {*seen, "__version__"} == set(sklearn_static.__all__)


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match=r"'sklearn_static' has no attribute 'x'"):
        getattr(sklearn_static, "x")  # noqa: B009
    with pytest.raises(ImportError, match="cannot import name 'x'"):
        from sklearn_static import x  # noqa: F401


def test_an_error_inside_of_an_import_is_not_taken_for_a_missing_name(tmp_path):
    (tmp_path / "scipy.py").write_text("import sys\nsys.no_such_attribute\n")
    result = subprocess.run(
        [sys.executable, "-c", "from sklearn_static import StaticPipeline"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "AttributeError: module 'sys' has no attribute 'no_such_attribute'" in (
        result.stderr
    )
    *_, last = result.stderr.splitlines()
    assert "sklearn_static.pipeline could not be imported" in last
    assert "no_such_attribute" in last


def pins(name):
    lines = (ROOT / "requirements" / name).read_text("utf8").splitlines()
    return {line for line in lines if not line.startswith("#")}


def test_min_deps_pins_every_lower_bound():
    extras = PROJECT["optional-dependencies"].values()
    bounds = {
        f"{requirement.name}{requirement.specifier}".replace(">=", "==")
        for requirement in requirements(PROJECT["dependencies"], *extras)
        if requirement.name != PROJECT["name"]
    }
    assert bounds == pins("min-deps.txt")


def test_constrained_torch_is_supported():
    (constraint,) = pins("torch-cpu.txt")
    name, pinned = constraint.split("==")
    (torch,) = (
        requirement
        for requirement in requirements(PROJECT["optional-dependencies"]["train"])
        if requirement.name == name
    )
    assert torch.specifier.contains(pinned)


@pytest.mark.skipif(
    os.environ.get("TOX_ENV_NAME") != "min-deps", reason="not the min-deps environment"
)
def test_min_deps_are_installed():
    for requirement in requirements(pins("min-deps.txt")):
        assert requirement.specifier.contains(version(requirement.name)), requirement


def test_documented_commands_exist():
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", "utf8")
    readme = (ROOT / "README.md").read_text("utf8")
    named = set(re.findall(r"tox run -e ([\w-]+)", readme))
    assert {"quickstart", "tests"} <= named
    assert {f"testenv:{name}" for name in named} <= set(tox.sections())


def test_ci_runs_the_documented_test_command():
    ci = (ROOT / ".ci" / "run").read_text("utf8").splitlines()
    assert "tox run -e tests" in ci
