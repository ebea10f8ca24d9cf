"""The tokens, words and word pairs of each class, and weights of words by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if

from ._lexical.weights import WordWeights
from ._tokens.bags import TokenBags
from ._utils.parallel import slices
from ._utils.ranking import Ranking, ranked
from .embedding import StaticEmbedding
from .explanation import ExplainMixin
from .head import StaticHeadClassifier
from .transformer import features_of_bags

__all__ = ["TopTokensMixin", "word_weights_of"]

# Rows of features for one call of the head, which bounds the memory.
_ROWS = 8192
# The greatest probability whose log-odds are still finite in float64.
_ALMOST_ONE = 1 - 1e-15


class TopTokensMixin(ExplainMixin):
    """``top_tokens`` for classifiers, and pipelines that are one."""

    @available_if(is_classifier)
    def top_tokens(
        self, X: Any = None, *, n_tokens: int = 10, min_df: int = 1
    ) -> dict[Any, Ranking]:
        """The tokens, words and word pairs of the greatest log-odds for each class.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str, default=None
            Texts whose tokens, words and word pairs are ranked, such as those of
            ``fit``. None takes all tokens of the tokenizer, most of which no training
            text may have had, and the pairs of words of one token. Words of several
            tokens are stored as hashes, which have no names without texts.
        n_tokens : int, default=10
            How many at most for each class.
        min_df : int, default=1
            How many of the texts in `X` a token, word or pair has to occur in.

        Returns
        -------
        top : dict of object to list of (str, float)
            For each class, tokens and words with the log-odds of the class for a text
            of nothing else, the greatest first. A pair has those of its own weight.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        TypeError
            As of :meth:`explain`.

        Examples
        --------
        >>> from sklearn_static import StaticLinearClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
        >>> top = classifier.top_tokens(texts, n_tokens=1)
        >>> {label: [token for token, _ in best] for label, best in top.items()}
        {'neg': ['bad'], 'pos': ['good']}
        """
        embedding, word_weights, head = self._explained_parts()
        texts = None if X is None else self._check_texts(X, reset=False)
        assert isinstance(head, StaticHeadClassifier)
        return top_tokens(embedding, word_weights, head, texts, n_tokens, min_df)

    @available_if(is_classifier)
    def telling_tokens(self, X: Any = None, **settings: Any) -> dict[Any, Ranking]:
        """The former name of :meth:`top_tokens`, deprecated.

        Parameters
        ----------
        X, **settings
            As of :meth:`top_tokens`.

        Returns
        -------
        top : dict of object to list of (str, float)

        Warns
        -----
        FutureWarning
            Always: the next release leaves it out.
        """
        warnings.warn(
            "telling_tokens has another name and will be removed in the next release: "
            "use top_tokens, with the same arguments.",
            FutureWarning,
            stacklevel=2,
        )
        top: dict[Any, Ranking] = self.top_tokens(X, **settings)
        return top


def top_tokens(
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: StaticHeadClassifier,
    texts: list[str] | None,
    n_tokens: int,
    min_df: int,
) -> dict[Any, Ranking]:
    """The tokens, words and word pairs of the greatest log-odds for each class.

    Parameters
    ----------
    embedding : StaticEmbedding
    word_weights : WordWeights or None
    head : StaticHeadClassifier
    texts : list of str or None
        Texts whose tokens, words of several tokens and word pairs are ranked. None
        takes all tokens, and all pairs of words of one token: of other words, the
        vocabulary has a hash and no name.
    n_tokens : int
        How many at most for each class.
    min_df : int
        The least document frequency in `texts`.

    Returns
    -------
    top : dict of object to list of (str, float)
        For each class, names with the log-odds of the class for a text of the token or
        word alone, in descending order. For a pair, those of its own weight, without
        the weights of its words, which are ranked themselves.
    """
    if texts is None:
        found = _known(embedding, word_weights)
    else:
        found = _InTexts(embedding, texts).frequent(word_weights, min_df)
    log_odds = np.vstack(
        [
            _log_odds_of_bags(embedding, word_weights, head, found.alone),
            _log_odds_of_pairs(embedding, word_weights, head, found.pairs),
        ]
    )
    return {
        label: ranked(found.name, column, n_tokens)
        for label, column in zip(head.classes_.tolist(), log_odds.T, strict=True)
    }


class _Candidates(NamedTuple):
    """Tokens, words and word pairs to rank.

    Attributes
    ----------
    alone : TokenBags
        A bag for each token and each word of several tokens.
    pairs : ndarray of shape (n_pairs,), int32
        The numbers of word pairs in the vocabulary.
    name : callable
        From the index of a bag, or n_bags plus the index of a pair, to its name. Called
        for the top ones only, since it tokenizes a text again.
    """

    alone: TokenBags
    pairs: np.ndarray
    name: Callable[[int], str]


def _known(embedding: StaticEmbedding, word_weights: WordWeights | None) -> _Candidates:
    """All tokens, and the pairs of words that are one token each."""
    tokens, decode = embedding.tokens, embedding.tokenizer.decode
    ids, pairs = np.empty((0, 2), np.uint64), np.empty(0, np.int64)
    if word_weights is not None:
        known = word_weights.vocabulary
        # A word of one token is known by its id, one of several by a hash.
        ids = known.words[known.pairs]
        pairs = np.flatnonzero((ids < len(tokens)).all(axis=1))
        ids = ids[pairs]
        pairs = pairs + len(known.words)

    def name(number: int) -> str:
        if number < len(tokens):
            return tokens[number]
        return decode(ids[number - len(tokens)].tolist(), skip_special_tokens=False)

    alone = TokenBags.alone(np.arange(len(tokens), dtype=np.int32))
    return _Candidates(alone, pairs, name)


class _InTexts:
    """The words of texts, and how they are spelled there."""

    def __init__(self, embedding: StaticEmbedding, texts: list[str]) -> None:
        self._embedding = embedding
        self._texts = texts
        self._bags = embedding.tokenize(texts)
        self._words = embedding.words(self._bags)

    def frequent(self, word_weights: WordWeights | None, min_df: int) -> _Candidates:
        """Tokens, words of several tokens, and pairs in `min_df` texts or more."""
        bags, words = self._bags, self._words
        tokens, _ = _frequent(bags.ids, bags.offsets, min_df)
        starts, stops = _token_ranges(self._embedding.words_of_tokens(bags))
        _, places = _frequent(words.hashes, words.offsets, min_df)
        places = places[stops[places] - starts[places] > 1]
        parts = [bags.ids[starts[i] : stops[i]] for i in places.tolist()]
        pairs, seconds = np.empty(0, np.int32), np.empty(0, np.int64)
        if word_weights is not None:
            numbers = word_weights.vocabulary.numbers(words)[:, 1]
            pairs, seconds = _frequent(numbers, words.offsets, min_df)
            pairs, seconds = pairs[pairs >= 0], seconds[pairs >= 0]
        names = self._embedding.tokens
        # The first and the last word of each word and of each pair.
        bounds = np.concatenate(
            [np.stack([places] * 2, 1), np.stack([seconds - 1, seconds], 1)]
        )

        def name(number: int) -> str:
            if number < len(tokens):
                return names[tokens[number]]
            return self._name(*bounds[number - len(tokens)].tolist())

        alone = TokenBags.from_rows([*tokens[:, None], *parts])
        return _Candidates(alone, pairs, name)

    def _name(self, first: int, last: int) -> str:
        """The words from `first` to `last` as spelled in their text.

        In lower case if that gives the same words, so that the name does not depend on
        which text came first.
        """
        embedding, words = self._embedding, self._words
        number = int(np.searchsorted(words.offsets, last, side="right")) - 1
        text = self._texts[number]
        _, ids, spans = embedding.pieces(text)
        bags = TokenBags.from_lengths(ids, np.array([len(ids)]))
        starts, stops = _token_ranges(embedding.words_of_tokens(bags))
        before = int(words.offsets[number])
        name = " ".join(
            text[spans[starts[i - before], 0] : spans[stops[i - before] - 1, 1]]
            for i in range(first, last + 1)
        )
        lower = embedding.words(embedding.tokenize([name.lower()])).hashes
        same = np.array_equal(lower, words.hashes[first : last + 1])
        return name.lower() if same else name


def _frequent(
    items: np.ndarray, offsets: np.ndarray, min_df: int
) -> tuple[np.ndarray, np.ndarray]:
    """The distinct items in at least `min_df` texts, and their first positions."""
    distinct, first, number = np.unique(items, return_index=True, return_inverse=True)
    df = TokenBags(number, offsets).document_frequencies(len(distinct))
    return distinct[df >= min_df], first[df >= min_df]


def _token_ranges(word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the tokens of each word start and stop."""
    (place,) = np.nonzero(word >= 0)
    bounds = np.flatnonzero(np.diff(word[place], prepend=-1, append=-1))
    return place[bounds[:-1]], place[bounds[1:] - 1] + 1


