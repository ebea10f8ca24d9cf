"""Accuracy beside every peer: the same rows, whole test sets, one fit after the other.

For each data set and seed, each method is trained on the same 1,000 rows, and once on
all rows. Some methods are also trained on a few rows a class, on many classes, on wrong
labels and on classes of very different sizes.

Records are appended to a file of JSON lines, and what stands there is not run again, so
the program can be stopped at any time. The tables for the documentation are written
anew at its end::

    python tests/benchmarks/accuracy.py --output accuracy.jsonl --tables docs/results

It needs model2vec with its extra `train`, and the reference data in
SKLEARN_STATIC_SHARED (by default `shared` beside the checkout).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from reference import POTION, check_there, read
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.pipeline import make_pipeline, make_union

from sklearn_static import (
    StaticClassifier,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
)

DATASETS = (
    "ade_dedup",
    "ag_news",
    "amazon_counterfactual",
    "bbc",
    "hatespeech_offensive",
    "massive_scenario",
    "senteval_cr",
    "sst5",
    "subj",
)
SEEDS = (0, 1, 2)
N_ROWS = 1000
A_CLASS = ("1 a class", "8 a class", "16 a class", "64 a class")
"""Few rows, as many of each class where there are so many."""
SIZES = (*A_CLASS, N_ROWS)
MANY_CLASSES = "banking77"
"""A set of 77 classes, which no mean includes."""
WRONG = "1,000, a fifth wrong"
"""As many rows as before, of which every fifth has the label of another class."""
UNEQUAL = "500 of one class, 20 of each other"
ODD = (WRONG, UNEQUAL)
CS = (0.1, 1.0, 10.0, 100.0, 1000.0)
N_BINS = 15


def tfidf() -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True)


def chosen_regression() -> LogisticRegressionCV:
    return LogisticRegressionCV(
        Cs=CS, l1_ratios=(0,), max_iter=1000, use_legacy_attributes=False
    )


def model2vec(seed: int) -> Any:
    from model2vec.train import StaticModelForClassification

    class Seeded(StaticModelForClassification):
        def fit(self, X: list[str], y: list[Any]) -> Any:
            return super().fit(X, y, random_seed=seed, device="cpu")

    return Seeded.from_pretrained(path=str(POTION))


METHODS: dict[str, Callable[[int], Any]] = {
    "TF-IDF, logistic regression": lambda seed: make_pipeline(
        tfidf(), chosen_regression()
    ),
    "embeddings, logistic regression": lambda seed: make_pipeline(
        StaticEmbeddingTransformer(POTION), chosen_regression()
    ),
    "embeddings, logistic regression, C=10": lambda seed: make_pipeline(
        StaticEmbeddingTransformer(POTION), LogisticRegression(C=10, max_iter=1000)
    ),
    "both, logistic regression": lambda seed: make_pipeline(
        make_union(tfidf(), StaticEmbeddingTransformer(POTION)),
        LogisticRegression(C=30, max_iter=1000),
    ),
    "model2vec": model2vec,
    "StaticClassifier, random start, model2vec's rules": lambda seed: StaticClassifier(
        POTION,
        init="random",
        scoring="accuracy",
        n_iter_no_change=5,
        lr=1e-3,
        batch_size=32,
        random_state=seed,
    ),
    "StaticClassifier, random start, table frozen": lambda seed: StaticClassifier(
        POTION, init="random", freeze_embedding=True, random_state=seed
    ),
    "StaticClassifier, random start": lambda seed: StaticClassifier(
        POTION, init="random", random_state=seed
    ),
    "StaticLinearClassifier, bundled table": lambda seed: StaticLinearClassifier(
        random_state=seed
    ),
    "StaticLinearClassifier": lambda seed: StaticLinearClassifier(
        POTION, random_state=seed
    ),
    "StaticLinearClassifier, balanced": lambda seed: StaticLinearClassifier(
        POTION, class_weight="balanced", random_state=seed
    ),
    "StaticClassifier": lambda seed: StaticClassifier(POTION, random_state=seed),
}
"""From a seed to something with fit, predict and predict_proba."""

OF_FEW_ROWS = (
    "embeddings, logistic regression, C=10",
    "both, logistic regression",
    "StaticClassifier, random start, table frozen",
    "StaticClassifier, random start",
    "StaticLinearClassifier",
    "StaticClassifier",
)
"""Methods that are trained on a few rows a class, too."""

OF_ODD_ROWS = (*OF_FEW_ROWS, "StaticLinearClassifier, balanced")
"""Methods that are trained on many classes and on odd rows, too."""


def keys(methods: list[str]) -> Iterator[dict[str, Any]]:
    """What is to be run: the small training sets first."""
    for dataset in DATASETS:
        for seed in SEEDS:
            for method in methods:
                yield key(dataset, N_ROWS, seed, method)
    for dataset in DATASETS:
        for method in methods:
            yield key(dataset, "all", 0, method)
    for rows in A_CLASS:
        for dataset in DATASETS:
            for seed in SEEDS:
                for method in methods:
                    if method in OF_FEW_ROWS:
                        yield key(dataset, rows, seed, method)
    for dataset, rows in (
        *((MANY_CLASSES, rows) for rows in (N_ROWS, "all")),
        *((dataset, rows) for rows in ODD for dataset in DATASETS),
    ):
        for seed in SEEDS if rows != "all" else SEEDS[:1]:
            for method in methods:
                if method in OF_ODD_ROWS:
                    yield key(dataset, rows, seed, method)


def key(dataset: str, rows: int | str, seed: int, method: str) -> dict[str, Any]:
    return {"dataset": dataset, "rows": rows, "seed": seed, "method": method}


def run(dataset: str, rows: int | str, seed: int, method: str) -> dict[str, float]:
    """The figures of one fit."""
    texts, labels = read(dataset, "train")
    rng = np.random.default_rng(seed)
    chosen = sample(labels, rows, rng)
    X, y = [texts[i] for i in chosen], [labels[i] for i in chosen]
    if rows == WRONG:
        y = partly_wrong(y, rng)
    X_test, y_test = read(dataset, "test")
    model = METHODS[method](seed)
    start = process_time()
    model.fit(X, y)
    seconds = process_time() - start
    classes = model.classes_ if hasattr(model, "classes_") else model.classes
    return {
        "seconds": seconds,
        **figures(np.asarray(model.predict_proba(X_test)), np.asarray(classes), y_test),
    }


def sample(labels: list[Any], rows: int | str, rng: np.random.Generator) -> np.ndarray:
    """The numbers of some rows: so many, all, or so many of each class."""
    order = rng.permutation(len(labels))
    if rows == WRONG:
        rows = N_ROWS
    if isinstance(rows, int):
        return order[:rows]
    if rows == "all":
        return order
    classes = np.asarray(labels)[order]
    names, counts = np.unique(classes, return_counts=True)
    if rows == UNEQUAL:
        each = np.where(np.arange(len(names)) == counts.argmax(), 500, 20)
    else:
        each = np.full(len(names), int(rows.split()[0]))
    parts = [order[classes == name][:n] for name, n in zip(names, each, strict=True)]
    return np.concatenate(parts)


def partly_wrong(y: list[Any], rng: np.random.Generator) -> list[Any]:
    """The labels, a fifth of them moved to another class, each as likely."""
    classes, numbers = np.unique(y, return_inverse=True)
    moved = rng.permutation(len(y))[: len(y) // 5]
    steps = rng.integers(1, len(classes), len(moved))
    numbers[moved] = (numbers[moved] + steps) % len(classes)
    return classes[numbers].tolist()


def figures(
    probabilities: np.ndarray, classes: np.ndarray, y: list[Any]
) -> dict[str, float]:
    """Macro-F1 and accuracy in percent, log-loss, calibration error in percent.

    A class that the training rows lack has no probability.
    """
    predicted = classes[probabilities.argmax(axis=1)]
    every = np.union1d(classes, y)
    of_every = np.zeros((len(y), len(every)))
    of_every[:, np.searchsorted(every, classes)] = probabilities
    return {
        "f1": 100 * f1_score(y, predicted, average="macro"),
        "accuracy": 100 * accuracy_score(y, predicted),
        "log_loss": log_loss(y, of_every, labels=every),
        "ece": 100 * calibration_error(probabilities.max(axis=1), predicted == y),
    }


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The expected calibration error in bins of one width.

    See C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, correct, N_BINS) - np.bincount(bins, confidence, N_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def table(records: list[dict[str, Any]], rows: int | str, figure: str) -> str:
    """A column for each method: its mean over data sets, +- by seed, and on each."""
    columns = [["", "mean", *DATASETS, "fit, processor seconds"]]
    for method in METHODS:
        found = {
            (r["dataset"], r["seed"]): r
            for r in records
            if (r["method"], r["rows"]) == (method, rows) and r["dataset"] in DATASETS
        }
        seeds = sorted({seed for _, seed in found})
        if len(found) < len(DATASETS) * len(seeds) or not seeds:
            continue
        values = np.array([[found[d, s][figure] for s in seeds] for d in DATASETS])
        means = values.mean(axis=0)
        digits = 3 if figure == "log_loss" else 1
        spread = f" ± {means.std(ddof=1):.{digits}f}" if len(seeds) > 1 else ""
        seconds = np.median([r["seconds"] for r in found.values()])
        cells = [f"{value:.{digits}f}" for value in values.mean(axis=1)]
        mean = f"{means.mean():.{digits}f}{spread}"
        columns.append([breakable(method), mean, *cells, f"{seconds:.1f}"])
    cells_of_rows = zip(*columns, strict=True)
    head, *lines = ("| " + " | ".join(cells) + " |" for cells in cells_of_rows)
    ruler = "|---" + "|--:" * (len(columns) - 1) + "|"
    return "\n".join([head, ruler, *lines]) + "\n"


def breakable(method: str) -> str:
    """The name with soft hyphens, so that it fits a narrow column."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "\u00ad", method)


