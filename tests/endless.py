"""A stream of words that are all new: a program that test_load runs.

It prints by how many bytes the process grew, from the time when it had met some.
"""

from __future__ import annotations

import resource
import sys

from sklearn_static import StaticEmbedding

N_WORDS = 1000
LETTERS = "x" * 1000


def main(n_batches: int) -> None:
    """Embed so many batches of words, of a megabyte each."""
    embedding = StaticEmbedding.from_pretrained("default")
    embed_batch(embedding, -1)
    before = peak()
    for number in range(n_batches):
        embed_batch(embedding, number)
    print(peak() - before)


def embed_batch(embedding: StaticEmbedding, number: int) -> None:
    words = [f"w{number}x{i}{LETTERS}" for i in range(N_WORDS)]
    embedding.encode([" ".join(words[i : i + 10]) for i in range(0, N_WORDS, 10)])


def peak() -> int:
    """The most memory that the process has taken, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
