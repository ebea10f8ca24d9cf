"""Held out means held out: equal texts are on one side of every split."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import log_loss
from toys import toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticLinearClassifier
from sklearn_static._estimators.split import equal_texts, split_rows
from sklearn_static._linear import fold_numbers, splits_of

EMBEDDING = toy_embedding(16)


def state(seed=0):
    return np.random.RandomState(seed)


def test_case_and_white_space_make_no_other_text():
    texts = ["A good film", "a  good film ", "a good\tfilm", "good film", ""]
    assert equal_texts(texts).tolist() == [0, 0, 0, 1, 2]


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
