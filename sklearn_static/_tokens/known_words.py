"""Known words of many texts looked up as array arithmetic, a batch of texts at a time.

What a :class:`ChunkMemory` looks up one by one is looked up all at once here, in a hash
table of the words that the memory had learned some time ago. Words that are not in it,
long ones among them, go to the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .bags import TokenBags
from .cache import ChunkMemory, RowsOf
from .hash_table import MAX_BYTES, PackedText, WordTable
from .utf8 import batches, numbers_of_bytes, utf8

__all__ = ["KnownWords"]

_SPACE = ord(" ")
# The table is made anew once there are this many more words, as a share of all.
_GROWTH = 0.25
# What a word takes in the table: integers, and its share of the buckets.
_TABLE_BYTES = 100


class _Rows(NamedTuple):
    """The tokens of words.

    Attributes
    ----------
    bags : TokenBags
        Of n_words words.
    is_refused : ndarray of shape (n_words,), bool
        Which words have other tokens in other texts; their bags are empty.
    """

    bags: TokenBags
    is_refused: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[bytes | None]) -> _Rows:
        lengths = np.fromiter((len(row or b"") for row in rows), np.int64, len(rows))
        ids = np.frombuffer(b"".join(row or b"" for row in rows), np.int32)
        is_refused = np.fromiter((row is None for row in rows), bool, len(rows))
        return cls(TokenBags.from_lengths(ids, lengths // ids.itemsize), is_refused)

    def followed_by(self, other: _Rows) -> _Rows:
        return _Rows(
            TokenBags.concatenated([self.bags, other.bags]),
            np.append(self.is_refused, other.is_refused),
        )


class _Table(NamedTuple):
    """Short words, and the tokens of each."""

    words: WordTable
    rows: _Rows

    @property
    def n_words(self) -> int:
        return len(self.rows.is_refused)

    @classmethod
    def of(cls, rows: dict[str, bytes | None]) -> _Table:
        names = [name for name in rows if "\0" not in name]
        n_bytes = numbers_of_bytes(names)
        starts = np.cumsum(n_bytes) - n_bytes
        short = np.flatnonzero(n_bytes <= MAX_BYTES)
        packed = PackedText(utf8("".join(names))).words(starts[short], n_bytes[short])
        return cls(
            WordTable(packed, np.arange(len(short), dtype=np.int32)),
            _Rows.of([rows[names[i]] for i in short.tolist()]),
        )


class KnownWords:
    """Texts to token ids, unknown ones too, by the words that a memory has learned.

    Threads share it as they share the memory: a table is replaced as a whole.
    """

    def __init__(self) -> None:
        self._table = _Table.of({})

    @property
    def n_bytes(self) -> int:
        """What the table takes of the process's memory."""
        return _TABLE_BYTES * self._table.n_words + self._table.rows.bags.ids.nbytes

    def __call__(
        self,
        texts: Sequence[str],
        memory: ChunkMemory,
        rows_of: RowsOf,
        tokenize: Callable[[Sequence[str]], TokenBags],
    ) -> TokenBags:
        """The tokens of `texts`.

        Parameters
        ----------
        texts : sequence of str
        memory : ChunkMemory
            Of words.
        rows_of : callable
            From words that are new to the token ids of each; see
            :meth:`ChunkMemory.bags`.
        tokenize : callable
            From texts with a word that is refused to their TokenBags.
        """
        parts = []
        for batch in batches(texts):
            bags, odd = self._batch(batch, memory, rows_of)
            if len(odd):
                bags = bags.replaced(odd, tokenize([batch[i] for i in odd.tolist()]))
            parts.append(bags)
        return TokenBags.concatenated(parts)

    def _batch(
        self, texts: Sequence[str], memory: ChunkMemory, rows_of: RowsOf
    ) -> tuple[TokenBags, np.ndarray]:
        """The tokens of `texts`, and which texts have a word that is refused."""
        data = utf8("".join(texts))
        ends = np.append(0, np.cumsum(numbers_of_bytes(texts)))
        starts = _beginnings(np.frombuffer(data, np.uint8), ends)
        # Words ascend, so those of a text are a run that its first byte begins.
        n_words_before = np.searchsorted(starts, ends)
        rows, index = self._rows(data, starts, memory, rows_of)
        words = rows.bags.take(index)
        refused = np.flatnonzero(rows.is_refused[index])
        odd = np.unique(np.searchsorted(n_words_before, refused, side="right") - 1)
        return TokenBags(words.ids, words.offsets[n_words_before]), odd

    def _rows(
        self, data: bytes, starts: np.ndarray, memory: ChunkMemory, rows_of: RowsOf
    ) -> tuple[_Rows, np.ndarray]:
        """Tokens of words, and which of them are those of the word at each start."""
        table = self._table
        ends = np.append(starts[1:], len(data))
        lengths = ends - starts
        is_short = lengths <= MAX_BYTES
        is_short[np.searchsorted(starts, _places_of_zeros(data), "right") - 1] = False
        packed = PackedText(data).words(starts, np.minimum(lengths, MAX_BYTES))
        index = np.where(is_short, table.words.find(packed), np.int32(-1))
        new, others = np.flatnonzero((index < 0) & is_short), np.flatnonzero(~is_short)
        if not len(new) + len(others):
            return table.rows, index
        first, inverse = packed.take(new).distinct()
        n_known, n_new = table.n_words, len(first)
        index[new] = n_known + inverse
        index[others] = n_known + n_new + np.arange(len(others))
        places = np.append(new[first], others)
        bounds = zip(starts[places].tolist(), ends[places].tolist(), strict=True)
        names = [data[a:b].decode("utf-8", "surrogatepass") for a, b in bounds]
        rows = table.rows.followed_by(_Rows.of(memory.rows(names, rows_of)))
        if n_new > _GROWTH * n_known:
            self._table = _Table.of(memory.known())
        return rows, index


def _beginnings(codes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Where words begin: at the beginnings of texts, and of spaces in them."""
    is_space = codes == _SPACE
    begins = np.zeros(len(codes), bool)
    np.greater(is_space[1:], is_space[:-1], out=begins[1:])
    begins[ends[:-1][ends[:-1] < len(codes)]] = True
    return np.flatnonzero(begins)


def _places_of_zeros(data: bytes) -> np.ndarray:
    """Where `data` has bytes that words in a table must not have."""
    if b"\0" not in data:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == 0)
