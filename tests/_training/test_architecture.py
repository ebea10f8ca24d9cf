"""Bring your own architecture: one part replaced at a time."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn
from toys import toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticPipeline, StaticRegressor
from sklearn_static._layers.layers import Head
from sklearn_static._training.freezing import freeze_head
from sklearn_static.nn import Residual, mean_embedding

EMBEDDING = toy_embedding()
X, y = toy_texts()
X_test, y_test = toy_texts(60, seed=1)


class OwnHead(StaticClassifier):
    def construct_head(self, n_inputs, n_outputs):
        return nn.Sequential(
            nn.LayerNorm(n_inputs),
            nn.Linear(n_inputs, 16),
            nn.BatchNorm1d(16),
            nn.GELU(),
            nn.Dropout(0.1),
            Residual(nn.Linear(16, 16), nn.SiLU()),
            nn.Linear(16, n_outputs),
        )


class OwnLayer(nn.Module):
    def forward(self, X):
        return torch.sin(X)


class ForeignHead(StaticClassifier):
    def construct_head(self, n_inputs, n_outputs):
        return nn.Sequential(
            nn.Linear(n_inputs, 16), OwnLayer(), nn.Linear(16, n_outputs)
        )


class OwnSplit(StaticClassifier):
    def train_test_split(self, texts, y, random_state):
        rows = np.arange(len(texts))
        return rows[:-20], rows[-20:]


class OwnDataset(StaticClassifier):
    def prepare_dataset(self, embedding, examples):
        shouted = [text.replace(" some ", " ") for text in examples.texts]
        return super().prepare_dataset(
            embedding, type(examples)(shouted, examples.y, examples.sample_weight)
        )


class MaxPooling(StaticClassifier):
    @staticmethod
    def _encode(module, ids, offsets, share):
        return nn.functional.embedding_bag(ids, module.table, offsets, mode="max")


class LearnedTokenWeights(StaticClassifier):
    def construct_module(self, table, head, normalize):
        module = super().construct_module(table, head, normalize)
        module.token_weight = nn.Parameter(torch.ones(len(table)))
        return module

    @staticmethod
    def _encode(module, ids, offsets, share):
        return mean_embedding(module, ids, offsets, share * module.token_weight[ids])


class OwnLoop(StaticClassifier):
    def fit(self, X, y):
        for _ in range(self.max_epochs):
            self.partial_fit(X, y, classes=np.unique(y))
        return self


ALL = [
    OwnHead,
    ForeignHead,
    OwnSplit,
    OwnDataset,
    MaxPooling,
    LearnedTokenWeights,
    OwnLoop,
]


def make(cls, **parameters):
    return cls(EMBEDDING, lr=0.01, random_state=0, max_epochs=30, **parameters)


@pytest.mark.parametrize("cls", ALL)
def test_it_trains_predicts_and_pickles(cls):
    classifier = make(cls).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.8
    again = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(again.predict_proba(X_test), classifier.predict_proba(X_test))
    assert classifier.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize("cls", ALL)
def test_it_can_be_searched_over(cls):
    classifier = make(cls).set_params(max_epochs=3)
    search = GridSearchCV(classifier, {"lr": [1e-3, 1e-2]}, cv=2).fit(X, y)
    assert search.best_params_["lr"] in (1e-3, 1e-2)
    assert type(clone(search.best_estimator_)) is cls


@pytest.mark.parametrize("cls", [OwnHead, OwnSplit, OwnDataset, OwnLoop])
def test_what_numpy_can_compute_is_frozen_and_saved(cls, tmp_path):
    classifier = make(cls).set_params(max_epochs=3).fit(X, y)
    pipeline = classifier.to_pipeline()
    pipeline.save_pretrained(tmp_path / "own")
    again = StaticPipeline.from_pretrained(tmp_path / "own")
    for frozen in (pipeline, again):
        assert_array_equal(
            frozen.predict_proba(X_test), classifier.predict_proba(X_test)
        )


def test_a_foreign_layer_is_named_when_freezing():
    classifier = make(ForeignHead).set_params(max_epochs=1).fit(X, y)
    with pytest.raises(TypeError, match=r"layer of type OwnLayer.*joblib"):
        classifier.to_pipeline()


@pytest.mark.parametrize("cls", [MaxPooling, LearnedTokenWeights])
def test_an_own_encoding_is_named_when_freezing(cls):
    classifier = make(cls).set_params(max_epochs=1).fit(X, y)
    with pytest.raises(TypeError, match=rf"{cls.__name__} replaces how texts"):
        classifier.to_pipeline()


def test_parameters_beside_the_table_learn():
    classifier = make(LearnedTokenWeights).fit(X, y)
    weights = classifier._module_in_use.token_weight.detach().numpy()
    assert np.ptp(weights) > 0.01


def test_model2vec_refuses_a_head_that_it_cannot_compute(tmp_path):
    inference = pytest.importorskip("model2vec.inference", reason="a peer, test only")
    pipeline = make(OwnHead).set_params(max_epochs=1).fit(X, y).to_pipeline()
    pipeline.save_pretrained(tmp_path / "own")
    with pytest.raises(ValueError, match="sklearn_static"):
        inference.StaticModelPipeline.from_pretrained(tmp_path / "own")


def test_an_own_head_serves_a_regressor_and_a_stream():
    class OwnRegressor(StaticRegressor):
        construct_head = OwnHead.construct_head

    targets = np.array([float(label == "cook") for label in y])
    regressor = make(OwnRegressor).fit(X, targets)
    assert regressor.score(X, targets) > 0.5
    warm = make(OwnHead, warm_start=True).set_params(max_epochs=2).fit(X, y)
    first = warm.loss_curve_[-1]
    assert warm.fit(X, y).loss_curve_[0] < first


ACTIVATIONS = [
    nn.ReLU(),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.LeakyReLU(0.2),
    nn.Identity(),
    nn.Dropout(0.5),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_frozen_activations_compute_what_torch_does(activation):
    assert_frozen_alike(nn.Sequential(nn.Linear(8, 8), activation))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(8, 4, bias=False),
        nn.LayerNorm(8),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.BatchNorm1d(8),
        nn.BatchNorm1d(8, affine=False),
        nn.Sequential(nn.Linear(8, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 3))),
        Residual(nn.Linear(8, 8), nn.Tanh()),
    ],
    ids=repr,
)
def test_frozen_layers_compute_what_torch_does(layer):
    assert_frozen_alike(layer)


def assert_frozen_alike(module):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 8, generator=generator)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        module.train()(rows * 3 + 1)  # lets a batch normalisation see something
        expected = module.eval()(rows).numpy()
    head = freeze_head(module)
    assert isinstance(head, Head)
    assert head.needing_torch() == []
    assert_allclose(head(rows.numpy()), expected, atol=2e-6, rtol=2e-5)
