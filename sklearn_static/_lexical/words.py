"""Words in bags of tokens.

A word is a token that begins one, with the tokens that continue it. The vocabulary
tells which continue: those with ``##`` in BERT's, those without ``▁`` or ``Ġ`` in
others. As in :class:`sklearn.feature_extraction.text.CountVectorizer`, punctuation and
single ASCII letters are not words. Letters of other scripts are, since a character may
be a word in Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from .._tokens.bags import TokenBags
from .._utils.lazy import lazy

__all__ = ["FEW", "WordFinder", "Words"]

_BEGINNINGS = ("▁", "Ġ")
# How vocabularies spell a space, a line feed, a tab and a carriage return.
_NO_SPACES = str.maketrans("", "", "▁ĠĊĉč")
_BEGINS, _HAS_LETTERS, _IS_WORD = 1, 2, 4
FEW = 256
"""Up to so many tokens or words of a text, loops are faster than array arithmetic."""
# What each further token of a word is multiplied by: powers of an odd number, since
# those of an even one would push bits out on the left until nothing of a token is left.
# Without them, words of the same tokens in another order would have the same hash.
_POWERS = np.uint64(0xD1B54A32D192ED03) ** np.arange(64, dtype=np.uint64)
# The bit that distinguishes a hash of several tokens from the id of a single one.
_SEVERAL = np.uint64(2**63)


class Words(NamedTuple):
    """The words of many texts, one after the other.

    Attributes
    ----------
    hashes : ndarray of shape (n_words,), uint64
        For a word of one token its id; for one of several tokens a hash of their ids,
        2 to the 63 or more. Two such words collide with a probability of 2 to the -63.
    offsets : ndarray of shape (n_texts + 1,), int64
        The words of text ``i`` are ``hashes[offsets[i]:offsets[i + 1]]``.
    """

    hashes: np.ndarray
    offsets: np.ndarray

    def first(self, n_texts: int) -> Words:
        """The words of the first `n_texts` texts."""
        return Words(self.hashes[: self.offsets[n_texts]], self.offsets[: n_texts + 1])

    def distinct(self) -> Words:
        """The words of the texts that differ, each of which is there once."""
        places = np.arange(1, len(self.hashes) + 1) - np.repeat(
            self.offsets[:-1], np.diff(self.offsets)
        )
        # A text's code is the sum over its words of numbers that tell of their places.
        codes = _scrambled(self.hashes + _scrambled(places.astype(np.uint64)))
        sums = np.append(np.uint64(0), np.cumsum(codes))[self.offsets]
        _, rows = np.unique(np.diff(sums), return_index=True)
        return Words(*TokenBags(self.hashes, self.offsets).take(rows))


class WordFinder:
    """Bags of tokens to words.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Whose tokens the bags have.
    vocabulary : mapping of str to int
        The tokenizer's.
    n_tokens : int
        More than the greatest id.
    """

    def __init__(
        self, tokenizer: Tokenizer, vocabulary: Mapping[str, int], n_tokens: int
    ) -> None:
        continues, self._has_letters, self._is_word = _roles(
            vocabulary, n_tokens, _continuing_prefix(tokenizer)
        )
        self._begins = ~(continues & self._has_letters)
        self._hashes = _scrambled(np.arange(1, n_tokens + 1, dtype=np.uint64))

    def __call__(self, bags: TokenBags) -> Words:
        """The words of each bag."""
        ids, offsets = bags
        if len(offsets) == 2 and len(ids) <= FEW:
            hashes = np.array(self.of_one(ids.tolist()), np.uint64)
            return Words(hashes, np.array([0, len(hashes)]))
        if not len(ids):
            return Words(np.empty(0, np.uint64), np.zeros_like(offsets))
        begins = self._beginnings(bags)
        starts = np.flatnonzero(begins)
        first = ids[starts]
        # A word of one token is its id, not a hash: exact, and the index of an array.
        hashes, is_word = first.astype(np.uint64), self._is_word[first]
        later = np.flatnonzero(~begins)
        if len(later):
            word = np.searchsorted(starts, later) - 1
            place = np.minimum(later - starts[word], len(_POWERS) - 1)
            parts = self._hashes[ids[later]] * _POWERS[place]
            # The later tokens of a word are adjacent, so `reduceat` can sum them.
            is_first = np.append(True, word[1:] != word[:-1])
            sums = np.add.reduceat(parts, np.flatnonzero(is_first))
            word = word[is_first]
            hashes[word] = (self._hashes[first[word]] + sums) | _SEVERAL
            is_word[word] = True
        n_words = np.zeros(len(ids) + 1, np.int64)
        n_words[starts + 1] = is_word
        np.cumsum(n_words, out=n_words)
        return Words(hashes[is_word], n_words[offsets])

    def of_tokens(self, bags: TokenBags) -> np.ndarray:
        """Which of the words in `bags` each token belongs to.

        Parameters
        ----------
        bags : TokenBags

        Returns
        -------
        words : ndarray of shape (n_tokens_in_bags,), int64
            The index of the word among those of all bags; -1 for tokens of no word.
        """
        begins = self._beginnings(bags)
        unit = np.cumsum(begins) - 1
        is_word = self._is_word[bags.ids[begins]]
        is_word[unit[~begins]] = True
        numbers: np.ndarray = np.where(is_word, np.cumsum(is_word) - 1, -1)[unit]
        return numbers

    def _beginnings(self, bags: TokenBags) -> np.ndarray:
        """Which tokens begin a word or a run of punctuation."""
        begins = self._begins[bags.ids]
        # After punctuation, a token begins a word even if spelled as a continuation.
        begins[1:] |= ~self._has_letters[bags.ids[:-1]]
        begins[bags.offsets[:-1][bags.lengths > 0]] = True
        return begins

    def of_one(self, ids: list[int]) -> list[int]:
        """The words of the tokens of one text, without the cost of making arrays."""
        hashes = []
        roles, several = self._roles, int(_SEVERAL)
        first, word, n_later, is_whole, has_ended = 0, 0, 0, 0, True
        for i in ids:
            role = roles[i]
            if has_ended or role & _BEGINS:
                if is_whole:
                    hashes.append(word)
                first = word = i
                n_later, is_whole = 0, role & _IS_WORD
            else:
                total = word if n_later else int(self._hashes[first])
                n_later, is_whole = min(n_later + 1, len(_POWERS) - 1), 1
                total += int(self._hashes[i]) * int(_POWERS[n_later])
                word = total % 2**64 | several
            has_ended = not role & _HAS_LETTERS
        if is_whole:
            hashes.append(word)
        return hashes

    @lazy
    def _roles(self) -> bytes:
        """Three flags for each token id in a byte: small enough to stay in cache."""
        roles = _BEGINS * self._begins
        roles += _HAS_LETTERS * self._has_letters
        roles += _IS_WORD * self._is_word
        return roles.astype(np.uint8).tobytes()


def _continuing_prefix(tokenizer: Tokenizer) -> str | None:
    model: Any = tokenizer.model
    return getattr(model, "continuing_subword_prefix", None) or None


def _roles(
    vocabulary: Mapping[str, int], n_tokens: int, prefix: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each token id continues a word, has letters, and is a word alone."""
    tokens = [*vocabulary]
    letters, is_later = _unmarked(tokens, prefix)
    is_lettered = _each(str.isalnum, letters, bool)
    for i in np.flatnonzero(~is_lettered).tolist():
        is_lettered[i] = any(map(str.isalnum, letters[i]))
    is_long = (_each(len, letters) > 1) | ~_each(str.isascii, letters, bool)
    ids = np.fromiter(vocabulary.values(), np.int64, len(tokens))
    continues, has_letters, is_word = roles = np.zeros((3, n_tokens), bool)
    roles[:, ids] = is_later, is_lettered, is_lettered & is_long
    return continues, has_letters, is_word


