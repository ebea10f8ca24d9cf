"""Fuzz the package, guided by the coverage of its code.

Each target runs in a process of its own, which a failure, a crash, a hang or a lack of
memory ends. The seed is fixed; what differs from run to run is how many inputs there is
time for.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import mkdtemp

SECONDS_PER_INPUT = 20
MEGABYTES = 2048
NAMES = (
    *("cache", "texts", "config.json", "tokenizer.json", "model.safetensors"),
    *("head", "modules"),
)


def fuzz_all(names: list[str], seconds: int) -> int:
    """Fuzz each target for so many seconds; the number of those that failed."""
    n_failed = 0
    for name in names:
        corpus = mkdtemp()
        _write_corpus(Path(corpus))
        options = [name, "--seconds", str(seconds), "--corpus", corpus]
        command = [sys.executable, __file__, *options]
        if subprocess.run(command, check=False).returncode:
            n_failed += 1
            print(f"{name}: failed. Once more: {' '.join(command)}", flush=True)
        else:
            shutil.rmtree(corpus)
    print(f"{len(names)} targets, {n_failed} failed")
    return n_failed


def fuzz_one(name: str, seconds: int, corpus: str) -> None:
    """Fuzz one target, beginning with the files in `corpus`, and end the process."""
    import atheris

    sys.path.append(str(Path(__file__).parents[1]))
    with atheris.instrument_imports(include=["sklearn_static"]):
        from fuzz.targets import TARGETS
    from hypothesis import HealthCheck, given, settings

    strategy, check = TARGETS[name]
    n_tried = 0

    @settings(database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(strategy)
    def target(case: object) -> None:
        nonlocal n_tried
        n_tried += 1
        try:
            check(case)
        except BaseException:
            print(f"{name}: input {n_tried}: {case!r}", flush=True)
            raise

    end = time.monotonic() + seconds

    def until_the_end(data: bytes) -> None:
        if time.monotonic() > end:
            print(f"{name}: {n_tried} inputs, none failed", flush=True)
            os._exit(0)
        target.hypothesis.fuzz_one_input(data)

    options = [
        *("-seed=1", "-max_len=8192", "-len_control=0", "-verbosity=0"),
        *(f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEGABYTES}"),
        f"-artifact_prefix={corpus}/",
    ]
    atheris.Setup([sys.argv[0], *options, corpus], until_the_end)
    atheris.Fuzz()


def _write_corpus(folder: Path) -> None:
    """Random bytes, of which hypothesis makes inputs of every kind."""
    random = Random(0)
    for i in range(50):
        (folder / str(i)).write_bytes(random.randbytes(8192 // (1 + i % 8)))


def main() -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="target", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--corpus", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.corpus is not None:
        fuzz_one(*options.names, options.seconds, options.corpus)
    return int(bool(fuzz_all(options.names or [*NAMES], options.seconds)))


if __name__ == "__main__":
    sys.exit(main())
