"""A service under load: requests a second, their latency, and how many are lost.

The service of `examples/service.py` is run by uvicorn, with one worker process and with
two, and asked over loopback. Each connection asks again as soon as it is answered.
Client and service share the processors, so run it on a machine that does nothing else.
It needs fastapi, uvicorn, and the reference data in SKLEARN_STATIC_SHARED (by default
`shared` beside the checkout). `--app-dir` names another folder with a `service.py`::

    python tests/benchmarks/service.py --tables docs/results
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import numpy as np
from reference import CHECKOUT, POTION, check_there, read

from sklearn_static import StaticLinearClassifier

DATASET = "subj"
WORKERS, N_TEXTS, CONNECTIONS = (1, 2), (1, 32), (1, 16)
WARM_UP, PATIENCE = 1.0, 60.0


@dataclass
class Tally:
    """What came of the requests.

    Attributes
    ----------
    seconds : list of float
        How long each took that was answered.
    n_lost : int
        How many were not, or not as they should have been.
    """

    seconds: list[float] = field(default_factory=list)
    n_lost: int = 0


@contextmanager
def running(app_dir: Path, folder: Path, n_workers: int, log: Path) -> Iterator[int]:
    """The port of the service in `app_dir` for the model in `folder`."""
    command = [sys.executable, "-m", "uvicorn", "service:app", "--port", "0"]
    command += ["--app-dir", str(app_dir), "--workers", str(n_workers)]
    command += ["--no-access-log"]
    environment = {"MODEL_FOLDER": str(folder), "OMP_NUM_THREADS": "1"}
    environment["TOKENIZERS_PARALLELISM"] = "false"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield port_in(log, process, n_workers)
    finally:
        process.terminate()
        process.wait()


def port_in(log: Path, process: subprocess.Popen[bytes], n_workers: int) -> int:
    """The port that a service says it listens at, once all its workers are ready."""
    end = perf_counter() + PATIENCE
    while perf_counter() < end and process.poll() is None:
        said = log.read_text("utf8")
        port = re.search(r"running on http://[\d.]+:(\d+)", said)
        if port and said.count("Application startup complete") == n_workers:
            return int(port[1])
        sleep(0.05)
    raise SystemExit(f"The service did not start:\n{log.read_text('utf8')[-2000:]}")


def requests(texts: list[str], n_texts: int) -> list[bytes]:
    """Requests of `n_texts` texts each, as they go over the wire."""
    made = []
    for start in range(0, len(texts) - n_texts + 1, n_texts):
        body = json.dumps({"texts": texts[start : start + n_texts]}).encode()
        head = (
            "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def load(
    port: int, sent: list[bytes], n_texts: int, n_connections: int, seconds: float
) -> Tally:
    """Ask for some seconds, after some that warm up.

    In these, connections are opened one by one: of many at once, the worker that comes
    first would take all.
    """
    warm, tally = perf_counter() + WARM_UP, Tally()
    async with asyncio.timeout(seconds + PATIENCE), asyncio.TaskGroup() as group:
        for i in range(n_connections):
            first = i * len(sent) // n_connections
            own = cycle(sent[first:] + sent[:first])
            group.create_task(ask(port, own, n_texts, warm, warm + seconds, tally))
            await asyncio.sleep(WARM_UP / n_connections)
    return tally


async def ask(
    port: int,
    sent: Iterator[bytes],
    n_texts: int,
    warm: float,
    end: float,
    tally: Tally,
) -> None:
    """Ask on one connection, or on the next one where it breaks."""
    while perf_counter() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (start := perf_counter()) < end:
                writer.write(next(sent))
                answer = await answered(reader)
                if answer.count(b'"label"') != n_texts:
                    tally.n_lost += 1
                elif start > warm:
                    tally.seconds.append(perf_counter() - start)
        except (OSError, EOFError):
            tally.n_lost += 1
        finally:
            writer.close()


async def answered(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer; empty where it is none that was hoped for."""
    head = await reader.readuntil(b"\r\n\r\n")
    (size,) = re.findall(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(size))
    return body if head.startswith(b"HTTP/1.1 200 ") else b""


def table(rows: list[tuple[int, int, int, float, Tally]]) -> str:
    titles = ["workers", "texts a request", "connections", "requests/s", "texts/s"]
    titles += ["p50", "p99", "lost"]
    lines = [f"| {' | '.join(titles)} |", f"|{'--:|' * len(titles)}"]
    for n_workers, n_texts, n_connections, seconds, tally in rows:
        rate = len(tally.seconds) / seconds
        p50, p99 = 1000 * np.percentile(tally.seconds, [50, 99])
        lines.append(
            f"| {n_workers} | {n_texts} | {n_connections} | {rate:,.0f} | "
            f"{n_texts * rate:,.0f} | {p50:.2f} ms | {p99:.2f} ms | {tally.n_lost} |"
        )
    return "\n".join(lines)


def measured(app_dir: Path, seconds: float) -> list[tuple[int, int, int, float, Tally]]:
    texts, labels = read(DATASET, "train")
    sent = {n: requests(read(DATASET, "test")[0], n) for n in N_TEXTS}
    model = StaticLinearClassifier(POTION, random_state=0).fit(texts, labels)
    rows = []
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        model.to_pipeline().save_pretrained(folder)
        for n_workers in WORKERS:
            log = Path(scratch) / f"{n_workers}.log"
            with running(app_dir, folder, n_workers, log) as port:
                for n, n_connections in product(N_TEXTS, CONNECTIONS):
                    tally = asyncio.run(load(port, sent[n], n, n_connections, seconds))
                    rows.append((n_workers, n, n_connections, seconds, tally))
                    print(n_workers, n, n_connections, flush=True, file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="for each line")
    parser.add_argument("--app-dir", type=Path, default=CHECKOUT / "examples")
    parser.add_argument("--tables", type=Path, help="also write to this folder")
    args = parser.parse_args()
    check_there([DATASET])
    text = table(measured(args.app_dir, args.seconds))
    print(text)
    if args.tables is not None:
        args.tables.mkdir(parents=True, exist_ok=True)
        (args.tables / "service.md").write_text(text + "\n", "utf8")


if __name__ == "__main__":
    main()
