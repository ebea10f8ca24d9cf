"""A memory of the token ids of chunks, for texts are full of chunks met before.

A chunk is what a text is cut into: what stands between two spaces or, for
:mod:`sklearn_static._tokens.words`, a word with the spaces before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, count
from sys import getsizeof
from typing import Any

import numpy as np

from .bags import TokenBags

__all__ = ["ChunkMemory", "RowsOf", "Split", "at_spaces"]

# Beyond the objects themselves: a place in the dict, and what allocating rounds up.
_ENTRY_BYTES = 80
_CHUNKS_AT_ONCE = 5000

Split = Callable[[str], list[str]]
RowsOf = Callable[[Sequence[str]], Sequence[bytes | None]]


def at_spaces(text: str) -> list[str]:
    """What stands between the spaces of a text."""
    return text.split(" ")


class ChunkMemory:
    """The token ids of every distinct chunk met so far.

    The memory only grows; its owner replaces it by an empty one when `n_bytes` passes a
    budget. Threads share it without a lock, for which a process forked while it is held
    would wait forever: what two threads learn at once is the same.

    Attributes
    ----------
    n_bytes : int
        What the chunks and their ids take of the process's memory.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Any] = {}
        self._turns = count()
        self.n_bytes = 0

    def bags(
        self,
        texts: Sequence[str],
        rows_of: RowsOf,
        split: Split = at_spaces,
        tokenize: Callable[[Sequence[str]], TokenBags] | None = None,
    ) -> TokenBags:
        """The tokens of `texts`.

        Parameters
        ----------
        texts : sequence of str
        rows_of : callable
            From chunks that are new to the token ids of each, the bytes of int32, or
            None for a chunk that is refused: its ids may be others in other texts.
        split : callable
            From a text to its chunks, by default those between spaces.
        tokenize : callable, default=None
            From texts with such a chunk to their TokenBags.
        """
        rows: list[Any] = [self.row(split(text)) for text in texts]
        new = [i for i, row in enumerate(rows) if row is None]
        if new:
            chunks = [split(texts[i]) for i in new]
            self._learn(chain.from_iterable(chunks), rows_of)
            for i, parts in zip(new, chunks, strict=True):
                rows[i] = self.row(parts)
        odd = [i for i in new if rows[i] is None]
        if odd and tokenize is not None:
            of_odd = tokenize([texts[i] for i in odd]).rows_of_bytes()
            for i, row in zip(odd, of_odd, strict=True):
                rows[i] = row
        ids = np.frombuffer(bytearray().join(rows), np.int32)
        ends = accumulate(map(len, rows), initial=0)
        n_bytes = np.fromiter(ends, np.int64, len(rows) + 1)
        return TokenBags(ids, n_bytes // ids.itemsize)

    def rows(self, chunks: Sequence[str], rows_of: RowsOf) -> list[bytes | None]:
        """The token ids of each of `chunks`; see :meth:`bags`."""
        self._learn(chunks, rows_of)
        return [self._rows[chunk] for chunk in chunks]

    def known(self) -> dict[str, bytes | None]:
        """A copy of all that has been learned."""
        return self._rows.copy()

    def row(self, chunks: Sequence[str]) -> bytes | None:
        """The ids of chunks, one after the other; None if one is new or refused."""
        try:
            return b"".join(map(self._rows.__getitem__, chunks))
        except (KeyError, TypeError):
            return None

    def learned_row(self, chunks: Sequence[str], rows_of: RowsOf) -> bytes | None:
        """What :meth:`row` gives once new ones are learned; None if one is refused."""
        self._learn(chunks, rows_of)
        return self.row(chunks)

    def _learn(self, chunks: Iterable[str], rows_of: RowsOf) -> None:
        new = [chunk for chunk in dict.fromkeys(chunks) if chunk not in self._rows]
        # From either end in turn, so that two threads that begin with the same texts
        # meet in the middle.
        if next(self._turns) % 2:
            new.reverse()
        for start in range(0, len(new), _CHUNKS_AT_ONCE):
            part = new[start : start + _CHUNKS_AT_ONCE]
            if start:
                part = [chunk for chunk in part if chunk not in self._rows]
            rows = rows_of(part) if part else []
            n_bytes = sum(map(getsizeof, chain(part, rows))) + _ENTRY_BYTES * len(part)
            self.n_bytes += n_bytes
            self._rows.update(zip(part, rows, strict=True))
