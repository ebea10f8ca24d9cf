"""From features and targets to a calibrated linear model.

Held-out texts decide two things: how much sparse features weigh beside dense ones, and
how sure of itself the model may be. Then all texts are trained on. Some thousand texts
are enough for the first, so that of many only a sample is tried with every factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from .calibration import Calibration, calibrate
from .design import Design, Gram, SideBySide
from .folds import Split
from .losses import Problem
from .quasi_newton import Linear, fit_linear
from .threads import Start, one_blas_thread, second_thread

__all__ = ["FACTORS", "OUT_OF_FOLD", "Features", "Solution", "solve"]

# Of rows of length 1 beside rows of length 1; the first where nothing can be tried.
FACTORS = (0.5, 1.0, 2.0, 4.0)
# The most folds that scores out of fold come from.
OUT_OF_FOLD = 5
# So many texts to train on are enough to choose a factor by, and a solution so much
# looser than the last one.
_SAMPLE = 16_000
_COARSE = 25.0
# The features of more texts than these are not copied to leave out some.
_MANY_TEXTS = 20_000


@dataclass(frozen=True)
class Features:
    """What is known of texts.

    Attributes
    ----------
    dense : ndarray of shape (n_texts, n_dense), float32
    sparse : csr_array of shape (n_texts, n_sparse), float32
        With no column, where there are dense features only.
    """

    dense: np.ndarray
    sparse: csr_array


@dataclass(frozen=True)
class Solution:
    """A linear model.

    Attributes
    ----------
    dense : ndarray of shape (n_dense, n_outputs), float32
    sparse : ndarray of shape (n_sparse, n_outputs), float32
    intercept : ndarray of shape (n_outputs,), float32
    n_iter : int
    has_converged : bool
    temperature : float
        What calibration multiplied the scores by, weights and intercept included.
    shift : ndarray of shape (n_outputs,)
        What calibration added to them after that.
    alpha : float or None
        The penalty that was chosen, of ridge regression.
    out_of_fold : ndarray of shape (n_train, n_outputs), float32, or None
        What sparse features add to the score of each text that was trained on, by the
        uncalibrated model of a fold that held it out. None where nobody asked.
    of_splits : tuple of pairs of ndarray
        The dense weights and the intercept of each split's uncalibrated model.
    """

    dense: np.ndarray
    sparse: np.ndarray
    intercept: np.ndarray
    n_iter: int
    has_converged: bool
    temperature: float
    shift: np.ndarray
    alpha: float | None = None
    out_of_fold: np.ndarray | None = None
    of_splits: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


@one_blas_thread()
def solve(
    features: Features,
    problem: Problem,
    train: np.ndarray,
    splits: Sequence[Split],
    *,
    C: float,
    shifts: bool,
    random_state: np.random.RandomState,
    tol: float = 1e-6,
    max_iter: int = 1000,
    callback: Callable[[int, int], None] = lambda n_done, n_steps: None,
    fold: np.ndarray | None = None,
) -> Solution:
    """The calibrated linear model of some texts.

    Parameters
    ----------
    features : Features
        Taken over: the dense ones are centred in place.
    problem : Problem
        Of the same texts.
    train : ndarray of int
        Numbers of the texts to train on in the end.
    splits : sequence of Split
        Where scores to calibrate by come from; none, and there is no calibration.
    C : float
        The inverse strength of regularisation.
    shifts : bool
        Whether calibration may move scores from class to class.
    random_state : RandomState
        Draws a sample of many texts.
    tol : float, default=1e-6
        The share of itself that the penalised loss may still fall by, where the solver
        stops.
    max_iter : int, default=1000
        The most steps of the solver, for each model.
    callback : callable, default=None
        Called with ``(n_done, n_steps)`` after each step.
    fold : ndarray of shape (n_train,), int64, default=None
        The fold of each text that is trained on, if scores out of fold are wanted;
        `splits` are of the first of them.
    """
    centre = features.dense.mean(axis=0)
    centred = features.dense
    centred -= centre
    fit = partial(_fitted, problem=problem, C=C, max_iter=max_iter)
    factors = FACTORS if splits and features.sparse.shape[1] else FACTORS[:1]
    small = [_sampled(split, random_state) for split in splits]
    n_steps = len(factors) + 2
    attempt = partial(
        _tried,
        problem=problem,
        log_prior=problem.take(train).log_prior(),
        shifts=shifts,
    )
    with second_thread() as start:
        best: _Trial | None = None
        designs = _designs(Features(centred, features.sparse), factors, start)
        for n_done, design in enumerate(designs, 1):
            coarse = partial(fit, tol=_COARSE * tol)
            trial = attempt(design, small, fit=coarse, before=best)
            callback(n_done, n_steps)
            # The loss falls up to the best factor and rises from there on.
            if best is not None and trial.calibration.loss >= best.calibration.loss:
                break
            best = trial
        assert best is not None
        fit = partial(fit, tol=tol)
        best = attempt(best.design, splits, fit=fit, before=best)
        callback(n_steps - 1, n_steps)
        design, models, calibration = best
        linear = fit(design, train, start=_mean(models))
        out_of_fold = None
        if fold is not None:
            out_of_fold = _out_of_fold(best, features.sparse, train, fold, fit)
        callback(n_steps, n_steps)
    dense, sparse = design.weights(linear.weights * calibration.factor)
    intercept = calibration(linear.intercept) - centre @ dense
    return Solution(
        *(_float32(dense), _float32(sparse), _float32(intercept), linear.n_iter),
        has_converged=all(model.has_converged for model in (*models, linear)),
        temperature=calibration.factor,
        shift=calibration.shift,
        out_of_fold=out_of_fold,
        of_splits=tuple(_of_dense(model, design, centre) for model in models),
    )


def _of_dense(
    model: Linear, design: Design, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The weights of dense features, and the intercept where these are not centred."""
    dense, _ = design.weights(model.weights)
    return _float32(dense), _float32(model.intercept - centre @ dense)