def _log_odds_of_bags(
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: StaticHeadClassifier,
    bags: TokenBags,
) -> np.ndarray:
    """The log-odds of texts of these tokens, (n_texts, n_classes), float64."""
    texts = np.arange(len(bags.offsets) - 1)
    parts = [np.empty((0, len(head.classes_)))]
    for part in slices(len(texts), _ROWS):
        rows = bags.take(texts[part])
        parts.append(_log_odds(head, features_of_bags(embedding, word_weights, rows)))
    return np.concatenate(parts)


def _log_odds_of_pairs(
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: StaticHeadClassifier,
    pairs: np.ndarray,
) -> np.ndarray:
    """The log-odds of the weights of pairs alone, the embedding being zero."""
    parts = [np.empty((0, len(head.classes_)))]
    if word_weights is not None:
        for part in slices(len(pairs), _ROWS):
            # The TF-IDF of a text that is nothing but the pair would be 1.
            weights = word_weights.weights[pairs[part]]
            nothing = np.zeros((len(weights), embedding.n_dimensions), np.float32)
            parts.append(_log_odds(head, np.hstack([nothing, weights])))
    return np.concatenate(parts)


def _log_odds(head: StaticHeadClassifier, features: np.ndarray) -> np.ndarray:
    scores: np.ndarray = head.head(features).astype(np.float64)
    if head.multilabel:
        return scores
    logs = log_softmax(scores, axis=1)
    log_odds: np.ndarray = logs - np.log1p(-np.minimum(np.exp(logs), _ALMOST_ONE))
    return log_odds


