"""Frozen heads: estimators that predict from embeddings and learn nothing more."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from ._head import Head
from ._validation import check_embeddings

__all__ = ["StaticHeadClassifier"]


class _FrozenHead(BaseEstimator):
    """A head that is fitted from the start.

    Like :class:`sklearn.frozen.FrozenEstimator`, ``fit`` does nothing and ``clone``
    gives the same object.
    """

    head: Head

    def fit(self, X: Any = None, y: Any = None, **params: Any) -> Any:
        """Do nothing: the head has been trained together with its embedding.

        Parameters
        ----------
        X, y, **params : ignored

        Returns
        -------
        self : object
        """
        return self

    def _scores(self, X: Any) -> np.ndarray:
        return self.head(check_embeddings(X, self.head.n_inputs))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> _FrozenHead:
        return self


class StaticHeadClassifier(ClassifierMixin, _FrozenHead):
    """The trained head of a classifier, for embeddings as they come out of its table.

    Parameters
    ----------
    head : Head
        The layers, with an output for each class.
    classes : array-like of shape (n_classes,)
        The label of each output.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)

    See Also
    --------
    StaticPipeline : Puts the embedding before the head.
    """

    def __init__(self, head: Head, classes: Any) -> None:
        self.head = head
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """The label of each output, of shape (n_classes,)."""
        return np.asarray(self.classes)

    def decision_function(self, X: Any) -> np.ndarray:
        """The scores before softmax.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        scores : ndarray of shape (n_texts,) or (n_texts, n_classes), float64
            With two classes one score, which is positive for ``classes_[1]``.
        """
        scores = self._scores(X).astype(np.float64)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each text.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        labels : ndarray of shape (n_texts,)
        """
        return self.classes_[self._scores(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_texts, n_dimensions)
            Embeddings.

        Returns
        -------
        probabilities : ndarray of shape (n_texts, n_classes), float64
            In the order of ``classes_``.
        """
        probabilities: np.ndarray = softmax(self._scores(X).astype(np.float64), axis=1)
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
        log_probabilities: np.ndarray = log_softmax(
            self._scores(X).astype(np.float64), axis=1
        )
        return log_probabilities
