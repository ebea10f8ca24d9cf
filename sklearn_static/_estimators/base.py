"""What all four estimators share: how data enters, what predicts and is frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted

from .._lexical.weights import WordWeights
from .._utils.compat import CallbackSupportMixin, StrOptions
from .._utils.pickling import VersionedPickleMixin
from .._utils.validation import TextInputMixin
from ..embedding import StaticEmbedding
from ..explanation import ExplainMixin
from ..head import of_texts
from ..pipeline import StaticPipeline
from ..transformer import StaticEmbeddingTransformer, features_of
from .label_names import refuse_other_names
from .targets import Examples, Targets
from .weights import check_total, check_weights

__all__ = ["Data", "StaticModelBase", "Task", "own_random_state"]

Data = tuple[Any, Any, Any]
"""X, y and sample_weight, as they were given."""


@dataclass(frozen=True)
class Task:
    """A fit as scikit-learn's callbacks know it.

    Attributes
    ----------
    context : sklearn.callback.CallbackContext
    data : dict
        X, y and metadata, as they were given.
    """

    context: Any
    data: dict[str, Any]


class StaticModelBase(
    TextInputMixin,
    ExplainMixin,
    VersionedPickleMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """A table, word weights and a head, fitted in whichever way.

    Subclasses say what y may be (`_check_y`), what is learned from it
    (`_find_targets`), what scores mean (`_freeze`), and how to fit.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, Path, StaticEmbedding],
        "lexical": ["boolean"],
        "handle_missing": [StrOptions({"error", "empty"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _take_over(self, learned: dict[str, Any], X: Any) -> None:
        """Change the estimator after a first fit, in one step.

        So no Ctrl-C can come between two attributes.
        """
        kept = {k: v for k, v in vars(self).items() if k != "feature_names_in_"}
        self.__dict__ = {**kept, **self._column_seen(X), **learned}

    def _check_y(self, y: Any, name: str) -> Any:
        raise TypeError(f"{type(self).__name__} does not say what y may be.")

    def _label_names(self, y: Any, name: str) -> np.ndarray | None:
        """What the columns of y are called, where that matters."""
        return None

    def _find_targets(
        self, y: Any, sample_weight: np.ndarray, names: np.ndarray | None
    ) -> Any:
        raise TypeError(f"{type(self).__name__} does not say what it learns of y.")

    def _examples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        name: str,
        known: Targets | None,
        *,
        reset: bool,
        groups: Any = None,
    ) -> tuple[Examples, Any]:
        """The encoded examples that have weight, and what was learned from their y."""
        texts = self._check_texts(X, reset=reset)
        if not texts:
            raise ValueError(
                f"{name.replace('y', 'X')} is empty, but one text or more was expected."
            )
        names = self._label_names(y, name)
        y = self._check_y(y, name)
        groups = None if groups is None else column_or_1d(groups)
        check_consistent_length(texts, y, groups)
        name_of_weights = name.replace("y", "sample_weight")
        weights = check_weights(sample_weight, len(texts), name_of_weights)
        if not weights.all():
            counts = np.flatnonzero(weights)
            texts, y = [texts[row] for row in counts], y[counts]
            weights = weights[counts]
            groups = None if groups is None else groups[counts]
        targets = self._find_targets(y, weights, names) if known is None else known
        refuse_other_names(names, targets.names, name)
        encoded = targets.encode(y, name)
        weights = targets.weigh(encoded, weights)
        check_total(weights, f"{name_of_weights} times class_weight")
        examples = Examples(texts, encoded, weights, groups)
        if not weights.all():  # texts of a class that weighs nothing
            examples = examples.take(np.flatnonzero(weights))
        return examples, targets

    def _given_validation(self, validation: Data, targets: Targets) -> Examples | None:
        """The examples in X_val, y_val and sample_weight_val, if any are there."""
        X_val, y_val, sample_weight_val = validation
        if (X_val is None) != (y_val is None):
            raise ValueError("Give both X_val and y_val, or neither.")
        if X_val is None:
            return None
        given, _ = self._examples(
            X_val, y_val, sample_weight_val, "y_val", targets, reset=False
        )
        return given

    def _predict(self, method: str, X: Any) -> Any:
        check_is_fitted(self)
        texts = self._check_texts(X, reset=False)
        return of_texts(getattr(self.head_, method), self._embed, texts)

    def _embed(self, texts: list[str]) -> np.ndarray:
        return features_of(self.embedding_, self.word_weights_, texts)

    def _sums(self) -> tuple[StaticEmbedding, WordWeights | None]:
        """What features are sums of, over tokens and over words."""
        check_is_fitted(self)
        return self.embedding_, self.word_weights_

    def _explained_parts(self) -> Any:
        return *self._sums(), self.head_

    def to_pipeline(self) -> StaticPipeline:
        """Freeze the fitted estimator into a pipeline that needs no torch.

        Returns
        -------
        pipeline : StaticPipeline
            Of two steps, ``embedding`` and ``head``, with the same predictions. It
            shares this estimator's arrays, and no later fit changes it.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        TypeError
            If it computes something that only torch can: an own layer or encoding. The
            message names it.
        """
        embedding, word_weights = self._sums()
        if word_weights is not None and hasattr(self.head_, "classes_"):
            word_weights = word_weights.named(self.head_.classes_)
        foreign = self.head_.head.needing_torch()
        if foreign:
            raise TypeError(
                f"The head has a layer of type {', '.join(foreign)}, which needs "
                "torch. Build it of Linear, ReLU, GELU, SiLU, Tanh, Sigmoid, "
                "LeakyReLU, LayerNorm, BatchNorm1d, Dropout, Identity, Sequential and "
                "sklearn_static.nn.Residual, or ship the estimator itself with joblib."
            )
        transformer = StaticEmbeddingTransformer(
            embedding, word_weights=word_weights, handle_missing=self.handle_missing
        )
        # A shell of its own, so that its parameters can be set beside this estimator's.
        head = clone(self.head_)
        return StaticPipeline([("embedding", transformer), ("head", head)])

    def _begin_task(self, X: Any, y: Any, sample_weight: Any) -> Task | None:
        """Announce a fit to scikit-learn's callbacks, where scikit-learn has them."""
        if not hasattr(self, "_init_callback_context"):
            return None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": metadata}
        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, **data)
        return Task(context, data)

    def _end_task(
        self, task: Task | None, learned: Callable[[], dict[str, Any]]
    ) -> None:
        if task is not None:
            task.context.call_on_fit_task_end(
                estimator=self, **task.data, reconstruction_attributes=learned
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "head_")


def own_random_state(random_state: Any) -> np.random.RandomState:
    """A RandomState; without a seed a fresh one, not numpy's global generator."""
    if random_state is None:
        return np.random.RandomState()
    state: np.random.RandomState = check_random_state(random_state)
    return state
