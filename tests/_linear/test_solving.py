"""Solving for calibrated linear classifiers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad
from scipy.sparse import csr_array
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_static._linear import (
    Classes,
    Features,
    Labels,
    fold_numbers,
    quasi_newton,
    solve,
    splits_of,
)
from sklearn_static._linear.calibration import calibrate
from sklearn_static._linear.design import Gram, SideBySide
from sklearn_static._linear.solver import FACTORS as USED_FACTORS
from sklearn_static._linear.threads import one_blas_thread, second_thread

SEEDS = st.integers(0, 2**32 - 1)


SETTINGS = {"tol": 1e-6}


def fit_linear(*args, **options):
    return quasi_newton.fit_linear(*args, **{**SETTINGS, **options})


def folds(problem, random_state):
    n_texts = len(problem.weight)
    fold = fold_numbers(problem.strata(), np.arange(n_texts), random_state)
    return splits_of(fold)


def classes_of(y, n_classes, weight=None):
    y = np.asarray(y, np.int64)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    return Classes(y, weight, n_classes)


def labels_of(y, weight=None, pos_weight=None):
    y = np.asarray(y, np.float32)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    ones = np.ones(y.shape[1])
    return Labels(y, weight, ones if pos_weight is None else np.asarray(pos_weight))


def nothing(n_texts):
    """Sparse features, none of them."""
    return csr_array((n_texts, 0), dtype=np.float32)


def dense_only(dense):
    return SideBySide(dense, nothing(len(dense)), 1.0)


def some_dense(n_texts, n_dense=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_texts, n_dense)).astype(np.float32)


def some_sparse(n_texts, n_sparse=30, seed=0):
    """Rows of length 1."""
    counts = np.random.default_rng(seed).poisson(0.2, (n_texts, n_sparse))
    counts[:, 0] += 1
    lengths = np.linalg.norm(counts, axis=1, keepdims=True)
    return csr_array((counts / lengths).astype(np.float32))


def noisy_classes(dense, n_classes, seed=0, noise=1.0):
    """Classes by the greatest of as many features, many of them another one."""
    rng = np.random.default_rng(seed)
    scores = dense[:, :n_classes] + rng.gumbel(0, noise, (len(dense), n_classes))
    return scores.argmax(axis=1)


# Problems


def random_classes(rng, n_texts=7, n_classes=4):
    y = rng.integers(0, n_classes, n_texts)
    return classes_of(y, n_classes, rng.uniform(0.1, 3, n_texts))


def random_labels(rng, n_texts=7, n_labels=4):
    y = rng.integers(0, 2, (n_texts, n_labels))
    weights = rng.uniform(0.1, 3, n_texts), rng.uniform(0.1, 9, n_labels)
    return labels_of(y, *weights)


@pytest.mark.parametrize("make", [random_classes, random_labels])
@settings(max_examples=50, deadline=None)
@given(SEEDS, st.sampled_from([0.1, 1.0, 5.0]))
def test_gradients_are_those_of_losses(make, seed, scale):
    rng = np.random.default_rng(seed)
    problem = make(rng)
    scores = rng.normal(0, scale, (7, 4))

    def loss(flat):
        return problem.loss(flat.reshape(7, 4))[0]

    def gradient(flat):
        return problem.loss(flat.reshape(7, 4))[1].ravel()

    assert np.abs(gradient(scores.ravel())).max() > 1e-3
    # Differences over 1e-8 of losses around 1 are right to some 1e-7 each.
    assert check_grad(loss, gradient, scores.ravel()) < 3e-6


@pytest.mark.parametrize("make", [random_classes, random_labels])
@settings(max_examples=50, deadline=None)
@given(SEEDS, st.sampled_from([0.1, 1.0, 5.0]))
def test_curvatures_are_those_of_losses(make, seed, scale):
    rng = np.random.default_rng(seed)
    problem, scores = make(rng), rng.normal(0, scale, (7, 4))
    expected = []
    for i in range(4):
        # Of the scores of one output alone: second derivatives by two texts are zero.
        step = 1e-4 * np.eye(4)[i]
        before, after = (problem.loss(scores + h * step)[1] for h in (-1, 1))
        expected.append((after - before)[:, i].sum() / 2e-4)
    assert np.abs(expected).max() > 1e-5
    assert_allclose(problem.curvature(scores), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("make", [random_classes, random_labels])
def test_losses_of_float32_are_those_of_float64(make):
    rng = np.random.default_rng(0)
    problem, scores = make(rng), rng.normal(0, 5, (7, 4)).astype(np.float32)
    loss, gradient = problem.loss(scores)
    expected_loss, expected = problem.loss(scores.astype(np.float64))
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert gradient.dtype == scores.dtype
    assert_allclose(gradient, expected, rtol=0, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_loss_of_classes_is_log_loss(seed):
    rng = np.random.default_rng(seed)
    problem, scores = random_classes(rng), rng.normal(size=(7, 4))
    expected = log_loss(
        *(problem.y, softmax(scores, axis=1)),
        sample_weight=problem.weight,
        labels=range(4),
    )
    assert problem.loss(scores)[0] == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_loss_of_labels_is_the_sum_of_their_log_losses(seed):
    rng = np.random.default_rng(seed)
    problem, scores = random_labels(rng), rng.normal(size=(7, 4))
    expected = 0
    for y, score, factor in zip(problem.y.T, scores.T, problem.pos_weight, strict=True):
        weight = problem.weight * np.where(y == 1, factor, 1)
        mean = log_loss(y, expit(score), sample_weight=weight, labels=[0, 1])
        expected += mean * weight.sum() / problem.weight.sum()
    assert problem.loss(scores)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    "problem",
    [classes_of([0, 1], 2), labels_of([[1, 0], [0, 1]])],
    ids=["classes", "labels"],
)
def test_losses_of_extreme_scores_are_finite(problem):
    wrong = np.array([[-1e4, 1e4], [1e4, -1e4]])
    loss, gradient = problem.loss(wrong)
    assert 1e4 <= loss <= 2e4
    assert np.isfinite(gradient).all()
    assert problem.loss(-wrong)[0] == 0


def test_a_problem_of_some_texts_has_their_weights():
    rows = np.array([5, 2])
    rng = np.random.default_rng(0)
    for problem in (random_classes(rng), random_labels(rng)):
        some = problem.take(rows)
        assert_array_equal(some.y, problem.y[rows])
        assert_array_equal(some.weight, problem.weight[rows])
        assert some.n_outputs == problem.n_outputs == 4


def test_the_prior_of_classes_is_their_share():
    problem = classes_of([0, 1, 1, 2], 3, [1, 2, 1, 4])
    assert_allclose(softmax(problem.log_prior()), [1 / 8, 3 / 8, 4 / 8])
    assert problem.log_prior().sum() == pytest.approx(0)


def test_the_prior_of_labels_is_their_odds():
    problem = labels_of([[1, 1], [0, 1], [0, 0]], [1, 2, 3], [1, 5])
    assert_allclose(problem.log_prior(), logit([1 / 6, 15 / 18]), rtol=1e-3)


def test_the_prior_of_what_no_text_has_is_small_and_finite():
    for weight in (1e-6, 1, 1e6):
        prior = classes_of([0, 0, 2], 4, np.full(3, weight)).log_prior()
        assert np.isfinite(prior).all()
        assert prior[0] > prior[2] > prior[1] == prior[3]
    prior = labels_of([[0, 1, 1], [0, 1, 0]]).log_prior()
    assert np.isfinite(prior).all()
    assert prior[0] < -5 < 5 < prior[1]


def test_a_class_is_learnable_from_texts_that_have_it():
    problem = classes_of([0, 3, 1, 0], 4)
    others = classes_of([2, 0, 3], 4)
    assert_array_equal(problem.learnable_from(others), [True, True, False, True])
    labels = labels_of([[1, 0], [0, 0]])
    assert_array_equal(labels.learnable_from(labels.take(np.array([1]))), True)


# Designs


def both_designs(dense, sparse, factor):
    of_dense = dense.astype(np.float64)
    products = of_dense @ of_dense.T, (sparse @ sparse.T).toarray()
    beside = SideBySide(dense, sparse, factor)
    gram = Gram.of(dense, sparse, factor, products)
    assert beside.n_features == dense.shape[1] + sparse.shape[1]
    assert gram.n_features == len(dense)
    return beside, gram


DESIGNS = {
    "side by side": lambda *parts: both_designs(*parts)[0],
    "Gram": lambda *parts: both_designs(*parts)[1],
}
FACTORS = pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])


@pytest.mark.parametrize("design_of", DESIGNS.values(), ids=DESIGNS)
@FACTORS
def test_scores_are_those_of_the_original_features(design_of, factor):
    dense, sparse = some_dense(20), some_sparse(20)
    design = design_of(dense, sparse, factor)
    solved = np.random.default_rng(1).normal(size=(design.n_features, 3))
    of_dense, of_sparse = design.weights(solved)
    assert of_dense.shape == (5, 3)
    assert of_sparse.shape == (30, 3)
    expected = dense @ of_dense + sparse @ of_sparse
    assert_allclose(design.scores(solved), expected, atol=1e-4)
    rows = np.array([3, 3, 0])
    assert_allclose(design.take(rows).scores(solved), expected[rows], atol=1e-4)


@pytest.mark.parametrize("design_of", DESIGNS.values(), ids=DESIGNS)
@FACTORS
def test_the_gradient_is_the_transposed_product(design_of, factor):
    rng = np.random.default_rng(2)
    design = design_of(some_dense(20), some_sparse(20), factor)
    rows = np.array([7, 1, 1, 4])
    for part, n_texts in ((design, 20), (design.take(rows), 4)):
        solved = rng.normal(size=(design.n_features, 3))
        of_scores = rng.normal(size=(n_texts, 3))
        product = (part.scores(solved) * of_scores).sum()
        gradient = part.gradient(of_scores)
        assert gradient.shape == solved.shape
        assert (gradient * solved).sum() == pytest.approx(product, abs=1e-3)


@pytest.mark.parametrize("design_of", DESIGNS.values(), ids=DESIGNS)
@FACTORS
def test_mean_squares_are_those_of_features(design_of, factor):
    design = design_of(some_dense(20), some_sparse(20), factor)
    weight = np.random.default_rng(4).uniform(size=20)
    features = design.scores(np.eye(design.n_features, dtype=np.float32))
    assert_allclose(design.mean_squares(weight), weight @ features**2, rtol=1e-4)


@pytest.mark.parametrize("design_of", DESIGNS.values(), ids=DESIGNS)
@FACTORS
def test_weights_are_turned_back(design_of, factor):
    design = design_of(some_dense(20), some_sparse(20), factor)
    solved = np.random.default_rng(3).normal(size=(design.n_features, 3))
    assert_allclose(design.of_weights(design.weights(solved)), solved, atol=1e-3)


def test_weights_of_repeated_texts_are_turned_back_to_the_same_scores():
    dense, sparse = np.tile(some_dense(8), (3, 1)), some_sparse(8)[np.tile(range(8), 3)]
    _, design = both_designs(dense, sparse, 2.0)
    solved = design.gradient(np.random.default_rng(4).normal(size=(24, 3)))
    again = design.of_weights(design.weights(solved))
    assert_allclose(design.scores(again), design.scores(solved), atol=0.01)


def test_more_texts_than_features_have_a_square_root():
    """Their inner products are singular but for rounding, which is to be borne."""
    counts = np.random.default_rng(0).integers(0, 5, (600, 20))
    lengths = np.linalg.norm(counts, axis=1, keepdims=True)
    sparse = csr_array((counts / lengths).astype(np.float32))
    for width in (1, 1000):
        features = Features(np.zeros((600, width), np.float32), sparse)
        solution = solved(features, classes_of(np.arange(600) % 3, 3))
        assert solution.has_converged
        assert np.isfinite(solution.sparse).all()


@pytest.fixture
def exact(monkeypatch):
    """Minima found more exactly, though not beyond what float32 features allow."""
    monkeypatch.setitem(SETTINGS, "tol", 1e-10)


def most_error(problem, C):
    """How far weights may be from those of least loss.

    The objective is strongly convex, by its penalty's share of the mean loss. So half
    that share of the squared distance is at most the loss that is left, which is at
    most of the size of the tolerance. Ten times that distance allows for estimates of
    second derivatives, for rounding and for the other solver.
    """
    share = 1 / (C * problem.strength * problem.weight.sum())
    return 10 * (2 * SETTINGS["tol"] / share) ** 0.5


def centred(intercept):
    """Without what all classes have in common, which no probability depends on."""
    return intercept - intercept.mean()


@pytest.mark.usefixtures("exact")
@FACTORS
@pytest.mark.parametrize("kind", ["plain", "repeated texts", "dense only"])
def test_both_designs_have_the_same_model(kind, factor):
    dense, sparse = some_dense(60), some_sparse(60)
    if kind == "dense only":
        sparse = nothing(60)
    elif kind == "repeated texts":
        rows = np.arange(60) % 20
        dense, sparse = dense[rows], sparse[rows]
    problem = classes_of(noisy_classes(dense, 3), 3)
    designs = both_designs(dense, sparse, factor)
    models = [fit_linear(design, problem, 1.0) for design in designs]
    one, other = (
        np.concatenate(design.weights(model.weights))
        for design, model in zip(designs, models, strict=True)
    )
    assert one.shape == (5 + sparse.shape[1], 3)
    assert np.abs(one).max() > 0.3
    # Weights of sparse features are the factor times what is penalised.
    bound = 2 * factor * most_error(problem, 1.0)
    assert bound < 0.02
    assert_allclose(one, other, rtol=0, atol=bound)
    intercepts = (centred(model.intercept) for model in models)
    assert_allclose(*intercepts, rtol=0, atol=0.01)


# Linear models


def regression(C, **parameters):
    return LogisticRegression(C=C, tol=1e-8, max_iter=10_000, **parameters)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_it_is_the_logistic_regression_of_classes(n_classes, weighted, C):
    dense = some_dense(80)
    y = noisy_classes(dense, n_classes)
    weight = np.random.default_rng(1).uniform(0, 3, 80) if weighted else None
    problem = classes_of(y, n_classes, weight)
    linear = fit_linear(dense_only(dense), problem, C)
    expected = regression(C).fit(dense.astype(np.float64), y, weight)
    weights, intercept = linear.weights, centred(linear.intercept)
    if n_classes == 2:
        weights = weights[:, 1:] - weights[:, :1]
        intercept = intercept[1:] - intercept[:1]
    atol = most_error(problem, C)
    assert atol < 0.03
    assert np.abs(weights).max() > 0.2
    assert_allclose(weights.T, expected.coef_, rtol=0, atol=atol)
    # Which has no penalty, but loss enough to hold it.
    assert_allclose(intercept, expected.intercept_, rtol=0, atol=max(atol, 1e-3))
    assert linear.n_iter > 0


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_are_those_of_logistic_regression(n_classes):
    """At the tolerance that it is used with."""
    dense = some_dense(300, 10)
    y = noisy_classes(dense, n_classes)
    design = dense_only(dense)
    linear = fit_linear(design, classes_of(y, n_classes), 10.0)
    expected = regression(10.0).fit(dense, y).predict_proba(dense)
    actual = softmax(linear.scores(design), axis=1)
    assert_allclose(actual, expected, rtol=0, atol=0.005)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("pos_weight", [None, [1.0, 4.0, 0.25]])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_have_a_logistic_regression_each(weighted, pos_weight, C):
    dense = some_dense(80)
    rng = np.random.default_rng(1)
    y = (dense[:, :3] + rng.logistic(0, 1, (80, 3)) > [0, 0.5, 1]).astype(int)
    weight = rng.uniform(0, 3, 80) if weighted else np.ones(80)
    problem = labels_of(y, weight, pos_weight)
    linear = fit_linear(dense_only(dense), problem, C)
    atol = most_error(problem, C)
    for i, factor in enumerate(problem.pos_weight):
        expected = regression(C, class_weight={0: 1, 1: factor})
        expected.fit(dense.astype(np.float64), y[:, i], weight)
        assert_allclose(linear.weights[:, i], expected.coef_[0], rtol=0, atol=atol)
        assert linear.intercept[i] == pytest.approx(expected.intercept_[0], abs=0.01)


@pytest.mark.usefixtures("exact")
def test_the_start_changes_only_how_long_it_takes():
    dense = some_dense(80)
    problem = classes_of(noisy_classes(dense, 3), 3)
    design = dense_only(dense)
    first = fit_linear(design, problem, 1.0)
    again = fit_linear(design, problem, 1.0, first)
    far = first._replace(weights=-first.weights, intercept=first.intercept + [1, 0, -1])
    back = fit_linear(design, problem, 1.0, far)
    assert again.n_iter < 3 < first.n_iter
    atol = most_error(problem, 1.0)
    assert_allclose(again.weights, first.weights, rtol=0, atol=atol)
    assert_allclose(back.weights, first.weights, rtol=0, atol=atol)


@pytest.mark.parametrize("kind", ["classes", "labels"])
@pytest.mark.parametrize("C", [1e1, 1e3, 1e6])
def test_without_much_of_a_penalty_the_minimum_is_found_all_the_same(kind, C):
    """Of texts that are told apart, whose loss is nearly nothing."""
    dense = some_dense(80, 100)
    y = noisy_classes(dense, 3)
    problem = classes_of(y, 3) if kind == "classes" else labels_of(np.eye(3)[y])
    design = dense_only(dense)
    linear, beyond = (fit_linear(design, problem, c) for c in (C, 3 * C))
    exact = fit_linear(design, problem, C, tol=1e-9)
    assert linear.has_converged
    length = np.linalg.norm(exact.weights)
    assert np.linalg.norm(linear.weights - exact.weights) < 0.03 * length
    assert np.linalg.norm(beyond.weights) > 1.05 * length


def test_it_says_whether_the_minimum_was_found():
    dense = some_dense(80)
    problem = classes_of(noisy_classes(dense, 3), 3)
    stopped = fit_linear(dense_only(dense), problem, 1.0, max_iter=1)
    assert (stopped.n_iter, stopped.has_converged) == (1, False)
    assert fit_linear(dense_only(dense), problem, 1.0).has_converged


# Calibration


def penalised(problem, scores, calibration, share):
    """The loss of calibrated scores, and what the calibration costs itself."""
    size = np.log(calibration.factor) ** 2 + share**2
    return problem.loss(calibration(scores))[0] + size / (2 * len(scores))


@pytest.mark.parametrize("make", [random_classes, random_labels])
@settings(max_examples=100, deadline=None)
@given(SEEDS, st.sampled_from([0.0, 0.1, 1.0, 30.0]), st.booleans())
def test_calibration_is_never_worse_than_none(make, seed, scale, shifts):
    rng = np.random.default_rng(seed)
    problem = make(rng)
    scores, log_prior = rng.normal(0, scale, (7, 4)), rng.normal(0, 2, 4)
    calibration = calibrate(scores, problem, log_prior, shifts=shifts)
    assert calibration.loss <= problem.loss(scores)[0] * (1 + 1e-12)
    assert calibration.factor > 0
    shares = -calibration.shift / log_prior
    assert_allclose(shares, shares[0], atol=1e-9)
    assert shares[0] >= 0
    if not shifts:
        assert_array_equal(calibration.shift, 0)
    expected = penalised(problem, scores, calibration, shares[0])
    assert calibration.loss == pytest.approx(expected)
    for factor, share in ((1.1, 0), (0.9, 0), (1, 0.1 * shifts)):
        other = calibration._replace(
            factor=calibration.factor * factor,
            shift=calibration.shift - share * log_prior,
        )
        other_loss = penalised(problem, scores, other, shares[0] + share)
        assert calibration.loss <= other_loss + 1e-5


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_scores_are_made_as_sure_as_they_are_right(scale):
    rng = np.random.default_rng(0)
    right = rng.normal(0, 1.5, (3000, 3))
    y = (right + rng.gumbel(size=right.shape)).argmax(axis=1)
    calibration = calibrate(
        scale * right, classes_of(y, 3), np.array([1.0, 0, -1]), shifts=True
    )
    assert calibration.factor * scale == pytest.approx(1, abs=0.1)
    assert_allclose(calibration.shift, 0, atol=0.1)


def test_a_lean_to_frequent_classes_is_taken_away():
    rng = np.random.default_rng(0)
    log_prior = np.log([0.6, 0.3, 0.1])
    right = rng.normal(0, 1.5, (3000, 3))
    y = (right + rng.gumbel(size=right.shape)).argmax(axis=1)
    problem = classes_of(y, 3)
    calibration = calibrate(right + 0.5 * log_prior, problem, log_prior, shifts=True)
    assert_allclose(calibration.shift, -0.5 * log_prior, atol=0.2)
    assert calibration.factor == pytest.approx(1, abs=0.1)


def test_a_lean_to_rare_classes_is_left():
    log_prior = np.log([0.6, 0.3, 0.1])
    calibration = calibrate(
        np.zeros((9, 3)), classes_of(np.zeros(9), 3), log_prior, shifts=True
    )
    assert_array_equal(calibration.shift, 0)


def test_few_texts_say_little_about_calibration():
    """Wrong and very sure: by as many as 1, 10 and 1000."""
    scores, prior = np.array([[9.0, -9.0]]), np.zeros(2)
    factors = [
        calibrate(
            np.repeat(scores, n, axis=0), classes_of([1] * n, 2), prior, shifts=False
        ).factor
        for n in (1, 10, 1000)
    ]
    assert 1 > factors[0] > factors[1] > factors[2] > 0


@pytest.mark.parametrize("problem", [classes_of([], 3), labels_of(np.empty((0, 3)))])
def test_of_no_texts_calibration_changes_nothing(problem):
    calibration = calibrate(np.empty((0, 3)), problem, np.ones(3), shifts=True)
    scores = some_dense(4, 3)
    assert_array_equal(calibration(scores), scores)


# Folds


def state(seed=0):
    return np.random.RandomState(seed)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=40) | st.just(range(1300)),
    SEEDS,
    st.booleans(),
)
@example([0, 0], 0, False)
@example([0, 1], 0, False)
def test_each_text_is_held_out_once_at_most(y, seed, labelled):
    y, n_texts = np.asarray(y), len(y)
    n_classes = y.max() + 1
    problem = classes_of(y, n_classes)
    if labelled:
        problem = labels_of((y % 2)[:, None])
    splits = folds(problem, state(seed))
    everything = np.arange(n_texts)
    for train, held_out in splits:
        assert len(train) > 0
        assert len(held_out) > 0
        assert_array_equal(np.sort(np.append(train, held_out)), everything)
    held_out = np.sort(np.concatenate([held_out for _, held_out in splits]))
    assert len(np.unique(held_out)) == len(held_out)
    if n_texts < 1000:
        assert_array_equal(held_out, everything)
        assert len(splits) == min(5, n_texts)
    else:
        assert len(held_out) >= 1000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), SEEDS)
def test_folds_share_out_each_class(sizes, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(range(len(sizes)), sizes))
    for train, held_out in folds(classes_of(y, len(sizes)), state(seed)):
        in_training = np.bincount(y[train], minlength=len(sizes))
        shares = np.bincount(y[held_out], minlength=len(sizes)) / sizes
        for n_texts, n_left, share in zip(sizes, in_training, shares, strict=True):
            if n_texts >= 5 or (n_texts >= 2 and len(y) >= 5):
                assert n_left > 0
            if n_texts >= 5 and n_texts % 5 == 0:
                assert share == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("n_texts", "n_folds"),
    [(2, 2), (4, 4), (5, 5), (1249, 5), (1250, 4), (4999, 2), (5000, 1), (23_999, 1)],
)
def test_many_texts_need_fewer_folds(n_texts, n_folds):
    splits = folds(classes_of(np.arange(n_texts) % 3, 3), state())
    assert len(splits) == n_folds
    held_out = [len(held_out) for _, held_out in splits]
    assert max(held_out) - min(held_out) <= 1
    assert sum(held_out) >= min(n_texts, 1000)
    if n_texts >= 5:
        assert max(held_out) == -(-n_texts // 5)


@pytest.mark.parametrize("n_texts", [24_000, 100_000])
def test_of_very_many_texts_a_few_thousand_are_held_out(n_texts):
    [(train, held_out)] = folds(classes_of(np.arange(n_texts) % 3, 3), state())
    assert len(held_out) == pytest.approx(4000, abs=1)
    assert_array_equal(np.sort(np.append(train, held_out)), np.arange(n_texts))


def test_the_only_text_of_a_class_is_trained_on_or_held_out():
    y = np.array([0] * 9 + [1])
    places = [9 in train for train, _ in folds(classes_of(y, 2), state())]
    assert sorted(places) == [False, True, True, True, True]


@pytest.mark.parametrize("n_texts", [0, 1])
def test_a_single_text_is_not_split(n_texts):
    assert folds(classes_of([0] * n_texts, 2), state()) == []
    assert folds(labels_of(np.ones((n_texts, 2))), state()) == []


def test_folds_are_shuffled_by_the_seed():
    problem = classes_of(np.arange(50) % 2, 2)
    first, again, other = (folds(problem, state(seed)) for seed in (1, 1, 2))
    for (train, held_out), (train_again, held_out_again) in zip(
        first, again, strict=True
    ):
        assert_array_equal(train, train_again)
        assert_array_equal(held_out, held_out_again)
    assert not np.array_equal(first[0][1], other[0][1])


# All of it


def toy(n_texts, n_classes=3, n_dense=40, seed=0, noise=1.0):
    """Features of many more dimensions than matter, and classes that noise decides."""
    dense, sparse = (
        some_dense(n_texts, n_dense, seed),
        some_sparse(n_texts, 60, seed + 1),
    )
    return Features(dense, sparse), noisy_classes(dense, n_classes, seed + 2, noise)


def solved(
    features,
    problem,
    *,
    C=10.0,
    shifts=True,
    splits=None,
    train=None,
    seed=0,
    **options,
):
    if splits is None:
        splits = folds(problem, state(seed))
    rows = np.arange(len(features.dense)) if train is None else train
    return solve(
        *(copied(features), problem, rows, splits),
        **{
            "C": C,
            "shifts": shifts,
            "random_state": state(seed),
            **SETTINGS,
            **options,
        },
    )


def copied(features):
    """What may be taken over."""
    return Features(features.dense.copy(), features.sparse)


def scores_of(solution, features):
    sparse = features.sparse @ solution.sparse
    return features.dense @ solution.dense + sparse + solution.intercept


def assert_same_solutions(one, other, **tolerance):
    for name in ("dense", "sparse"):
        assert getattr(one, name).dtype == np.float32
        assert_allclose(getattr(one, name), getattr(other, name), **tolerance)
    assert one.intercept.dtype == np.float32
    assert_allclose(centred(one.intercept), centred(other.intercept), **tolerance)


def widened(features, n_zeros=1000):
    """The same model, with more features than texts, which the solver takes otherwise.

    A square matrix of inner products replaces features that are many for so few texts.
    """
    zeros = np.zeros((len(features.dense), n_zeros), np.float32)
    return Features(np.hstack([features.dense, zeros]), features.sparse)


def as_they_are(features):
    return features


WAYS = pytest.mark.parametrize(
    "way", [as_they_are, widened], ids=["more texts", "more features"]
)


@WAYS
def test_solving_is_repeatable(way):
    features, y = toy(400)
    features, problem = way(features), classes_of(y, 3)
    one, other = solved(features, problem), solved(features, problem)
    assert_same_solutions(one, other, rtol=0, atol=0)
    assert one.n_iter == other.n_iter > 0
    assert one.dense.shape == (features.dense.shape[1], 3)
    assert one.sparse.shape == (60, 3)
    assert one.dense.flags.c_contiguous
    assert one.sparse.flags.c_contiguous


def regression_beside(features, y, factor, C):
    """scikit-learn's, on centred dense features beside sparse ones times a factor."""
    dense = features.dense - features.dense.mean(axis=0)
    both = np.hstack([dense, factor * features.sparse.toarray()]).astype(np.float64)
    return regression(C).fit(both, y), both


