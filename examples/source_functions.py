"""
The functions of installed libraries
====================================

Where several examples get their data: real functions that are on the machine already,
with the text and the numbers that describe them. Nothing is imported to find them.
"""

import ast
import re
from collections.abc import Iterator
from itertools import islice

import pandas as pd
from quickstart import GIVEAWAY, MARKUP, definitions_of

PER_LIBRARY = 600
HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n[-=]{3,}$|^(Args|Returns|Raises):$", re.M)
DIRECTIVE = re.compile(r"^\.\. .*(\n+ +.*)*|^>>> .*(\n.+)*", re.M)


def documented_functions(*libraries: str) -> pd.DataFrame:
    """Return functions in a random order, as many of each library if it has so many.

    The columns are ``library``; ``opening``, what the docstring says before its first
    heading; ``sections``, the headings; ``n_parameters``; ``n_lines`` of code and
    ``n_doc_lines`` of the docstring; ``raises``, whether a statement raises an error.
    """
    rows = [
        {"library": library, **row}
        for library in libraries
        for row in islice(described_functions_of(library), PER_LIBRARY)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


def described_functions_of(library: str) -> Iterator[dict[str, object]]:
    """Yield what is known of each function whose docstring opens like no other's."""
    seen = set()
    for definition in definitions_of(library):
        docstring = ast.get_docstring(definition)
        if docstring is None or not isinstance(definition, ast.FunctionDef):
            continue
        opening = opening_of(docstring)
        if len(opening.split()) >= 5 and opening not in seen:
            seen.add(opening)
            yield {
                "opening": opening,
                "sections": sections_of(docstring),
                **numbers_of(definition, docstring),
            }


def opening_of(docstring: str) -> str:
    """Return the prose before the first heading, without the library's name."""
    heading = HEADING.search(docstring)
    opening = docstring[: heading.start()] if heading else docstring
    plain = GIVEAWAY.sub("", MARKUP.sub("", DIRECTIVE.sub("", opening)))
    return " ".join(plain.split())


def sections_of(docstring: str) -> list[str]:
    """Return the headings, such as "Returns" and "See Also"."""
    return [(wide or narrow).title() for wide, narrow in HEADING.findall(docstring)]


def numbers_of(function: ast.FunctionDef, docstring: str) -> dict[str, object]:
    """Return the numbers that describe a function."""
    parameters = function.args
    names = [
        parameter.arg
        for parameter in (
            *parameters.posonlyargs,
            *parameters.args,
            *parameters.kwonlyargs,
        )
    ]
    n_doc_lines = docstring.count("\n") + 1
    n_all_lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return {
        "n_parameters": len(set(names) - {"self", "cls"}),
        "n_lines": max(n_all_lines - n_doc_lines, 1),
        "n_doc_lines": n_doc_lines,
        "raises": any(isinstance(node, ast.Raise) for node in ast.walk(function)),
    }
