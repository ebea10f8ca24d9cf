"""What thresholds for many labels bring, on go_emotions.

The F1 on the test set, in percent, as means over three seeds, three numbers of training
texts and three numbers of texts to tune on::

    python tests/benchmarks/thresholds.py
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
from reference import check_there, read
from sklearn.metrics import f1_score, precision_recall_curve
from sklearn.preprocessing import MultiLabelBinarizer

from sklearn_static import StaticLinearClassifier, tune_threshold

AVERAGES = ("macro", "micro")
TRAIN, TUNE = (1000, 3000, 10_000), (300, 1000, 3000)


def f1(y: np.ndarray, predicted: np.ndarray, average: str) -> float:
    return 100 * float(f1_score(y, predicted, average=average, zero_division=0))


def common(y: np.ndarray, p: np.ndarray, average: str) -> float:
    """The best of two hundred thresholds for all labels."""
    grid = np.quantile(p, np.linspace(0.3, 0.9999, 200))
    return float(max(grid, key=lambda threshold: f1(y, p >= threshold, average)))


def of_each_label(y: np.ndarray, p: np.ndarray, average: str) -> np.ndarray:
    """The best threshold of each label by itself."""
    best = []
    for found, probability in zip(y.T, p.T, strict=True):
        if not found.any():
            best.append(1.0)
            continue
        precision, recall, thresholds = precision_recall_curve(found, probability)
        total = np.maximum(precision + recall, 1e-12)
        best.append(thresholds[(precision * recall / total)[:-1].argmax()])
    return np.array(best)


WAYS = {
    "0.5": lambda y, p, average: 0.5,
    "the best one for all labels": common,
    "the best one of each label": of_each_label,
    "tune_threshold": lambda y, p, average: tune_threshold(
        y, p, metric=f"f1_{average}"
    ),
}


def main() -> None:
    check_there(["go_emotions"])
    binarizer = MultiLabelBinarizer()
    texts, labels = read("go_emotions", "train")
    test_texts, test_labels = read("go_emotions", "test")
    y, test_y = binarizer.fit_transform(labels), binarizer.transform(test_labels)
    scores = defaultdict(list)
    for seed, n_train in product(range(3), TRAIN):
        rows = np.random.default_rng(seed).permutation(len(texts))
        train, others = rows[:n_train], rows[n_train : n_train + max(TUNE)]
        model = StaticLinearClassifier(random_state=seed)
        model.fit([texts[row] for row in train], y[train])
        held_out = model.predict_proba([texts[row] for row in others])
        test_p = model.predict_proba(test_texts)
        for n, average, (name, way) in product(TUNE, AVERAGES, WAYS.items()):
            threshold = way(y[others[:n]], held_out[:n], average)
            score = f1(test_y, test_p >= threshold, average)
            scores[name, average].append(score)
    for name in WAYS:
        print(f"| {name} |", *(f"{np.mean(scores[name, a]):.1f} |" for a in AVERAGES))


if __name__ == "__main__":
    main()
