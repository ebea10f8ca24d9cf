"""What a smaller pipeline costs: size of the folder against test accuracy.

A classifier is trained on each whole training set from potion-base-8M, frozen, and
compressed in several ways; each is judged on the whole test set. It needs the folder of
reference data in the environment variable SKLEARN_STATIC_SHARED (by default `shared`
beside the checkout)::

    python tests/benchmarks/compression.py --seeds 0 1 2 --output compression.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from reference import POTION, check_there, read

from sklearn_static import StaticLinearClassifier, StaticPipeline

DATASETS = ["subj", "senteval_cr", "massive_scenario"]
WAYS: dict[str, dict[str, Any]] = {
    "as trained": {},
    'dtype="float16"': {"dtype": "float16"},
    'dtype="int8"': {"dtype": "int8"},
    "texts": {"texts": True},
    'texts, dtype="int8"': {"texts": True, "dtype": "int8"},
    'texts, dtype="int8", min_df=2': {"texts": True, "dtype": "int8", "min_df": 2},
    'texts, dtype="int8", dimensions=128': {
        "texts": True,
        "dtype": "int8",
        "dimensions": 128,
    },
}


def measure(dataset: str, seed: int) -> list[dict[str, Any]]:
    texts, labels = read(dataset, "train")
    test = read(dataset, "test")
    trained = StaticLinearClassifier(POTION, random_state=seed).fit(texts, labels)
    pipeline = trained.to_pipeline()
    records = []
    for way, options in WAYS.items():
        given = {**options, "texts": texts} if "texts" in options else options
        small = pipeline.compress(**given) if given else pipeline
        record = {"dataset": dataset, "seed": seed, "way": way, **judged(small, *test)}
        records.append(record)
    return records


def judged(pipeline: StaticPipeline, texts: list[str], labels: list) -> dict[str, Any]:
    accuracy = float(np.mean(pipeline.predict(texts) == np.asarray(labels)))
    n_bytes = sum(map(len, pipeline.to_files().values()))
    return {"accuracy": accuracy, "megabytes": n_bytes / 1e6}


def markdown(records: list[dict[str, Any]], datasets: list[str]) -> str:
    """Megabytes, and accuracy less that of the whole pipeline, mean over seeds."""
    lines = [
        f"| compress(...) | {' | '.join(datasets)} |",
        f"|---{'|--:' * len(datasets)}|",
    ]
    for way in WAYS:
        cells = [cell(records, dataset, way) for dataset in datasets]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(records: list[dict[str, Any]], dataset: str, way: str) -> str:
    def values(way: str, name: str) -> list[float]:
        return [r[name] for r in records if (r["dataset"], r["way"]) == (dataset, way)]

    accuracy = 100 * mean(values(way, "accuracy"))
    megabytes = mean(values(way, "megabytes"))
    if not WAYS[way]:
        return f"{megabytes:.1f} MB, {accuracy:.1f} %"
    lost = accuracy - 100 * mean(values("as trained", "accuracy"))
    return f"{megabytes:.1f} MB, {lost:+.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", nargs="+", default=DATASETS, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--output", type=Path, help="also write JSON to this file")
    args = parser.parse_args()
    check_there(args.datasets)
    records = [
        record
        for dataset in args.datasets
        for seed in args.seeds
        for record in measure(dataset, seed)
    ]
    print(markdown(records, args.datasets))
    if args.output is not None:
        args.output.write_text(json.dumps(records, indent=2) + "\n", "utf8")


if __name__ == "__main__":
    main()
