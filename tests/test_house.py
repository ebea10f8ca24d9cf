"""Which module of the package may import which: what keeps the house a house."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sklearn_static

PACKAGE = Path(sklearn_static.__file__).parent
NAME = PACKAGE.name
MOST_AT_THE_ROOT = 18


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(path, *, everywhere):
    """The absolute names that a module imports.

    Unless `everywhere`, imports in functions and those for type checkers are left out.
    """
    names = set()
    for node in nodes_of(ast.parse(path.read_text("utf8")), everywhere):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = absolute(path, node)
            names |= {home, *(f"{home}.{alias.name}" for alias in node.names)}
    return names


def nodes_of(tree, everywhere):
    left = [tree]
    while left:
        node = left.pop()
        if not everywhere and (is_function(node) or is_for_type_checkers(node)):
            continue
        yield node
        left += ast.iter_child_nodes(node)


def is_function(node):
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def absolute(path, node):
    if not node.level:
        return node.module
    package = path.relative_to(PACKAGE.parent).parts[: -node.level]
    return ".".join([*package, *filter(None, [node.module])])


def own_imports_of(name, *, everywhere=True):
    """The modules of the package that a module of it imports."""
    found = imports_of(MODULES[name], everywhere=everywhere)
    return found & MODULES.keys() - {name, NAME}


def wing_of(name):
    """The wing, or the module at the root, that a module is or is in."""
    return name.split(".")[1] if "." in name else ""


def modules_in(*wings):
    return [name for name in MODULES if wing_of(name) in wings]


def wings_imported_by(wing):
    imported = {used for name in modules_in(wing) for used in own_imports_of(name)}
    return {wing_of(name) for name in imported} - {wing}


def test_imports_are_found_wherever_they_stand():
    path = PACKAGE / "_utils" / "pickling.py"
    assert f"{NAME}.exceptions" in imports_of(path, everywhere=False)
    assert f"{NAME}.classifier" in own_imports_of(f"{NAME}", everywhere=True)
    assert f"{NAME}.classifier" not in own_imports_of(f"{NAME}", everywhere=False)
    own = f"{NAME}._utils.old_pickles"
    assert f"{NAME}.exceptions" in own_imports_of(own, everywhere=True)
    assert f"{NAME}.exceptions" not in own_imports_of(own, everywhere=False)


def test_no_module_imports_itself_by_a_detour():
    graph = {name: own_imports_of(name, everywhere=False) for name in MODULES}
    assert set(TopologicalSorter(graph).static_order()) == set(MODULES)


def test_the_solver_knows_nothing_of_texts():
    assert wings_imported_by("_linear") <= {"_utils", "_version", "exceptions"}


def test_utils_import_no_other_wing():
    assert wings_imported_by("_utils") <= {"exceptions", "_version"}


LEVELS = [
    {"__main__"},
    {"_cli"},
    {
        "classifier",
        "regressor",
        "linear",
        "distillation",
        "displays",
        "nn",
        "thresholds",
    },
    {"_estimators", "_training", "_distill"},
    {"pipeline"},
    {"top_tokens", "explanation", "evaluation", "_onnx"},
    {"transformer"},
    {"embedding", "head"},
    {"_io"},
    {"_lexical", "_linear", "_layers"},
    {"_tokens"},
    {"_utils", "exceptions", "_version"},
]
"""As in docs/design.md, from the top to the bottom."""


def test_every_module_is_on_a_level():
    assert {wing_of(name) for name in MODULES} - {""} == set().union(*LEVELS)


@pytest.mark.parametrize("number", range(len(LEVELS)))
def test_imports_go_down(number):
    above = set().union(*LEVELS[:number])
    for wing in LEVELS[number]:
        assert wings_imported_by(wing).isdisjoint(above), wing


@pytest.mark.parametrize("name", MODULES)
def test_torch_and_skorch_are_imported_where_models_are_trained(name):
    libraries = {
        x.partition(".")[0] for x in imports_of(MODULES[name], everywhere=True)
    }
    if wing_of(name) not in ("_training", "_distill", "nn"):
        assert libraries.isdisjoint({"torch", "skorch"})


def test_the_root_is_taken_in_at_a_glance():
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_AT_THE_ROOT
