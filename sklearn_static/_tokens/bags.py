"""Token bags: the token ids of many texts in one array."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

__all__ = ["TokenBags", "ranges"]


class TokenBags(NamedTuple):
    """Token ids of many texts, concatenated.

    Attributes
    ----------
    ids : ndarray of shape (n_tokens,), int32
        The token ids of all texts in order.
    offsets : ndarray of shape (n_texts + 1,), int64
        The tokens of text ``i`` are ``ids[offsets[i]:offsets[i + 1]]``.
    """

    ids: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_lengths(cls, ids: np.ndarray, lengths: np.ndarray) -> TokenBags:
        """Bags whose text ``i`` has ``lengths[i]`` tokens."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(ids, offsets)

    @classmethod
    def from_rows(cls, rows: Sequence[Any]) -> TokenBags:
        """Bags whose text ``i`` has the tokens `rows[i]`, a sequence of int."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter(chain.from_iterable(rows), np.int32, lengths.sum())
        return cls.from_lengths(ids, lengths)

    @classmethod
    def alone(cls, ids: np.ndarray) -> TokenBags:
        """A bag of each token."""
        return cls(ids, np.arange(len(ids) + 1))

    @classmethod
    def concatenated(cls, parts: Sequence[TokenBags]) -> TokenBags:
        """The bags of all `parts` in order."""
        if len(parts) == 1:
            return parts[0]
        ids = np.concatenate([np.empty(0, np.int32), *(part.ids for part in parts)])
        lengths = [part.lengths for part in parts]
        return cls.from_lengths(ids, np.concatenate([np.empty(0, np.int64), *lengths]))

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each text, of shape (n_texts,)."""
        return self.offsets[1:] - self.offsets[:-1]

    def document_frequencies(self, n_ids: int) -> np.ndarray:
        """How many of the texts have each id below `n_ids`: (n_ids,), int64."""
        text = np.repeat(np.arange(len(self.offsets) - 1), self.lengths)
        # Text and id in one number, so that a single sort brings repetitions together.
        codes = text * n_ids
        codes += self.ids
        codes.sort()
        is_new = np.ones(len(codes), bool)
        np.not_equal(codes[1:], codes[:-1], out=is_new[1:])
        return np.bincount(codes[is_new] % max(n_ids, 1), minlength=n_ids)

    def rows_of_bytes(self) -> list[bytes]:
        """The ids of each text, the bytes of int32."""
        data, ends = self.ids.tobytes(), (self.offsets * self.ids.itemsize).tolist()
        return [data[start:end] for start, end in pairwise(ends)]

    def take(self, index: np.ndarray) -> TokenBags:
        """The bags at `index`, an array of int."""
        lengths = self.lengths[index]
        return TokenBags.from_lengths(
            self.ids[ranges(self.offsets[index], lengths)], lengths
        )

    def replaced(self, index: np.ndarray, others: TokenBags) -> TokenBags:
        """The bags with `others` in place of those at `index`, an array of int."""
        order = np.arange(len(self.offsets) - 1)
        order[index] = len(order) + np.arange(len(index))
        return TokenBags.concatenated([self, others]).take(order)

    def where(self, keep: np.ndarray) -> TokenBags:
        """Only the tokens for which the boolean mask `keep` is true."""
        kept_before = np.zeros(len(self.ids) + 1, dtype=np.int64)
        np.cumsum(keep, out=kept_before[1:])
        return TokenBags(self.ids[keep], kept_before[self.offsets])

    def truncate(self, max_length: int) -> TokenBags:
        """Only the first `max_length` tokens of each text."""
        if len(self.ids) <= max_length:
            return self
        lengths = self.lengths
        if lengths.max() <= max_length:
            return self
        lengths = np.minimum(lengths, max_length)
        return TokenBags.from_lengths(
            self.ids[ranges(self.offsets[:-1], lengths)], lengths
        )


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers from each start on, as many as its length says, in one array."""
    ends = np.cumsum(lengths)
    n_numbers = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + lengths, lengths) + np.arange(n_numbers)
