"""How well novelty tells texts of unknown classes, beside the greatest probability.

A third of the classes is left out of training, or the texts are those of another data
set. The figure is the area under the ROC curve of the test texts. It needs the
reference data in SKLEARN_STATIC_SHARED (by default `shared` beside the checkout)::

    python tests/benchmarks/novelty.py --tables docs/results
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from reference import check_there, read
from sklearn.metrics import roc_auc_score

from sklearn_static import StaticLinearClassifier

DRAWS = 5
TASKS = {
    "a third of banking77's intents": ("banking77", None),
    "a third of MASSIVE's scenarios": ("massive_scenario", None),
    "a third of BBC's topics": ("bbc", None),
    "two of AG News' four topics": ("ag_news", None),
    "MASSIVE, trained on banking77": ("banking77", "massive_scenario"),
    "banking77, trained on MASSIVE": ("massive_scenario", "banking77"),
}


def load(name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    texts, labels = read(name, part)
    return np.array(texts, object), np.array(labels)


def measure(known: str, other: str | None, seed: int) -> tuple[float, float]:
    """The areas of the greatest probability and of novelty."""
    X, y = load(known, "train")
    X_test, y_test = load(known, "test")
    classes = np.unique(y)
    left_out = np.empty(0, classes.dtype)
    if other is None:
        n_out = max(round(len(classes) / 3), 2)
        draw = np.random.default_rng(seed)
        left_out = draw.choice(classes, n_out, replace=False)
    is_known, is_other = ~np.isin(y, left_out), np.isin(y_test, left_out)
    if other is not None:
        further, _ = load(other, "test")
        X_test = np.append(X_test, further)
        is_other = np.append(is_other, np.ones(len(further), bool))
    classifier = StaticLinearClassifier(random_state=seed)
    pipeline = classifier.fit(X[is_known], y[is_known]).to_pipeline()
    greatest = pipeline.predict_proba(X_test).max(axis=1)
    novelty = pipeline.novelty(X_test)
    return roc_auc_score(is_other, -greatest), roc_auc_score(is_other, novelty)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, help="write novelty.md into this folder")
    args = parser.parse_args()
    check_there([known for known, _ in TASKS.values()])
    lines = ["| texts of | greatest probability | novelty |", "|---|--:|--:|"]
    means = []
    for name, (known, other) in TASKS.items():
        seeds = range(DRAWS) if other is None else [0]
        areas = np.mean([measure(known, other, seed) for seed in seeds], axis=0)
        means.append(areas)
        lines.append(f"| {name} | {areas[0]:.3f} | {areas[1]:.3f} |")
    areas = np.mean(means, axis=0)
    lines.append(f"| mean | {areas[0]:.3f} | {areas[1]:.3f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if args.tables is not None:
        (args.tables / "novelty.md").write_text(text, "utf8")


if __name__ == "__main__":
    main()
