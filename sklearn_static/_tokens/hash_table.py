"""Short words as integers, and a hash table that looks up whole arrays of them.

The bytes of a word of up to 16 bytes, padded with zeros, are two integers of 64 bits.
So words are cut to prefixes, hashed and compared by array arithmetic. That is exact,
needs no Python object for a word, and is limited by the speed of memory only: a dict
would take a str and a call for each prefix. Integers that are not words, such as hashes
of several tokens, are looked up in the same way.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

__all__ = ["MAX_BYTES", "Numbers", "PackedText", "PackedWords", "WordTable"]

MAX_BYTES = 16
"""The number of bytes that two integers hold."""

_UINT64 = np.dtype("<u8")
_HALF = _UINT64.itemsize
_LENGTHS = np.arange(MAX_BYTES + 1)
# Masks of the bits of each half that belong to a word, indexed by its length.
_FIRST_BITS, _SECOND_BITS = (
    np.array([2 ** (8 * n) - 1 for n in np.clip(lengths, 0, _HALF).tolist()], _UINT64)
    for lengths in (_LENGTHS, _LENGTHS - _HALF)
)
# Multiplicative hashing (D. E. Knuth, The Art of Computer Programming, volume 3,
# section 6.4) by odd numbers, which lose no information, without a pattern in their
# bits: the fractional parts of the golden ratio and of the square root of 3.
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], np.uint64)
# Memory for speed: with four buckets for a word, most words of the table are alone in
# theirs, and most words that are not in the table meet an empty one.
_BUCKETS_PER_WORD = 4


def _drawn_factors() -> np.ndarray:
    """Two odd numbers that nobody can foresee.

    With fixed ones, a folder could hold words that are all in one bucket, and finding a
    word would take as long as comparing it with all of them.
    """
    return np.frombuffer(os.urandom(2 * _HALF), _UINT64) | np.uint64(1)


class PackedWords(NamedTuple):
    """Words of at most 16 bytes, none of which is zero.

    Attributes
    ----------
    first, second : ndarray of the same shape, uint64
        The first eight bytes of each word and the next eight, little-endian, padded
        with zeros.
    """

    first: np.ndarray
    second: np.ndarray

    def take(self, index: np.ndarray) -> PackedWords:
        """The words at `index`."""
        return PackedWords(self.first[index], self.second[index])

    def hashes(self, factors: np.ndarray) -> np.ndarray:
        """A hash of each word, uint64.

        Parameters
        ----------
        factors : ndarray of shape (2,), uint64
            Odd numbers.
        """
        # A product carries bits upwards only. Shifting the high bits down and
        # multiplying again makes the high bits depend on all of the word.
        mixed = self.first * factors[0]
        mixed ^= self.second * factors[1]
        mixed ^= mixed >> np.uint64(32)
        mixed *= factors[0]
        return mixed

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The index of the first of equal words, and the inverse, as of np.unique.

        Equal words may be reported as distinct, if hashes collide.
        """
        _, index, inverse = np.unique(
            self.hashes(_FACTORS), return_index=True, return_inverse=True
        )
        same = index[inverse]
        # Sorting hashes is faster than sorting pairs of integers. In the rare case of a
        # collision, words are just not merged.
        clashes = (self.first[same] != self.first) | (self.second[same] != self.second)
        if clashes.any():
            index = inverse = np.arange(len(self.first))
        return index, inverse


class Numbers(NamedTuple):
    """Integers to look up.

    Attributes
    ----------
    numbers : ndarray, uint64
    """

    numbers: np.ndarray

    def take(self, index: np.ndarray) -> Numbers:
        """The numbers at `index`."""
        return Numbers(self.numbers[index])

    def hashes(self, factors: np.ndarray) -> np.ndarray:
        """A hash of each number, uint64.

        Parameters
        ----------
        factors : ndarray of shape (2,), uint64
            Odd numbers.
        """
        mixed = self.numbers * factors[0]
        mixed ^= mixed >> np.uint64(32)
        mixed *= factors[1]
        return mixed


Words = PackedWords | Numbers


class PackedText:
    """A text from which words are read as integers.

    Parameters
    ----------
    data : bytes
    """

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(MAX_BYTES)
        # An overlapping view: element i is the eight bytes from place i on. So reading
        # a word is two look-ups and two masks, and no byte is copied before.
        self._halves = np.ndarray(len(data) + _HALF + 1, _UINT64, padded, strides=(1,))

    def words(self, starts: np.ndarray, lengths: np.ndarray) -> PackedWords:
        """The words of `lengths` bytes, at most 16, that begin at `starts`.

        Both are integer arrays, whose shapes are broadcast.
        """
        first, second = self._halves[starts], self._halves[starts + _HALF]
        return PackedWords(first & _FIRST_BITS[lengths], second & _SECOND_BITS[lengths])


class WordTable:
    """From words to ids: a hash table that looks up whole arrays.

    The words of a bucket are adjacent in arrays that are sorted by bucket, so there are
    no pointers to follow.

    Parameters
    ----------
    words : PackedWords or Numbers
        Distinct ones.
    ids : ndarray of shape (n_words,), int32
        The id of each word, 0 or more.
    """

    def __init__(self, words: Words, ids: np.ndarray) -> None:
        n_bits = (_BUCKETS_PER_WORD * len(ids) + 1).bit_length()
        self._factors = _drawn_factors()
        # The bucket is the highest bits of the hash, which depend on all of the word.
        self._shift = np.uint64(64 - n_bits)
        bucket = self._buckets(words)
        order = np.argsort(bucket)
        # A sentinel that no word equals, for reads behind the last bucket.
        nothing = np.array([2**64 - 1], _UINT64)
        self._parts = [np.append(part[order], nothing) for part in words]
        self._ids = np.append(ids[order], np.int32(-1))
        self._sizes = np.bincount(bucket, minlength=2**n_bits).astype(np.int32)
        self._occupied = self._sizes > 0
        self._starts = np.cumsum(self._sizes, dtype=np.int32) - self._sizes

    def find(self, words: Words) -> np.ndarray:
        """The id of each word, int32; -1 for words that are not in the table."""
        bucket = self._buckets(words)
        ids = np.full(len(bucket), -1, np.int32)
        # Most words that are not in the table have an empty bucket, and are done.
        left = np.flatnonzero(self._occupied[bucket])
        places, sizes = self._starts[bucket[left]], self._sizes[bucket[left]]
        # Compare all remaining words with the first word of their buckets, then with
        # the second, and so on. Few remain after the first comparison.
        for n_tried in range(int(sizes.max(initial=0))):
            found = self._ids_at(places + n_tried, words.take(left))
            ids[left] = found
            more = (found < 0) & (sizes > n_tried + 1)
            left, places, sizes = left[more], places[more], sizes[more]
        return ids

    def _buckets(self, words: Words) -> np.ndarray:
        return (words.hashes(self._factors) >> self._shift).astype(np.int64)

    def _ids_at(self, place: np.ndarray, words: Words) -> np.ndarray:
        same = self._parts[0][place] == words[0]
        for mine, other in zip(self._parts[1:], words[1:], strict=True):
            same &= mine[place] == other
        return np.where(same, self._ids[place], np.int32(-1))