def word_weights_of(
    embedding: StaticEmbedding, word_weights: WordWeights, words: list[str]
) -> np.ndarray:
    """The weights of words and of word pairs.

    Parameters
    ----------
    embedding : StaticEmbedding
    word_weights : WordWeights
        With n_outputs weights of each word.
    words : list of str
        Words such as ``"good"``, and pairs such as ``"not good"``; n_words of them.

    Returns
    -------
    weights : ndarray of shape (n_words, n_outputs), float32
        Zeros for what is not in the vocabulary. A pair has its own weights, to which
        those of its two words are not added.

    Raises
    ------
    ValueError
        If one of `words` is neither a word nor a pair of words.
    """
    found = embedding.words(embedding.tokenize(words))
    numbers = word_weights.vocabulary.numbers(found)
    out = np.zeros((len(words), word_weights.n_outputs), np.float32)
    n_found, ends = np.diff(found.offsets).tolist(), found.offsets[1:].tolist()
    for i, (phrase, n_words) in enumerate(zip(words, n_found, strict=True)):
        # A word without a known token is not among those found, but counts.
        n_there = sum(any(map(str.isalnum, part)) for part in phrase.split())
        if not 1 <= max(n_words, n_there) <= 2:
            raise ValueError(
                f"words[{i}] is {phrase!r}, of {max(n_words, n_there)} words for the "
                "tokenizer, but a word or a pair of words was expected."
            )
        number = numbers[ends[i] - 1, n_words - 1] if n_words >= n_there else -1
        if number >= 0:
            out[i] = word_weights.weights[number]
    return out