@pytest.mark.usefixtures("exact")
@WAYS
def test_without_splits_it_is_logistic_regression(way):
    """Of sparse features by a factor, and of centred dense ones."""
    features, y = toy(400)
    features = Features(features.dense + np.float32(3), features.sparse)
    solution = solved(way(features), classes_of(y, 3), splits=[], C=1.0)
    factor = USED_FACTORS[0]
    expected, both = regression_beside(features, y, factor, 1.0)
    assert_allclose(solution.dense[:40], expected.coef_[:, :40].T, atol=0.01)
    assert_allclose(solution.sparse, factor * expected.coef_[:, 40:].T, atol=0.01)
    actual = softmax(scores_of(solution, way(features)), axis=1)
    assert_allclose(actual, expected.predict_proba(both), atol=0.005)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("n_sparse", [0, 60])
def test_few_texts_and_many_are_solved_alike(n_sparse):
    features, y = toy(400)
    features = Features(features.dense, features.sparse[:, :n_sparse])
    many = solved(features, classes_of(y, 3))
    few = solved(widened(features), classes_of(y, 3))
    assert few.sparse.shape == (n_sparse, 3)
    assert_allclose(few.dense[40:], 0, atol=1e-6)
    narrow = replace(few, dense=few.dense[:40])
    assert_same_solutions(narrow, many, atol=0.005)


