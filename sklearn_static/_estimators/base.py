"""What all four estimators share: checking data, predicting, freezing."""

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
    """A fit, for scikit-learn's callbacks.

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
    """Base of estimators of a table, word weights and a head.

    Subclasses define which y they accept (`_check_y`), the targets that are learned
    from it (`_find_targets`), the frozen head (`_freeze`), and `fit`.
    """

    verbose: bool | int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, Path, StaticEmbedding],
        "lexical": ["boolean"],
        "handle_missing": [StrOptions({"error", "empty"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _take_over(self, learned: dict[str, Any], X: Any) -> None:
        """Set the fitted attributes after a first fit.

        By a single assignment, which Ctrl-C cannot interrupt half way.
        """
        kept = {k: v for k, v in vars(self).items() if k != "feature_names_in_"}
        self.__dict__ = {**kept, **self._column_seen(X), **learned}

    def _check_y(self, y: Any, name: str) -> Any:
        raise NotImplementedError

    def _label_names(self, y: Any, name: str) -> np.ndarray | None:
        """What the columns of y are called, where that matters."""
        return None

    def _find_targets(
        self, y: Any, sample_weight: np.ndarray, names: np.ndarray | None
    ) -> Any:
        raise NotImplementedError

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
        """The encoded examples of positive weight, and the targets of their y."""
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
        predict, show = getattr(self.head_, method), bool(self.verbose)
        return of_texts(predict, self._embed, texts, show=show)

    def _embed(self, texts: list[str]) -> np.ndarray:
        return features_of(self.embedding_, self.word_weights_, texts)

    def _sums(self) -> tuple[StaticEmbedding, WordWeights | None]:
        """The tables whose rows features are sums of: of tokens and of words."""
        check_is_fitted(self)
        return self.embedding_, self.word_weights_

    def _explained_parts(self) -> Any:
        return *self._sums(), self.head_

    def to_pipeline(self) -> StaticPipeline:
        """Freeze the fitted estimator into a pipeline without torch.

        Returns
        -------
        pipeline : StaticPipeline
            With the steps ``embedding`` and ``head``, and the same predictions. It
            shares the arrays of this estimator, whose later fits do not change it.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        TypeError
            If the head has a layer, or a subclass an encoding, that needs torch.
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
                "sklearn_static.nn.Residual, or save the estimator itself with joblib."
            )
        transformer = StaticEmbeddingTransformer(
            embedding, word_weights=word_weights, handle_missing=self.handle_missing
        )
        # An own estimator around the same layers, so that setting its parameters does
        # not change this one.
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
    """A RandomState; for None a new one instead of numpy's global generator."""
    if random_state is None:
        return np.random.RandomState()
    state: np.random.RandomState = check_random_state(random_state)
    return state
