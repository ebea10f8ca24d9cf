"""The words and word pairs of a model, and looking them up in texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._tokens.bags import TokenBags
from .._tokens.hash_table import Numbers, WordTable
from .._utils.lazy import lazy
from .words import FEW, Words

__all__ = ["Learned", "Vocabulary", "fit_vocabulary", "pair_codes"]

# Most pairs occur in a single text, and a model would only recognise that text by them.
_MIN_PAIR_DF = 2
# More than any tokenizer has. It limits the array that is indexed by token id; greater
# ids would be looked up in the hash table, as words of several tokens are.
_MANY_IDS = 1 << 24


class Vocabulary:
    """Words and pairs of neighbouring words, each with a number.

    Parameters
    ----------
    words : ndarray of shape (n_words,), uint64
        Distinct hashes, as of :class:`Words`, in ascending order. The number of a word
        is its index.
    pairs : ndarray of shape (n_pairs, 2), int32
        The numbers of the first and the second word, in ascending order. The number of
        a pair is n_words plus its index.
    """

    def __init__(self, words: np.ndarray, pairs: np.ndarray) -> None:
        self.words = words
        self.pairs = pairs

    def __len__(self) -> int:
        """The number of words and pairs."""
        return len(self.words) + len(self.pairs)

    def find(self, words: Words) -> TokenBags:
        """The numbers of the words and pairs in texts, as bags; unknown ones dropped.

        Parameters
        ----------
        words : Words
            As a :class:`WordFinder` finds them.
        """
        if len(words.offsets) == 2 and len(words.hashes) <= FEW:
            found = self.find_one(words.hashes.tolist())
            return TokenBags(np.array(found, np.int32), np.array([0, len(found)]))
        # Row by row, so that each word is followed by its pair with the word before.
        bags = TokenBags(self.numbers(words).ravel(), 2 * words.offsets)
        return bags.where(bags.ids >= 0)

    def numbers(self, words: Words) -> np.ndarray:
        """The numbers of each word, and of the pair of the word before and itself.

        Parameters
        ----------
        words : Words
            Of n_words words.

        Returns
        -------
        numbers : ndarray of shape (n_words, 2), int32
            -1 where the word or pair is unknown, or no word precedes.
        """
        numbers = np.full((len(words.hashes), 2), -1, np.int32)
        numbers[:, 0] = self._word_numbers(words.hashes)
        at = _second_words(words.offsets, len(words.hashes))
        pairs = np.stack([numbers[at - 1, 0], numbers[at, 0]], axis=1)
        known = np.flatnonzero((pairs >= 0).all(axis=1))
        codes = pair_codes(pairs[known], len(self.words))
        numbers[at[known], 1] = self._pair_table.find(Numbers(codes))
        return numbers

    def unknown_share(self, words: Words) -> np.ndarray:
        """How many of a text's words are not known, as a share of its words and one.

        Parameters
        ----------
        words : Words
            Of n_texts texts.

        Returns
        -------
        share : ndarray of shape (n_texts,), float64
            1 for a text without words. The one more keeps a single unknown word of a
            short text from weighing as much as a text of them.
        """
        unknown = np.append(0, np.cumsum(self._word_numbers(words.hashes) < 0))
        n_unknown, n_words = np.diff(unknown[words.offsets]), np.diff(words.offsets)
        share: np.ndarray = np.where(n_words, n_unknown, 1) / (n_words + 1)
        return share

    def _word_numbers(self, hashes: np.ndarray) -> np.ndarray:
        """The number of each word, -1 for those that are not known."""
        of_ids = self._of_ids
        # Most words are one token: an array indexed by id needs no hash and no search.
        # The last entry, -1, is for all greater hashes, those of several tokens.
        numbers = of_ids[np.minimum(hashes, np.uint64(len(of_ids) - 1))]
        others = np.flatnonzero(hashes >= np.uint64(len(of_ids) - 1))
        numbers[others] = self._word_table.find(Numbers(hashes[others]))
        return numbers

    @lazy
    def _of_ids(self) -> np.ndarray:
        """The number of each word that is one token, by the token's id."""
        ids = self.words[self.words < np.uint64(_MANY_IDS)].astype(np.int64)
        of_ids = np.full(ids.max(initial=-1) + 2, -1, np.int32)
        of_ids[ids] = np.flatnonzero(self.words < np.uint64(_MANY_IDS))
        return of_ids

    def find_one(self, hashes: list[int]) -> list[int]:
        """The ids that :meth:`find` gives for the words of one text."""
        found = []
        of_ids, others, pairs = self._of_one
        n_ids, n_words, before = len(of_ids), len(self.words), -1
        for one in hashes:
            word = of_ids[one] if one < n_ids else others.get(one, -1)
            if word >= 0:
                found.append(word)
                if before >= 0:
                    pair = pairs.get(before * n_words + word)
                    if pair is not None:
                        found.append(pair)
            before = word
        return found

    @lazy
    def _of_one(self) -> tuple[memoryview, dict[int, int], dict[int, int]]:
        """Numbers of words by token id, of other words, and of pairs by code."""
        n_words, of_ids = len(self.words), self._of_ids
        others = np.flatnonzero(self.words >= np.uint64(len(of_ids)))
        words = dict(zip(self.words[others].tolist(), others.tolist(), strict=True))
        codes = pair_codes(self.pairs, n_words).tolist()
        pairs = dict(zip(codes, range(n_words, len(self)), strict=True))
        return memoryview(of_ids), words, pairs

    @lazy
    def _word_table(self) -> WordTable:
        numbers = np.arange(len(self.words), dtype=np.int32)
        return WordTable(Numbers(self.words), numbers)

    @lazy
    def _pair_table(self) -> WordTable:
        codes = pair_codes(self.pairs, len(self.words))
        numbers = np.arange(len(self.words), len(self), dtype=np.int32)
        return WordTable(Numbers(codes), numbers)