def classes_by_sparse(features):
    """Classes that dense features say nothing of."""
    rng = np.random.default_rng(0)
    signal = features.sparse @ rng.normal(0, 6, (60, 3))
    return (signal + rng.gumbel(size=signal.shape)).argmax(axis=1)


def factor_of(solution, features, problem):
    """What sparse features were multiplied by to come to a solution.

    Weights of least loss are sums of texts: the dense ones ``dense.T @ a``, and the
    sparse ones the square of the factor times ``sparse.T @ a``.
    """
    raw = (scores_of(solution, features) - solution.shift) / solution.temperature
    of_texts = problem.loss(raw)[1]
    dense = (features.dense - features.dense.mean(axis=0)).T @ of_texts
    ratio = np.linalg.norm(solution.dense) / np.linalg.norm(dense)
    sparse = np.linalg.norm(features.sparse.T @ of_texts)
    return np.sqrt(np.linalg.norm(solution.sparse) / sparse / ratio)


MOST_TEXTS = 21_000
"""So many that a sample of them chooses the factor."""


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("n_texts", [200, 400, MOST_TEXTS])
@pytest.mark.parametrize("kind", ["all in dense features", "all in sparse features"])
def test_held_out_texts_choose_the_factor_of_sparse_features(kind, n_texts):
    features, y = toy(n_texts, n_dense=5 if n_texts == MOST_TEXTS else 40)
    if kind == "all in sparse features":
        y = classes_by_sparse(features)
    problem = classes_of(y, 3)
    factor = factor_of(solved(features, problem), features, problem)
    best = max(USED_FACTORS) if "sparse" in kind else min(USED_FACTORS)
    assert min(USED_FACTORS, key=lambda other: abs(np.log(other / factor))) == best


