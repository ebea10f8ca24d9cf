"""What the time of encoding, predicting and training is made of, and its bounds.

Each part is timed alone, as the median of repetitions, and beside it what the machine
needs at least for the bytes or the multiplications of that part: at the rate at which
numpy copies a large array, gathers rows of the table, and multiplies matrices. Run it
on a machine that does nothing else::

    python tests/benchmarks/parts.py --tables docs/results
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from reference import POTION, check_there, read
from speed_tasks import resampled

from sklearn_static import StaticEmbedding, StaticLinearClassifier
from sklearn_static._linear.design import Gram, SideBySide
from sklearn_static._training import BagDataset, StaticModule, compact, mlp_head
from sklearn_static._training.module import mean_embedding
from sklearn_static._training.optimizer import RowAdam
from sklearn_static._utils.parallel import DEFAULT_BATCH_SIZE, slices

BATCH_SIZE, HIDDEN = 64, 512
SAID: list[str] = []


def milliseconds(function: Callable[[], Any], n: int = 7) -> float:
    function()
    times = []
    for _ in range(n):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return 1000 * median(times)


def copy_rate() -> float:
    """Bytes that are read and written anew in a millisecond."""
    source = np.ones(1 << 26, np.uint8)
    target = np.empty_like(source)
    return source.nbytes / milliseconds(lambda: np.copyto(target, source))


def product_rate() -> float:
    """Multiplications and additions of float32 in a millisecond, by torch."""
    a = torch.ones(1024, 1024)
    return 1024**3 / milliseconds(lambda: a @ a)


def operations(function: Callable[[], Any]) -> int:
    """How many of torch's operations run, those not counted that only call others."""
    with torch.profiler.profile() as profile:
        function()
    return sum(
        event.name.startswith("aten::") and not event.cpu_children
        for event in profile.events()
    )


def show_all(function: Callable[[], Any]) -> None:
    """What calls of `function` take in two threads, and in one."""
    show("all", milliseconds(function))
    with patch.dict(os.environ, OMP_NUM_THREADS="1"):
        show("all, in one thread", milliseconds(function))


def of_encoding(dataset: str, n: int) -> None:
    texts = resampled(dataset, n)
    embedding = StaticEmbedding.from_pretrained(POTION)
    tokenizer = embedding._bag_tokenizer
    batches = [texts[part] for part in slices(n, DEFAULT_BATCH_SIZE)]
    bags = [tokenizer(batch) for batch in batches]
    n_tokens = sum(len(bag.ids) for bag in bags)
    n_bytes = sum(map(len, texts))
    out = np.empty((1 << 16, embedding.n_dimensions), np.float32)

    def gather() -> None:
        for bag in bags:
            for start in range(0, len(bag.ids), len(out)):
                ids = bag.ids[start : start + len(out)]
                np.take(embedding.vectors, ids, 0, out[: len(ids)], mode="clip")

    say(f"\nencode {n:,} texts of {dataset}: {n_tokens:,} tokens, {n_bytes:,} bytes")
    show_all(lambda: embedding.encode(texts))
    show("tokenize", milliseconds(lambda: [tokenizer(batch) for batch in batches]))
    show("    at least: copy the texts", n_bytes / copy_rate())
    show("pool", milliseconds(lambda: [embedding.pool(bag) for bag in bags]))
    show("    at least: gather the rows", milliseconds(gather))


def of_predicting(dataset: str, n: int) -> None:
    texts = resampled(dataset, n)
    model = StaticLinearClassifier(POTION, random_state=0).fit(*read(dataset, "train"))
    embedding, weights = model.embedding_, model.word_weights_
    pipeline, vocabulary = model.to_pipeline(), weights.vocabulary
    batches = [texts[part] for part in slices(n, DEFAULT_BATCH_SIZE)]
    bags = [embedding.tokenize(batch) for batch in batches]
    words = [embedding.words(bag) for bag in bags]
    features = [pipeline[0].transform(batch) for batch in batches]
    say(f"\npredict {n:,} texts of {dataset}: {weights}")
    show_all(lambda: pipeline.predict(texts))
    show(
        "tokenize",
        milliseconds(lambda: [embedding.tokenize(batch) for batch in batches]),
    )
    show("pool", milliseconds(lambda: [embedding.pool(bag) for bag in bags]))
    show("find words", milliseconds(lambda: [embedding.words(bag) for bag in bags]))
    show(
        "look them up", milliseconds(lambda: [vocabulary.find(part) for part in words])
    )
    show("    and sum weights", milliseconds(lambda: [weights(part) for part in words]))
    show("head", milliseconds(lambda: [model.head_.predict(part) for part in features]))


