"""What both fine-tuned estimators share: a table and a head that train together."""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from .._layers.layers import Head
from .._lexical.weights import WordWeights
from .._utils.compat import Interval, RealNotInt, StrOptions
from ..embedding import StaticEmbedding, resolve_embedding
from .base import Data, StaticModelBase, Task, own_random_state
from .hooks import Hooks, import_training
from .linear import Prepared
from .optimizing import Optimizing
from .start import LinearStart
from .targets import Examples, Targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._training import AdamMoments, FitResult, HeldOut, StaticModule, Tensor

__all__ = ["FineTuned"]


# A fold of fewer texts is no smaller part of them than a fifth.
_LEAST_FOLD = 200
# What the table knows, and which rows of it are trained.
_NOT_STATE = ("table", "rows")


@dataclass(frozen=True)
class _Run:
    """What a run of training goes on from, and how far it goes.

    Attributes
    ----------
    embedding : StaticEmbedding
        With a table that can be trained.
    targets : Targets
    word_weights : WordWeights or None
        Whose scores of texts are added to those of the module.
    start : LinearStart or None
        The solution that the linear part beside the head starts from. None for no such
        part, or for one that `state` has.
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
    word_weights: WordWeights | None
    start: LinearStart | None
    state: dict[str, np.ndarray]
    moments: AdamMoments | None
    max_epochs: int
    n_iter_no_change: int | None
    seed: int


class FineTuned(Optimizing, Hooks, StaticModelBase):
    """A table and a head that are fine-tuned together."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StaticModelBase._parameter_constraints,
        **Optimizing._parameter_constraints,
        "init": [StrOptions({"linear", "random"})],
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
        "scoring": [str, callable, None],
        "validation_fraction": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "device": [str],
    }

    def _fit(self, data: Data, validation: Data, groups: Any) -> Any:
        """Train until early stopping; the estimator changes only when all is done."""
        import_training().resolve_device(self.device)
        random_state = own_random_state(self.random_state)
        known = self._targets if self.warm_start and self._is_fitted() else None
        examples, targets = self._examples(
            *data, "y", known, reset=known is None, groups=groups
        )
        given = self._given_validation(validation, targets)
        train, valid = self._split(examples, given, known is not None, random_state)
        run = self._begin(train, targets, known is not None, random_state)
        run = replace(
            run,
            max_epochs=self.max_epochs,
            n_iter_no_change=self.n_iter_no_change,
        )
        folds = self._folds(run.start) if valid is None else []
        if folds:
            held_out = [held_out for _, (_, held_out) in folds]
            valid = train.take(np.concatenate(held_out))
        task = self._begin_task(*data)
        result, rows = self._train(run, train, valid, folds, task)
        run = self._finish(run, result.module, valid, result.held_out)
        self._end_task(task, lambda: self._learned(result.module, run, rows))
        scores = [_goodness(row) for row in result.history if "valid_loss" in row]
        learned = {
            **self._outcome(run, result, rows, []),
            "validation_scores_": scores or None,
            "best_validation_score_": max(scores, default=None),
            "_random_state": None,
        }
        if known is None:
            self._take_over(learned, data[0])
        else:
            self.__dict__.update(learned)
        self._warn_unless_converged(result)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, targets: Any) -> Any:
        """Train for one epoch, going on from the last call, or from the start."""
        training = import_training()
        training.resolve_device(self.device)
        fitted = self._is_fitted()
        known = self._targets if fitted else targets
        examples, targets = self._examples(
            X, y, sample_weight, "y", known, reset=not fitted
        )
        random_state = deepcopy(vars(self).get("_random_state"))
        if random_state is None:
            random_state = own_random_state(self.random_state)
        run = self._begin(examples, targets, fitted, random_state)
        moments = vars(self).get("_moments") or training.AdamMoments()
        run = replace(run, moments=moments)
        result, rows = self._train(run, examples, None, [], None)
        history = self._history if fitted else []
        learned = self._outcome(run, result, rows, history)
        kept = ("validation_scores_", "best_validation_score_")
        watched = {name: vars(self).get(name) for name in kept}
        learned = {**learned, **watched, "_random_state": random_state}
        if fitted:
            self.__dict__.update(learned)
        else:
            self._take_over(learned, X)
        return self

    def _begin(
        self,
        train: Examples,
        targets: Targets,
        go_on: bool,
        random_state: np.random.RandomState,
    ) -> _Run:
        """Where training begins: at what was learned, at a solution, or at random."""
        start, word_weights = None, None
        if go_on:
            embedding = self.embedding_.for_training(rescale=False)
            word_weights = self.word_weights_
        else:
            model = resolve_embedding(self.model)
            embedding = model.for_training(rescale=not self.freeze_embedding)
            if self._starts_from_solution():
                start = self._solve_start(model, train, targets, random_state)
                word_weights = start.word_weights()
        return _Run(
            embedding=embedding,
            targets=targets,
            word_weights=word_weights,
            start=start,
            state=self._state if go_on else {},
            moments=None,
            max_epochs=1,
            n_iter_no_change=None,
            seed=int(random_state.randint(2**31 - 1)),
        )

    def _starts_from_solution(self) -> bool:
        return self.init == "linear" and not self._encodes_in_its_own_way()

    def _folds(self, start: LinearStart | None) -> list[Any]:
        """The folds that are held out, each from a network of its own.

        None for a random start, nor where a subclass has made a split of its own.
        """
        if start is None or not self.early_stopping or self._splits_itself():
            return []
        return start.folds

    def _solve_start(
        self,
        embedding: StaticEmbedding,
        train: Examples,
        targets: Any,
        random_state: np.random.RandomState,
    ) -> LinearStart:
        """The linear solution of `train`, half of which the network starts at."""
        prepared = Prepared.of(
            embedding,
            train,
            None,
            targets,
            lexical=self.lexical,
            random_state=random_state,
            n_folds=self._n_folds(len(train.texts)),
        )
        solution = self._linear_solution(prepared, targets, random_state)
        return LinearStart.of(prepared, solution, targets)

    def _n_folds(self, n_texts: int) -> int:
        """As many as `validation_fraction` goes into all texts.

        Of few texts, five folds rather than many small ones hold all of them out.
        """
        size = self.validation_fraction
        share = size / n_texts if isinstance(size, Integral) else size
        n_folds = max(2, round(1 / min(share, 1)))
        return min(n_folds, max(5, n_texts // _LEAST_FOLD))

    def _linear_solution(
        self, prepared: Prepared, targets: Any, random_state: np.random.RandomState
    ) -> Any:
        raise TypeError(f"{type(self).__name__} does not say where to start.")

    def _split(
        self,
        examples: Examples,
        given: Examples | None,
        goes_on: bool,
        random_state: np.random.RandomState,
    ) -> tuple[Examples, Examples | None]:
        """Examples to train on and examples to watch, from a split or as given.

        All are to train on where folds of them will be watched.
        """
        if given is not None and not self.early_stopping:
            raise ValueError(
                "X_val and y_val are what early stopping watches, but "
                "early_stopping=False."
            )
        if given is not None or not self.early_stopping:
            return examples, given
        if self._starts_from_solution() and not goes_on and not self._splits_itself():
            return examples, None
        data = examples.texts, examples.y, random_state
        if examples.groups is None:
            train, valid = self.train_test_split(*data)
        else:
            train, valid = self.train_test_split(*data, groups=examples.groups)
        return examples.take(train), examples.take(valid) if len(valid) else None

    def _train(
        self,
        run: _Run,
        train: Examples,
        valid: Examples | None,
        folds: list[Any],
        task: Task | None,
    ) -> tuple[FitResult, np.ndarray]:
        """The outcome of a run, and the rows of the table that it is about."""
        training = import_training()
        embedding, targets, start = run.embedding, run.targets, run.start
        parts = [train] if valid is None or folds else [train, valid]
        datasets = [self.prepare_dataset(embedding, part) for part in parts]
        if run.word_weights is not None:
            datasets = [
                dataset.beside(self._word_scores(run, part, part is train))
                for dataset, part in zip(datasets, parts, strict=True)
            ]
        rows = np.arange(len(embedding.vectors))
        if not self._encodes_in_its_own_way():
            rows, datasets = training.compact(datasets, len(rows))
        score = None
        if valid is not None and self.scoring != "loss":
            score = self._validation_score(valid, targets)

        def construct_module(table: Tensor, solution: Any) -> StaticModule:
            head = self.construct_head(embedding.n_dimensions, targets.n_outputs)
            module = self.construct_module(table, head, embedding.normalize)
            module.encode = self._encode
            if start is not None:
                module.add_linear(targets.n_outputs, solution, start.share)
            elif "linear.weight" in run.state:
                module.add_linear(targets.n_outputs)
            return module

        callbacks = list(self.callbacks or [])
        if task is not None:
            callbacks.append(
                training.SklearnCallbacks(
                    task.context,
                    self,
                    task.data,
                    learned=lambda module, held_out: self._learned(
                        module, self._finish(run, module, valid, held_out), rows
                    ),
                )
            )
        settings = training.FitSettings(
            construct_module=construct_module,
            loss=targets.loss,
            n_outputs=targets.n_outputs,
            criterion=self._criterion(targets),
            optimizer=self.optimizer or training.RowAdam,
            optimizer_params=self.optimizer_params or {},
            score=score,
            n_iter_no_change=run.n_iter_no_change,
            tol=self.tol,
            max_epochs=run.max_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            device=training.resolve_device(self.device),
            verbose=bool(self.verbose),
            seed=run.seed,
            callbacks=callbacks,
        )
        linear = None if start is None else start.linear
        begin = training.Start(embedding.vectors, rows, linear, run.state, run.moments)
        starts = [training.FoldStart(linear, *split) for linear, split in folds]
        result = training.fine_tune(begin, *datasets, settings=settings, folds=starts)
        return result, rows

    def _word_scores(self, run: _Run, part: Examples, is_train: bool) -> np.ndarray:
        """What words add to the scores of texts, of shape (n_texts, n_outputs).

        Those of texts that the words' weights were solved for are out of fold, or the
        network would learn to trust what is only known by heart.
        """
        if run.start is not None and is_train:
            return run.start.scores_out_of_fold
        assert run.word_weights is not None
        words = run.embedding.words(run.embedding.tokenize(part.texts))
        return run.word_weights(words)

    def _finish(
        self,
        run: _Run,
        module: StaticModule,
        valid: Examples | None,
        held_out: HeldOut | None,
    ) -> _Run:
        """Mix with the solution and calibrate; `module` is changed in place.

        What did not start from a solution stays as it is.

        Returns
        -------
        run : _Run
            With the word weights that belong to the module now.
        """
        start = run.start
        if start is None:
            return run
        training = import_training()
        kept = start.kept(held_out, valid)
        calibration = start.calibration(held_out, valid, kept)
        training.mix(module, kept)
        training.rescale(module, calibration.factor, calibration.shift)
        word_weights = start.word_weights(kept)
        if word_weights is not None:
            word_weights = word_weights.times(calibration.factor)
        return replace(run, word_weights=word_weights)

    def _outcome(
        self, run: _Run, result: FitResult, rows: np.ndarray, history: list[Any]
    ) -> dict[str, Any]:
        """The attributes after a run, which are assigned in one step.

        So no Ctrl-C can come between two of them.
        """
        history = [*history, *result.history]
        state = result.module.state_dict()
        return {
            **self._learned(result.module, run, rows),
            "_history": history,
            "net_": result.net,
            "n_iter_": len(history),
            "best_epoch_": len(history) - len(result.history) + result.best_epoch,
            "loss_curve_": [row["train_loss"] for row in history],
            "_targets": run.targets,
            "_state": {k: v.numpy() for k, v in state.items() if k not in _NOT_STATE},
            "_moments": result.moments,
        }

    def _learned(
        self, module: StaticModule, run: _Run, rows: np.ndarray
    ) -> dict[str, Any]:
        """The attributes that predict, of a module that trained `rows` of the table."""
        return {
            "head_": self._freeze(self._frozen_head(run, module), run.targets),
            "embedding_": self._trained_embedding(run, module, rows),
            "word_weights_": run.word_weights,
            "_module_in_use": module if self._encodes_in_its_own_way() else None,
        }

    def _frozen_head(self, run: _Run, module: StaticModule) -> Head:
        has_words = run.word_weights is not None
        head: Head = import_training().freeze_module(module, has_words=has_words)
        return head

    def _trained_embedding(
        self, run: _Run, module: StaticModule, rows: np.ndarray
    ) -> StaticEmbedding:
        if self.freeze_embedding:
            return run.embedding
        vectors = run.embedding.vectors.copy()
        vectors[rows] = module.table.detach().numpy()
        vectors.flags.writeable = False
        return run.embedding.with_vectors(vectors)

    def _validation_score(
        self, valid: Examples, targets: Targets
    ) -> Callable[[np.ndarray], float]:
        """From scores of the validation texts to the user's metric of them."""
        identity = self._freeze(Head(()), targets)
        scorer = check_scoring(identity, self.scoring)
        y = targets.decode(valid.y)
        return lambda scores: scorer(identity, scores, y)

    def _warn_unless_converged(self, result: FitResult) -> None:
        if result.stopped_early:
            return
        warnings.warn(
            f"Training stopped at max_epochs={self.max_epochs}, before the validation "
            "score stopped getting better. Raise max_epochs or lr.",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _embed(self, texts: list[str]) -> np.ndarray:
        if self._module_in_use is None:
            return super()._embed(texts)
        ones = np.ones(len(texts))
        dataset = self.prepare_dataset(self.embedding_, Examples(texts, ones, ones))
        embeddings: np.ndarray = import_training().encode_with(
            self._module_in_use, dataset
        )
        return embeddings

    def _sums(self) -> tuple[StaticEmbedding, WordWeights | None]:
        embedding, word_weights = super()._sums()
        if self._module_in_use is not None:
            raise TypeError(
                f"{type(self).__name__} replaces how texts are embedded (_encode or "
                "construct_module), which needs torch. Only the mean of token vectors "
                "can be frozen, or taken apart into tokens: ship the estimator itself "
                "with joblib."
            )
        return embedding, word_weights

    @property
    def history_(self) -> Any:
        """A row for each epoch, in skorch's History, or a list where skorch is not."""
        rows = self._history
        try:
            return import_training().History(rows)
        except ImportError:
            return rows

    def __getstate__(self) -> dict[str, Any]:
        # The net is of torch, which what has been learned can do without.
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "net_"}

    def _is_fitted(self) -> bool:
        return hasattr(self, "head_")


def _goodness(row: dict[str, Any]) -> float:
    return float(row["valid_score"] if "valid_score" in row else -row["valid_loss"])