def test_of_many_texts_the_model_is_one_of_all_of_them():
    features, y = toy(MOST_TEXTS, n_dense=5)
    problem, steps = classes_of(y, 3), []
    solution = solved(features, problem, callback=lambda *step: steps.append(step))
    done, (n_steps,) = [n for n, _ in steps], {total for _, total in steps}
    assert done == sorted(set(done))
    assert done[-1] == n_steps
    factor = factor_of(solution, features, problem)
    expected, both = regression_beside(features, y, factor, 10.0)
    actual = softmax(scores_of(solution, features), axis=1)
    assert_allclose(actual, expected.predict_proba(both), atol=0.05)
    again = solved(features, problem)
    assert_same_solutions(again, solution, rtol=0, atol=0)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("n_train", [100, MOST_TEXTS])
@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_texts_that_are_not_trained_on_teach_nothing(kind, n_train):
    """But how sure of itself the model may be."""
    n_texts = n_train + 50
    features, y = toy(n_texts, n_dense=5)
    rows, splits = (
        np.arange(n_train),
        [(np.arange(n_train), np.arange(n_train, n_texts))],
    )
    weight = np.random.default_rng(0).uniform(0.5, 2, n_texts)
    solutions = []
    for unseen in (0, 1):
        y[n_train:] = unseen
        problem = classes_of(y, 3, weight)
        if kind == "labels":
            problem = labels_of(np.eye(3)[y], weight)
        features_now = Features(features.dense.copy(), features.sparse[:, :0])
        options = {"C": 1.0, "shifts": False, "random_state": state(), **SETTINGS}
        solution = solve(features_now, problem, rows, splits, **options)
        solutions.append(solution.dense / solution.temperature)
    assert_allclose(*solutions, atol=0.005)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    "make", [classes_of, lambda y, n, w: labels_of(np.eye(n)[y], w)]
)
def test_texts_without_weight_count_as_little_as_those_left_out(make):
    features, y = toy(150)
    weight = np.random.default_rng(0).uniform(0.5, 2, 150)
    # The last class is only in texts that are not trained on.
    problem = make(np.where(np.arange(150) < 120, y % 2, y), 3, weight)
    design, rows = SideBySide(features.dense, features.sparse, 1.0), np.arange(100)
    left_out = fit_linear(design.take(rows), problem.take(rows), 1.0)
    without_weight = fit_linear(design, problem.only(rows), 1.0)
    assert_allclose(left_out.weights, without_weight.weights, atol=0.005)
    # Nothing but the start holds the intercept of a class without texts.
    one, other = left_out.intercept[:2], without_weight.intercept[:2]
    assert_allclose(centred(one), centred(other), atol=0.005)


