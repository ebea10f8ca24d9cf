"""
Quickstart: the command line
============================

From which library does this sentence of documentation come? The docstrings of the
installed libraries are real text that is already on the machine. With ``--data`` the
same commands run on a file of your own::

    python examples/quickstart.py
    python examples/quickstart.py --data tickets.csv --text-column body
"""

import argparse
import ast
import csv
import importlib.util
import random
import re
import subprocess
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
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline


def quickstart(folder: Path, model: Path) -> None:
    """Train, predict and explain in the shell, and compare with a tuned baseline."""
    texts, labels = docstring_sentences()
    X_train, X_test, y_train, y_test = train_test_split(
        texts, labels, test_size=0.2, stratify=labels, random_state=0
    )
    write(folder / "train.csv", X_train, y_train)
    write(folder / "test.csv", X_test, y_test)
    write(folder / "new.csv", X_test[:5], y_test[:5])
    print(f"Which of {', '.join(sorted(set(labels)))} does a sentence document?\n")

    # Solve for a linear model on embeddings beside TF-IDF-weighted words, evaluate it,
    # and save it as a folder that needs no torch.
    run("train", folder / "train.csv", "--test", folder / "test.csv", "-o", model)

    # The same with TF-IDF alone, tuned by cross-validation.
    baseline = GridSearchCV(
        make_pipeline(
            TfidfVectorizer(sublinear_tf=True), LogisticRegression(max_iter=1000)
        ),
        {
            "tfidfvectorizer__ngram_range": [(1, 1), (1, 2)],
            "logisticregression__C": [10, 100],
        },
        cv=3,
    )
    start = perf_counter()
    baseline.fit(X_train, y_train)
    seconds = perf_counter() - start
    f1 = f1_score(y_test, baseline.predict(X_test), average="macro")
    print(f"TF-IDF, tuned: f1_macro {f1:.4g}, {baseline.best_params_}, {seconds:.1f} s")

    # True labels beside what is predicted, and which words speak for it.
    run("predict", model, folder / "new.csv")
    run("explain", model, X_test[0], "--top", "3")


def quickstart_on(data: Path, columns: list[str], model: Path) -> None:
    """Train on a file of your own, and tell what the model is."""
    run("train", data, *columns, "-o", model)
    run("info", model)


def run(*arguments: object) -> None:
    """Run a command as the shell would, and end with it where it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ sklearn-static {subprocess.list2cmdline(words)}", flush=True)
    command = [sys.executable, "-m", "sklearn_static", *words]
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)


def write(file: Path, texts: list[str], labels: list[str]) -> None:
    with file.open("w", newline="", encoding="utf8") as stream:
        csv.writer(stream).writerows(
            [("text", "label"), *zip(texts, labels, strict=True)]
        )


# The rest gets the texts, from the docstrings of installed libraries.

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


def main() -> None:
    parser = argparse.ArgumentParser(description=quickstart.__doc__)
    parser.add_argument("--data", type=Path, help="a file of your own, such as a CSV")
    parser.add_argument("--text-column", default="text", help="its column of texts")
    parser.add_argument("--label-column", default="label", help="its column of labels")
    parser.add_argument("--save", type=Path, help="keep the model in this folder")
    args = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = args.save or folder / "model"
        if args.data is None:
            quickstart(folder, model)
        else:
            columns = ["--text", args.text_column, "--label", args.label_column]
            quickstart_on(args.data, columns, model)


if __name__ == "__main__":
    main()
