"""Ridge regression on dense features beside sparse ones.

A ridge regression depends on its features by their inner products alone, so each factor
of the sparse features takes one eigendecomposition of a square matrix, and each penalty
then takes a few products with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.sparse import csr_array, hstack
from sklearn.linear_model import Ridge

from .folds import Split
from .losses import Values
from .solver import FACTORS, OUT_OF_FOLD, Features, Solution
from .threads import one_blas_thread

__all__ = ["solve_ridge"]

# So many texts are enough to choose a factor and a penalty by.
_SAMPLE = 1500
# Up to so many texts, a square matrix of them is solved for directly.
_DIRECT = 4000


@one_blas_thread()
def solve_ridge(
    features: Features,
    problem: Values,
    train: np.ndarray,
    splits: Sequence[Split],
    *,
    alphas: np.ndarray,
    random_state: np.random.RandomState,
    callback: Callable[[int, int], None] = lambda n_done, n_steps: None,
    fold: np.ndarray | None = None,
) -> Solution:
    """The ridge regression whose penalty and factor predict held-out texts best.

    Parameters
    ----------
    features : Features
    problem : Values
        Of the same texts.
    train : ndarray of int
        Numbers of the texts to train on in the end.
    splits : sequence of Split
        Of texts to train on and texts to hold out; none, and the middle penalty is
        taken.
    alphas : ndarray of shape (n_alphas,), float64
        The penalties to choose from.
    random_state : RandomState
        Draws a sample of many texts.
    callback : callable, default=None
        Called with ``(n_done, n_steps)`` after each step.
    fold : ndarray of shape (n_train,), int64, default=None
        The fold of each text that is trained on, if scores out of fold are wanted.
    """
    factors = FACTORS if splits and features.sparse.shape[1] else FACTORS[:1]
    n_steps = len(factors) + 1
    best, chosen = np.inf, (factors[0], float(alphas[len(alphas) // 2]))
    groups = _held_out_together(splits, random_state)
    for n_done, factor in enumerate(factors, 1):
        if len(groups) > 1:
            losses = _losses(features, problem, groups, factor, alphas)
            if losses.min() < best:
                best, alpha = losses.min(), alphas[losses.argmin()]
                chosen = factor, float(alpha)
        callback(n_done, n_steps)
    dense, sparse, intercept = _fitted(features, problem, train, *chosen)
    callback(n_steps, n_steps)
    out_of_fold, models = None, []
    if fold is not None:
        model = partial(_fitted, features, problem, factor=chosen[0], alpha=chosen[1])
        held_out_together = fold % OUT_OF_FOLD
        if fold.any():
            models = [
                model(train[held_out_together != i])
                for i in range(int(held_out_together.max()) + 1)
            ]
        out_of_fold = np.zeros((len(train), problem.n_outputs), np.float32)
        for i, (_, sparse, _) in enumerate(models):
            rows = np.flatnonzero(held_out_together == i)
            out_of_fold[rows] = features.sparse[train[rows]] @ sparse
        if fold.max(initial=0) >= OUT_OF_FOLD:
            models = [model(rows) for rows, _ in splits]
    return Solution(
        dense=dense,
        sparse=sparse,
        intercept=intercept,
        n_iter=1,
        has_converged=True,
        temperature=1.0,
        shift=np.zeros(problem.n_outputs),
        alpha=chosen[1],
        out_of_fold=out_of_fold,
        of_splits=tuple((dense, bias) for dense, _, bias in models[: len(splits)]),
    )


def _held_out_together(
    splits: Sequence[Split], random_state: np.random.RandomState
) -> list[np.ndarray]:
    """Parts of the texts, each of which is held out from a model of all others.

    The splits may not be of all folds: the texts that none holds out are the last part.
    It is a sample of the texts where they are many.
    """
    if not splits:
        return []
    parts = [held_out for _, held_out in splits]
    rest = np.setdiff1d(splits[0][0], np.concatenate(parts))
    parts = [part for part in (*parts, rest) if len(part)]
    share = _SAMPLE / sum(map(len, parts))
    if share >= 1:
        return parts
    return [
        np.sort(random_state.choice(part, max(int(share * len(part)), 1), False))
        for part in parts
    ]


def _losses(
    features: Features,
    problem: Values,
    parts: Sequence[np.ndarray],
    factor: float,
    alphas: np.ndarray,
) -> np.ndarray:
    """The squared errors of texts in models of all other parts, for each penalty.

    The residuals r of a part follow from the solution of all texts:
    ``A[part, part] @ r = (A @ y)[part]``, where A is the inverse of the penalised inner
    products (the block form of leave-one-out; G. Wahba, "Spline Models for
    Observational Data", 1990, section 4.2).
    """
    rows = np.concatenate(parts)
    products, y, _ = _centred(features, problem, rows, factor)
    values, vectors = eigh(products, overwrite_a=True, check_finite=False)
    turned = vectors.T @ y
    starts = np.cumsum([0, *map(len, parts)])
    out = np.zeros(len(alphas))
    for k, alpha in enumerate(np.maximum(alphas, _least_penalty(values))):
        inverse = 1 / (np.maximum(values, 0) + alpha)
        weighted = vectors * inverse
        for part in map(slice, starts[:-1], starts[1:]):
            block = weighted[part] @ vectors[part].T
            residual = np.linalg.solve(block, weighted[part] @ turned)
            out[k] += float(np.vdot(residual, residual))
    return out


def _centred(
    features: Features, problem: Values, rows: np.ndarray, factor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inner products and targets, less their weighted means, times root weights.

    Returns
    -------
    products : ndarray of shape (n_rows, n_rows), float64
    y : ndarray of shape (n_rows, n_outputs), float64
    share : ndarray of shape (n_rows,)
        Each text's share of all weight.
    """
    dense = features.dense[rows].astype(np.float64)
    sparse = features.sparse[rows].astype(np.float64)
    products = dense @ dense.T
    products += factor**2 * (sparse @ sparse.T).toarray()
    weight = problem.weight[rows]
    share = weight / weight.sum()
    means = products @ share
    # Centring features is centring their products from both sides, which leaves the
    # sparse ones sparse.
    products -= means
    products -= means[:, None] - share @ means
    root = np.sqrt(weight)
    y = problem.y[rows].astype(np.float64)
    y -= share @ y
    return products * root * root[:, None], y * root[:, None], share


def _least_penalty(eigenvalues: np.ndarray) -> float:
    """The penalty below which rounding may leave a matrix singular.

    Of any numbers with the sum of its eigenvalues, such as its diagonal.
    """
    return float(len(eigenvalues) * np.finfo(float).eps * eigenvalues.sum())


def _fitted(
    features: Features, problem: Values, rows: np.ndarray, factor: float, alpha: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of dense and of sparse features without factor, and the intercept."""
    dense, sparse = features.dense[rows], features.sparse[rows]
    if len(rows) > _DIRECT:
        return _fitted_by_steps(dense, sparse, problem, rows, factor, alpha)
    products, y, share = _centred(features, problem, rows, factor)
    products[np.diag_indices_from(products)] += max(
        alpha, _least_penalty(products.diagonal())
    )
    of_texts = cho_solve(cho_factor(products, overwrite_a=True, check_finite=False), y)
    of_texts *= np.sqrt(problem.weight[rows])[:, None]
    of_texts -= share[:, None] * of_texts.sum(axis=0)
    of_dense = dense.T @ of_texts
    of_sparse = factor**2 * (sparse.T @ of_texts)
    scores = dense @ of_dense + sparse @ of_sparse
    intercept = share @ (problem.y[rows] - scores)
    return _float32(of_dense), _float32(of_sparse), _float32(intercept)


def _fitted_by_steps(
    dense: np.ndarray,
    sparse: csr_array,
    problem: Values,
    rows: np.ndarray,
    factor: float,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for many texts, by conjugate gradients."""
    X = hstack([csr_array(dense), sparse * np.float32(factor)], format="csr")
    # scikit-learn's ridge regression takes indices of 32 bits.
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    model = Ridge(alpha, solver="sparse_cg", tol=1e-5)
    model.fit(X, problem.y[rows], problem.weight[rows])
    weights = np.atleast_2d(model.coef_).T
    n_dense = dense.shape[1]
    intercept = np.atleast_1d(model.intercept_)
    return (
        _float32(weights[:n_dense]),
        _float32(weights[n_dense:] * factor),
        _float32(intercept),
    )


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
