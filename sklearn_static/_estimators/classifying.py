"""What both classifiers share: labels, predictions, and the linear solution."""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin

from .._layers.layers import Head
from .._linear import Solution, solve
from .._utils.compat import Interval, StrOptions
from .._utils.validation import check_threshold
from ..head import StaticHeadClassifier, top_k
from ..pipeline import StaticPipeline
from ..top_tokens import TopTokensMixin
from .base import StaticModelBase
from .checks import check_labels
from .label_names import label_names_of
from .linear import Prepared
from .reopening import parts_of
from .targets import ClassTargets, ClassWeight, LabelTargets

__all__ = ["Classifying"]


class Classifying(TopTokensMixin, ClassifierMixin, StaticModelBase):
    """A classifier for one class per text, or any number of labels."""

    C: float
    class_weight: ClassWeight
    threshold: Any
    label_names: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StaticModelBase._parameter_constraints,
        "C": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "threshold": [Interval(Real, 0, 1, closed="both"), "array-like"],
        "label_names": ["array-like", None],
    }

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        local_files_only: bool = False,
        cache_dir: str | Path | None = None,
        subfolder: str | None = None,
        **parameters: Any,
    ) -> Any:
        """Open a saved pipeline as a fitted classifier.

        It predicts as the pipeline does. A :class:`StaticClassifier` goes on from there
        in ``fit``, since `warm_start` is set, and in ``partial_fit``: for the same
        classes, with the words that were learned. Where the saved head is linear, the
        perceptron beside it starts at zero. A :class:`StaticLinearClassifier` solves
        anew in ``fit``, with the saved table.

        Parameters
        ----------
        name_or_folder : str or Path
            A folder, or the id of a repository on the Hub, of this package or of
            model2vec.
        revision, token, local_files_only, cache_dir, subfolder
            As of :meth:`StaticPipeline.from_pretrained`.
        **parameters
            Those of the constructor. What the folder tells is taken from it: `model`,
            the saved table; `hidden_layer_sizes`, `threshold`, `lexical` and
            `handle_missing`. All others are not saved.

        Returns
        -------
        classifier : StaticClassifier or StaticLinearClassifier

        Raises
        ------
        FileNotFoundError, ConnectionError, ModelFormatError
            As of :meth:`StaticPipeline.from_pretrained`.
        TypeError, ValueError
            If it is no classifier, or has a head that this class does not make.
        ImportError
            If torch or skorch is not installed, and this is a `StaticClassifier`.
        """
        pipeline = StaticPipeline.from_pretrained(
            name_or_folder,
            revision=revision,
            token=token,
            local_files_only=local_files_only,
            cache_dir=cache_dir,
            subfolder=subfolder,
        )
        settings, *parts, head = parts_of(pipeline)
        classifier = cls(**{**settings, **cls._settings_of(head), **parameters})
        classifier.__dict__.update(classifier._learned_before(*parts, head))
        return classifier

    @classmethod
    def _settings_of(cls, head: StaticHeadClassifier) -> dict[str, Any]:
        """The parameters that a saved head tells."""
        return {}

    def _learned_before(self, *parts: Any) -> dict[str, Any]:
        """The attributes of a classifier with the parts of a pipeline."""
        raise TypeError(f"{type(self).__name__} does not say what it has learned.")

    def predict(self, X: Any) -> Any:
        """The most probable class of each text, or its labels.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        labels : ndarray of shape (n_texts,)
            With many labels a text an indicator of shape (n_texts, n_labels), int64, a
            CSR matrix if the y of ``fit`` was sparse.
        """
        return self._predict("predict", X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        probabilities : ndarray of shape (n_texts, n_classes), float64
            In the order of ``classes_``.
        """
        probabilities: np.ndarray = self._predict("predict_proba", X)
        return probabilities

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        log_probabilities : ndarray of shape (n_texts, n_classes), float64
        """
        log_probabilities: np.ndarray = self._predict("predict_log_proba", X)
        return log_probabilities

    def decision_function(self, X: Any) -> np.ndarray:
        """The scores before softmax.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        scores : ndarray of shape (n_texts,) or (n_texts, n_classes), float64
            With two classes one score, which is positive for ``classes_[1]``.
        """
        scores: np.ndarray = self._predict("decision_function", X)
        return scores

    def predict_top_k(self, X: Any, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """The most probable classes of each text, the most probable one first.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        k : int, default=3
            How many classes, of a model that has so many.

        Returns
        -------
        labels : ndarray of shape (n_texts, k)
        probabilities : ndarray of shape (n_texts, k), float64
        """
        return top_k(self.predict_proba(X), self.classes_, k)

    @property
    def classes_(self) -> np.ndarray:
        """The labels, of shape (n_classes,).

        Classes are in ascending order, names of many labels in that of y's columns.
        """
        return self.head_.classes_

    def _check_y(self, y: Any, name: str) -> Any:
        return check_labels(y, name)

    def _label_names(self, y: Any, name: str) -> np.ndarray | None:
        return label_names_of(y, self.label_names, name)

    def _find_targets(
        self, y: np.ndarray, sample_weight: np.ndarray, names: np.ndarray | None
    ) -> ClassTargets | LabelTargets:
        if y.ndim == 2:
            check_threshold(self.threshold, y.shape[1])
            return LabelTargets.of(y, names, self.class_weight, sample_weight)
        if names is not None:
            raise ValueError(
                "label_names are those of an indicator's columns, but y holds one "
                "class for each text, which names itself."
            )
        return ClassTargets.of(y, self.class_weight)

    def _freeze(self, head: Head, targets: Any) -> StaticHeadClassifier:
        return StaticHeadClassifier(
            head,
            targets.classes,
            multilabel=isinstance(targets, LabelTargets),
            threshold=self.threshold,
            sparse_output=getattr(targets, "sparse", False),
        )

    def _linear_solution(
        self,
        prepared: Prepared,
        targets: Any,
        random_state: np.random.RandomState,
        **options: Any,
    ) -> Solution:
        return solve(
            prepared.features,
            prepared.problem,
            prepared.train,
            prepared.splits,
            C=self.C,
            # Weights of classes say what a wrong answer costs, which taking the prior
            # away would undo.
            shifts=not targets.is_weighted,
            random_state=random_state,
            fold=prepared.fold,
            **options,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
