"""The README's figures: accuracy, training time and prediction speed beside peers.

Each model is trained on the whole training set, frozen where that can be done, saved
and opened again, and predicts the test set. All of it happens in one process, the
models taking turns. It needs the folder of reference data in the environment variable
SKLEARN_STATIC_SHARED (by default `shared` beside the checkout). model2vec takes part
where its extra `train` is installed. Run it on a machine that does nothing else::

    python tests/benchmarks/first_figures.py --seeds 0 1 2 --output figures.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import joblib
import numpy as np
import skorch  # noqa: F401  imported before anything is timed
import torch
from reference import POTION, check_there, read
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_static import StaticClassifier, StaticPipeline, __version__

DATASETS = ("subj", "senteval_cr", "massive_scenario")
N_REPEATS = 5

Texts = list[str]
Fit = Callable[[Texts, Texts, int], Any]


def tfidf(texts: Texts, labels: Texts, seed: int) -> Any:
    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True), LogisticRegression(max_iter=1000)
    )
    return model.fit(texts, labels)


def static_bundled(texts: Texts, labels: Texts, seed: int) -> Any:
    return StaticClassifier(random_state=seed).fit(texts, labels)


def static_potion(texts: Texts, labels: Texts, seed: int) -> Any:
    return StaticClassifier(POTION, random_state=seed).fit(texts, labels)


def model2vec_potion(texts: Texts, labels: Texts, seed: int) -> Any:
    from model2vec.train import StaticModelForClassification

    model = StaticModelForClassification.from_pretrained(path=str(POTION))
    return model.fit(texts, labels, random_seed=seed, device="cpu")


def saved_and_opened(model: Any, folder: Path) -> Any:
    """What predicts in production: frozen, where the library can, and from disk."""
    if isinstance(model, StaticClassifier):
        model.to_pipeline().save_pretrained(folder / "pipeline")
        return StaticPipeline.from_pretrained(folder / "pipeline")
    if hasattr(model, "to_pipeline"):
        from model2vec.inference import StaticModelPipeline

        model.to_pipeline().save_pretrained(str(folder / "pipeline"))
        return StaticModelPipeline.from_pretrained(str(folder / "pipeline"))
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def models() -> dict[str, Fit]:
    fits = {
        "TF-IDF + logistic regression": tfidf,
        "StaticClassifier, bundled table": static_bundled,
        "StaticClassifier, potion-base-8M": static_potion,
    }
    if find_spec("model2vec") is None or find_spec("datasets") is None:
        print("model2vec takes no part: pip install 'model2vec[train]' to include it.")
    else:
        import model2vec.train  # noqa: F401  imported before anything is timed

        fits["model2vec, potion-base-8M"] = model2vec_potion
    return fits


def seconds_of(function: Callable[[], Any]) -> tuple[float, Any]:
    start = perf_counter()
    result = function()
    return perf_counter() - start, result


def measure(dataset: str, name: str, fit: Fit, seed: int) -> dict[str, Any]:
    texts, labels = read(dataset, "train")
    texts_test, labels_test = read(dataset, "test")
    fit_seconds, model = seconds_of(lambda: fit(texts, labels, seed))
    with TemporaryDirectory() as folder:
        frozen = saved_and_opened(model, Path(folder))
    first, predicted = seconds_of(lambda: frozen.predict(texts_test))
    again = [
        seconds_of(lambda: frozen.predict(texts_test))[0] for _ in range(N_REPEATS)
    ]
    return {
        "dataset": dataset,
        "model": name,
        "seed": seed,
        "n_train": len(texts),
        "n_test": len(texts_test),
        "accuracy": float(np.mean(np.asarray(predicted) == np.asarray(labels_test))),
        "fit_seconds": fit_seconds,
        "first_texts_per_second": len(texts_test) / first,
        "texts_per_second": len(texts_test) / median(again),
    }


def markdown(records: list[dict[str, Any]]) -> str:
    """Mean accuracies with their deviation over seeds, and medians of the rest."""
    lines = [
        "| data set | model | test accuracy, % | training, s | first prediction, "
        "texts/s | later ones, texts/s |",
        "|---|---|--:|--:|--:|--:|",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["dataset"], record["model"]), []).append(record)
    for (dataset, model), group in groups.items():
        accuracies = [100 * record["accuracy"] for record in group]
        accuracy = f"{mean(accuracies):.1f}"
        if len(accuracies) > 1:
            accuracy += f" ± {stdev(accuracies):.1f}"
        fit_seconds = median(record["fit_seconds"] for record in group)
        first = median(record["first_texts_per_second"] for record in group)
        later = median(record["texts_per_second"] for record in group)
        lines.append(
            f"| {dataset} | {model} | {accuracy} | {fit_seconds:.1f} | "
            f"{_rounded(first)} | {_rounded(later)} |"
        )
    return "\n".join(lines)


def _rounded(speed: float) -> str:
    """To two significant digits, which is what a repetition keeps."""
    return f"{float(f'{speed:.2g}'):,.0f}"


def surroundings() -> dict[str, Any]:
    versions = {"python": platform.python_version(), "sklearn-static": __version__}
    for name in ("model2vec", "numpy", "scikit-learn", "torch"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "versions": versions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", nargs="+", default=DATASETS, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    args = parser.parse_args()
    check_there(args.datasets)
    fits = models()
    records = [
        measure(dataset, name, fit, seed)
        for dataset in args.datasets
        for seed in args.seeds
        for name, fit in fits.items()
    ]
    results = json.dumps({"surroundings": surroundings(), "records": records}, indent=2)
    print(f"{markdown(records)}\n\n{results}")
    if args.output is not None:
        args.output.write_text(results + "\n", "utf8")


if __name__ == "__main__":
    main()
