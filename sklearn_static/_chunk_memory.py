"""A memory of the token ids of chunks, for texts are full of chunks met before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from sys import getsizeof
from typing import Any

import numpy as np

from ._bags import TokenBags

__all__ = ["ChunkMemory"]

# Beyond the objects themselves: a place in the dict, and what allocating rounds up.
_ENTRY_BYTES = 80

Tokenize = Callable[[Sequence[str]], TokenBags]


class ChunkMemory:
    """The token ids of every distinct chunk met so far.

    A chunk is what stands between two spaces. The memory only grows; its owner replaces
    it by an empty one when `n_bytes` passes a budget. Threads share it without a lock,
    for which a process forked while it is held would wait forever: what two threads
    learn at once is the same.

    Attributes
    ----------
    n_bytes : int
        What the chunks and their ids take of the process's memory.
    """

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self.n_bytes = 0

    def bags(self, texts: Sequence[str], tokenize: Tokenize) -> TokenBags:
        """The tokens of `texts`, whose new chunks are learned from `tokenize`."""
        rows: list[Any] = [self._row(text) for text in texts]
        new = [i for i, row in enumerate(rows) if row is None]
        if new:
            self._learn([texts[i] for i in new], tokenize)
            for i in new:
                rows[i] = self._row(texts[i])
        ids = np.frombuffer(bytearray().join(rows), np.int32)
        n_bytes = np.fromiter(map(len, rows), np.int64, len(rows))
        return TokenBags.from_lengths(ids, n_bytes // ids.itemsize)

    def _row(self, text: str) -> bytes | None:
        """The ids of a text's tokens, one after the other; None if a chunk is new."""
        try:
            return b"".join(map(self._rows.__getitem__, text.split(" ")))
        except KeyError:
            return None

    def _learn(self, texts: Sequence[str], tokenize: Tokenize) -> None:
        chunks = dict.fromkeys(" ".join(texts).split(" "))
        new = [chunk for chunk in chunks if chunk not in self._rows]
        ids, offsets = tokenize(new)
        data, ends = ids.tobytes(), (offsets * ids.itemsize).tolist()
        rows = [data[start:end] for start, end in pairwise(ends)]
        n_bytes = sum(map(getsizeof, chain(new, rows))) + _ENTRY_BYTES * len(new)
        self.n_bytes += n_bytes
        self._rows.update(zip(new, rows, strict=True))
