"""Held out means held out: equal texts are on one side of every split."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold
from toys import toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)
from sklearn_static._estimators.split import groups_of, split_rows
from sklearn_static._linear import fold_numbers, splits_of

EMBEDDING = toy_embedding(16)


def state(seed=0):
    return np.random.RandomState(seed)


def test_case_and_white_space_make_no_other_text():
    texts = ["A good film", "a  good film ", "a good\tfilm", "good film", ""]
    assert groups_of(texts).tolist() == [0, 0, 0, 1, 2]


def test_groups_that_share_a_text_are_one():
    texts = ["a", "b", "B", "c", "d", "e"]
    together = groups_of(texts, np.array(["x", "x", "y", "y", "z", "z"]))
    assert len(set(together[:4])) == 1
    assert together[4] == together[5] != together[0]


@pytest.mark.parametrize(
    "estimator",
    [
        StaticLinearClassifier(EMBEDDING, random_state=0),
        StaticLinearRegressor(EMBEDDING, random_state=0),
        StaticClassifier(EMBEDDING, random_state=0, max_epochs=2),
        StaticRegressor(EMBEDDING, random_state=0, max_epochs=2),
        StaticClassifier(EMBEDDING, init="random", random_state=0, max_epochs=2),
    ],
    ids=lambda e: f"{type(e).__name__}-{getattr(e, 'init', '')}",
)
def test_groups_of_fit_decide_what_is_held_out(estimator):
    estimator = clone(estimator)
    texts, labels = noisy(120, 0)
    if "Regressor" in type(estimator).__name__:
        labels = np.unique(labels, return_inverse=True)[1].astype(float)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"

    def predicted(groups):
        estimator.fit(texts, labels, groups=groups)
        return getattr(estimator, method)(texts)

    alone, four = np.arange(120), np.arange(120) // 30
    assert_array_equal(predicted(None), predicted(alone))
    assert not np.array_equal(predicted(None), predicted(four))


def test_texts_of_a_group_are_never_on_both_sides():
    texts, labels = noisy(200, 0)
    groups = np.random.default_rng(0).integers(0, 20, 200)
    train, valid = StaticClassifier(EMBEDDING).train_test_split(
        texts, np.unique(labels, return_inverse=True)[1], state(), groups=groups
    )
    assert not set(groups[train]) & set(groups[valid])
    assert len(valid)


def test_groups_travel_through_a_search_by_metadata_routing():
    texts, labels = noisy(60, 0)
    groups = np.arange(60) % 12
    with config_context(enable_metadata_routing=True):
        model = StaticLinearClassifier(EMBEDDING).set_fit_request(groups=True)
        search = GridSearchCV(model, {"C": [1.0, 10.0]}, cv=GroupKFold(3))
        search.fit(texts, labels, groups=groups)
    assert search.best_score_ > 0


def test_groups_of_another_length_are_refused():
    texts, labels = noisy(20, 0)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples.*20.*19"):
        StaticLinearClassifier(EMBEDDING).fit(texts, labels, groups=np.arange(19))


def test_groups_of_texts_without_weight_are_left_out():
    texts, labels = noisy(60, 0)
    weight, groups = np.ones(60), np.arange(60) % 15
    weight[:10] = 0
    model = StaticLinearClassifier(EMBEDDING, random_state=0)
    first = model.fit(texts, labels, weight, groups=groups).predict_proba(texts)
    second = model.fit(texts[10:], labels[10:], groups=groups[10:])
    assert_array_equal(first, second.predict_proba(texts))


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together_in_folds_and_in_the_split(seed):
    rng = np.random.default_rng(seed)
    groups, strata = rng.integers(0, 30, 200), rng.integers(0, 3, 200)
    for fold in (
        fold_numbers(strata, groups, state(seed)),
        fold_numbers(None, groups, state(seed)),
    ):
        assert len(np.unique(fold)) == 5
        for group in range(30):
            assert len(set(fold[groups == group])) <= 1
    train, valid = split_rows(strata, 0.2, state(seed), groups)
    assert not set(groups[train]) & set(groups[valid])
    assert_array_equal(np.sort(np.r_[train, valid]), np.arange(200))
    assert set(strata[train]) == set(strata)


def test_a_class_that_only_copies_have_keeps_a_text_to_train_on():
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    numbers = np.array([0, 1, 0, 2, 0, 3, 0, 4])
    for seed in range(10):
        train, _ = split_rows(numbers, 0.5, state(seed), groups)
        assert set(numbers[train]) == set(numbers)


def test_distinct_texts_are_split_as_without_groups():
    numbers = np.arange(100) % 3
    with_groups = split_rows(numbers, 0.3, state(), np.arange(100))
    assert_array_equal(with_groups[1], split_rows(numbers, 0.3, state())[1])


def test_one_group_alone_is_held_out_nowhere():
    fold = fold_numbers(np.zeros(4, int), np.zeros(4, int), state())
    assert splits_of(fold) == []


def noisy(n_texts, seed):
    texts, labels = toy_texts(n_texts, ("cook", "sail", "code"), seed)
    rng = np.random.default_rng(seed)
    wrong = rng.random(n_texts) < 0.4
    return texts, np.where(wrong, rng.choice(["cook", "sail", "code"], n_texts), labels)


@pytest.mark.parametrize(
    "model",
    [
        StaticLinearClassifier(EMBEDDING, C=1000.0, random_state=0),
        StaticClassifier(EMBEDDING, C=1000.0, random_state=0),
    ],
    ids=["linear", "fine-tuned"],
)
def test_repeated_texts_do_not_make_a_model_sure_of_itself(model):
    texts, labels = noisy(200, 0)
    new, truth = noisy(400, 1)
    once = log_loss(truth, model.fit(texts, labels).predict_proba(new))
    thrice = model.fit([*texts] * 3, np.tile(labels, 3)).predict_proba(new)
    assert log_loss(truth, thrice) < once + 0.15
