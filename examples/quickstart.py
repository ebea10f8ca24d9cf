"""
Quickstart: train, freeze, save, load, predict
==============================================

From which library does this sentence of documentation come? The docstrings of the
installed libraries are real text that is already on the machine. With ``--data`` the
same steps run on a CSV file of your own::

    python examples/quickstart.py
    python examples/quickstart.py --data tickets.csv --text-column body
"""

import argparse
import ast
import csv
import importlib.util
import random
import re
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_static import StaticLinearClassifier, StaticPipeline


def quickstart(texts: list[str], labels: list[str], folder: Path) -> None:
    """Train, freeze, save, load and predict again."""
    X_train, X_test, y_train, y_test = train_test_split(
        texts, labels, test_size=0.2, stratify=labels, random_state=0
    )
    print(f"{len(X_train)} training texts, {len(X_test)} test texts\n")

    # Fit a linear model on embeddings beside TF-IDF-weighted words.
    classifier = StaticLinearClassifier(random_state=0)
    baseline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    for name, estimator in {
        "TF-IDF + logistic regression": baseline,
        "StaticLinearClassifier": classifier,
    }.items():
        start = perf_counter()
        estimator.fit(X_train, y_train)
        seconds = perf_counter() - start
        accuracy = estimator.score(X_test, y_test)
        print(f"{name:30} test accuracy {accuracy:.3f}, trained in {seconds:.1f} s")

    # Freeze what was learned into a pipeline, and save it as a folder.
    classifier.to_pipeline().save_pretrained(folder)

    # Load it, here or on another machine, and predict.
    pipeline = StaticPipeline.from_pretrained(folder)
    start = perf_counter()
    predicted = pipeline.predict(X_test)
    speed = len(X_test) / (perf_counter() - start)
    assert (predicted == classifier.predict(X_test)).all()
    print(f"\nSaved, loaded, same labels: {speed:,.0f} texts/s, for example")
    for text, label in zip(X_test[:3], predicted, strict=False):
        print(f"  {label}: {text}")


# The rest gets the texts: from a file, or from the docstrings of installed libraries.

LIBRARIES = ("networkx", "numpy", "scipy", "sklearn", "sympy", "torch")
PER_LIBRARY = 1000
NOT_DOCUMENTATION = {"_vendor", "conftest.py", "externals", "test", "testing", "tests"}
# A library's own name, in a sentence or in a dotted path, would give the answer away.
GIVEAWAY = re.compile(
    r"\b(networkx|nx|numpy|np|scipy|scikit-learn|sklearn|sympy|(py)?torch)\b\.?", re.I
)
MARKUP = re.compile(r":[\w:]+:(?=`)|[`*]")
# Section headings, lists of parameters, literal blocks and doctests.
NOT_PROSE = re.compile(r"---| : |:$|^(Args|Returns|Raises):|^[-*.>\d]", re.MULTILINE)
SENTENCE = re.compile(r"[A-Z][\w ,;:'\"()./-]+[.!?]")


@cache
def docstring_sentences() -> tuple[list[str], list[str]]:
    """Return sentences, equally many of each library, and their libraries' names."""
    library_of: dict[str, str] = {}
    said_by_several = set()
    for library in LIBRARIES:
        for sentence in islice(sentences_of(library), PER_LIBRARY):
            if library_of.setdefault(sentence, library) != library:
                said_by_several.add(sentence)
    pairs = [pair for pair in library_of.items() if pair[0] not in said_by_several]
    random.Random(0).shuffle(pairs)
    texts, labels = zip(*pairs, strict=True)
    return list(texts), list(labels)


def sentences_of(library: str) -> Iterator[str]:
    """Yield the distinct prose sentences of five words or more in a library's docs."""
    seen = set()
    for docstring in docstrings_of(library):
        for paragraph in docstring.split("\n\n"):
            if NOT_PROSE.search(paragraph):
                continue
            plain = " ".join(MARKUP.sub("", paragraph).split())
            for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", plain):
                text = " ".join(GIVEAWAY.sub("", sentence).split())
                words = tuple(re.findall(r"[a-z]+", text.lower()))
                if SENTENCE.fullmatch(text) and len(words) >= 5 and words not in seen:
                    seen.add(words)
                    yield text


def docstrings_of(library: str) -> Iterator[str]:
    """Yield a library's docstrings, in an arbitrary order, without importing it."""
    for definition in definitions_of(library):
        yield ast.get_docstring(definition) or ""


def definitions_of(
    library: str,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.Module]:
    """Yield the syntax trees of a library's modules, and of what they define."""
    spec = importlib.util.find_spec(library)
    if spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent
    files = sorted(root.rglob("*.py"))
    random.Random(0).shuffle(files)
    for file in files:
        if NOT_DOCUMENTATION.isdisjoint(file.relative_to(root).parts):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(file.read_bytes())
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
                    yield node


def texts_in_csv(
    file: Path, text_column: str, label_column: str
) -> tuple[list[str], list[str]]:
    """Return the two columns of a CSV file whose first row names its columns."""
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        for column in (text_column, label_column):
            if column not in (rows.fieldnames or ()):
                sys.exit(
                    f"{file} has no column {column!r}, but {rows.fieldnames}: name the "
                    "ones to use with --text-column and --label-column."
                )
        pairs = [(row[text_column], row[label_column]) for row in rows]
    return [text for text, _ in pairs], [label for _, label in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=quickstart.__doc__)
    parser.add_argument("--data", type=Path, help="a CSV file of your own")
    parser.add_argument("--text-column", default="text", help="its column of texts")
    parser.add_argument("--label-column", default="label", help="its column of labels")
    parser.add_argument(
        "--save", type=Path, help="keep the frozen pipeline in this folder"
    )
    args = parser.parse_args()
    if args.data is None:
        texts, labels = docstring_sentences()
    else:
        texts, labels = texts_in_csv(args.data, args.text_column, args.label_column)
    with TemporaryDirectory() as temporary:
        quickstart(texts, labels, args.save or Path(temporary) / "pipeline")


if __name__ == "__main__":
    main()
