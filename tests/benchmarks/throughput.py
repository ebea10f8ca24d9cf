"""Texts a second and core, and core-hours for 10⁹ texts, by one worker and by two.

Workers open the model, wait for each other, and embed or predict at the same time, for
some rounds. The third piece of work is the recipe for one machine in docs/scaling.md,
from a parquet file of texts to one of labels. A worker is a process with one thread;
for comparison, two threads of one process predict. Run it on a machine that does
nothing else, and has a core for each worker::

    python tests/benchmarks/throughput.py --tables docs/results

It needs pyarrow, and the reference data in SKLEARN_STATIC_SHARED (by default `shared`
beside the checkout).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from recipes import blocks, run
from reference import POTION, check_there, read
from speed_tasks import peak_megabytes, resampled

from sklearn_static import StaticEmbedding, StaticLinearClassifier, StaticPipeline

N_TEXTS = {"massive_scenario": 200_000, "subj": 100_000, "bbc": 10_000}
"""The texts of a round, of each data set: about a second of work for one core."""
MANY = 10**9
PATIENCE = 600
"""Seconds after which a worker that does not come is not waited for."""

Task = Callable[[], Any]


@dataclass(frozen=True)
class Crew:
    """Those who work at the same time, each with a core."""

    title: str
    n_processes: int
    n_threads: int = 1


ONE, TWO = Crew("one process", 1), Crew("two processes", 2)
THREADS = Crew("two threads", 1, 2)


def embedding(dataset: str, n_parts: int, place: Path) -> list[Task]:
    table = StaticEmbedding.from_pretrained(POTION)
    return [partial(table.encode, part) for part in parts(dataset, n_parts)]


def predicting(dataset: str, n_parts: int, place: Path) -> list[Task]:
    pipeline = StaticPipeline.from_pretrained(place / dataset)
    return [partial(pipeline.predict, part) for part in parts(dataset, n_parts)]


def parts(dataset: str, n_parts: int) -> list[list[str]]:
    """The texts of a round, dealt out."""
    texts = resampled(dataset, N_TEXTS[dataset])
    return [texts[i::n_parts] for i in range(n_parts)]


def labelling(dataset: str, n_parts: int, place: Path) -> list[Task]:
    """The recipe, which opens the model for each file, here the texts of a round."""
    names: dict[str, Any] = {}
    run(blocks("One machine")[0], names)
    source = place / f"{dataset}.parquet"
    target = place / f"labels-{os.getpid()}.parquet"

    def label() -> None:
        target.unlink(missing_ok=True)
        names["label_file"](place / dataset, source, target)

    return [label]


WORKS: dict[str, tuple[Callable[[str, int, Path], list[Task]], list[Crew]]] = {
    "embed": (embedding, [ONE, TWO]),
    "predict": (predicting, [ONE, TWO, THREADS]),
    "parquet to parquet": (labelling, [ONE, TWO]),
}


@dataclass(frozen=True)
class Rates:
    """What a crew has done.

    Attributes
    ----------
    work, dataset, crew : str
    rates : list of float
        Texts a second and core, of each round.
    megabytes : float
        The most that a process has taken of memory.
    """

    work: str
    dataset: str
    crew: str
    rates: list[float]
    megabytes: float


def measured(name: str, dataset: str, crew: Crew, n_rounds: int, place: Path) -> Rates:
    """Have new processes work together."""
    context = get_context("spawn")
    with context.Manager() as manager, context.Pool(crew.n_processes) as pool:
        start = manager.Barrier(crew.n_processes)
        job = (name, dataset, crew.n_threads, n_rounds, place, start)
        jobs = [pool.apply_async(work, job) for _ in range(crew.n_processes)]
        done = [job.get(PATIENCE) for job in jobs]
    rates = [mean(together) for together in zip(*(d[0] for d in done), strict=True)]
    return Rates(name, dataset, crew.title, rates, max(d[1] for d in done))


def work(
    name: str, dataset: str, n_threads: int, n_rounds: int, place: Path, start: Any
) -> tuple[list[float], float]:
    """Texts a second and thread in each round, and the peak of memory in MB.

    The round before the first one is for warming up.
    """
    make, _ = WORKS[name]
    tasks, seconds = make(dataset, n_threads, place), []
    with ThreadPoolExecutor(n_threads) as pool:
        for _ in range(n_rounds + 1):
            start.wait(PATIENCE)
            began = perf_counter()
            for done in [pool.submit(task) for task in tasks]:
                done.result()
            seconds.append(perf_counter() - began)
    rates = [N_TEXTS[dataset] / each / n_threads for each in seconds[1:]]
    return rates, peak_megabytes()


def prepare(dataset: str, place: Path) -> float:
    """Leave a trained model and a file of texts; the mean length of these.

    In a process of its own, for one that is started counts its parent's memory.
    """
    classifier = StaticLinearClassifier(POTION, random_state=0).fit(
        *read(dataset, "train")
    )
    classifier.to_pipeline().save_pretrained(place / dataset)
    texts = resampled(dataset, N_TEXTS[dataset])
    pq.write_table(
        pa.table({"id": range(len(texts)), "text": texts}), place / f"{dataset}.parquet"
    )
    return mean(map(len, texts))


def markdown(records: list[Rates], lengths: dict[str, float]) -> str:
    lines = [
        "| texts | characters | work | by | texts a second and core (range) | "
        "MB of text a second and core | memory of a process | "
        "core-hours for 10⁹ texts |",
        "|---|--:|---|---|--:|--:|--:|--:|",
    ]
    for r in records:
        rate, length = median(r.rates), lengths[r.dataset]
        lines.append(
            f"| {r.dataset} | {length:.0f} | {r.work} | {r.crew} | "
            f"{rounded(rate)} ({rounded(min(r.rates))} to {rounded(max(r.rates))}) | "
            f"{length * rate / 1e6:.1f} | {r.megabytes:.0f} MB | "
            f"{MANY / rate / 3600:.1f} |"
        )
    return "\n".join(lines)


def rounded(rate: float) -> str:
    return f"{float(f'{rate:.3g}'):,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tables", type=Path, help="also write to this folder")
    args = parser.parse_args()
    check_there([*N_TEXTS])
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    records, lengths = [], {}
    with TemporaryDirectory() as folder:
        place = Path(folder)
        for dataset in N_TEXTS:
            with get_context("spawn").Pool(1) as pool:
                lengths[dataset] = pool.apply(prepare, (dataset, place))
            for name, (_, crews) in WORKS.items():
                for crew in crews:
                    record = measured(name, dataset, crew, args.rounds, place)
                    records.append(record)
                    print(record, flush=True)
    table = markdown(records, lengths)
    print(f"\n{table}")
    if args.tables is not None:
        (args.tables / "throughput.md").write_text(table + "\n", "utf8")


if __name__ == "__main__":
    main()
