"""Frozen pipelines and heads: scikit-learn's checks, tags, clones and searches."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import StaticEmbeddingTransformer, StaticPipeline
from sklearn_static._layers.layers import (
    Activation,
    Head,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
    Slice,
    Sum,
)
from sklearn_static.head import StaticHeadClassifier, StaticHeadRegressor


class AnyWidth:
    """A layer for rows of any width, as scikit-learn's checks have them."""

    def __init__(self, n_outputs):
        self.n_outputs = n_outputs

    def __call__(self, X):
        weight = np.random.default_rng(0).normal(size=(X.shape[1], self.n_outputs))
        # Row by row, since BLAS rounds otherwise for other numbers of rows.
        return (X[:, :, None] * weight).sum(axis=1).astype(np.float32)


LEARNS = "fit learns nothing, since the head is trained, and looks at nothing"
EXPECTED_FAILURES = {
    "check_estimator_sparse_tag": LEARNS,
    "check_classifiers_one_label": LEARNS,
    "check_classifiers_classes": LEARNS,
    "check_classifiers_train": LEARNS,
    "check_regressors_train": LEARNS,
    "check_regressor_multioutput": "a head has the outputs that it was trained for",
    "check_supervised_y_no_nan": LEARNS,
}
HEADS = {
    "classifier": StaticHeadClassifier(Head((AnyWidth(2),)), [0, 1]),
    "regressor": StaticHeadRegressor(Head((AnyWidth(1),))),
}
# Of the lowest version of scikit-learn, which has one less than the newest.
LEAST_NUMBER_OF_CHECKS = {"classifier": 43, "regressor": 42, "pipeline": 1}


def checks_of(name):
    estimator = HEADS.get(name, frozen_pipeline(toy_embedding()))
    with warnings.catch_warnings():
        # It warns of tags that say two_d_array=False, and has one check for them.
        warnings.simplefilter("ignore", SkipTestWarning)
        return list(estimator_checks_generator(estimator, legacy=True))


CASES = [(name, *case) for name in LEAST_NUMBER_OF_CHECKS for case in checks_of(name)]


def name_of(check):
    return getattr(check, "func", check).__name__


@pytest.mark.parametrize(
    ("name", "estimator", "check"),
    CASES,
    ids=[f"{name}-{name_of(check)}-{i}" for i, (name, _, check) in enumerate(CASES)],
)
def test_checks_of_scikit_learn(name, estimator, check):
    if name_of(check) not in EXPECTED_FAILURES:
        check(estimator)
        return
    # Strict: a check that passes is to be taken off the list.
    with pytest.raises((AssertionError, ValueError, TypeError)):
        check(estimator)


@pytest.mark.parametrize("name", LEAST_NUMBER_OF_CHECKS)
def test_no_check_is_lost(name):
    assert len(checks_of(name)) >= LEAST_NUMBER_OF_CHECKS[name]


# Tags


@pytest.fixture
def many_labels():
    pipeline = frozen_pipeline(toy_embedding())
    return pipeline.set_params(head__multilabel=True)


def test_a_pipeline_says_that_it_takes_texts(pipeline):
    tags = get_tags(pipeline)
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert not tags.requires_fit
    assert not tags.target_tags.required
    assert is_classifier(pipeline)
    assert not tags.classifier_tags.multi_label


def test_a_head_says_that_it_takes_embeddings(pipeline):
    tags = get_tags(pipeline[-1])
    assert not tags.input_tags.string
    assert tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert not tags.requires_fit
    assert not tags.target_tags.required


def test_many_labels_are_said(many_labels):
    assert get_tags(many_labels).classifier_tags.multi_label
    assert get_tags(many_labels[-1]).classifier_tags.multi_label


def test_many_targets_are_said():
    head = StaticHeadRegressor(Head((AnyWidth(2),)))
    embedding = StaticEmbeddingTransformer(toy_embedding())
    pipeline = StaticPipeline([("embedding", embedding), ("head", head)])
    assert is_regressor(pipeline)
    assert get_tags(pipeline).target_tags.multi_output


def test_altered_steps_have_tags_of_scikit_learn(pipeline):
    assert get_tags(pipeline[1:]).input_tags.two_d_array


# Widths


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


LINEAR = Linear(normal(2, 3), normal(2))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((LINEAR,), 3),
        ((Activation("relu"), LeakyReLU(0.1), LINEAR), 3),
        ((Scale(normal(4), normal(4)),), 4),
        ((LayerNorm(normal(5), normal(5), 1e-5),), 5),
        ((Residual((Linear(normal(4, 4), normal(4)),)),), 4),
        ((Residual((Activation("relu"),)), LINEAR), 3),
        ((Sum(((Slice(0, 2), LINEAR), (LINEAR,))),), 3),
    ],
    ids=str,
)
def test_a_head_knows_how_many_features_it_takes(layers, expected):
    assert StaticHeadRegressor(Head(layers)).n_features_in_ == expected


@pytest.mark.parametrize("layers", [(), (AnyWidth(2), LINEAR), (Slice(0, 3), LINEAR)])
def test_a_head_that_does_not_know_how_many_has_no_such_attribute(layers):
    assert not hasattr(StaticHeadRegressor(Head(layers)), "n_features_in_")


def test_rows_of_another_width_are_refused():
    message = "X has 4 features, but StaticHeadRegressor is expecting 3 features"
    with pytest.raises(ValueError, match=re.escape(message)):
        StaticHeadRegressor(Head((LINEAR,))).predict(np.zeros((2, 4)))


def test_rows_that_the_layers_cannot_take_are_refused():
    head = StaticHeadRegressor(Head((AnyWidth(2), LINEAR)))
    with pytest.raises(ValueError, match=r"4 features, which the head .* cannot"):
        head.predict(np.zeros((2, 4)))


# Clones


def test_parameters_of_a_clone_are_its_own(many_labels):
    for copied in (clone(many_labels), clone(clone(many_labels))):
        copied.set_params(head__threshold=0.05, embedding__batch_size=3)
        assert many_labels["head"].threshold == 0.5
        assert many_labels["embedding"].batch_size != 3
        assert copied["head"].head is many_labels["head"].head


def test_clones_keep_what_routing_asks_for(pipeline):
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        head = clone(pipeline["head"].set_score_request(sample_weight=True))
        assert head.get_metadata_routing().score.requests == {"sample_weight": True}


@pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_leaves_the_pipeline_as_it_was(many_labels, n_jobs):
    import joblib

    texts, topics = toy_texts(60)
    y = np.array([[topic == "cook", topic == "sail", True] for topic in topics], int)
    thresholds = [0.05, 0.3, 0.7, 0.95]
    grid = GridSearchCV(
        many_labels,
        {"head__threshold": thresholds},
        cv=3,
        n_jobs=n_jobs,
        scoring="f1_micro",
    )
    before = many_labels.predict(texts)
    with joblib.parallel_backend("threading"):
        grid.fit(texts, y)
    assert many_labels["head"].threshold == 0.5
    assert_array_equal(many_labels.predict(texts), before)
    # Each candidate was scored with its own threshold, also beside other threads.
    alone = GridSearchCV(many_labels, grid.param_grid, cv=3, scoring="f1_micro")
    scores = alone.fit(texts, y).cv_results_["mean_test_score"]
    assert_array_equal(grid.cv_results_["mean_test_score"], scores)
    assert len(set(scores)) > 1