def test_held_out_texts_only_scale_the_weights():
    features, y = toy(150)
    features = Features(features.dense, nothing(150))
    rows, held_out = np.arange(100), np.arange(100, 150)
    one, other = (
        solve(
            *(copied(features), classes_of(np.append(y[:100], truth), 3), rows),
            *([(rows, held_out)],),
            C=1.0,
            shifts=False,
            random_state=state(),
        )
        for truth in (y[100:], np.arange(50) % 3)
    )
    factor = np.linalg.norm(one.dense) / np.linalg.norm(other.dense)
    assert factor > 1.2
    assert_allclose(one.dense, factor * other.dense, rtol=1e-4)


def test_calibration_leaves_out_texts_whose_class_is_not_taught():
    """And takes away the prior of what is trained on in the end."""
    y = np.array([0] * 20 + [1] * 10 + [2])
    problem, rows = classes_of(y, 3), np.arange(25)
    features = Features(some_dense(31), nothing(31))
    # The second split teaches class 0 alone, the first one classes 0 and 1.
    every = [(rows[4:], [3, 26, 28, 30]), (rows[:20], [28, 30])]
    taught = [(rows[4:], [3, 26, 28]), (rows[:20], [])]
    one, other = (
        solved(
            *(features, problem),
            splits=[(train, np.array(held_out, int)) for train, held_out in splits],
            train=rows,
        )
        for splits in (every, taught)
    )
    assert one.temperature != 1
    assert_same_solutions(one, other, rtol=0, atol=0)
    log_prior = problem.take(rows).log_prior()
    shares = -one.shift / log_prior
    assert shares[0] > 0
    assert_allclose(shares, shares[0])


