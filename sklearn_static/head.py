"""Frozen heads: estimators that predict from embeddings and are not fitted again."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse, vstack
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ._io.pipeline import HeadParts
from ._layers.layers import Head
from ._utils.parallel import DEFAULT_BATCH_SIZE, slices
from ._utils.pickling import VersionedPickleMixin
from ._utils.progress import counter
from ._utils.validation import check_embeddings, check_threshold

__all__ = [
    "FrozenHead",
    "StaticHeadClassifier",
    "StaticHeadRegressor",
    "head_of",
    "of_texts",
    "top_k",
]

# The most texts whose embeddings, and whose hidden layers, are in memory at a time.
_TEXTS = 1 << 15
_ROWS = 1 << 12


def of_texts(
    predict: Callable[[Any], Any],
    embed: Callable[[list[str]], Any],
    texts: list[str],
    *,
    show: bool = False,
) -> Any:
    """``predict(embed(texts))``, some ten thousand texts at a time.

    The embeddings of all texts would take far more memory than the predictions. With
    `show`, a progress bar counts the texts.
    """
    size = DEFAULT_BATCH_SIZE if show else _TEXTS
    if len(texts) <= size:
        return predict(embed(texts))
    parts = []
    with counter("predict", "texts", show=show) as callback:
        for batch in slices(len(texts), size):
            parts.append(predict(embed(texts[batch])))
            callback(batch.stop, len(texts))
    return vstack(parts, "csr") if issparse(parts[0]) else np.concatenate(parts)


class _FrozenHead(VersionedPickleMixin, BaseEstimator):
    """A head that needs no ``fit``, which does nothing.

    Like :class:`sklearn.frozen.FrozenEstimator`. A clone has own parameters, and shares
    the layers, which never change.
    """

    head: Head

    def fit(self, X: Any = None, y: Any = None, **params: Any) -> Any:
        """Do nothing: the head was trained together with its embedding.

        Parameters
        ----------
        X, y, **params : ignored

        Returns
        -------
        self : object
        """
        return self

    @property
    def n_features_in_(self) -> int:
        """The number of features that the layers expect."""
        width = self.head.n_inputs
        if width is None:
            raise AttributeError("The layers of the head accept any n_features_in_.")
        return width

    def _scores(self, X: Any) -> np.ndarray:
        X = check_embeddings(X)
        expected = self.head.n_inputs
        if expected not in (None, X.shape[1]):
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{expected} features as input: embeddings, and word scores if any, "
                "as it was trained with."
            )
        try:
            if len(X) <= _ROWS:
                return self.head(X).astype(np.float64)
            parts = [self.head(X[rows]) for rows in slices(len(X), _ROWS)]
        except (RuntimeError, ValueError) as error:  # torch's and numpy's
            if expected is not None:
                raise
            raise ValueError(
                f"X has {X.shape[1]} features, which the head of this "
                f"{type(self).__name__} cannot take: {error}"
            ) from error
        return np.concatenate(parts, dtype=np.float64)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> _FrozenHead:
        # A shallow copy: set_params on a clone must not reach the original, and copies
        # of layers would take memory for nothing.
        return copy(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        # `fit` does not look at its data; the predict methods check theirs.
        tags.no_validation = True
        return tags


class StaticHeadClassifier(ClassifierMixin, _FrozenHead):
    """The trained head of a classifier, on embeddings of the trained table.

    Parameters
    ----------
    head : Head
        The layers, with an output for each class.
    classes : array-like of shape (n_classes,)
        The label of each output.
    multilabel : bool, default=False
        Whether a text can have any number of the labels, rather than one class.
    threshold : float or array-like of shape (n_classes,), default=0.5
        With `multilabel`, the probability from which a label is predicted, or that of
        each label.
    sparse_output : bool, default=False
        With `multilabel`, whether predictions are sparse.
    novelty_threshold : float, default=None
        The novelty above which a pipeline calls texts novel; it changes no prediction.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)

    See Also
    --------
    StaticPipeline : The embedding and the head.
    """

    def __init__(
        self,
        head: Head,
        classes: Any,
        *,
        multilabel: bool = False,
        threshold: Any = 0.5,
        sparse_output: bool = False,
        novelty_threshold: float | None = None,
    ) -> None:
        self.head = head
        self.classes = classes
        self.multilabel = multilabel
        self.threshold = threshold
        self.sparse_output = sparse_output
        self.novelty_threshold = novelty_threshold

    @property
    def classes_(self) -> np.ndarray:
        """The label of each output, of shape (n_classes,)."""
        return np.asarray(self.classes)

    def _parts(self) -> HeadParts:
        """The parts that files store; the inverse of :func:`head_of`."""
        settings = self.get_params(deep=False)
        del settings["head"], settings["classes"]
        return HeadParts(self.head, self.classes_, settings)

    def decision_function(self, X: Any) -> np.ndarray:
        """The scores before softmax or, with many labels, the logistic function.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        scores : ndarray of shape (n_texts,) or (n_texts, n_classes), float64
            With two classes one score, which is positive for ``classes_[1]``.
        """
        scores = self._scores(X)
        if self.multilabel or scores.shape[1] != 2:
            return scores
        difference: np.ndarray = scores[:, 1] - scores[:, 0]
        return difference

    def predict(self, X: Any) -> Any:
        """The most probable class of each text, or its labels.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        labels : ndarray of shape (n_texts,)
            With `multilabel` an indicator of shape (n_texts, n_labels), int64, a CSR
            matrix if `sparse_output`.
        """
        if not self.multilabel:
            return self.classes_[self._scores(X).argmax(axis=1)]
        threshold = check_threshold(self.threshold, len(self.classes_))
        indicator = (self.predict_proba(X) >= threshold).astype(np.int64)
        return csr_matrix(indicator) if self.sparse_output else indicator

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, or of each label.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        probabilities : ndarray of shape (n_texts, n_classes), float64
            In the order of ``classes_``.
        """
        scores = self._scores(X)
        probabilities: np.ndarray = (
            expit(scores) if self.multilabel else softmax(scores, axis=1)
        )
        return probabilities

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        log_probabilities : ndarray of shape (n_texts, n_classes), float64
        """
        scores = self._scores(X)
        log_probabilities: np.ndarray = (
            log_expit(scores) if self.multilabel else log_softmax(scores, axis=1)
        )
        return log_probabilities

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.classifier_tags.multi_label = self.multilabel
        return tags


def top_k(
    probabilities: np.ndarray, classes: np.ndarray, k: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` most probable classes of each text, and their probabilities.

    Raises
    ------
    ValueError
        If `k` is no positive integer.
    """
    if not isinstance(k, Integral) or k < 1:
        raise ValueError(f"k is {k!r}, but a positive integer was expected.")
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return classes[order], np.take_along_axis(probabilities, order, axis=1)


