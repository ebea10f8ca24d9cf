"""tune_threshold: from which probability on to predict each of many labels."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict
from toys import toy_embedding, toy_texts

from sklearn_static import StaticLinearClassifier, tune_threshold

METRICS = ("f1_macro", "f1_micro", "cost")


def drawn(n_texts, seed=0, n_labels=6):
    """Labels of many frequencies, drawn from the probabilities beside them."""
    rng = np.random.default_rng(seed)
    frequent = np.linspace(-5, 0, n_labels)
    probabilities = expit(2 * rng.normal(size=(n_texts, n_labels)) + frequent)
    return (rng.random(probabilities.shape) < probabilities).astype(int), probabilities


Y, P = drawn(4000)
TEST_Y, TEST_P = drawn(20_000, seed=1)


def f1(y, predicted):
    """The F1 of each label, over the last axis but one."""
    right = (y * predicted).sum(axis=-2)
    return 2 * right / np.maximum(y.sum(axis=-2) + predicted.sum(axis=-2), 1)


def score(average, threshold, y=TEST_Y, p=TEST_P):
    predicted = p >= threshold
    if average == "micro":
        y, predicted = y.reshape(-1, 1), predicted.reshape(-1, 1)
    return f1(y, predicted).mean()


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_no_common_threshold_is_better(average):
    threshold = tune_threshold(Y, P, metric=f"f1_{average}")
    common = max(score(average, t) for t in np.linspace(0.02, 0.98, 97))
    assert threshold.shape == (6,)
    assert score(average, threshold) > common - 0.003
    assert score(average, threshold) > score(average, 0.5) + 0.02


def test_what_is_tuned_for_one_average_is_best_for_it():
    macro, micro = (tune_threshold(Y, P, metric=m) for m in ("f1_macro", "f1_micro"))
    assert score("macro", macro) > score("macro", micro)
    assert score("micro", micro) > score("micro", macro)


def test_with_many_texts_no_other_threshold_of_a_label_is_better():
    threshold = tune_threshold(Y, P)
    for label in range(3, 6):
        y, p = Y[:, [label]], P[:, [label]]
        scores = [f1(y, p >= t) for t in np.quantile(p, np.linspace(0, 1, 200))]
        assert f1(y, p >= threshold[label]) > np.max(scores) - 0.005


@pytest.mark.parametrize("costs", [(1, 1), (1, 4), (4, 1), (np.ones(6), np.full(6, 4))])
def test_costs_decide_as_probabilities_that_are_true_would(costs):
    threshold = tune_threshold(Y, P, metric="cost", costs=costs)
    wrong, missed = costs

    def cost(threshold):
        predicted = threshold <= TEST_P
        of_wrong = (wrong * (predicted & (TEST_Y == 0))).sum()
        return of_wrong + (missed * (~predicted & (TEST_Y == 1))).sum()

    assert cost(threshold) < 1.02 * cost(wrong / (wrong + missed))


def test_few_texts_do_not_lead_astray():
    def best_on(y, p):
        found = f1(y, p >= p[:, None])  # of each text's probability as the threshold
        return p[found.argmax(axis=0), np.arange(p.shape[1])]

    tuned, exact = [], []
    for seed in range(10):
        few = drawn(100, seed=seed + 2)
        tuned.append(score("macro", tune_threshold(*few)))
        exact.append(score("macro", best_on(*few)))
    assert np.mean(tuned) > np.mean(exact) + 0.01


def test_probabilities_of_other_frequencies_are_shifted():
    odds = 20 * P / (1 - P)
    weighted = odds / (1 + odds)  # as those of a model with balanced classes
    threshold = tune_threshold(Y, weighted)
    weighted_test = 20 * TEST_P / (1 + 19 * TEST_P)
    assert_allclose(
        score("macro", threshold, p=weighted_test),
        score("macro", tune_threshold(Y, P)),
        atol=0.01,
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("hold", [csr_matrix, pd.DataFrame, np.ndarray.tolist])
def test_every_container_gives_the_same(hold, metric):
    expected = tune_threshold(Y, P, metric=metric)
    assert_array_equal(tune_threshold(hold(Y), P.tolist(), metric=metric), expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("present", [0, 1])
def test_labels_that_tell_nothing_get_thresholds_too(present, value, metric):
    y, p = np.full((30, 2), present), np.full((30, 2), value)
    threshold = tune_threshold(y, p, metric=metric)
    assert ((threshold >= 0) & (threshold <= 1)).all()


@pytest.mark.parametrize(
    ("y", "p", "settings", "message"),
    [
        ([0, 1], [0.1, 0.2], {}, "TunedThresholdClassifierCV"),
        ([[0, 2]], [[0.1, 0.2]], {}, r"y_true\[0, 1\] is 2"),
        ([[0, 1]], [[0.1, 0.2, 0.3]], {}, r"probabilities has shape \(1, 3\)"),
        ([[0, 1]], [[0.1, 1.2]], {}, "not from 0 to 1"),
        ([[0, 1]], [[0.1, np.nan]], {}, "NaN"),
        ([[0, 1]], [[0.1, 0.2]], {"metric": "f1"}, "metric is 'f1'"),
        ([[0, 1]], [[0.1, 0.2]], {"metric": "cost", "costs": (-1, 1)}, "costs is"),
        ([[0, 1]], [[0.1, 0.2]], {"metric": "cost", "costs": (1, 1, 1)}, "costs is"),
    ],
)
def test_arguments_of_another_kind_are_refused(y, p, settings, message):
    with pytest.raises(ValueError, match=message):
        tune_threshold(y, p, **settings)


def test_thresholds_of_texts_out_of_fold_are_set_without_training_again():
    texts, topics = toy_texts(120, topics=("cook", "sail", "code"))
    names = ["cook", "sail", "code"]
    labels = np.array([[topic == name for name in names] for topic in topics], int)
    model = StaticLinearClassifier(toy_embedding(), label_names=names, random_state=0)
    held_out = cross_val_predict(model, texts, labels, cv=3, method="predict_proba")
    pipeline = model.fit(texts, labels).to_pipeline()
    pipeline.set_params(head__threshold=tune_threshold(labels, held_out))
    assert f1_score(labels, pipeline.predict(texts), average="macro") > 0.95