@pytest.mark.parametrize(
    ("y", "n_classes"),
    [
        ([0] * 20 + [1] * 20 + [2], 3),
        ([0, 1, 2, 3, 4], 5),
        ([0, 1], 2),
        ([0, 0, 1], 2),
        ([0, 0, 1, 1], 3),
        ([0], 2),
    ],
    ids=["one of 41", "each", "two texts", "one of three", "none at all", "one text"],
)
@pytest.mark.parametrize("n_copies", [1, 400])
def test_a_class_that_no_split_teaches_gets_finite_weights(y, n_classes, n_copies):
    rows = np.repeat(range(len(y)), n_copies)
    features = Features(some_dense(len(y), 60)[rows], some_sparse(len(y))[rows])
    y = np.array(y)[rows]
    splits = splits_of(fold_numbers(y, rows, state()))
    solution = solved(features, classes_of(y, n_classes), splits=splits)
    for values in (solution.dense, solution.sparse, solution.intercept):
        assert np.isfinite(values).all()
    if max(y) == n_classes - 1:
        assert_array_equal(scores_of(solution, features).argmax(axis=1), y)


def test_labels_that_all_texts_or_none_have_get_finite_weights():
    y = np.zeros((20, 3))
    y[:, 1] = 1
    y[:10, 2] = 1
    features = Features(some_dense(20), some_sparse(20))
    solution = solved(features, labels_of(y))
    probabilities = expit(scores_of(solution, features))
    assert (probabilities[:, 0] < 0.1).all()
    assert (probabilities[:, 1] > 0.9).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_calibrated_probabilities_suit_new_texts_better(kind, seed):
    features, y = toy(1200, seed=10 * seed, noise=1.5)
    known, new = (
        Features(features.dense[part], nothing(len(features.dense[part])))
        for part in (slice(200), slice(200, None))
    )
    make = partial(classes_of, n_classes=3)
    if kind == "labels":
        y, make = np.eye(3)[y], labels_of
    problem, truth = make(y[:200]), make(y[200:])
    losses = [
        truth.loss(scores_of(solved(known, problem, splits=splits), new))[0]
        for splits in (None, [])
    ]
    assert losses[0] < losses[1] - 0.01