class Learned(NamedTuple):
    """A vocabulary and its document frequencies.

    Attributes
    ----------
    vocabulary : Vocabulary
    df : ndarray of shape (len(vocabulary),), int64
        The number of texts with each word or pair.
    """

    vocabulary: Vocabulary
    df: np.ndarray


def fit_vocabulary(words: Words, max_features: int) -> Learned:
    """All words of texts, and the pairs that two texts or more have.

    Parameters
    ----------
    words : Words
    max_features : int
        The most words and pairs. The rarest are left out, pairs before words.
    """
    hashes, offsets = words
    # One sort of all occurrences, instead of a dict with an entry for each word.
    known, numbers = np.unique(hashes, return_inverse=True)
    df = TokenBags(numbers, offsets).document_frequencies(len(known))
    kept = _most_frequent(df, max_features)
    new_number = np.full(len(known), -1, np.int64)
    new_number[kept] = np.arange(len(kept))
    numbers = new_number[numbers]
    at = _second_words(offsets, len(hashes))
    at = at[(numbers[at - 1] >= 0) & (numbers[at] >= 0)]
    pairs = np.stack([numbers[at - 1], numbers[at]], axis=1)
    codes, inverse = np.unique(pair_codes(pairs, len(kept)), return_inverse=True)
    # `at` ascends, so the pairs of a text are a run, whose bounds `searchsorted` finds.
    of_texts = TokenBags(inverse, np.searchsorted(at, offsets))
    pair_df = of_texts.document_frequencies(len(codes))
    pair_df[pair_df < _MIN_PAIR_DF] = 0
    kept_pairs = _most_frequent(pair_df, max_features - len(kept))
    pairs = np.stack(np.divmod(codes[kept_pairs], np.uint64(max(len(kept), 1))), axis=1)
    vocabulary = Vocabulary(known[kept], pairs.astype(np.int32))
    return Learned(vocabulary, np.concatenate([df[kept], pair_df[kept_pairs]]))


def _second_words(offsets: np.ndarray, n_words: int) -> np.ndarray:
    """The indices of words that are not the first of their text."""
    has_one_before = np.ones(n_words + 1, bool)
    has_one_before[offsets] = False
    return np.flatnonzero(has_one_before)


def pair_codes(pairs: np.ndarray, n_words: int) -> np.ndarray:
    """A single number for each pair, in the same order as the pairs."""
    first, second = pairs.T.astype(np.uint64)
    codes: np.ndarray = first * np.uint64(n_words) + second
    return codes


def _most_frequent(df: np.ndarray, n_most: int) -> np.ndarray:
    """Ascending indices of the `n_most` greatest values that are not zero."""
    index = np.flatnonzero(df)
    if len(index) > n_most:
        rarest_first = np.argsort(df[index], kind="stable")
        index = np.sort(index[rarest_first[len(index) - max(n_most, 0) :]])
    return index
