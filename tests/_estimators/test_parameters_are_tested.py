"""Every public parameter is used by a test, and described in a docstring.

The scan reads the source of the tests. A parameter counts as used where a test passes
it, by keyword or by position, in a file that names the parameter's class or function:

* a function's or method's in a call of that name, whatever it is called on, or of a
  helper that hands its ``**options`` on to it, or as a key of a dict where such a call
  unpacks one;
* a constructor's in any call, or as a key of a dict, for most tests construct by
  helpers of their own, by ``set_params`` or by a grid of parameters.

So it finds parameters that no test knows of. It does not show that what is used is
tested well.
"""

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest

import sklearn_static
from sklearn_static import nn
from sklearn_static.head import StaticHeadClassifier, StaticHeadRegressor

FOLDER = Path(__file__).parents[1]
PUBLIC = [
    *(getattr(sklearn_static, name) for name in sklearn_static.__all__),
    *(StaticHeadClassifier, StaticHeadRegressor),
    *(nn.Residual, nn.mean_embedding, nn.mlp_head),
]
CONSTRUCTOR = "__init__"


def public_callables():
    """Pairs of an owner's name and a function: constructors, methods, functions.

    Not ``forward``, which torch calls.
    """
    for owner in PUBLIC:
        if inspect.isfunction(owner):
            yield owner.__name__, inspect.unwrap(owner)
        if not inspect.isclass(owner):
            continue
        for name in dir(owner):
            if name == "forward" or (name.startswith("_") and name != CONSTRUCTOR):
                continue
            member = getattr(owner, name, None)
            if inspect.isfunction(member) or inspect.ismethod(member):
                function = inspect.unwrap(member)
                if function.__module__.startswith("sklearn_static."):
                    yield owner.__name__, function


def parameters(function):
    """The names of the parameters, in order, less `self` and `cls`."""
    names = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    return names[1:] if names[:1] == ["self"] else names


class Scan(ast.NodeVisitor):
    """What the calls in a piece of source pass.

    Attributes
    ----------
    keywords : dict of str to set of str
        The keywords that are passed to what is called by each name; None for ``**``.
    helpers : dict of str to set of str
        The functions that hand their keywords on to what is called by each name.
    n_positional : dict of str to int
        The most positional arguments that are passed to it.
    keys : set of str
        Those of dicts.
    names : set of str
        All names and attributes.
    """

    def __init__(self, source):
        self.keywords, self.helpers = defaultdict(set), defaultdict(set)
        self.n_positional = defaultdict(int)
        self.keys, self.names = set(), set()
        self.visit(ast.parse(source))

    def visit_Call(self, node):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        self.keywords[called] |= {k.arg for k in node.keywords}
        plain = [arg for arg in node.args if not isinstance(arg, ast.Starred)]
        self.n_positional[called] = max(self.n_positional[called], len(plain))
        self.generic_visit(node)

    def visit_FunctionDef(self, node):
        options = getattr(node.args.kwarg, "arg", None)
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and _unpacks(call, options):
                called = getattr(call.func, "attr", getattr(call.func, "id", ""))
                self.helpers[called].add(node.name)
        self.generic_visit(node)

    def visit_Dict(self, node):
        self.keys |= {getattr(key, "value", None) for key in node.keys}
        self.generic_visit(node)

    def visit_Name(self, node):
        self.names.add(node.id)

    def visit_Attribute(self, node):
        self.names.add(node.attr)
        self.generic_visit(node)

    def uses(self, owner, function, parameter):
        """Whether the source passes `parameter` to the `function` of `owner`."""
        if owner not in self.names:
            return False
        name, position = function.__name__, parameters(function).index(parameter)
        kind = inspect.signature(function).parameters[parameter].kind
        by_position = kind is not inspect.Parameter.KEYWORD_ONLY
        if name != CONSTRUCTOR:
            keywords = self.keywords[name].union(
                *(self.keywords[helper] for helper in self.helpers[name])
            )
            return (
                parameter in keywords
                or (None in keywords and parameter in self.keys)
                or (by_position and self.n_positional[name] > position)
            )
        return (
            any(parameter in keywords for keywords in self.keywords.values())
            or parameter in self.keys
            or (by_position and self.n_positional[owner] > position)
        )


