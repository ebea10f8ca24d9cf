"""A memory of the token ids of chunks, for texts are full of chunks met before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from sys import getsizeof
from typing import Any

import numpy as np

from .bags import TokenBags

__all__ = ["ChunkMemory"]

# Beyond the objects themselves: a place in the dict, and what allocating rounds up.
_ENTRY_BYTES = 80

RowsOf = Callable[[Sequence[str]], list[bytes]]


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

    def bags(self, texts: Sequence[str], rows_of: RowsOf) -> TokenBags:
        """The tokens of `texts`.

        Parameters
        ----------
        texts : sequence of str
        rows_of : callable
            From chunks that are new to the token ids of each, the bytes of int32.
        """
        rows: list[Any] = [self._row(text) for text in texts]
        new = [i for i, row in enumerate(rows) if row is None]
        if new:
            self._learn([texts[i] for i in new], rows_of)
            for i in new:
                rows[i] = self._row(texts[i])
        ids = np.frombuffer(bytearray().join(rows), np.int32)
        ends = accumulate(map(len, rows), initial=0)
        n_bytes = np.fromiter(ends, np.int64, len(rows) + 1)
        return TokenBags(ids, n_bytes // ids.itemsize)

    def _row(self, text: str) -> bytes | None:
        """The ids of a text's tokens, one after the other; None if a chunk is new."""
        try:
            return b"".join(map(self._rows.__getitem__, text.split(" ")))
        except KeyError:
            return None

    def _learn(self, texts: Sequence[str], rows_of: RowsOf) -> None:
        chunks = dict.fromkeys(" ".join(texts).split(" "))
        new = [chunk for chunk in chunks if chunk not in self._rows]
        rows = rows_of(new)
        n_bytes = sum(map(getsizeof, chain(new, rows))) + _ENTRY_BYTES * len(new)
        self.n_bytes += n_bytes
        self._rows.update(zip(new, rows, strict=True))
