"""The reference data and model, which lie outside the checkout."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("SKLEARN_STATIC_SHARED", CHECKOUT.parent / "shared"))
POTION = SHARED / "models" / "potion-base-8M"


def check_there(datasets: list[str]) -> None:
    """End the program unless each data set is there."""
    for name in datasets:
        if not (SHARED / "data" / name / "train.jsonl.gz").is_file():
            raise SystemExit(
                f"{SHARED / 'data'} has no data set {name!r}; set "
                "SKLEARN_STATIC_SHARED to the folder of reference data."
            )


def read(dataset: str, split: str) -> tuple[list[str], list]:
    """The texts and labels of one part of a data set, ``"train"`` or ``"test"``."""
    path = SHARED / "data" / dataset / f"{split}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] for row in rows], [row["label"] for row in rows]
