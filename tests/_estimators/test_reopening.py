"""Classifiers that go on from a saved folder."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import log_loss
from torch import nn
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticPipeline,
)
from sklearn_static import (
    nn as static_nn,
)

TOPICS = ("cook", "sail", "code")
SETTINGS = {
    "linear start": {},
    "linear start without words": {"lexical": False},
    "linear start, wide": {"hidden_layer_sizes": (7, 5)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "random start": {"init": "random"},
    "random start, dropout": {"init": "random", "dropout": 0.2},
}


@pytest.fixture(scope="module")
def embedding():
    return toy_embedding()


@pytest.fixture(scope="module")
def data():
    return toy_texts(90, TOPICS)


def make(embedding, **settings):
    defaults = {"random_state": 0, "max_epochs": 3, "batch_size": 16}
    return StaticClassifier(embedding, **{**defaults, **settings})


@pytest.fixture(params=SETTINGS)
def saved(request, embedding, data, tmp_path):
    """A folder, and the classifier that was saved there."""
    classifier = make(embedding, **SETTINGS[request.param]).fit(*data)
    classifier.to_pipeline().save_pretrained(tmp_path / "model")
    return tmp_path / "model", classifier


def test_it_predicts_as_what_was_saved(saved, data):
    folder, classifier = saved
    again = StaticClassifier.from_pretrained(folder)
    texts = [*data[0], "", "an unseen 9"]
    expected = classifier.predict_proba(texts)
    assert_allclose(again.predict_proba(texts), expected, rtol=1e-4, atol=1e-6)
    assert_array_equal(again.classes_, sorted(TOPICS))
    assert again.to_pipeline().predict(texts).tolist() == again.predict(texts).tolist()


def test_the_first_step_starts_at_what_was_saved(saved, data):
    folder, classifier = saved
    again = StaticClassifier.from_pretrained(folder, lr=1e-9, batch_size=16)
    expected = again.predict_proba(data[0])
    again.partial_fit(*data)
    assert_allclose(again.predict_proba(data[0]), expected, rtol=1e-4, atol=1e-5)
    loss = log_loss(data[1], expected)
    if not classifier.dropout:
        assert again.loss_curve_[0] == pytest.approx(loss, rel=1e-2)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_goes_on(saved, data, method):
    folder, _ = saved
    again = StaticClassifier.from_pretrained(
        folder, random_state=0, max_epochs=3, early_stopping=False, batch_size=16
    )
    assert again.warm_start
    swapped = [{"cook": "sail", "sail": "cook"}.get(y, y) for y in data[1]]
    before = log_loss(swapped, again.predict_proba(data[0]))
    for _ in range(5):
        getattr(again, method)(data[0], swapped)
    assert log_loss(swapped, again.predict_proba(data[0])) < before
    with pytest.raises(ValueError, match="not among the classes"):
        getattr(again, method)(["salt"], ["other"])


def test_hidden_layers_are_those_of_the_folder(embedding, data, tmp_path):
    classifier = make(embedding, hidden_layer_sizes=(7, 5)).fit(*data)
    classifier.to_pipeline().save_pretrained(tmp_path / "model")
    again = StaticClassifier.from_pretrained(tmp_path / "model", lr=0.01)
    assert (again.hidden_layer_sizes, again.lr) == ((7, 5), 0.01)
    with pytest.raises(ValueError, match=r"The saved head has .* construct_head makes"):
        StaticClassifier.from_pretrained(tmp_path / "model", hidden_layer_sizes=(9,))


def test_a_linear_model_is_gone_on_from(embedding, data, tmp_path):
    linear = StaticLinearClassifier(embedding, random_state=0).fit(*data)
    linear.to_pipeline().save_pretrained(tmp_path / "model")
    again = StaticClassifier.from_pretrained(
        tmp_path / "model", random_state=0, lr=0.01
    )
    expected = linear.predict_proba(data[0])
    assert_allclose(again.predict_proba(data[0]), expected, rtol=1e-4, atol=1e-6)
    again.partial_fit(*data)
    assert len(again.to_pipeline()["head"].head.layers[0].branches) == 2
    assert again.score(*data) == 1


@pytest.mark.parametrize("lexical", [False, True])
def test_a_linear_classifier_is_opened_fitted(embedding, data, tmp_path, lexical):
    linear = StaticLinearClassifier(embedding, lexical=lexical, random_state=0)
    linear.fit(*data).to_pipeline().save_pretrained(tmp_path / "model")
    again = StaticLinearClassifier.from_pretrained(tmp_path / "model", random_state=0)
    assert_array_equal(again.predict_proba(data[0]), linear.predict_proba(data[0]))
    assert_array_equal(again.coef_, linear.coef_)
    assert again.lexical == lexical
    if lexical:
        weights = linear.get_word_weights(["oven"])
        assert_array_equal(again.get_word_weights(["oven"]), weights)
    again.fit(*data)
    assert_allclose(again.predict_proba(data[0]), linear.predict_proba(data[0]))
    assert not hasattr(clone(again), "head_")


def test_many_labels_are_gone_on_with(embedding, data, tmp_path):
    texts, labels = data
    cooks, is_long = [y == "cook" for y in labels], [len(x) > 40 for x in texts]
    Y = np.array([cooks, is_long]).T.astype(int)
    classifier = make(embedding, threshold=0.3).fit(texts, Y)
    classifier.to_pipeline().save_pretrained(tmp_path / "model")
    again = StaticClassifier.from_pretrained(tmp_path / "model", random_state=0)
    assert again.threshold == 0.3
    assert_array_equal(again.predict(texts), classifier.predict(texts))
    again.partial_fit(texts, Y)
    assert again.predict_proba(texts).shape == Y.shape


class Normed(StaticClassifier):
    def construct_head(self, n_inputs, n_outputs):
        residual = static_nn.Residual(nn.Linear(n_inputs, n_inputs), nn.GELU())
        return nn.Sequential(
            nn.LayerNorm(n_inputs), residual, nn.Linear(n_inputs, n_outputs)
        )


def test_an_own_head_is_gone_on_from_by_its_class(embedding, data, tmp_path):
    classifier = Normed(embedding, random_state=0, max_epochs=2).fit(*data)
    classifier.to_pipeline().save_pretrained(tmp_path / "model")
    again = Normed.from_pretrained(tmp_path / "model", lr=1e-9)
    expected = classifier.predict_proba(data[0])
    for model in (again, again.partial_fit(*data)):
        assert_allclose(model.predict_proba(data[0]), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"The saved head has .*LayerNorm"):
        StaticClassifier.from_pretrained(tmp_path / "model")
    with pytest.raises(TypeError, match=r"StaticClassifier.from_pretrained opens it"):
        StaticLinearClassifier.from_pretrained(tmp_path / "model")


class OwnEncoding(StaticClassifier):
    @staticmethod
    def _encode(module, ids, offsets, share):
        raise AssertionError


def test_what_cannot_be_gone_on_from_is_refused(embedding, data, tmp_path):
    regressor = StaticLinearRegressor(embedding, random_state=0)
    regressor.fit(data[0], np.arange(90.0))
    regressor.to_pipeline().save_pretrained(tmp_path / "values")
    with pytest.raises(TypeError, match="holds a regressor"):
        StaticClassifier.from_pretrained(tmp_path / "values")
    frozen_pipeline(embedding, classes=("b", "a")).save_pretrained(tmp_path / "order")
    with pytest.raises(ValueError, match="distinct ones in ascending order"):
        StaticClassifier.from_pretrained(tmp_path / "order")
    with pytest.raises(TypeError, match="replaces how texts are embedded"):
        OwnEncoding.from_pretrained(tmp_path / "order")
    with pytest.raises(TypeError, match="unexpected keyword argument 'lrr'"):
        StaticClassifier.from_pretrained(tmp_path / "order", lrr=1)


@pytest.mark.parametrize("kind", [StaticClassifier, StaticLinearClassifier])
def test_options_of_the_hub_are_passed_on(kind, embedding, data, monkeypatch):
    asked = []

    def opened(*args, **options):
        asked.append((*args, options))
        linear = StaticLinearClassifier(embedding, random_state=0).fit(*data)
        return linear.to_pipeline()

    monkeypatch.setattr(StaticPipeline, "from_pretrained", opened)
    options = {
        "revision": "v1",
        "token": "hf_x",
        "local_files_only": True,
        "cache_dir": "cache",
        "subfolder": "small",
    }
    classifier = kind.from_pretrained("owner/film", random_state=3, **options)
    assert asked == [("owner/film", options)]
    assert classifier.random_state == 3


def test_the_same_seed_goes_on_the_same_way(embedding, data, tmp_path):
    linear = StaticLinearClassifier(embedding, random_state=0).fit(*data)
    linear.to_pipeline().save_pretrained(tmp_path / "model")
    first, second = (
        StaticClassifier.from_pretrained(tmp_path / "model", random_state=0)
        .partial_fit(*data)
        .predict_proba(data[0])
        for _ in range(2)
    )
    assert_array_equal(first, second)
