"""Regression, many labels and another language: the whole of one data set of each.

Each method is fitted once, with its defaults, to all training rows, and tested on the
whole test set; C and the penalty of the methods on features are chosen by
cross-validation. The table for the documentation is written to a folder, row by row::

    python tests/benchmarks/tasks.py --tables docs/results

It needs the reference data in SKLEARN_STATIC_SHARED (by default `shared` beside the
checkout).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from reference import POTION, check_there, read
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV
from sklearn.metrics import f1_score, r2_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MultiLabelBinarizer

from sklearn_static import (
    StaticClassifier,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)

TASKS = {
    "clear_readability": "one number, R²",
    "go_emotions": "28 labels, micro-F1",
    "amazon_counterfactual_de": "German, macro-F1",
}
METHODS = (
    "TF-IDF, linear",
    "embeddings, linear",
    "both, linear",
    "linear",
    "fine-tuned",
)
NAMES = {
    "linear": "StaticLinearClassifier, StaticLinearRegressor",
    "fine-tuned": "StaticClassifier, StaticRegressor",
}


def features(method: str) -> Any:
    """The features of the methods that are scikit-learn's."""
    words = TfidfVectorizer(sublinear_tf=True)
    embeddings = StaticEmbeddingTransformer(POTION)
    return {
        "TF-IDF, linear": words,
        "embeddings, linear": embeddings,
        "both, linear": make_union(words, embeddings),
    }[method]


def estimator(task: str, method: str) -> Any:
    """An estimator of the method for the task."""
    if task == "clear_readability":
        ours = {"linear": StaticLinearRegressor, "fine-tuned": StaticRegressor}
        theirs: Any = RidgeCV(np.logspace(-2, 2, 9))
    else:
        ours = {"linear": StaticLinearClassifier, "fine-tuned": StaticClassifier}
        theirs = LogisticRegressionCV(
            Cs=(1.0, 10.0, 100.0),
            l1_ratios=(0,),
            scoring="accuracy",
            max_iter=1000,
            use_legacy_attributes=False,
        )
        if task == "go_emotions":  # a C for all labels, or it would take hours
            theirs = OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000))
    if method in ours:
        return ours[method](POTION, random_state=0)
    return make_pipeline(features(method), theirs)


def score(task: str, method: str) -> float:
    """The figure of a method on a task's test set, in percent."""
    X, y = read(task, "train")
    X_test, y_test = read(task, "test")
    if task == "go_emotions":
        binarizer = MultiLabelBinarizer().fit(y)
        y, y_test = binarizer.transform(y), binarizer.transform(y_test)
    predicted = estimator(task, method).fit(X, y).predict(X_test)
    if task == "clear_readability":
        return 100 * r2_score(y_test, predicted)
    average = "micro" if task == "go_emotions" else "macro"
    return 100 * f1_score(y_test, predicted, average=average)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=Path, help="write the table to this folder")
    args = parser.parse_args()
    check_there([*TASKS])
    lines = [
        "| | " + " | ".join(f"{task}: {what}" for task, what in TASKS.items()) + " |",
        "|---" + "|--:" * len(TASKS) + "|",
    ]
    for method in METHODS:
        cells = [NAMES.get(method, method)]
        for task in TASKS:
            start = process_time()
            cells.append(f"{score(task, method):.1f}")
            seconds = process_time() - start
            print(f"{method}, {task}: {cells[-1]} in {seconds:.0f} s", flush=True)
        lines.append("| " + " | ".join(cells) + " |")
    table = "\n".join(lines) + "\n"
    print(table)
    if args.tables is not None:
        (args.tables / "tasks.md").write_text(table, "utf8")


if __name__ == "__main__":
    main()