def test_a_solution_says_whether_every_minimum_was_found():
    features, y = toy(60)
    assert not solved(features, classes_of(y, 3), max_iter=1).has_converged
    assert solved(features, classes_of(y, 3)).has_converged


def test_classes_that_are_far_apart_are_told_apart_without_a_warning():
    dense = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    features = Features(dense, nothing(60))
    y = np.repeat(range(3), 20)
    solution = solved(features, classes_of(y, 3), C=1e4)
    losses = -log_softmax(scores_of(solution, features), axis=1)[range(60), y]
    assert losses.max() < 0.05


# Threads


@pytest.mark.parametrize(("n_cores", "is_another"), [("1", False), ("2", True)])
def test_a_second_thread_is_for_a_second_core(n_cores, is_another, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", n_cores)
    n_before = threading.active_count()
    with second_thread() as start:
        answer = start(threading.get_ident)
        assert (answer() != threading.get_ident()) == is_another
    assert threading.active_count() == n_before


def test_a_second_thread_changes_not_a_bit(monkeypatch):
    features, y = toy(5000)
    solutions = []
    for n_cores in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_cores)
        solutions.append(solved(features, classes_of(y, 3)))
    assert_same_solutions(*solutions, rtol=0, atol=0)


def blas_threads():
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}


@pytest.fixture
def two_blas_threads():
    if not blas_threads():
        pytest.skip("threadpoolctl does not know this library of linear algebra")
    before = blas_threads()
    with threadpool_limits(2, "blas"):
        assert blas_threads() == {2}
        yield
    assert blas_threads() == before


