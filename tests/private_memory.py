"""Opens a table: a program that the tests of persistence run.

It prints how many bytes that took of memory which no other process has.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn_static import StaticEmbedding


def private() -> int:
    """The bytes of this process's memory that it shares with no other."""
    lines = Path("/proc/self/smaps_rollup").read_text("utf8").splitlines()
    sizes = [line.split()[1] for line in lines if line.startswith("Private_")]
    return 1024 * sum(map(int, sizes))


def main(folder: str) -> None:
    """Open the bundled table first, for all that the first one imports."""
    StaticEmbedding.from_pretrained("default").encode(["a text"])
    before = private()
    embedding = StaticEmbedding.from_pretrained(folder)
    embedding.encode(["a text"])
    print(private() - before)


if __name__ == "__main__":
    main(sys.argv[1])
