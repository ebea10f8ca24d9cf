"""StaticEmbeddingTransformer: texts to dense features."""

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

from ._utils.batches import DEFAULT_BATCH_SIZE
from ._utils.compat import Interval, StrOptions
from ._utils.pickling import StampedMixin
from ._utils.validation import HandleMissing, check_texts
from .embedding import DEFAULT_MODEL, StaticEmbedding, resolve_embedding

__all__ = ["StaticEmbeddingTransformer"]


class StaticEmbeddingTransformer(
    StampedMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Embed texts as the mean of their tokens' vectors.

    Nothing is learned from data: ``fit`` opens the model. Around a
    :class:`StaticEmbedding`, the transformer is fitted from the start.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before.
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
        What embeds.

    See Also
    --------
    StaticClassifier : Trains the embedding too.
    sklearn.feature_extraction.text.TfidfVectorizer : Sparse features, one a word.

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
        "handle_missing": [StrOptions({"error", "empty"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        handle_missing: HandleMissing = "error",
        batch_size: int = DEFAULT_BATCH_SIZE,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.handle_missing = handle_missing
        self.batch_size = batch_size
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> StaticEmbeddingTransformer:
        """Open the model, and look at the texts.

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
        self.embedding_ = resolve_embedding(self.model)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed texts.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        embeddings : ndarray of shape (n_texts, n_dimensions), float32
            Or a frame of that shape, as ``set_output`` says.

        Raises
        ------
        TypeError, ValueError
            If X is not as described.
        NotFittedError
            If the model is a name or folder and has not been opened by ``fit``.
        """
        return self.embedding.encode(
            self._check_texts(X, reset=False),
            batch_size=self.batch_size,
            show_progress_bar=bool(self.verbose),
        )

    def _check_texts(self, X: Any, *, reset: bool) -> list[str]:
        """The texts in `X`: all data comes in here. `reset` is true in ``fit``."""
        return check_texts(X, handle_missing=self.handle_missing)

    @property
    def embedding(self) -> StaticEmbedding:
        """What embeds, once the transformer is fitted; reading it opens nothing."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # which says so, but takes longer to find out
        return vars(self).get("embedding_", self.model)

    @property
    def _n_features_out(self) -> int:
        return self.embedding.n_dimensions

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "embedding_") or isinstance(self.model, StaticEmbedding)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = not isinstance(self.model, StaticEmbedding)
        tags.transformer_tags.preserves_dtype = []
        return tags
