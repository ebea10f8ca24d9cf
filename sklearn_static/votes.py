"""Frozen features: embeddings, and beside them the votes of words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ._lexical.weights import WordVotes
from ._tokens.bags import TokenBags
from ._utils.batches import DEFAULT_BATCH_SIZE, for_each_batch
from ._utils.validation import HandleMissing
from .embedding import StaticEmbedding
from .transformer import StaticEmbeddingTransformer

__all__ = [
    "StaticVotesTransformer",
    "features_of",
    "features_of_bags",
    "frozen_transformer",
    "parts_of",
    "votes_of",
]


def features_of(
    embedding: StaticEmbedding,
    votes: WordVotes | None,
    texts: list[str],
    batch_size: int = DEFAULT_BATCH_SIZE,
    *,
    show_progress_bar: bool = False,
) -> np.ndarray:
    """The embeddings of `texts`, followed by their words' votes if there are any."""
    if votes is None:
        return embedding.encode(
            texts, batch_size=batch_size, show_progress_bar=show_progress_bar
        )
    out = _unwritten(embedding, votes, len(texts))

    def write(part: slice) -> None:
        _write(out[part], embedding, votes, embedding.tokenize(texts[part]))

    for_each_batch(write, texts, batch_size, "transform", show=show_progress_bar)
    return out


def features_of_bags(
    embedding: StaticEmbedding, votes: WordVotes | None, bags: TokenBags
) -> np.ndarray:
    """The embeddings of tokenized texts, followed by their words' votes if any."""
    if votes is None:
        return embedding.pool(bags)
    out = _unwritten(embedding, votes, len(bags.offsets) - 1)
    _write(out, embedding, votes, bags)
    return out


def _unwritten(
    embedding: StaticEmbedding, votes: WordVotes, n_texts: int
) -> np.ndarray:
    return np.empty((n_texts, embedding.n_dimensions + votes.n_outputs), np.float32)


def _write(
    out: np.ndarray, embedding: StaticEmbedding, votes: WordVotes, bags: TokenBags
) -> None:
    embedding.pool(bags, out=out[:, : embedding.n_dimensions])
    out[:, embedding.n_dimensions :] = votes(embedding.words(bags))


def parts_of(
    embedding: StaticEmbedding, votes: WordVotes | None, bags: TokenBags
) -> np.ndarray:
    """What each token adds to the features of its text.

    A word's votes are shared equally by its tokens, and a pair's by its words.

    Parameters
    ----------
    embedding : StaticEmbedding
    votes : WordVotes or None
    bags : TokenBags
        Of n_tokens tokens in all.

    Returns
    -------
    parts : ndarray of shape (n_tokens, n_features), float32
        The sums over the tokens of each text are its :func:`features_of`.
    """
    parts = embedding.parts(bags)
    if votes is None:
        return parts
    word, of_words = embedding.words_of_tokens(bags), votes.parts(embedding.words(bags))
    in_word = word >= 0
    n_tokens = np.bincount(word[in_word], minlength=len(of_words))
    of_tokens = np.zeros((len(word), votes.n_outputs), np.float32)
    of_tokens[in_word] = (of_words / n_tokens[:, None])[word[in_word]]
    return np.hstack([parts, of_tokens])


def frozen_transformer(
    embedding: StaticEmbedding, votes: WordVotes | None, settings: dict[str, Any]
) -> StaticEmbeddingTransformer:
    """The step of a pipeline that computes :func:`features_of`."""
    if votes is None:
        return StaticEmbeddingTransformer(embedding, **settings)
    return StaticVotesTransformer(embedding, votes, **settings)


def votes_of(transformer: StaticEmbeddingTransformer) -> WordVotes | None:
    """The votes beside the embeddings that `transformer` computes, if there are any."""
    is_voting = isinstance(transformer, StaticVotesTransformer)
    return transformer.votes if is_voting else None


class StaticVotesTransformer(StaticEmbeddingTransformer):
    """Embeddings, and beside them what the words of a text say about its class.

    Comes out of :meth:`StaticClassifier.to_pipeline`. A word, or a pair of neighbouring
    words, has a vote for each class; the votes of a text are the product of its TF-IDF
    vector and the table of them.

    Parameters
    ----------
    model : StaticEmbedding, str or Path
        As of :class:`StaticEmbeddingTransformer`.
    votes : WordVotes
        The words and their votes, for n_outputs classes. Opaque.
    handle_missing, batch_size, verbose
        As of :class:`StaticEmbeddingTransformer`.

    See Also
    --------
    StaticPipeline : Puts a head after it.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StaticEmbeddingTransformer._parameter_constraints,
        "votes": [WordVotes],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path,
        votes: WordVotes,
        *,
        handle_missing: HandleMissing = "error",
        batch_size: int = DEFAULT_BATCH_SIZE,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            model,
            handle_missing=handle_missing,
            batch_size=batch_size,
            verbose=verbose,
        )
        self.votes = votes

    def transform(self, X: Any) -> np.ndarray:
        """Embed texts, and count votes.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        features : ndarray of shape (n_texts, n_dimensions + n_outputs), float32
            Or a frame of that shape, as ``set_output`` says.

        Raises
        ------
        TypeError, ValueError
            If X is not as described.
        """
        return features_of(
            *(self.embedding, self.votes, self._check_texts(X, reset=False)),
            batch_size=self.batch_size,
            show_progress_bar=bool(self.verbose),
        )

    @property
    def _n_features_out(self) -> int:
        return self.embedding.n_dimensions + self.votes.n_outputs
