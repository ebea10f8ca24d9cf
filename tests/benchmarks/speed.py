"""Speed beside every peer: ratios of times taken in turn, one process at a time.

Each piece of work (see `speed_tasks.py`) is done by this package and by a peer in turn,
each time in a new process, for some rounds. A round gives a ratio, the peer's time by
ours; what is printed is the median of the rounds and their range. Run it on a machine
that does nothing else. It needs model2vec with its extra `train`, fastText, laghu with
its extra `rust`, and the reference data in SKLEARN_STATIC_SHARED (by default `shared`
beside the checkout)::

    python tests/benchmarks/speed.py --output speed.json --chart speed.svg \\
        --tables docs/results
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from kinds import BPE, UNIGRAM, WORD_PIECE, table_of
from reference import check_there
from speed_tasks import (
    BARE_LOOP,
    FASTTEXT,
    LAGHU,
    MODEL2VEC,
    ONE_PROCESS,
    OURS,
    SCIKIT_LEARN,
    SINGLY,
    TAKING_UP,
    TFIDF,
    saved_place,
)

from sklearn_static import __version__

TASKS = Path(__file__).with_name("speed_tasks.py")
SIZES = (1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Work:
    """A line of the table.

    Attributes
    ----------
    title : str
    task : tuple of str
        The task and its arguments; ``"{round}"`` stands for the number of the round.
    peers : tuple of str
        Other libraries, or settings of one, of which the fastest counts.
    measure : {"first", "later", "megabytes"}
        The first time in a process, the median of the later ones, or peak memory.
    times_rounds : int
        What the number of rounds is multiplied by, for what takes little and varies.
    """

    title: str
    task: tuple[str, ...]
    peers: tuple[str, ...]
    measure: str = "first"
    times_rounds: int = 1


CURVES = ("encode", "fit", "fine-tune, an epoch", "partial_fit", "predict")
"""Works of ours that are measured with more and more texts."""
BOTH = (MODEL2VEC, ONE_PROCESS)
WORKS = [
    *(
        Work(f"fit {name}: {what}", ("fit", name, "{round}"), (MODEL2VEC,), measure)
        for name in ("bbc", "subj", "massive_scenario")
        for what, measure in (("time", "first"), ("peak memory", "megabytes"))
    ),
    *(
        Work(f"fine-tune {name}: time", ("fine_tune", name, "{round}"), (MODEL2VEC,))
        for name in ("bbc", "subj", "massive_scenario")
    ),
    *(
        Work(f"fit {name}: time", ("fit", name, "{round}"), (peer,))
        for name in ("bbc", "subj", "massive_scenario")
        for peer in (FASTTEXT, TFIDF)
    ),
    *(
        Work(f"encode {n} texts of {name}, {when}", ("encode", name, n), BOTH, measure)
        for name, n in (
            ("subj", "20000"),
            ("massive_scenario", "20000"),
            ("bbc", "2125"),
        )
        for when, measure in (("first call", "first"), ("later calls", "later"))
    ),
    *(
        Work(f"encode {n} texts of {name}, {when}", ("encode", name, n), (LAGHU,), m)
        for name, n in (("subj", "20000"), ("bbc", "2125"))
        for when, m in (("first call", "first"), ("later calls", "later"))
    ),
    *(
        Work(
            f"encode {n} texts of {name} with {kind}, {when}",
            ("encode", name, n, kind),
            peers,
            m,
        )
        for kind in (UNIGRAM, BPE)
        for name, n in (("subj", "20000"), ("bbc", "2125"))
        for peers in (BOTH, (LAGHU,))
        for when, m in (("first call", "first"), ("later calls", "later"))
    ),
    *(
        Work(
            f"encode one text with {kind}", ("encode_one", "subj", "1000", kind), peers
        )
        for kind in (WORD_PIECE, UNIGRAM, BPE)
        for peers in ((ONE_PROCESS,), (LAGHU,))
    ),
    *(
        Work(
            f"predict 20000 texts of {name}, {when}",
            ("predict", name, "20000"),
            peers,
            m,
        )
        for name in ("subj", "massive_scenario")
        for peers in (BOTH, (TFIDF,), (FASTTEXT,))
        for when, m in (("first call", "first"), ("later calls", "later"))
    ),
    Work("predict one text", ("latency", "subj", "1000"), (MODEL2VEC,)),
    *(
        Work(f"open a saved pipeline, {when}", ("load", "subj"), (MODEL2VEC,), m, 3)
        for when, m in (("first time", "first"), ("later", "later"))
    ),
    Work("import the package", ("imports", "package"), (SCIKIT_LEARN,)),
    Work("import its pipeline", ("imports", "pipeline"), (SCIKIT_LEARN,)),
    Work("ten epochs of subj", ("loop", "subj", "10"), (BARE_LOOP,)),
    Work("grid search over 1000 texts", ("search", "subj", "1000"), (SINGLY,)),
]


def run(library: str, folder: str, task: tuple[str, ...]) -> dict[str, Any]:
    """The answer of one task by one library, in a new process."""
    name, *arguments = task
    command = [sys.executable, str(TASKS), name, library, folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def figure(answer: dict[str, Any], measure: str) -> float:
    if measure == "megabytes":
        return float(answer["megabytes"])
    first, *later = answer["seconds"]
    return float(first if measure == "first" else median(later))


def measured(works: list[Work], n_rounds: int) -> list[dict[str, Any]]:
    """A record for each work; those with the same task share its runs."""
    tasks: dict[tuple[str, ...], list[str]] = {}
    rounds = {work.task: n_rounds * work.times_rounds for work in works}
    for work in works:
        libraries = tasks.setdefault(work.task, [OURS])
        libraries += [peer for peer in work.peers if peer not in libraries]
    answers: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    with TemporaryDirectory() as folder:
        for task, libraries in tasks.items():
            if task[0] in TAKING_UP:
                leave_models({*libraries} - {ONE_PROCESS}, folder, task[1])
            if task[-1] in (UNIGRAM, BPE):
                leave_table(folder, task[-1])
            for i in range(rounds[task]):
                for library in libraries:
                    arguments = tuple(part.format(round=i) for part in task)
                    answer = run(library, folder, arguments)
                    answers.setdefault((task, library), []).append(answer)
            print(" ".join(task), flush=True, file=sys.stderr)
    return [record(work, answers) for work in works]


def leave_models(libraries: set[str], folder: str, dataset: str) -> None:
    """Have each library train the model that the next tasks take up."""
    for library in libraries:
        if not saved_place(library, Path(folder), dataset).exists():
            run(library, folder, ("fit", dataset, "0"))


def leave_table(folder: str, kind: str) -> None:
    """Have a tokenizer of that kind trained for the next tasks."""
    if not table_of(kind, Path(folder)).exists():
        run(OURS, folder, ("train_tokenizer", kind))


def record(
    work: Work, answers: dict[tuple[Any, ...], list[dict[str, Any]]]
) -> dict[str, Any]:
    ours = [figure(a, work.measure) for a in answers[work.task, OURS]]
    peers = {
        peer: [figure(a, work.measure) for a in answers[work.task, peer]]
        for peer in work.peers
    }
    best = [min(times) for times in zip(*peers.values(), strict=True)]
    accuracies = {
        library: [a["accuracy"] for a in answers[work.task, library]]
        for library in (OURS, *work.peers)
        if "accuracy" in answers[work.task, library][0]
    }
    return {
        **asdict(work),
        "ours": ours,
        "peers_": peers,
        "ratios": [theirs / mine for theirs, mine in zip(best, ours, strict=True)],
        "accuracies": accuracies,
    }


def markdown(records: list[dict[str, Any]]) -> str:
    lines = [
        "| work | peer | ours | peer's | peer's by ours (range) |",
        "|---|---|--:|--:|--:|",
    ]
    for r in records:
        unit = "MB" if r["measure"] == "megabytes" else "s"
        theirs = median(min(times) for times in zip(*r["peers_"].values(), strict=True))
        lines.append(
            f"| {r['title']} | {r['peers'][0]} | {short(median(r['ours']), unit)} | "
            f"{short(theirs, unit)} | {median(r['ratios']):.2f} "
            f"({min(r['ratios']):.2f} to {max(r['ratios']):.2f}) |"
        )
    return "\n".join(lines)


def short(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        value, unit = 1000 * value, "ms"
    return f"{value:.3g} {unit}"


def accuracies(records: list[dict[str, Any]]) -> str:
    lines = []
    for r in records:
        if r["accuracies"] and r["measure"] == "first":
            parts = (f"{k} {100 * median(v):.1f} %" for k, v in r["accuracies"].items())
            lines.append(f"- {r['title'].partition(':')[0]}: {', '.join(parts)}")
    return "\n".join(lines)


def curves(largest: int) -> list[dict[str, Any]]:
    """Seconds and memory of our own work as texts become more."""
    points = []
    for work in CURVES:
        for n in SIZES:
            if n <= largest:
                answer = run(OURS, "-", ("curve", work, str(n)))
                points.append({"work": work, "n": n, **answer})
    return points


def curve_table(points: list[dict[str, Any]]) -> str:
    lines = [
        "| work | texts | seconds | microseconds a text | MB |",
        "|---|--:|--:|--:|--:|",
    ]
    for p in points:
        (seconds,) = p["seconds"]
        each = 1e6 * seconds / p["n"]
        lines.append(
            f"| {p['work']} | {p['n']:,} | {seconds:.3g} | {each:.3g} | "
            f"{p['megabytes']:.0f} |"
        )
    return "\n".join(lines)


def tables(
    records: list[dict[str, Any]], points: list[dict[str, Any]]
) -> dict[str, str]:
    """What the documentation shows, by the name of its file."""
    return {
        "speed.md": markdown(records),
        "speed_accuracy.md": accuracies(records),
        "curves.md": curve_table(points),
    }


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """The median ratio of each work, with its range, on a logarithmic axis."""
    from matplotlib.figure import Figure

    shown = records[::-1]
    chart = Figure(figsize=(8, 0.32 * len(shown) + 1), layout="constrained")
    axes = chart.subplots()
    for i, r in enumerate(shown):
        axes.plot([min(r["ratios"]), max(r["ratios"])], [i, i], color="tab:gray")
        axes.plot(median(r["ratios"]), i, "o", color="tab:blue")
    axes.set_yticks(
        range(len(shown)), [f"{r['title']} ({r['peers'][0]})" for r in shown]
    )
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("peer / sklearn-static")
    chart.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="works whose title has this in it")
    parser.add_argument("--largest", type=int, default=1_000_000, help="of the curves")
    parser.add_argument("--output", type=Path, help="also write JSON to this file")
    parser.add_argument("--chart", type=Path, help="also draw the ratios to this file")
    parser.add_argument("--tables", type=Path, help="also write tables to this folder")
    args = parser.parse_args()
    check_there(["subj", "massive_scenario", "bbc"])
    records = measured([w for w in WORKS if args.only in w.title], args.rounds)
    print(f"{markdown(records)}\n\n{accuracies(records)}", flush=True)
    points = curves(args.largest)
    print(f"\n{curve_table(points)}")
    if args.tables is not None:
        args.tables.mkdir(parents=True, exist_ok=True)
        for name, text in tables(records, points).items():
            (args.tables / name).write_text(text + "\n", "utf8")
    if args.chart is not None:
        draw(records, args.chart)
    if args.output is not None:
        packages = (
            "fasttext-numpy2-wheel",
            "laghu",
            "model2vec",
            "scikit-learn",
            "torch",
            "tokenizers",
        )
        results = {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "sklearn-static": __version__,
            "versions": {name: version(name) for name in packages},
            "records": records,
            "curves": points,
        }
        args.output.write_text(json.dumps(results, indent=2) + "\n", "utf8")


if __name__ == "__main__":
    main()
