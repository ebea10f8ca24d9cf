"""Ridge regression on dense features beside sparse ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, random
from sklearn.linear_model import Ridge

from sklearn_static._linear import (
    Features,
    Values,
    fold_numbers,
    ridge,
    solve_ridge,
    splits_of,
)


def state(seed=0):
    return np.random.RandomState(seed)


def toy(n_texts=120, n_outputs=2, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n_texts, 10)).astype(np.float32) + 2
    sparse = csr_array(
        random(n_texts, 40, density=0.2, random_state=state(seed), dtype=np.float32)
    )
    y = dense @ rng.normal(size=(10, n_outputs)) + sparse @ rng.normal(
        size=(40, n_outputs)
    )
    y += noise * rng.normal(size=y.shape)
    weight = rng.uniform(0.5, 2, n_texts)
    return Features(dense, sparse), Values(y.astype(np.float32), weight)


def solved(features, problem, alphas, splits=None, fold=None):
    n_texts = len(problem.y)
    numbers = fold_numbers(None, np.arange(n_texts), state())
    splits = splits_of(numbers) if splits is None else splits
    rows = np.arange(n_texts)
    return solve_ridge(
        *(features, problem, rows, splits),
        alphas=np.array(alphas, float),
        random_state=state(),
        fold=fold,
    )


@pytest.mark.parametrize("n_texts", [120, 5000], ids=["few texts", "many"])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_without_splits_it_is_scikit_learns_ridge(n_texts, n_outputs):
    features, problem = toy(n_texts, n_outputs)
    solution = solved(features, problem, [2.0], splits=[])
    factor = ridge.FACTORS[0]
    X = np.hstack([features.dense, factor * features.sparse.toarray()])
    expected = Ridge(2.0).fit(X.astype(float), problem.y, problem.weight)
    coef = np.atleast_2d(expected.coef_)
    assert_allclose(solution.dense, coef[:, :10].T, atol=2e-3)
    assert_allclose(solution.sparse, factor * coef[:, 10:].T, atol=2e-3)
    assert_allclose(solution.intercept, expected.intercept_, atol=5e-3)
    assert solution.alpha == 2.0


@pytest.mark.parametrize("noise", [0.5, 5.0, 20.0])
def test_the_penalty_is_that_of_least_error_on_texts_held_out(noise):
    features, problem = toy(90, noise=noise)
    features = Features(features.dense, features.sparse[:, :0])
    splits = splits_of(fold_numbers(None, np.arange(90), state()))
    alphas = [0.1, 5.0, 250.0, 12_500.0]
    errors = np.zeros(4)
    for i, alpha in enumerate(alphas):
        for train, held_out in splits:
            model = Ridge(alpha)
            model.fit(features.dense[train], problem.y[train], problem.weight[train])
            error = (model.predict(features.dense[held_out]) - problem.y[held_out]) ** 2
            errors[i] += problem.weight[held_out] @ error.sum(axis=1)
    chosen = solved(features, problem, alphas, splits).alpha
    assert chosen == alphas[errors.argmin()]


@pytest.mark.parametrize(("noise", "expected"), [(0.01, 0.01), (30.0, 1000.0)])
def test_held_out_texts_choose_the_penalty(noise, expected):
    features, problem = toy(200, 1, noise=noise)
    assert solved(features, problem, [0.01, 3.0, 1000.0]).alpha == expected


def test_of_many_texts_a_sample_chooses():
    features, problem = toy(3000, 1, noise=0.01)
    features = Features(features.dense, features.sparse[:, :0])
    solution = solved(features, problem, [0.01, 3.0, 1e6])
    again = solved(features, problem, [0.01, 3.0, 1e6])
    assert solution.alpha == 0.01
    assert_array_equal(solution.dense, again.dense)


def test_scores_out_of_fold_are_of_models_that_did_not_see_the_text():
    features, problem = toy(100, 1)
    fold = fold_numbers(None, np.arange(100), state())
    before = solved(features, problem, [1.0], splits=[], fold=fold).out_of_fold
    held_out = fold == 2
    y = np.where(held_out[:, None], problem.y + 50, problem.y)
    moved = Values(y.astype(np.float32), problem.weight)
    after = solved(features, moved, [1.0], splits=[], fold=fold).out_of_fold
    assert_allclose(after[held_out], before[held_out], atol=1e-4)
    assert np.abs(after - before)[~held_out].max() > 0.1
