"""An estimator is one model: which algorithm runs never depends on a parameter's value.

And what follows from it: every parameter is honoured or documented to have no effect,
and what scikit-learn's own estimators take is taken.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from toys import toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)

EMBEDDING = toy_embedding(16)
X, Y = toy_texts(90)
NEW, _ = toy_texts(40, seed=1)
VALUES = np.array([float("oven" in text) + len(text) / 40 for text in X])
QUICK = {"hidden_layer_sizes": (8,), "max_epochs": 3, "batch_size": 16}
INITS = ("linear", "random")


def classifier(**parameters):
    return StaticClassifier(EMBEDDING, random_state=0, **parameters)


def test_a_grid_over_hidden_sizes_fits_one_kind_of_model():
    sizes = [(), (64,), (512,)]
    grid = {"hidden_layer_sizes": sizes, "C": [1.0, 10.0], "init": INITS}
    search = GridSearchCV(
        classifier(max_epochs=2), grid, cv=2, error_score="raise", refit=False
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    for size in sizes:
        model = classifier(max_epochs=2, hidden_layer_sizes=size).fit(X, Y)
        assert len(model.history_) == model.n_iter_ > 0


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("sizes", [512, [512], np.array([512])])
def test_every_way_to_write_a_size_is_the_same_model(init, sizes):
    settings = {"init": init, "max_epochs": 2}
    expected = classifier(**settings, hidden_layer_sizes=(512,)).fit(X, Y)
    actual = classifier(**settings, hidden_layer_sizes=sizes).fit(X, Y)
    assert_array_equal(actual.predict_proba(NEW), expected.predict_proba(NEW))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("lr", 0.1), ("max_epochs", 1), ("dropout", 0.5), ("batch_size", 8)),
        *(("early_stopping", False), ("freeze_embedding", True), ("C", 0.1)),
        *(("lexical", False), ("validation_fraction", 0.5), ("init", "random")),
    ],
)
def test_parameters_of_the_default_model_are_honoured(name, value):
    before = classifier(**QUICK).fit(X, Y).predict_proba(NEW)
    after = classifier(**{**QUICK, name: value}).fit(X, Y).predict_proba(NEW)
    assert np.abs(before - after).max() > 1e-6


@pytest.mark.parametrize(("name", "value"), [("C", 0.1), ("lexical", False)])
def test_what_the_solution_is_has_no_effect_at_a_random_start(name, value):
    settings = {**QUICK, "init": "random"}
    before = classifier(**settings).fit(X, Y).predict_proba(NEW)
    after = classifier(**{**settings, name: value}).fit(X, Y).predict_proba(NEW)
    assert_array_equal(after, before)


def test_a_subclass_with_fewer_parameters_is_fitted():
    class Narrow(StaticClassifier):
        def __init__(self, max_epochs=3):
            super().__init__(EMBEDDING, max_epochs=max_epochs, random_state=0)

    class NarrowLinear(StaticLinearClassifier):
        def __init__(self, C=3.0):
            super().__init__(EMBEDDING, C=C, random_state=0)

    for kind in (Narrow, NarrowLinear):
        assert kind().fit(X, Y).score(X, Y) > 0.9


def test_parts_are_trained_by_the_algorithm_of_fit():
    model = classifier(hidden_layer_sizes=(8,))
    for _ in range(4):
        model.partial_fit(X, Y, classes=["cook", "sail"])
    assert model.word_weights_ is not None
    assert model.score(*toy_texts(40, seed=1)) > 0.9


@pytest.mark.parametrize("init", INITS)
def test_training_goes_on_from_what_predicts(init):
    settings = {"init": init, "hidden_layer_sizes": (8,), "lr": 1e-12}
    model = classifier(**settings).fit(X, Y)
    before = model.predict_proba(NEW)
    model.partial_fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(NEW), before, atol=1e-5)
    model.set_params(warm_start=True).fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(NEW), before, atol=1e-5)


def test_a_part_of_the_data_does_not_erase_what_was_watched():
    model = classifier(**QUICK).fit(X, Y)
    scores, best = model.validation_scores_, model.best_validation_score_
    model.partial_fit(X, Y)
    assert (model.validation_scores_, model.best_validation_score_) == (scores, best)
    assert len(scores) < len(model.history_)


def test_balanced_weights_are_refused_where_frequencies_are_unknown():
    model = classifier(class_weight="balanced")
    with pytest.raises(ValueError, match="compute_class_weight"):
        model.partial_fit(X, Y, classes=["cook", "sail"])


@pytest.mark.parametrize("kind", [StaticClassifier, StaticRegressor])
def test_the_end_of_epochs_is_a_convergence_warning(kind):
    y = Y if kind is StaticClassifier else VALUES
    with pytest.warns(ConvergenceWarning, match="max_epochs=1") as caught:
        kind(EMBEDDING, max_epochs=1, random_state=0).fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]


def test_the_end_of_iterations_is_a_convergence_warning():
    model = StaticLinearClassifier(EMBEDDING, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model.fit(X, Y)


def test_a_model_that_converged_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier(hidden_layer_sizes=(8,), lr=0.02, tol=1e-2).fit(X, Y)


@pytest.mark.parametrize("kind", [StaticClassifier, StaticRegressor])
def test_no_scoring_is_the_score_of_the_estimator(kind):
    y = Y if kind is StaticClassifier else VALUES
    settings = {**QUICK, "random_state": 0, "init": "random"}
    default = kind(EMBEDDING, scoring=None, **settings).fit(X, y)
    metric = "accuracy" if kind is StaticClassifier else "r2"
    named = kind(EMBEDDING, scoring=metric, **settings).fit(X, y)
    assert default.validation_scores_ == named.validation_scores_


def test_the_validation_texts_can_be_counted():
    share = classifier(**QUICK, validation_fraction=0.2).fit(X, Y)
    count = classifier(**QUICK, validation_fraction=18).fit(X, Y)
    assert_array_equal(count.predict_proba(NEW), share.predict_proba(NEW))


@pytest.mark.parametrize(
    "kind",
    [StaticClassifier, StaticLinearClassifier, StaticRegressor, StaticLinearRegressor],
)
def test_checks_of_parameters_can_be_skipped(kind):
    y = Y if "Classifier" in kind.__name__ else VALUES
    model = kind(EMBEDDING, random_state=0, verbose="no such value")
    with pytest.raises(ValueError, match="'verbose' parameter"):
        model.fit(X, y)
    with config_context(skip_parameter_validation=True):
        model.set_params(verbose=0).fit(X, y)
        model.set_params(verbose="").fit(X, y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    "kind",
    [StaticClassifier, StaticLinearClassifier, StaticRegressor, StaticLinearRegressor],
)
def test_the_column_of_a_frame_is_remembered_and_compared(kind, library):
    frames = pytest.importorskip(library, reason="the group `test` has it")
    y = Y if "Classifier" in kind.__name__ else VALUES
    settings = {} if "Linear" in kind.__name__ else {"max_epochs": 1}
    model = kind(EMBEDDING, random_state=0, **settings)
    model.fit(frames.DataFrame({"text": X}), y)
    assert model.feature_names_in_.tolist() == ["text"]
    assert model.n_features_in_ == 1
    expected = model.predict(frames.DataFrame({"text": NEW}))
    assert_array_equal(model.predict(NEW), expected)
    with pytest.raises(ValueError, match="'title', but 'text' was seen in fit"):
        model.predict(frames.DataFrame({"title": NEW}))
    assert not hasattr(model.fit(X, y), "feature_names_in_")