def _unmarked(tokens: list[str], prefix: str | None) -> tuple[list[str], np.ndarray]:
    """The tokens without marks of word boundaries; which of them continue a word."""
    if prefix:
        letters = [token.removeprefix(prefix) for token in tokens]
        return letters, _each(len, tokens) > _each(len, letters)
    beginning = _beginning_of(tokens)
    if beginning is None:
        return tokens, np.zeros(len(tokens), bool)
    begins = np.array([token.startswith(beginning) for token in tokens], bool)
    return [token.translate(_NO_SPACES) for token in tokens], ~begins


def _each(
    function: Callable[[str], int], texts: list[str], dtype: type = np.int64
) -> np.ndarray:
    return np.fromiter(map(function, texts), dtype, len(texts))


def _beginning_of(tokens: list[str]) -> str | None:
    """The mark at the beginning of tokens that begin a word, if there is one."""
    for mark in _BEGINNINGS:
        n_marked = sum(token.startswith(mark) for token in tokens)
        # A few tokens may have it as a letter: Ġ is one in Maltese.
        if n_marked > len(tokens) / 10:
            return mark
    return None


def _scrambled(numbers: np.ndarray) -> np.ndarray:
    """Mix the bits of distinct numbers, which stay distinct.

    splitmix64 (G. Steele et al., OOPSLA 2014). Sums of products of ids themselves,
    which are small and consecutive, would collide often.
    """
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
