"""From features and targets to a calibrated linear model.

Held-out texts decide two things: how much sparse features weigh beside dense ones, and
how sure of itself the model may be. Then all texts are trained on. Some thousand texts
are enough for the first, so that of many only a sample is tried with every factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from .design import Design, Gram, SideBySide
from .losses import Problem
from .newton import Calibration, Linear, calibrate, fit_linear
from .threads import Start, one_blas_thread, second_thread

__all__ = ["Features", "Solution", "Split", "folds", "solve"]

# Of rows of length 1 beside rows of length 1; the first where nothing can be tried.
_FACTORS = (0.5, 1.0, 2.0, 4.0)
_FOLDS = 5
# Scores of so many texts are enough to calibrate by,
_HELD_OUT = 1000
# and of more than so many tell no more, so that more are better trained on.
_LARGEST_FOLD = 4000
# So many texts to train on are enough to choose a factor by.
_SAMPLE = 16_000
# Up to so many texts, inner products of all pairs are the cheaper way.
_FEW_TEXTS = 2000
# The features of more texts than these are not copied to leave out some.
_MANY_TEXTS = 20_000

Split = tuple[np.ndarray, np.ndarray]
"""Numbers of texts to train on, and of texts to hold out."""


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
    """

    dense: np.ndarray
    sparse: np.ndarray
    intercept: np.ndarray
    n_iter: int


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
    told: Callable[[int, int], None] = lambda n_done, n_in_all: None,
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
    told : callable, default=None
        Is told how many steps are done, of how many, whenever one is.
    """
    centre = features.dense.mean(axis=0)
    centred = features.dense
    centred -= centre
    factors = _FACTORS if splits and features.sparse.shape[1] else _FACTORS[:1]
    small = [_sampled(split, random_state) for split in splits]
    needs_more = any(len(rows) > _SAMPLE for rows, _ in splits)
    n_steps = len(factors) + needs_more + 1
    attempt = partial(
        _tried,
        problem=problem,
        C=C,
        log_prior=problem.take(train).log_prior(),
        shifts=shifts,
    )
    with second_thread() as start:
        best: _Trial | None = None
        designs = _designs(Features(centred, features.sparse), factors, start)
        for n_done, design in enumerate(designs, 1):
            trial = attempt(design, small, before=best)
            if best is None or trial.calibration.loss < best.calibration.loss:
                best = trial
            told(n_done, n_steps)
        assert best is not None
        if needs_more:
            best = attempt(best.design, splits, before=best)
            told(n_steps - 1, n_steps)
        design, models, calibration = best
        linear = _fitted(design, problem, train, C, _mean(models))
        told(n_steps, n_steps)
    dense, sparse = design.weights(linear.weights * calibration.factor)
    intercept = calibration(linear.intercept) - centre @ dense
    return Solution(
        _float32(dense), _float32(sparse), _float32(intercept), linear.n_iter
    )


def folds(problem: Problem, random_state: np.random.RandomState) -> list[Split]:
    """Splits to calibrate by: some of five folds, each with all classes if it can be.

    Parameters
    ----------
    problem : Problem
        Of n_texts texts; a single one cannot be split.
    random_state : RandomState
    """
    n_texts = len(problem.weight)
    if n_texts < 2:
        return []
    order, strata = random_state.permutation(n_texts), problem.strata()
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    n_folds = min(max(_FOLDS, n_texts // _LARGEST_FOLD), n_texts)
    fold = np.empty(n_texts, np.int64)
    fold[order] = np.arange(n_texts) % n_folds
    n_needed = min(n_folds, -(-_HELD_OUT * n_folds // n_texts))
    return [
        (np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_needed)
    ]


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
    if len(dense) > _FEW_TEXTS:
        for factor in factors:
            yield SideBySide(dense, sparse, factor, start)
        return
    # In float64, or rounding would take more from their roots than the jitter adds.
    of_dense, of_sparse = dense.astype(np.float64), sparse.astype(np.float64)
    products = of_dense @ of_dense.T, (of_sparse @ of_sparse.T).toarray()
    for factor in factors:
        yield Gram.of(dense, sparse, factor, products)


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
    problem: Problem,
    C: float,
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
        models.append(_fitted(design, problem, train, C, start))
        rows.append(held_out[problem.take(held_out).learnable_from(known)])
        scores.append(models[-1].scores(design.take(rows[-1])))
    known = problem.take(np.concatenate(rows))
    calibration = calibrate(np.concatenate(scores), known, log_prior, shifts=shifts)
    return _Trial(design, models, calibration)


def _fitted(
    design: Design, problem: Problem, rows: np.ndarray, C: float, start: Linear | None
) -> Linear:
    """The model of some texts."""
    if len(rows) > _MANY_TEXTS:
        return fit_linear(design, problem.only(rows), C, start)
    return fit_linear(design.take(rows), problem.take(rows), C, start)


def _mean(models: Sequence[Linear]) -> Linear | None:
    if not models:
        return None
    weights, intercepts, _ = zip(*models, strict=True)
    return Linear(np.mean(weights, axis=0), np.mean(intercepts, axis=0), 0)


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