def test_the_last_of_several_users_sets_threads_back(two_blas_threads):
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    assert blas_threads() == {1}
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == {2}
    with pytest.raises(KeyboardInterrupt), one_blas_thread():
        raise KeyboardInterrupt
    assert blas_threads() == {2}


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_users_in_threads_of_their_own_set_threads_back(
    first_to_leave, two_blas_threads
):
    """Also where another thread, here the main one, was the first to set a limit."""
    leaves = [threading.Event(), threading.Event()]
    seen: list[set[int]] = []

    def user(leave):
        with one_blas_thread():
            seen.append(blas_threads())
            entered.wait()
            leave.wait()

    entered = threading.Barrier(3)
    users = [threading.Thread(target=user, args=[leave]) for leave in leaves]
    for thread in users:
        thread.start()
    entered.wait()
    for i in (first_to_leave, 1 - first_to_leave):
        seen.append(blas_threads())
        leaves[i].set()
        users[i].join()
    assert seen == [{1}] * 4
    assert blas_threads() == {2}


def test_limits_can_be_set_in_any_thread_afterwards(two_blas_threads):
    def limited():
        with threadpool_limits(3, "blas"):
            return blas_threads()

    def used():
        with one_blas_thread():
            return blas_threads()

    with ThreadPoolExecutor(1) as thread:
        assert used() == {1}
        assert thread.submit(limited).result() == {3}
        assert used() == {1}
        assert thread.submit(used).result() == {1}
        assert limited() == {3}


# Scores out of fold


@pytest.mark.parametrize("n_texts", [150, 1200], ids=["all folds known", "one known"])
def test_scores_out_of_fold_are_of_models_that_did_not_see_the_text(n_texts):
    """Other labels of a fold move the scores of all other texts, but not its own."""
    features, _ = toy(n_texts, seed=3)
    y = classes_by_sparse(features)
    # So small, and under so strong a penalty, sparse features have the greatest factor
    # whatever the labels of one fold are.
    features = Features(features.dense, features.sparse * np.float32(0.2))
    problem = classes_of(y, 3)
    fold = fold_numbers(y, np.arange(n_texts), state())
    splits, rows = splits_of(fold), np.arange(n_texts)
    options = {"C": 0.1, "shifts": True, "tol": 1e-6, "fold": fold}
    first = solve(
        *(copied(features), problem, rows, splits), random_state=state(), **options
    )
    assert first.out_of_fold.shape == (n_texts, 3)
    assert first.out_of_fold.dtype == np.float32
    alone = fold == 4
    moved = classes_of(np.where(alone, (y + 1) % 3, y), 3)
    other = solve(
        *(copied(features), moved, rows, splits[:1]), random_state=state(), **options
    )
    again = solve(
        *(copied(features), problem, rows, splits[:1]), random_state=state(), **options
    )
    scale = np.abs(again.out_of_fold).max()
    difference = np.abs(other.out_of_fold - again.out_of_fold)
    assert difference[alone].max() < 0.02 * scale
    assert difference[~alone].max() > 0.1 * scale


def test_texts_that_cannot_be_held_out_have_no_scores_out_of_fold():
    features = Features(some_dense(1), some_sparse(1))
    options = {"C": 1.0, "shifts": True, "random_state": state()}
    fold = np.zeros(1, int)
    alone = solve(features, classes_of([0], 2), np.arange(1), [], fold=fold, **options)
    assert_array_equal(alone.out_of_fold, np.zeros((1, 2)))


def test_raw_scores_come_out_of_calibrated_ones():
    features, y = toy(150)
    problem, rows = classes_of(y, 3), np.arange(150)
    calibrated = solved(features, problem)
    plain = solved(features, problem, splits=[])
    assert abs(calibrated.temperature - 1) > 0.05
    assert plain.temperature == 1
    raw = (scores_of(calibrated, features) - calibrated.shift) / calibrated.temperature
    assert len(raw) == len(rows)
    expected = problem.loss(raw)[0]
    best = problem.loss(scores_of(plain, features))[0]
    # Of another factor, perhaps, but a minimum on the training texts as the other is.
    assert expected == pytest.approx(best, rel=0.3)


@pytest.mark.parametrize("prior_share", [0.0, 0.5])
def test_calibration_without_texts_is_what_is_expected(prior_share):
    problem, log_prior = classes_of([], 2), np.array([1.0, -1.0])
    expected = calibrate(
        np.empty((0, 2)), problem, log_prior, shifts=True, prior_share=prior_share
    )
    assert expected.factor == 1
    assert_array_equal(expected.shift, -prior_share * log_prior)


def test_an_expectation_of_many_texts_outweighs_few():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(60, int), np.ones(20, int)]
    problem, log_prior = classes_of(y, 2), classes_of(y, 2).log_prior()
    scores = rng.normal(size=(80, 2))
    shares = [
        -calibrate(
            *(scores, problem, log_prior),
            shifts=True,
            prior_share=0.5,
            n_pseudo=n_pseudo,
        ).shift[0]
        / log_prior[0]
        for n_pseudo in (1.0, 300.0, 1e6)
    ]
    assert shares[2] == pytest.approx(0.5, abs=1e-3)
    assert abs(shares[1] - 0.5) < abs(shares[0] - 0.5)