def of_solving(dataset: str, n: int) -> None:
    """Where a fit spends its time: in products of features, and beside them."""
    texts, labels = (part[:n] for part in read(dataset, "train"))
    embedding = StaticEmbedding.from_pretrained(POTION)
    model = StaticLinearClassifier(embedding, random_state=0)
    bags = embedding.tokenize(texts)
    calls, seconds = Counter[str](), Counter[str]()

    def timed(design: type, name: str) -> None:
        method = getattr(design, name)

        def call(self: Any, argument: Any) -> Any:
            start = perf_counter()
            out = method(self, argument)
            calls[name] += 1
            seconds[name] += perf_counter() - start
            return out

        setattr(design, name, call)

    say(f"\nfit {len(texts):,} texts of {dataset}")
    show("all", milliseconds(lambda: model.fit(texts, labels), 3))
    say(model.word_weights_)
    show("tokenize", milliseconds(lambda: embedding.tokenize(texts), 3))
    show("pool", milliseconds(lambda: embedding.pool(bags), 3))
    show("find words", milliseconds(lambda: embedding.words(bags), 3))
    kept = {design: dict(vars(design)) for design in (Gram, SideBySide)}
    for design in kept:
        timed(design, "scores")
        timed(design, "gradient")
    model.fit(texts, labels)
    for design, methods in kept.items():
        for name in ("scores", "gradient"):
            setattr(design, name, methods[name])
    for name, count in calls.items():
        show(f"{count} products for {name}", 1000 * seconds[name])


def of_training(dataset: str) -> None:
    texts, labels = read(dataset, "train")
    embedding = StaticEmbedding.from_pretrained(POTION).for_training()
    classes, y = np.unique(labels, return_inverse=True)
    bags = embedding.tokenize(texts)
    whole = BagDataset(bags, None, y, np.ones(len(y), np.float32))
    rows, (dataset_,) = compact([whole], len(embedding.vectors))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    inputs, (target, _) = dataset_.reordered(order).batch(0, BATCH_SIZE)
    table = torch.from_numpy(embedding.vectors[rows])
    head = mlp_head(embedding.n_dimensions, (HIDDEN,), len(classes), 0.0)
    module = StaticModule(table, head, normalize=True)
    optimizer = RowAdam(module.parameters(), lr=1e-3)
    loss = torch.nn.functional.cross_entropy

    def step() -> None:
        optimizer.zero_grad()
        loss(module(**inputs), target).backward()
        optimizer.step()

    def of_head() -> None:
        loss(head(embedded), target).backward()

    def of_table() -> None:
        mean_embedding(module, **inputs).backward(embedded)

    embedded = module.encode(module, **inputs).detach()
    step()
    moved = len(inputs["ids"].unique())
    size = 4 * embedding.n_dimensions
    products = sum(p.numel() for p in head.parameters()) * BATCH_SIZE
    say(
        f"\na step on {BATCH_SIZE} texts of {dataset}: {len(inputs['ids']):,} tokens, "
        f"{moved:,} of {len(rows):,} rows"
    )
    say(f"{operations(step)} operations of torch")
    show("all", milliseconds(step, 50))
    show("the head, there and back", milliseconds(of_head, 50))
    show("    at least: three matrix products", 3 * products / product_rate())
    show("the table, there and back", milliseconds(of_table, 50))
    show("    at least: copy rows twice", 2 * moved * size / copy_rate())
    show("the optimizer", milliseconds(optimizer.step, 50))
    n_values = 3 * (moved * size + 4 * sum(p.numel() for p in head.parameters()))
    show("    at least: copy what moves", n_values / copy_rate())


def show(what: str, time: float) -> None:
    say(f"{what:36s}{time:9.3f} ms")


def say(line: Any) -> None:
    print(line, flush=True)
    SAID.append(str(line))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=Path, help="also write to this folder")
    args = parser.parse_args()
    check_there(["subj", "massive_scenario", "bbc"])
    for dataset, n in (("subj", 20_000), ("massive_scenario", 20_000), ("bbc", 2_125)):
        of_encoding(dataset, n)
    for dataset in ("subj", "massive_scenario"):
        of_predicting(dataset, 20_000)
    for dataset, n in (("subj", 8_000), ("massive_scenario", 11_514), ("bbc", 1_000)):
        of_solving(dataset, n)
    for dataset in ("subj", "massive_scenario", "bbc"):
        of_training(dataset)
    if args.tables is not None:
        text = "\n".join(["```text", *SAID, "```"]).replace("```text\n\n", "```text\n")
        (args.tables / "parts.md").write_text(text + "\n", "utf8")


if __name__ == "__main__":
    main()
