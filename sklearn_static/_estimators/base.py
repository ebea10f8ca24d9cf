"""What the estimators that learn share: one fit, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._layers.layers import Head
from .._lexical.weights import WordVotes
from .._utils.compat import CallbackSupportMixin, Interval, StrOptions
from .._utils.pickling import StampedMixin
from .._utils.validation import check_texts
from ..embedding import StaticEmbedding, resolve_embedding
from ..explanation import Explanations, explained
from ..head import of_texts
from ..pipeline import StaticPipeline
from ..votes import features_of, frozen_transformer
from .checks import check_weights
from .hooks import Architecture, import_training
from .targets import Examples, Targets

if TYPE_CHECKING:
    from .._training import AdamMoments, FitResult, StaticModule, Tensor

__all__ = ["OF_TRAINING", "Data", "StaticModelBase", "own_random_state"]

Data = tuple[Any, Any, Any]
"""X, y and sample_weight, as they were given."""

OF_TRAINING = (
    *("history_", "best_epoch_", "loss_curve_", "validation_scores_"),
    *("best_validation_score_", "_state", "_random_state", "_moments"),
)
"""Attributes that only training in steps leaves."""


@dataclass(frozen=True)
class _Run:
    """What a run of training goes on from, and how far it goes.

    Attributes
    ----------
    embedding : StaticEmbedding
        With a table that can be trained.
    targets : Targets
    state : dict of str to ndarray
        Parameters beside the table, by name; empty for a fresh head.
    moments : AdamMoments or None
        Kept between calls of ``partial_fit`` only.
    max_epochs : int
    n_iter_no_change : int or None
    seed : int
    """

    embedding: StaticEmbedding
    targets: Targets
    state: dict[str, np.ndarray]
    moments: AdamMoments | None
    max_epochs: int
    n_iter_no_change: int | None
    seed: int


@dataclass(frozen=True)
class _Task:
    """A fit as scikit-learn's callbacks know it.

    Attributes
    ----------
    context : sklearn.callback.CallbackContext
    data : dict
        X, y and metadata, as they were given.
    """

    context: Any
    data: dict[str, Any]


class StaticModelBase(StampedMixin, Architecture, CallbackSupportMixin, BaseEstimator):
    """A table and a head that are fine-tuned together.

    Subclasses say what is learned from y (`_find_targets`), what y may be (`_check_y`)
    and what scores mean (`_freeze`).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, Path, StaticEmbedding],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "freeze_embedding": ["boolean"],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "scoring": [str, callable],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "handle_missing": [StrOptions({"error", "empty"})],
        "callbacks": [list, tuple, None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _check_texts(self, X: Any, *, reset: bool) -> list[str]:
        """The texts in `X`: all data comes in here. `reset` is true in a first fit."""
        return check_texts(X, handle_missing=self.handle_missing)

    def _fit(self, data: Data, validation: Data) -> Any:
        """Train until early stopping; the estimator changes only when all is done."""
        self._validate_params()
        import_training()
        random_state = own_random_state(self.random_state)
        known = self._targets if self.warm_start and self._is_fitted() else None
        examples, targets = self._examples(*data, "y", known, reset=known is None)
        train, valid = self._split(examples, validation, targets, random_state)
        run = _Run(
            embedding=self._start_embedding(known is not None),
            targets=targets,
            state={} if known is None else self._state,
            moments=None,
            max_epochs=self.max_epochs,
            n_iter_no_change=self.n_iter_no_change,
            seed=_seed(random_state),
        )
        task = self._begin_task(*data)
        result, rows = self._train(run, train, valid, task)
        self._end_task(task, lambda: self._learned(result.module, run, rows))
        self._accept(run, result, rows, [])
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, targets: Any) -> Any:
        """Train for one epoch, going on from the last call, or from the start."""
        self._validate_params()
        training = import_training()
        fitted = self._is_fitted()
        known = self._targets if fitted else targets
        examples, targets = self._examples(
            X, y, sample_weight, "y", known, reset=not fitted
        )
        random_state = deepcopy(vars(self).get("_random_state"))
        if random_state is None:
            random_state = own_random_state(self.random_state)
        run = _Run(
            embedding=self._start_embedding(fitted),
            targets=targets,
            state=self._state if fitted else {},
            moments=vars(self).get("_moments") or training.AdamMoments(),
            max_epochs=1,
            n_iter_no_change=None,
            seed=_seed(random_state),
        )
        result, rows = self._train(run, examples, None, None)
        history = self.history_ if fitted else []
        self._accept(run, result, rows, history, random_state=random_state)
        return self

    def _start_embedding(self, go_on: bool) -> StaticEmbedding:
        if go_on:
            return self.embedding_.for_training(rescale=False)
        embedding = resolve_embedding(self.model)
        return embedding.for_training(rescale=not self.freeze_embedding)

    def _examples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        name: str,
        known: Targets | None,
        *,
        reset: bool,
    ) -> tuple[Examples, Targets]:
        """The encoded examples that have weight, and what was learned from their y."""
        texts = self._check_texts(X, reset=reset)
        if not texts:
            raise ValueError(
                f"{name.replace('y', 'X')} is empty, but one text or more was expected."
            )
        y = self._check_y(y)
        check_consistent_length(texts, y)
        weights = check_weights(sample_weight, len(texts))
        if not weights.all():
            counts = np.flatnonzero(weights)
            texts, y = [texts[row] for row in counts], y[counts]
            weights = weights[counts]
        targets = self._find_targets(y, weights) if known is None else known
        encoded = targets.encode(y, name)
        return Examples(texts, encoded, targets.weigh(encoded, weights)), targets

    def _split(
        self,
        examples: Examples,
        validation: Data,
        targets: Targets,
        random_state: np.random.RandomState,
    ) -> tuple[Examples, Examples | None]:
        """Examples to train on and examples to watch, from a split or as given."""
        given = self._given_validation(validation, targets)
        if given is not None and not self.early_stopping:
            raise ValueError(
                "X_val and y_val are what early stopping watches, but "
                "early_stopping=False."
            )
        if given is not None or not self.early_stopping:
            return examples, given
        train, valid = self.train_test_split(examples.texts, examples.y, random_state)
        return examples.take(train), examples.take(valid) if len(valid) else None

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

    def _train(
        self, run: _Run, train: Examples, valid: Examples | None, task: _Task | None
    ) -> tuple[FitResult, np.ndarray]:
        """The outcome of a run, and the rows of the table that it is about."""
        training = import_training()
        embedding, targets = run.embedding, run.targets
        parts = [train] if valid is None else [train, valid]
        datasets = [self.prepare_dataset(embedding, part) for part in parts]
        rows = np.arange(len(embedding.vectors))
        if not self._encodes_in_its_own_way():
            rows, datasets = training.compact(datasets, len(rows))
        score = None
        if valid is not None and self.scoring != "loss":
            score = self._validation_score(valid, targets)

        def construct_module(table: Tensor) -> StaticModule:
            head = self.construct_head(embedding.n_dimensions, targets.n_outputs)
            module = self.construct_module(table, head, embedding.normalize)
            module.encode = self._encode
            return module

        callbacks = list(self.callbacks or [])
        if task is not None:
            callbacks.append(
                training.SklearnCallbacks(
                    *(task.context, self, task.data),
                    learned=lambda module: self._learned(module, run, rows),
                )
            )
        settings = training.FitSettings(
            construct_module=construct_module,
            criterion=training.criterion(targets.loss, targets.pos_weight),
            score=score,
            n_iter_no_change=run.n_iter_no_change,
            tol=self.tol,
            max_epochs=run.max_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            device=self.device,
            verbose=bool(self.verbose),
            seed=run.seed,
            callbacks=callbacks,
        )
        start = training.Start(embedding.vectors, rows, run.state, run.moments)
        valid_dataset = None if valid is None else datasets[1]
        return training.fine_tune(start, datasets[0], valid_dataset, settings), rows

    def _accept(
        self,
        run: _Run,
        result: FitResult,
        rows: np.ndarray,
        history: list[Any],
        random_state: np.random.RandomState | None = None,
    ) -> None:
        """Take over the outcome of a run: only here does the estimator change.

        It does so in one step, in which no Ctrl-C can come between two attributes.
        """
        scores = [_goodness(row) for row in result.history if "valid_loss" in row]
        history = [*history, *result.history]
        state = result.module.state_dict()
        learned = {
            **self._learned(result.module, run, rows),
            "history_": history,
            "n_iter_": len(history),
            "best_epoch_": len(history) - len(result.history) + result.best_epoch,
            "loss_curve_": [row["train_loss"] for row in history],
            "validation_scores_": scores or None,
            "best_validation_score_": max(scores, default=None),
            "_targets": run.targets,
            "_state": {k: v.numpy() for k, v in state.items() if k != "table"},
            "_random_state": random_state,
            "_moments": result.moments,
        }
        self.__dict__.update(learned)

    def _learned(
        self, module: StaticModule, run: _Run, rows: np.ndarray
    ) -> dict[str, Any]:
        """The attributes that predict, of a module that trained `rows` of the table."""
        embedding = run.embedding
        if not self.freeze_embedding:
            vectors = embedding.vectors.copy()
            vectors[rows] = module.table.detach().numpy()
            vectors.flags.writeable = False
            embedding = embedding.with_vectors(vectors)
        head = import_training().freeze_head(module.head)
        return {
            "head_": self._freeze(head, run.targets),
            "embedding_": embedding,
            "votes_": None,
            "_module_in_use": module if self._encodes_in_its_own_way() else None,
        }

    def _validation_score(
        self, valid: Examples, targets: Targets
    ) -> Callable[[np.ndarray], float]:
        """From scores of the validation texts to the user's metric of them."""
        identity = self._freeze(Head(()), targets)
        scorer = check_scoring(identity, self.scoring)
        y = targets.decode(valid.y)
        return lambda scores: scorer(identity, scores, y)

    def _predict(self, method: str, X: Any) -> Any:
        check_is_fitted(self)
        texts = self._check_texts(X, reset=False)
        return of_texts(getattr(self.head_, method), self._embed, texts)

    def _embed(self, texts: list[str]) -> np.ndarray:
        if self._module_in_use is None:
            return features_of(self.embedding_, self.votes_, texts)
        ones = np.ones(len(texts))
        dataset = self.prepare_dataset(self.embedding_, Examples(texts, ones, ones))
        embeddings: np.ndarray = import_training().encode_with(
            self._module_in_use, dataset
        )
        return embeddings

    def explain(self, X: Any) -> Explanations:
        """Tell which tokens the scores of texts come from.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        explanations : Explanations
            A list of n_texts :class:`~sklearn_static.explanation.Explanation`, which
            notebooks show as coloured text.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        TypeError
            If embeddings are not the mean of token vectors, since the encoding has been
            replaced.

        Notes
        -----
        A text's features are sums over its tokens, so where the head is affine, as that
        of "newton-cg" is, what each token contributes is exact. Other heads are
        followed from no features to all of them, with the method of integrated
        gradients; what it leaves over is told.
        """
        embedding, votes = self._sums()
        texts = self._check_texts(X, reset=False)
        return explained(embedding, votes, self.head_, texts)

    def _sums(self) -> tuple[StaticEmbedding, WordVotes | None]:
        """What features are made of, where they are sums over tokens."""
        check_is_fitted(self)
        if self._module_in_use is not None:
            raise TypeError(
                f"{type(self).__name__} replaces how texts are embedded (_encode or "
                "construct_module), but only the mean of token vectors can be taken "
                "apart into tokens."
            )
        return self.embedding_, self.votes_

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
        check_is_fitted(self)
        if self._module_in_use is not None:
            raise TypeError(
                f"{type(self).__name__} replaces how texts are embedded (_encode or "
                "construct_module), which needs torch. Only the mean of token vectors "
                "can be frozen: ship the estimator itself with joblib."
            )
        foreign = self.head_.head.needing_torch()
        if foreign:
            raise TypeError(
                f"The head has a layer of type {', '.join(foreign)}, which needs "
                "torch. Build it of Linear, ReLU, GELU, SiLU, Tanh, Sigmoid, "
                "LeakyReLU, LayerNorm, BatchNorm1d, Dropout, Identity, Sequential and "
                "sklearn_static.nn.Residual, or ship the estimator itself with joblib."
            )
        settings = {"handle_missing": self.handle_missing}
        transformer = frozen_transformer(self.embedding_, self.votes_, settings)
        return StaticPipeline([("embedding", transformer), ("head", self.head_)])

    def _begin_task(self, X: Any, y: Any, sample_weight: Any) -> _Task | None:
        """Tell scikit-learn's callbacks of a fit, where scikit-learn has callbacks."""
        if not hasattr(self, "_init_callback_context"):
            return None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": metadata}
        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, **data)
        return _Task(context, data)

    def _end_task(
        self, task: _Task | None, learned: Callable[[], dict[str, Any]]
    ) -> None:
        if task is not None:
            task.context.call_on_fit_task_end(
                estimator=self, **task.data, reconstruction_attributes=learned
            )

    def _is_fitted(self) -> bool:
        return hasattr(self, "head_")

    def __sklearn_is_fitted__(self) -> bool:
        return self._is_fitted()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def own_random_state(random_state: Any) -> np.random.RandomState:
    """A RandomState; without a seed a fresh one, not numpy's global generator."""
    if random_state is None:
        return np.random.RandomState()
    state: np.random.RandomState = check_random_state(random_state)
    return state


def _seed(random_state: np.random.RandomState) -> int:
    return int(random_state.randint(2**31 - 1))


def _goodness(row: dict[str, Any]) -> float:
    return float(row["valid_score"] if "valid_score" in row else -row["valid_loss"])
