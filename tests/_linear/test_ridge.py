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


@pytest.mark.parametrize("direct", [4000, 0], ids=["direct", "by steps"])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_without_splits_it_is_scikit_learns_ridge(direct, n_outputs, monkeypatch):
    monkeypatch.setattr(ridge, "_DIRECT", direct)
    features, problem = toy(n_outputs=n_outputs)
    solution = solved(features, problem, [2.0], splits=[])
    factor = ridge.FACTORS[0]
    X = np.hstack([features.dense, factor * features.sparse.toarray()])
    expected = Ridge(2.0).fit(X.astype(float), problem.y, problem.weight)
    coef = np.atleast_2d(expected.coef_)
    assert_allclose(solution.dense, coef[:, :10].T, atol=2e-3)
    assert_allclose(solution.sparse, factor * coef[:, 10:].T, atol=2e-3)
    assert_allclose(solution.intercept, expected.intercept_, atol=5e-3)
    assert solution.alpha == 2.0


def test_losses_are_those_of_models_without_the_part():
    features, problem = toy(90)
    parts = np.split(np.arange(90), [30, 50])
    (loss,) = ridge._losses(features, problem, parts, 1.5, np.array([3.0]))
    # By the definition; centred with all texts, which is what the block form leaves.
    rows = np.arange(90)
    products, y, _ = ridge._centred(features, problem, rows, 1.5)
    expected = 0.0
    for part in parts:
        rest = np.setdiff1d(rows, part)
        inner = products[np.ix_(rest, rest)] + 3.0 * np.eye(len(rest))
        predicted = products[np.ix_(part, rest)] @ np.linalg.solve(inner, y[rest])
        expected += ((y[part] - predicted) ** 2).sum()
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("noise", "expected"), [(0.01, 0.01), (30.0, 1000.0)])
def test_held_out_texts_choose_the_penalty(noise, expected):
    features, problem = toy(200, 1, noise=noise)
    assert solved(features, problem, [0.01, 3.0, 1000.0]).alpha == expected


def test_of_many_texts_a_sample_chooses(monkeypatch):
    features, problem = toy(400, 1, noise=0.01)
    monkeypatch.setattr(ridge, "_SAMPLE", 100)
    sampled = solved(features, problem, [0.01, 3.0, 1000.0])
    assert sampled.alpha == 0.01
    again = solved(features, problem, [0.01, 3.0, 1000.0])
    assert_array_equal(sampled.dense, again.dense)


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
