"""StaticEmbeddingTransformer: texts to dense features.

The features of a text are its embedding and, with word weights, its word scores.
"""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from ._lexical.weights import WordWeights
from ._lexical.words import FEW
from ._tokens.bags import TokenBags
from ._utils.compat import Interval, StrOptions
from ._utils.parallel import DEFAULT_BATCH_SIZE, for_each_batch
from ._utils.pickling import VersionedPickleMixin
from ._utils.validation import HandleMissing, TextInputMixin
from .embedding import DEFAULT_MODEL, StaticEmbedding, resolve_embedding

__all__ = [
    "StaticEmbeddingTransformer",
    "features_of",
    "features_of_bags",
    "parts_of",
]


class StaticEmbeddingTransformer(
    TextInputMixin,
    VersionedPickleMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Embed texts as the mean of their tokens' vectors.

    Nothing is learned from data: ``fit`` opens the model. With a
    :class:`StaticEmbedding` for `model`, the transformer needs no ``fit``. The first
    step of a frozen pipeline may have word weights too: each word, and each pair of
    neighbouring words, has a weight for each output. The product of a text's TF-IDF
    vector and these weights follows its embedding.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before.
    word_weights : WordWeights, default=None
        The words and their weights for n_outputs outputs, from ``to_pipeline`` of an
        estimator. None means embeddings only.
    handle_missing : {"error", "empty"}, default="error"
        What to do with None and NaN among texts: refuse them, or take each as empty.
    batch_size : int, default=8192
        The most texts that a thread embeds at a time, which bounds the memory needed
        beyond the result; see :meth:`StaticEmbedding.encode`.
    verbose : bool or int, default=False
        Whether to show a progress bar in ``transform``.

    Attributes
    ----------
    embedding_ : StaticEmbedding
        The embedding.
    n_features_in_ : int
        1, the column of texts.
    feature_names_in_ : ndarray of shape (1,), object
        The name of that column, if ``fit`` was given a frame with a name of type str.

    See Also
    --------
    StaticClassifier : Trains the embedding too.
    sklearn.feature_extraction.text.TfidfVectorizer : Sparse features, one per word.

    Notes
    -----
    The embedding of a text without known tokens is all zeros.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_static import StaticEmbeddingTransformer
    >>> texts = ["good film", "great fun", "bad film", "awful bore"]
    >>> pipeline = make_pipeline(StaticEmbeddingTransformer(), LogisticRegression())
    >>> pipeline.fit(texts, ["pos", "pos", "neg", "neg"]).predict(["great film"])
    array(['pos'], dtype='<U3')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, Path, StaticEmbedding],
        "word_weights": [WordWeights, None],
        "handle_missing": [StrOptions({"error", "empty"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        word_weights: WordWeights | None = None,
        handle_missing: HandleMissing = "error",
        batch_size: int = DEFAULT_BATCH_SIZE,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.word_weights = word_weights
        self.handle_missing = handle_missing
        self.batch_size = batch_size
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> StaticEmbeddingTransformer:
        """Open the model, and check the texts.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them; only checked.
        y : ignored

        Returns
        -------
        self : StaticEmbeddingTransformer

        Raises
        ------
        TypeError, ValueError
            If X or a constructor parameter is not as described.
        FileNotFoundError, ConnectionError, ModelFormatError
            If the model cannot be opened; see :meth:`StaticEmbedding.from_pretrained`.
        """
        self._validate_params()
        self._check_texts(X, reset=True)
        learned = {"embedding_": resolve_embedding(self.model)}
        # At the end, since a fit that fails leaves everything as it was.
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update({**self._column_seen(X), **learned})
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed texts and, with word weights, score their words.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        features : ndarray of shape (n_texts, n_dimensions) or \
(n_texts, n_dimensions + n_outputs), float32
            A frame of that shape after ``set_output``.

        Raises
        ------
        TypeError, ValueError
            If X is not as described.
        NotFittedError
            If the model is a name or folder and has not been opened by ``fit``.
        """
        return self._features(self._check_texts(X, reset=False))

    def _features(self, texts: list[str]) -> np.ndarray:
        return features_of(
            self.embedding,
            self.word_weights,
            texts,
            batch_size=self.batch_size,
            show_progress_bar=bool(self.verbose),
        )

    @property
    def embedding(self) -> StaticEmbedding:
        """The embedding of the fitted transformer."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # raises; checking this first is faster
        return vars(self).get("embedding_", self.model)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns of ``transform``.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        names : ndarray of shape (n_features,), object
            ``staticembeddingtransformer0`` and so on for the dimensions of the
            embedding, and ``wordweight_`` with the class, or the number of the target,
            for word scores.

        Raises
        ------
        NotFittedError
            If the model is a name or folder and has not been opened by ``fit``.
        """
        names: np.ndarray = super().get_feature_names_out(input_features)
        if self.word_weights is None:
            return names
        of_words = [f"wordweight_{name}" for name in self.word_weights.names]
        return np.append(names, np.array(of_words, object))

    @property
    def _n_features_out(self) -> int:
        """The dimensions, which scikit-learn names; word scores have own names."""
        return self.embedding.n_dimensions

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "embedding_") or isinstance(self.model, StaticEmbedding)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = not isinstance(self.model, StaticEmbedding)
        tags.transformer_tags.preserves_dtype = []
        return tags


def features_of(
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    texts: list[str],
    batch_size: int = DEFAULT_BATCH_SIZE,
    *,
    show_progress_bar: bool = False,
) -> np.ndarray:
    """The embeddings of `texts`, followed by their words' scores, if any."""
    if word_weights is None:
        return embedding.encode(
            texts, batch_size=batch_size, show_progress_bar=show_progress_bar
        )
    if len(texts) == 1 and not show_progress_bar:
        return features_of_bags(embedding, word_weights, embedding.tokenize(texts))
    out = _unwritten(embedding, word_weights, len(texts))

    def write(part: slice) -> None:
        _write(out[part], embedding, word_weights, embedding.tokenize(texts[part]))

    for_each_batch(write, texts, batch_size, "transform", show=show_progress_bar)
    return out


def features_of_bags(
    embedding: StaticEmbedding, word_weights: WordWeights | None, bags: TokenBags
) -> np.ndarray:
    """The embeddings of tokenized texts, followed by their words' scores, if any."""
    if word_weights is None:
        return embedding.pool(bags)
    out = _unwritten(embedding, word_weights, len(bags.offsets) - 1)
    _write(out, embedding, word_weights, bags)
    return out


def _unwritten(
    embedding: StaticEmbedding, word_weights: WordWeights, n_texts: int
) -> np.ndarray:
    return np.empty(
        (n_texts, embedding.n_dimensions + word_weights.n_outputs), np.float32
    )


def _write(
    out: np.ndarray,
    embedding: StaticEmbedding,
    word_weights: WordWeights,
    bags: TokenBags,
) -> None:
    embedding.pool(bags, out=out[:, : embedding.n_dimensions])
    if len(out) == 1 and len(bags.ids) <= FEW:
        scores = word_weights.of_one(embedding.words_of_one(bags))
    else:
        scores = word_weights(embedding.words(bags))
    out[:, embedding.n_dimensions :] = scores


def parts_of(
    embedding: StaticEmbedding, word_weights: WordWeights | None, bags: TokenBags
) -> np.ndarray:
    """The contribution of each token to the features of its text.

    The scores of a word are divided equally among its tokens, those of a pair between
    its two words.

    Parameters
    ----------
    embedding : StaticEmbedding
    word_weights : WordWeights or None
    bags : TokenBags
        Of n_tokens tokens in all.

    Returns
    -------
    parts : ndarray of shape (n_tokens, n_features), float32
        The sums over the tokens of each text are its :func:`features_of`.
    """
    parts = embedding.parts(bags)
    if word_weights is None:
        return parts
    word, of_words = (
        embedding.words_of_tokens(bags),
        word_weights.parts(embedding.words(bags)),
    )
    in_word = word >= 0
    n_tokens = np.bincount(word[in_word], minlength=len(of_words))
    of_tokens = np.zeros((len(word), word_weights.n_outputs), np.float32)
    of_tokens[in_word] = (of_words / n_tokens[:, None])[word[in_word]]
    return np.hstack([parts, of_tokens])