def _sampled(split: Split, random_state: np.random.RandomState) -> Split:
    """The split with a sample of its texts to train on, if they are many."""
    train, held_out = split
    if len(train) > _SAMPLE:
        train = np.sort(random_state.choice(train, _SAMPLE, replace=False))
    return train, held_out


def _designs(
    features: Features, factors: Sequence[float], start: Start
) -> Iterator[Design]:
    """The features with sparse ones multiplied by each of the factors."""
    dense, sparse = features.dense, features.sparse
    if not _prefers_gram(dense, sparse):
        for factor in factors:
            yield SideBySide(dense, sparse, factor, start)
        return
    # In float64, or rounding would take more from their roots than the jitter adds.
    of_dense, of_sparse = dense.astype(np.float64), sparse.astype(np.float64)
    products = of_dense @ of_dense.T, (of_sparse @ of_sparse.T).toarray()
    for factor in factors:
        yield Gram.of(dense, sparse, factor, products)


def _prefers_gram(dense: np.ndarray, sparse: csr_array) -> bool:
    """Whether a square matrix of inner products is cheaper than the features.

    Its product costs n_texts a text and class, that of the features the number of dense
    ones and of non-zeros; the square root costs n_texts**2 a text. The weights of the
    two were fitted to the times of both ways on 100 to 3,000 short and long texts.
    """
    n_texts, n_dense = dense.shape
    return n_texts <= n_dense + 7 * sparse.nnz / max(n_texts, 1)


def _out_of_fold(
    trial: _Trial,
    sparse: csr_array,
    train: np.ndarray,
    fold: np.ndarray,
    fit: Callable[..., Linear],
) -> np.ndarray:
    """What sparse features add to the scores of texts in models that held them out.

    The models of the trial are those of the first folds. Those of the others start from
    nothing: the first ones have seen these texts, and a start from them would not be
    forgotten at a loose tolerance. Of very many folds, several are held out at once.
    """
    n_folds, known = int(fold.max(initial=0)) + 1, trial.models
    if n_folds > OUT_OF_FOLD:
        fold, n_folds, known = fold % OUT_OF_FOLD, OUT_OF_FOLD, []
    out: np.ndarray = np.zeros((len(train), len(trial.calibration.shift)), np.float32)
    if n_folds < 2:
        return out
    for i in range(n_folds):
        if i < len(known):
            model = known[i]
        else:
            model = fit(trial.design, train[fold != i], start=None)
        rows = np.flatnonzero(fold == i)
        _, weights = trial.design.weights(model.weights)
        out[rows] = sparse[train[rows]] @ _float32(weights)
    return out


class _Trial(NamedTuple):
    """What came of the features with one of the factors.

    Attributes
    ----------
    design : Design
    models : list of Linear
        That of each split.
    calibration : Calibration
    """

    design: Design
    models: list[Linear]
    calibration: Calibration

    def start(self, split: int, design: Design) -> Linear:
        """Where to begin with another design: at the model of the same texts."""
        model = self.models[split]
        weights = design.of_weights(self.design.weights(model.weights))
        return model._replace(weights=weights)


def _tried(
    design: Design,
    splits: Sequence[Split],
    *,
    fit: Callable[..., Linear],
    problem: Problem,
    log_prior: np.ndarray,
    shifts: bool,
    before: _Trial | None,
) -> _Trial:
    """The calibration that suits the scores of texts that are held out.

    Texts are left out whose class a split cannot teach.
    """
    models: list[Linear] = []
    scores, rows = [np.empty((0, problem.n_outputs))], [np.empty(0, np.int64)]
    for i, (train, held_out) in enumerate(splits):
        known = problem.take(train)
        start = None if before is None else before.start(i, design)
        models.append(fit(design, train, start=start))
        rows.append(held_out[problem.take(held_out).learnable_from(known)])
        scores.append(models[-1].scores(design.take(rows[-1])))
    known = problem.take(np.concatenate(rows))
    calibration = calibrate(np.concatenate(scores), known, log_prior, shifts=shifts)
    return _Trial(design, models, calibration)


def _fitted(
    design: Design,
    rows: np.ndarray,
    *,
    problem: Problem,
    C: float,
    start: Linear | None,
    tol: float,
    max_iter: int,
) -> Linear:
    """The model of some texts."""
    settings: dict[str, Any] = {"tol": tol, "max_iter": max_iter}
    if len(rows) > _MANY_TEXTS:
        return fit_linear(design, problem.only(rows), C, start, **settings)
    return fit_linear(design.take(rows), problem.take(rows), C, start, **settings)


def _mean(models: Sequence[Linear]) -> Linear | None:
    if not models:
        return None
    weights, intercepts, *_ = zip(*models, strict=True)
    return Linear(np.mean(weights, axis=0), np.mean(intercepts, axis=0))


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