def _unpacks(call, options):
    """Whether `call` has ``**options``."""
    unpacked = [keyword.value for keyword in call.keywords if keyword.arg is None]
    return any(getattr(value, "id", "") == options for value in unpacked)


FILES = sorted(FOLDER.rglob("*.py"))
SCANS = {path.relative_to(FOLDER): Scan(path.read_text("utf8")) for path in FILES}
CALLABLES = {
    f"{owner}.{function.__name__}".removesuffix(f".{owner}"): (owner, function)
    for owner, function in public_callables()
}


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_is_used_by_a_test(name):
    owner, function = CALLABLES[name]
    used = {
        parameter: [
            str(file) for file, s in SCANS.items() if s.uses(owner, function, parameter)
        ]
        for parameter in parameters(function)
    }
    for parameter, files in used.items():
        print(f"{name}({parameter}) is used by {', '.join(files) or 'no test'}")
    assert [parameter for parameter, files in used.items() if not files] == []


@pytest.mark.parametrize("name", CALLABLES)
def test_docstrings_describe_the_parameters_of_the_signature(name):
    owner, function = CALLABLES[name]
    documented = function
    if function.__name__ == CONSTRUCTOR:
        documented = next(o for o in PUBLIC if getattr(o, "__name__", "") == owner)
    assert described(documented.__doc__) == parameters(function)


def described(docstring):
    """The parameter names of a numpydoc docstring, in order."""
    docstring = inspect.cleandoc(docstring)
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n\S|\Z)", docstring, re.M | re.S)
    if section is None:
        return []
    lines = [line for line in section[1].splitlines() if re.match(r"[\w*]", line)]
    names = [name for line in lines for name in line.partition(" : ")[0].split(", ")]
    return [name.lstrip("*") for name in names if not name.startswith("**")]


def test_there_are_parameters_to_look_for():
    assert len(CALLABLES) > 40
    assert "lr" in parameters(CALLABLES["StaticClassifier.__init__"][1])
    assert "X_val" in parameters(CALLABLES["StaticRegressor.fit"][1])
    assert "revision" in parameters(CALLABLES["StaticPipeline.push_to_hub"][1])
    assert "vocabulary" in parameters(CALLABLES["distill"][1])


def test_the_scan_sees_what_calls_pass_and_nothing_else():
    def method(self, X, y=None, *, weight=None):
        """A method."""

    class Owner:
        def __init__(self, alpha, *, beta=1):
            """A constructor."""

    def uses(source, function, parameter):
        return Scan(source).uses("Owner", function, parameter)

    assert uses("Owner().method(1, 2)", method, "y")
    assert uses("Owner; x.method(1, weight=2)", method, "weight")
    assert not uses("Owner().method(1, 2, 3)", method, "weight")
    assert not uses("Owner().method(1); other(y=2)", method, "y")
    assert not uses("x.method(1, 2)", method, "y")
    assert not uses("Owner().method(*both)", method, "y")
    assert uses("Owner; x.method(1, **options); {'y': 2}", method, "y")
    assert not uses("Owner; x.method(1); {'y': 2}", method, "y")
    helper = "def helper(**options): Owner().method(1, **options)"
    assert uses(f"{helper}\nhelper(weight=1)", method, "weight")
    assert not uses(f"{helper}\nother(weight=1)", method, "weight")
    assert uses("Owner(1)", Owner.__init__, "alpha")
    assert uses("Owner; make(beta=2)", Owner.__init__, "beta")
    assert uses("Owner; {'beta': 2}", Owner.__init__, "beta")
    assert not uses("Owner(1, 2); beta = 3", Owner.__init__, "beta")