def learning_curves(records: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The mean macro-F1 over all data sets and seeds, by method, for each of SIZES.

    NaN where a data set or a seed is missing.
    """
    curves = {}
    for method in OF_FEW_ROWS:
        curves[method] = []
        for rows in SIZES:
            found = [
                r["f1"]
                for r in records
                if (r["method"], r["rows"]) == (method, rows)
                and r["dataset"] in DATASETS
            ]
            whole = len(found) == len(DATASETS) * len(SEEDS)
            curves[method].append(float(np.mean(found)) if whole else np.nan)
    return curves


def few_rows(curves: dict[str, list[float]]) -> str:
    """The learning curves as a table."""
    lines = [
        "| " + " | ".join(["", *A_CLASS, "1,000 rows"]) + " |",
        "|---" + "|--:" * len(SIZES) + "|",
    ]
    for method, values in curves.items():
        cells = ["" if np.isnan(value) else f"{value:.1f}" for value in values]
        lines.append("| " + " | ".join([method, *cells]) + " |")
    return "\n".join(lines) + "\n"


def draw(curves: dict[str, list[float]], path: Path) -> None:
    """The learning curves as a chart."""
    from matplotlib.figure import Figure

    chart = Figure(figsize=(7.5, 4), layout="constrained")
    axes = chart.subplots()
    for method, values in curves.items():
        axes.plot([*A_CLASS, "1,000 rows"], values, marker=".", label=method)
    axes.set_ylabel("macro-F1, percent")
    axes.grid(axis="y", alpha=0.4)
    axes.legend()
    chart.savefig(path)


def odd_rows(records: list[dict[str, Any]]) -> str:
    """The mean macro-F1 of many classes, of wrong labels and of unequal classes."""
    columns = {
        f"{MANY_CLASSES}, 1,000 rows": ((MANY_CLASSES,), N_ROWS, SEEDS),
        f"{MANY_CLASSES}, all rows": ((MANY_CLASSES,), "all", SEEDS[:1]),
        **{rows: (DATASETS, rows, SEEDS) for rows in ODD},
    }
    lines = [
        "| " + " | ".join(["", *columns]) + " |",
        "|---" + "|--:" * len(columns) + "|",
    ]
    for method in OF_ODD_ROWS:
        cells = [method]
        for datasets, rows, seeds in columns.values():
            found = [
                r["f1"]
                for r in records
                if (r["method"], r["rows"]) == (method, rows)
                and r["dataset"] in datasets
            ]
            whole = len(found) == len(datasets) * len(seeds)
            cells.append(f"{np.mean(found):.1f}" if whole else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("accuracy.jsonl"))
    parser.add_argument("--tables", type=Path, help="also write tables to this folder")
    parser.add_argument("--chart", type=Path, help="also draw learning curves to it")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    args = parser.parse_args()
    check_there([*DATASETS, MANY_CLASSES])
    done = args.output.read_text("utf8") if args.output.is_file() else ""
    records = [json.loads(line) for line in done.splitlines()]
    known = [key(r["dataset"], r["rows"], r["seed"], r["method"]) for r in records]
    for wanted in keys(args.methods):
        if wanted not in known:
            records.append({**wanted, **run(**wanted)})
            with args.output.open("a", encoding="utf8") as file:
                file.write(json.dumps(records[-1]) + "\n")
            print(records[-1], file=sys.stderr, flush=True)
    texts = {
        f"{figure}_{rows}": table(records, rows, figure)
        for rows in (N_ROWS, "all")
        for figure in ("f1", "accuracy", "log_loss", "ece")
    }
    curves = learning_curves(records)
    texts["few_rows"] = few_rows(curves)
    texts["odd_rows"] = odd_rows(records)
    if args.chart is not None:
        draw(curves, args.chart)
    for name, text in texts.items():
        print(f"{name}\n\n{text}")
        if args.tables is not None:
            args.tables.mkdir(parents=True, exist_ok=True)
            (args.tables / f"{name}.md").write_text(text, "utf8")


if __name__ == "__main__":
    main()