class StaticHeadRegressor(RegressorMixin, _FrozenHead):
    """The trained head of a regressor, on embeddings of the trained table.

    Parameters
    ----------
    head : Head
        The layers, with an output for each target, in the targets' own units.
    target_names : array-like of shape (n_outputs,), default=None
        What the targets are called, in explanations.

    See Also
    --------
    StaticPipeline : The embedding and the head.
    """

    def __init__(self, head: Head, *, target_names: Any = None) -> None:
        self.head = head
        self.target_names = target_names

    def _parts(self) -> HeadParts:
        """The parts that files store; the inverse of :func:`head_of`."""
        return HeadParts(self.head, None, {"target_names": self.target_names})

    def predict(self, X: Any) -> np.ndarray:
        """The values of each text.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        values : ndarray of shape (n_texts,) or (n_texts, n_outputs), float64
        """
        values = self._scores(X)
        return values[:, 0] if values.shape[1] == 1 else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        return tags


FrozenHead = StaticHeadClassifier | StaticHeadRegressor


def head_of(parts: HeadParts) -> FrozenHead:
    """The frozen head of these parts."""
    if parts.classes is None:
        return StaticHeadRegressor(parts.layers, **parts.settings)
    return StaticHeadClassifier(parts.layers, parts.classes, **parts.settings)
