"""StaticRegressor: numbers from text."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from toys import TOPICS, toy_embedding, toy_texts

from sklearn_static import StaticPipeline, StaticRegressor

EMBEDDING = toy_embedding()
X, _ = toy_texts(200)
X_test, _ = toy_texts(80, seed=1)


def n_cooking_words(texts):
    """How many words of each text are about cooking, as a target far from zero."""
    cooking = set(TOPICS["cook"])
    return np.array([1000.0 + 50 * len(cooking & set(t.split())) for t in texts])


y, y_test = n_cooking_words(X), n_cooking_words(X_test)


def make(**parameters):
    defaults = {"hidden_layer_sizes": (16,), "lr": 0.01, "random_state": 0}
    return StaticRegressor(EMBEDDING, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, y)


def test_it_learns_in_the_units_of_the_targets(fitted):
    assert fitted.score(X_test, y_test) > 0.8
    assert fitted.predict(X_test).shape == (80,)
    assert 1000 < fitted.predict(X_test).mean() < 1200


def test_many_targets_have_a_column_each():
    both = np.column_stack([y, -y / 100])
    regressor = make().fit(X, both)
    assert regressor.predict(X_test).shape == (80, 2)
    assert regressor.score(X_test, np.column_stack([y_test, -y_test / 100])) > 0.8


def test_scaling_and_shifting_targets_scales_and_shifts_predictions(fitted):
    moved = make().fit(X, y * 3 - 7)
    assert_allclose(moved.predict(X_test), fitted.predict(X_test) * 3 - 7, rtol=1e-3)


def test_a_constant_target_is_predicted():
    predicted = make(max_epochs=3).fit(X, np.full(len(X), 5.0)).predict(X_test)
    assert_allclose(predicted, 5.0, atol=1.0)


def test_the_same_seed_gives_the_same_model_bit_for_bit(fitted):
    assert_array_equal(make().fit(X, y).predict(X_test), fitted.predict(X_test))


def test_early_stopping_watches_the_loss_or_a_scorer(fitted):
    assert fitted.best_validation_score_ == -min(
        r["valid_loss"] for r in fitted.history_
    )
    by_r2 = make(scoring="r2", max_epochs=5).fit(X, y)
    assert by_r2.best_validation_score_ == max(by_r2.validation_scores_) < 1


def test_sample_weights_and_a_validation_set_are_taken():
    doubled = [*X, *X_test]
    weight = np.r_[np.ones(len(X)), np.zeros(len(X_test))]
    targets = np.r_[y, np.zeros(len(X_test))]
    kwargs = {"X_val": X_test, "y_val": y_test}
    weighted = make(max_epochs=4).fit(doubled, targets, weight, **kwargs)
    plain = make(max_epochs=4).fit(X, y, **kwargs)
    assert_array_equal(weighted.predict(X_test), plain.predict(X_test))


def test_partial_fit_learns_from_a_stream():
    regressor = make()
    for seed in range(20):
        texts, _ = toy_texts(60, seed=seed)
        regressor.partial_fit(texts, n_cooking_words(texts))
    assert regressor.score(X_test, y_test) > 0.7


def test_warm_start_goes_on():
    regressor = make(max_epochs=2, warm_start=True).fit(X, y)
    first = regressor.loss_curve_[-1]
    assert regressor.fit(X, y).loss_curve_[0] < first


@pytest.mark.parametrize("n_targets", [1, 3])
def test_the_frozen_pipeline_predicts_the_same(tmp_path, n_targets):
    targets = np.column_stack([y] * n_targets) if n_targets > 1 else y
    regressor = make(max_epochs=3).fit(X, targets)
    pipeline = regressor.to_pipeline()
    pipeline.save_pretrained(tmp_path / "numbers")
    again = StaticPipeline.from_pretrained(tmp_path / "numbers")
    for frozen in (pipeline, again, clone(again), pickle.loads(pickle.dumps(again))):
        assert_array_equal(frozen.predict(X_test), regressor.predict(X_test))
    assert frozen.score(X_test, regressor.predict(X_test)) == pytest.approx(1)


def test_model2vec_opens_a_frozen_regressor(tmp_path):
    inference = pytest.importorskip("model2vec.inference", reason="a peer, test only")
    regressor = make(max_epochs=3, lexical=False).fit(X, y)
    regressor.to_pipeline().save_pretrained(tmp_path / "numbers")
    peer = inference.StaticModelPipeline.from_pretrained(tmp_path / "numbers")
    assert_allclose(peer.predict(X_test)[:, 0], regressor.predict(X_test), rtol=1e-5)


@pytest.mark.parametrize(
    ("targets", "match"),
    [
        (None, "requires y to be passed"),
        (np.full(len(X), np.nan), "NaN"),
        (np.zeros((len(X), 2, 2)), r"dim|\(n_texts, n_outputs\)"),
        (y[:-1], "inconsistent numbers of samples"),
    ],
)
def test_bad_targets_are_refused_with_a_reason(targets, match):
    with pytest.raises(ValueError, match=match):
        make().fit(X, targets)


def test_targets_of_another_width_later_are_refused():
    regressor = make().partial_fit(X, y)
    with pytest.raises(ValueError, match="2 columns, but 1 were"):
        regressor.partial_fit(X, np.column_stack([y, y]))
