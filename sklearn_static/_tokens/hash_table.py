"""Short words as integers, and a table in which to find many at once.

The bytes of a word, filled up with zeros, are two integers of 64 bits. So words are cut
to prefixes, compared and looked up by array arithmetic: exactly, without an object for
each word, and at the pace at which memory can be read. What is one integer anyway is
looked up in the same way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["MAX_BYTES", "Numbers", "PackedText", "PackedWords", "WordTable"]

MAX_BYTES = 16
"""The longest word that two integers hold."""

_UINT64 = np.dtype("<u8")
_HALF = _UINT64.itemsize
_LENGTHS = np.arange(MAX_BYTES + 1)
# The bits of either half that belong to a word, by its length.
_FIRST_BITS, _SECOND_BITS = (
    np.array([2 ** (8 * n) - 1 for n in np.clip(lengths, 0, _HALF).tolist()], _UINT64)
    for lengths in (_LENGTHS, _LENGTHS - _HALF)
)
# Odd numbers without a pattern in their bits: the golden ratio's and the square root of
# 3's (D. E. Knuth, The Art of Computer Programming, volume 3, section 6.4).
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], np.uint64)
_BUCKETS_PER_WORD = 4


class PackedWords(NamedTuple):
    """Words of at most 16 bytes, none of which is zero.

    Attributes
    ----------
    first, second : ndarray of the same shape, uint64
        The bytes of each word up to the eighth, and those after it, the least
        significant bits first, zeros where it has none.
    """

    first: np.ndarray
    second: np.ndarray

    def take(self, index: np.ndarray) -> PackedWords:
        """The words at `index`."""
        return PackedWords(self.first[index], self.second[index])

    def hashes(self) -> np.ndarray:
        """A number for each word, uint64, that seldom is another word's."""
        mixed = self.first * _FACTORS[0]
        mixed ^= self.second * _FACTORS[1]
        mixed ^= mixed >> np.uint64(32)
        mixed *= _FACTORS[0]
        return mixed

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each distinct word stands first, and which of them each word is.

        Words may be called distinct that are not, where two hashes are the same.
        """
        _, index, inverse = np.unique(
            self.hashes(), return_index=True, return_inverse=True
        )
        same = index[inverse]
        clashes = (self.first[same] != self.first) | (self.second[same] != self.second)
        if clashes.any():
            index = inverse = np.arange(len(self.first))
        return index, inverse


class Numbers(NamedTuple):
    """Integers that stand for themselves.

    Attributes
    ----------
    numbers : ndarray, uint64
    """

    numbers: np.ndarray

    def take(self, index: np.ndarray) -> Numbers:
        """The numbers at `index`."""
        return Numbers(self.numbers[index])

    def hashes(self) -> np.ndarray:
        """A number for each, uint64, without the pattern that they may have."""
        mixed = self.numbers * _FACTORS[0]
        mixed ^= mixed >> np.uint64(32)
        mixed *= _FACTORS[1]
        return mixed


Words = PackedWords | Numbers


class PackedText:
    """A text out of which words are read.

    Parameters
    ----------
    data : bytes
    """

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(MAX_BYTES)
        # The eight bytes from each place on: places overlap, nothing is copied.
        self._halves = np.ndarray(len(data) + _HALF + 1, _UINT64, padded, strides=(1,))

    def words(self, starts: np.ndarray, lengths: np.ndarray) -> PackedWords:
        """The words of `lengths` bytes, at most 16, from `starts` on.

        The two are integer arrays whose shapes may be broadcast to one.
        """
        first, second = self._halves[starts], self._halves[starts + _HALF]
        return PackedWords(first & _FIRST_BITS[lengths], second & _SECOND_BITS[lengths])


class WordTable:
    """Numbers of words: a hash table whose look-ups take whole arrays.

    Parameters
    ----------
    words : PackedWords or Numbers
        Distinct ones.
    ids : ndarray of shape (n_words,), int32
        The number of each word, from 0 on.
    """

    def __init__(self, words: Words, ids: np.ndarray) -> None:
        n_bits = (_BUCKETS_PER_WORD * len(ids) + 1).bit_length()
        # Products mix upwards: only the highest bits of a hash depend on all of it.
        self._shift = np.uint64(64 - n_bits)
        bucket = self._buckets(words)
        order = np.argsort(bucket)
        # One more, which no word equals, for what lies behind the last.
        nothing = np.array([2**64 - 1], _UINT64)
        self._parts = [np.append(part[order], nothing) for part in words]
        self._ids = np.append(ids[order], np.int32(-1))
        self._sizes = np.bincount(bucket, minlength=2**n_bits).astype(np.int32)
        self._occupied = self._sizes > 0
        self._starts = np.cumsum(self._sizes, dtype=np.int32) - self._sizes

    def find(self, words: Words) -> np.ndarray:
        """The number of each word, int32, -1 for one that is not in the table."""
        bucket = self._buckets(words)
        ids = np.full(len(bucket), -1, np.int32)
        # Most words that are not there fall into a bucket that is empty.
        left = np.flatnonzero(self._occupied[bucket])
        places, sizes = self._starts[bucket[left]], self._sizes[bucket[left]]
        # All words at a time are compared with the next one of their buckets. Few are
        # left after the first, since there are more buckets than words.
        for n_tried in range(int(sizes.max(initial=0))):
            found = self._ids_at(places + n_tried, words.take(left))
            ids[left] = found
            more = (found < 0) & (sizes > n_tried + 1)
            left, places, sizes = left[more], places[more], sizes[more]
        return ids

    def _buckets(self, words: Words) -> np.ndarray:
        return (words.hashes() >> self._shift).astype(np.int64)

    def _ids_at(self, place: np.ndarray, words: Words) -> np.ndarray:
        same = self._parts[0][place] == words[0]
        for mine, other in zip(self._parts[1:], words[1:], strict=True):
            same &= mine[place] == other
        return np.where(same, self._ids[place], np.int32(-1))
