"""The words and word pairs that a model knows, and where texts have them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._bags import TokenBags
from ._lazy import lazy
from ._packed_words import Numbers, WordTable
from ._words import Words

__all__ = ["Learned", "Lexicon", "learn"]

_MIN_PAIR_DF = 2
# Up to so many words of a text, loops are faster than array arithmetic.
_FEW = 256


class Lexicon:
    """Words and pairs of neighbouring words, each with a number.

    Parameters
    ----------
    words : ndarray of shape (n_words,), uint64
        Fingerprints of distinct words, whose numbers they are in order.
    pairs : ndarray of shape (n_pairs, 2), int32
        The numbers of two words, the first of which stands before the second. Their
        own numbers follow the words'.
    """

    def __init__(self, words: np.ndarray, pairs: np.ndarray) -> None:
        self.words = words
        self.pairs = pairs

    def __len__(self) -> int:
        """How many words and pairs there are."""
        return len(self.words) + len(self.pairs)

    def find(self, words: Words) -> TokenBags:
        """The numbers of the words and pairs in texts, as bags; unknown ones dropped.

        Parameters
        ----------
        words : Words
            As a :class:`WordFinder` finds them.
        """
        if len(words.offsets) == 2 and len(words.prints) <= _FEW:
            found = self._find_one(words.prints.tolist())
            return TokenBags(np.array(found, np.int32), np.array([0, len(found)]))
        numbers = np.full((len(words.prints), 2), -1, np.int32)
        numbers[:, 0] = self._word_table.find(Numbers(words.prints))
        at = _second_words(words.offsets, len(words.prints))
        pairs = np.stack([numbers[at - 1, 0], numbers[at, 0]], axis=1)
        known = np.flatnonzero((pairs >= 0).all(axis=1))
        codes = _pair_codes(pairs[known], len(self.words))
        numbers[at[known], 1] = self._pair_table.find(Numbers(codes))
        bags = TokenBags(numbers.ravel(), 2 * words.offsets)
        return bags.where(bags.ids >= 0)

    def _find_one(self, prints: list[int]) -> list[int]:
        """The same for one text, without the cost of making arrays."""
        found = []
        words, pairs = self._dicts
        n_words, before = len(self.words), None
        for one in prints:
            word = words.get(one)
            if word is not None:
                found.append(word)
                if before is not None:
                    pair = pairs.get(before * n_words + word)
                    if pair is not None:
                        found.append(pair)
            before = word
        return found

    @lazy
    def _dicts(self) -> tuple[dict[int, int], dict[int, int]]:
        n_words = len(self.words)
        codes = _pair_codes(self.pairs, n_words).tolist()
        words = dict(zip(self.words.tolist(), range(n_words), strict=True))
        return words, dict(zip(codes, range(n_words, len(self)), strict=True))

    @lazy
    def _word_table(self) -> WordTable:
        numbers = np.arange(len(self.words), dtype=np.int32)
        return WordTable(Numbers(self.words), numbers)

    @lazy
    def _pair_table(self) -> WordTable:
        codes = _pair_codes(self.pairs, len(self.words))
        numbers = np.arange(len(self.words), len(self), dtype=np.int32)
        return WordTable(Numbers(codes), numbers)


class Learned(NamedTuple):
    """What texts taught.

    Attributes
    ----------
    lexicon : Lexicon
    df : ndarray of shape (len(lexicon),), int64
        How many of the texts have each word or pair.
    """

    lexicon: Lexicon
    df: np.ndarray


def learn(words: Words, max_features: int) -> Learned:
    """All words of texts, and the pairs that more than one text has.

    Parameters
    ----------
    words : Words
    max_features : int
        Beyond this number the rarest are left out, pairs before words.
    """
    prints, offsets = words
    text = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    known, numbers = np.unique(prints, return_inverse=True)
    df = _document_frequencies(numbers, text, len(known))
    kept = _most_frequent(df, max_features)
    new_number = np.full(len(known), -1, np.int64)
    new_number[kept] = np.arange(len(kept))
    numbers = new_number[numbers]
    at = _second_words(offsets, len(prints))
    at = at[(numbers[at - 1] >= 0) & (numbers[at] >= 0)]
    pairs = np.stack([numbers[at - 1], numbers[at]], axis=1)
    codes, inverse = np.unique(_pair_codes(pairs, len(kept)), return_inverse=True)
    pair_df = _document_frequencies(inverse, text[at], len(codes))
    pair_df[pair_df < _MIN_PAIR_DF] = 0
    kept_pairs = _most_frequent(pair_df, max_features - len(kept))
    pairs = np.stack(np.divmod(codes[kept_pairs], np.uint64(max(len(kept), 1))), axis=1)
    lexicon = Lexicon(known[kept], pairs.astype(np.int32))
    return Learned(lexicon, np.concatenate([df[kept], pair_df[kept_pairs]]))


def _second_words(offsets: np.ndarray, n_words: int) -> np.ndarray:
    """The places of words that another one of the same text stands before."""
    has_one_before = np.ones(n_words + 1, bool)
    has_one_before[offsets] = False
    return np.flatnonzero(has_one_before)


def _pair_codes(pairs: np.ndarray, n_words: int) -> np.ndarray:
    """One number for each pair of the numbers of words."""
    first, second = pairs.T.astype(np.uint64)
    codes: np.ndarray = first * np.uint64(n_words) + second
    return codes


def _document_frequencies(
    numbers: np.ndarray, text: np.ndarray, n_numbers: int
) -> np.ndarray:
    """In how many texts each number is; `text` is ascending."""
    order = np.argsort(numbers, kind="stable")
    sorted_numbers, sorted_text = numbers[order], text[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = sorted_numbers[1:] != sorted_numbers[:-1]
    is_new[1:] |= sorted_text[1:] != sorted_text[:-1]
    return np.bincount(sorted_numbers[is_new], minlength=n_numbers)


def _most_frequent(df: np.ndarray, n_most: int) -> np.ndarray:
    """Ascending indices of the greatest values, at most `n_most`, none that is zero."""
    index = np.flatnonzero(df)
    if len(index) > n_most:
        rarest_first = np.argsort(df[index], kind="stable")
        index = np.sort(index[rarest_first[len(index) - max(n_most, 0) :]])
    return index
