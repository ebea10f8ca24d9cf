"""What the estimators that learn share: one fit, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._compat import Interval, StrOptions
from ._head import Head
from ._targets import Examples
from ._validation import check_texts
from .embedding import StaticEmbedding, resolve_embedding
from .pipeline import StaticPipeline
from .transformer import StaticEmbeddingTransformer

if TYPE_CHECKING:
    from torch import nn

    from ._training import BagDataset, FitResult

__all__ = ["StaticModelBase", "import_training"]


def import_training() -> ModuleType:
    """The room that needs torch.

    Raises
    ------
    ImportError
        If torch or skorch is not installed; the message says how to get them.
    """
    try:
        from . import _training
    except ImportError as error:
        raise ImportError(
            "Training needs torch and skorch, which come with the extra 'train': "
            f'pip install "sklearn-static[train]". ({error})'
        ) from error
    return _training


class StaticModelBase(BaseEstimator):
    """A table and a head that are fine-tuned together.

    Subclasses say what targets are (`_encode`), how rows are split (`train_test_split`)
    and what scores mean (`_freeze`).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [str, Path, StaticEmbedding],
        "hidden_layer_sizes": ["array-like"],
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
        "handle_missing": [StrOptions({"error", "empty"})],
        "callbacks": [list, tuple, None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _loss: ClassVar[str]

    def _check_texts(self, X: Any, *, reset: bool) -> list[str]:
        """The texts in `X`: all data comes in here. `reset` is true in a first fit."""
        return check_texts(X, handle_missing=self.handle_missing)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        sample_weight_val: Any,
    ) -> Any:
        self._validate_params()
        import_training()
        random_state = _own_random_state(self.random_state)
        examples, classes = self._encode(X, y, sample_weight, "y", None)
        train, valid = self._train_and_valid(
            examples, classes, X_val, y_val, sample_weight_val, random_state
        )
        embedding = resolve_embedding(self.model).for_training()
        n_outputs = self._n_outputs(train, classes)
        score = None
        if valid is not None and self.scoring != "loss":
            score = self._validation_score(valid, classes)
        seed = int(random_state.randint(2**31 - 1))
        result, rows = self._train(embedding, train, valid, n_outputs, score, seed)
        self._accept(result, rows, embedding, classes)
        return self

    def _train_and_valid(
        self,
        examples: Examples,
        classes: Any,
        X_val: Any,
        y_val: Any,
        sample_weight_val: Any,
        random_state: np.random.RandomState,
    ) -> tuple[Examples, Examples | None]:
        if (X_val is None) != (y_val is None):
            raise ValueError("Give both X_val and y_val, or neither.")
        if X_val is not None:
            if not self.early_stopping:
                raise ValueError(
                    "X_val and y_val are what early stopping watches, but "
                    "early_stopping=False."
                )
            given, _ = self._encode(X_val, y_val, sample_weight_val, "y_val", classes)
            return examples, given
        if not self.early_stopping:
            return examples, None
        train, valid = self.train_test_split(examples.texts, examples.y, random_state)
        return examples.take(train), examples.take(valid)

    def _train(
        self,
        embedding: StaticEmbedding,
        train: Examples,
        valid: Examples | None,
        n_outputs: int,
        score: Callable[[np.ndarray], float] | None,
        seed: int,
    ) -> tuple[FitResult, np.ndarray]:
        """The outcome of a run, and the numbers of the table rows that it is about."""
        training = import_training()
        parts = [train] if valid is None else [train, valid]
        datasets = [self.prepare_dataset(embedding, part) for part in parts]
        rows, datasets = training.compact(datasets, len(embedding.vectors))
        settings = training.FitSettings(
            construct_head=lambda: self.construct_head(
                embedding.n_dimensions, n_outputs
            ),
            encode=partial(training.mean_embedding, normalize=embedding.normalize),
            criterion=training.CRITERIA[self._loss](),
            score=score,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            device=self.device,
            freeze_embedding=self.freeze_embedding,
            verbose=bool(self.verbose),
            seed=seed,
            callbacks=list(self.callbacks or []),
        )
        valid_dataset = datasets[1] if valid is not None else None
        result = training.fine_tune(
            embedding.vectors[rows], datasets[0], valid_dataset, settings
        )
        return result, rows

    def _accept(
        self,
        result: FitResult,
        rows: np.ndarray,
        embedding: StaticEmbedding,
        classes: Any,
    ) -> None:
        """Take over the outcome of a run: only here does the estimator change."""
        head = import_training().head_to_numpy(result.head)
        if not self.freeze_embedding:
            vectors = embedding.vectors.copy()
            vectors[rows] = result.table
            vectors.flags.writeable = False
            embedding = embedding.with_vectors(vectors)
        self.embedding_ = embedding
        self.head_ = self._freeze(head, classes)
        self.history_ = result.history
        self.n_iter_ = len(result.history)
        self.best_epoch_ = result.best_epoch
        self.loss_curve_ = [row["train_loss"] for row in result.history]
        self.validation_scores_ = self.best_validation_score_ = None
        if self.early_stopping:
            self.validation_scores_ = [_goodness(row) for row in result.history]
            self.best_validation_score_ = max(self.validation_scores_)

    def construct_head(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """The torch module from embeddings to scores, untrained.

        Parameters
        ----------
        n_inputs : int
            The embedding's dimensions.
        n_outputs : int
            The number of classes.

        Returns
        -------
        head : torch.nn.Sequential
        """
        head: nn.Module = import_training().mlp_head(
            n_inputs, tuple(self.hidden_layer_sizes), n_outputs, self.dropout
        )
        return head

    def prepare_dataset(
        self, embedding: StaticEmbedding, examples: Examples
    ) -> BagDataset:
        """Tokenize examples for training, once for all epochs.

        Parameters
        ----------
        embedding : StaticEmbedding
        examples : Examples

        Returns
        -------
        dataset : BagDataset
            Whose ids are rows of the embedding's table.
        """
        rows, weights = embedding.rows(embedding.tokenize(examples.texts))
        scale = examples.sample_weight / examples.sample_weight.mean()
        dataset: BagDataset = import_training().BagDataset(
            rows, weights, examples.y, scale.astype(np.float32)
        )
        return dataset

    def _validation_score(
        self, valid: Examples, classes: Any
    ) -> Callable[[np.ndarray], float]:
        """From scores of the validation texts to the user's metric of them."""
        identity = self._freeze(Head(()), classes)
        scorer = check_scoring(identity, self.scoring)
        labels = self._decode(valid.y, classes)
        return lambda scores: scorer(identity, scores, labels)

    def _predict(self, method: str, X: Any) -> np.ndarray:
        check_is_fitted(self)
        texts = self._check_texts(X, reset=False)
        answer: np.ndarray = getattr(self.head_, method)(self.embedding_.encode(texts))
        return answer

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
        """
        check_is_fitted(self)
        transformer = StaticEmbeddingTransformer(
            self.embedding_, handle_missing=self.handle_missing
        )
        return StaticPipeline([("embedding", transformer), ("head", self.head_)])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "head_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _own_random_state(random_state: Any) -> np.random.RandomState:
    """A RandomState; without a seed a fresh one, not numpy's global generator."""
    if random_state is None:
        return np.random.RandomState()
    state: np.random.RandomState = check_random_state(random_state)
    return state


def _goodness(row: dict[str, Any]) -> float:
    return float(row["valid_score"] if "valid_score" in row else -row["valid_loss"])
