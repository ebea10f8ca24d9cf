"""What is trained is what predicts: torch's forward pass against numpy's."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_expit
from toys import toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticEmbedding, StaticRegressor, _training
from sklearn_static._estimators.targets import Examples
from sklearn_static._training.freezing import freeze_head
from sklearn_static.nn import mlp_head

TOY = toy_embedding(n_dimensions=24)
TOKENIZER, N_TOKENS = TOY.tokenizer, TOY.n_tokens
X, y = toy_texts()
ODD = [
    *("", " ", "日本語", "日本語 oven", "oven", "OVEN mast, rope.", "mast" * 50),
    *("日本語 " * 20 + "oven", "mast rope " * 400, "oven pan tide", "x y z", "salt"),
]
X_val, y_val = [*ODD, *X[:20]], [*np.resize(["cook", "sail"], len(ODD)), *y[:20]]
WEIGHT_VAL = np.linspace(0.5, 2, len(X_val))

FACTORS = np.linspace(0.2, 3, N_TOKENS)
ROWS = np.arange(N_TOKENS) // 2
HALF = TOY.vectors[: ROWS.max() + 1]
WHOLE = np.rint(TOY.vectors * 30).astype(np.int8)


def table(vectors=TOY.vectors, **parameters):
    return StaticEmbedding(vectors, TOKENIZER, **parameters)


TABLES = {
    "plain": table(),
    "normalized": table(normalize=True),
    "weighted": table(weights=FACTORS),
    "weighted and normalized": table(weights=FACTORS, normalize=True),
    "shared rows": table(HALF, mapping=ROWS),
    "weighted shared rows": table(HALF, mapping=ROWS, weights=FACTORS, normalize=True),
    "float16": table(TOY.vectors.astype(np.float16), weights=FACTORS),
    "int8": table(WHOLE, normalize=True),
    "weighted int8": table(WHOLE, weights=FACTORS / 30),
    "short texts only": table(max_length=3),
    "texts of any length": table(max_length=None, normalize=True),
}


@pytest.fixture(params=TABLES.values(), ids=TABLES)
def model(request):
    return request.param


def make(cls, model, **parameters):
    defaults = {"hidden_layer_sizes": (16, 8), "lr": 0.01, "dropout": 0.3}
    defaults |= {"init": "random", "max_epochs": 4, "random_state": 0}
    settings = {**defaults, **parameters}
    return cls(model, **settings)


def torch_scores(estimator, texts):
    """What the module that is trained gives in evaluation mode, dropout being off."""
    embedding, state = estimator.embedding_, estimator._state
    head = estimator.construct_head(embedding.n_dimensions, 2)
    vectors = torch.tensor(embedding.vectors)
    module = estimator.construct_module(vectors, head, embedding.normalize)
    if estimator.init == "linear":
        module.add_linear(2)
    learned = {name: torch.tensor(value) for name, value in state.items()}
    missing, unexpected = module.load_state_dict(learned, strict=False)
    assert (missing, unexpected) == (["table"], [])
    ones = np.ones(len(texts))
    dataset = estimator.prepare_dataset(embedding, Examples(texts, ones, ones))
    if estimator.word_weights_ is not None:
        words = embedding.words(embedding.tokenize(texts))
        dataset = dataset.beside(estimator.word_weights_(words))
    inputs, _ = dataset.batch(0, len(texts))
    with torch.no_grad():
        return module.eval()(**inputs).numpy()


@pytest.mark.parametrize(
    "settings",
    [{"init": "random"}, {"init": "linear"}, {"init": "linear", "lexical": False}],
    ids=["random start", "linear start", "without words"],
)
def test_scores_are_those_of_the_module_that_was_trained(model, settings):
    classifier = make(StaticClassifier, model, **settings).fit(X, y)
    expected = torch_scores(classifier, ODD)
    pipeline = classifier.to_pipeline()
    difference = expected[:, 1] - expected[:, 0]
    assert_allclose(pipeline.decision_function(ODD), difference, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("sizes", [(), (7,), (7, 5)], ids=str)
def test_a_frozen_head_gives_the_scores_of_the_torch_head(sizes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = mlp_head(24, sizes, 3, dropout=0.5).eval()
        rows = torch.randn(50, 24)
    frozen = freeze_head(head)
    assert len(frozen.mlp_layers()) == len(sizes) + 1
    expected = head(rows).detach().numpy()
    assert_allclose(frozen(rows.numpy()), expected, atol=1e-5, rtol=1e-5)


def test_an_untrained_table_embeds_as_it_did(model):
    """Training starts from the very embeddings that the table gives without it."""
    embedding, floats = model, model.for_training()
    scale = 127 if model.vectors.dtype == np.int8 and model.weights is None else 1
    scale = 1 if model.normalize else scale
    expected = embedding.encode(ODD) / np.float32(scale)
    assert_allclose(floats.encode(ODD), expected, atol=1e-5, rtol=1e-5)


def kept_loss(estimator):
    return estimator.history_[estimator.best_epoch_ - 1]["valid_loss"]


def fit(estimator, y, y_val):
    return estimator.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=WEIGHT_VAL)


def test_the_loss_in_training_is_that_of_predictions(model):
    classifier = fit(make(StaticClassifier, model), y, y_val)
    log_probabilities = classifier.predict_log_proba(X_val)
    numbers = np.searchsorted(classifier.classes_, y_val)
    losses = -log_probabilities[np.arange(len(X_val)), numbers]
    expected = np.average(losses, weights=WEIGHT_VAL)
    assert kept_loss(classifier) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_many_labels_is_that_of_predictions(model):
    Y, Y_val = (
        np.column_stack([np.array(labels) == "cook", np.arange(len(labels)) % 3 == 0])
        for labels in (y, y_val)
    )
    classifier = fit(make(StaticClassifier, model), Y.astype(int), Y_val.astype(int))
    scores = classifier.decision_function(X_val)
    losses = -log_expit(np.where(Y_val, scores, -scores)).mean(axis=1)
    expected = np.average(losses, weights=WEIGHT_VAL)
    assert kept_loss(classifier) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_numbers_is_that_of_predictions(model):
    values, values_val = (np.array([len(text) * 7.0 for text in t]) for t in (X, X_val))
    regressor = fit(make(StaticRegressor, model), values, values_val)
    errors = (regressor.predict(X_val) - values_val) / values.std()
    expected = np.average(errors**2, weights=WEIGHT_VAL)
    assert kept_loss(regressor) == pytest.approx(expected, rel=1e-4)


def train_every_row(monkeypatch):
    """Also those that do not occur; texts are merged all the same."""
    monkeypatch.setattr(
        _training, "compact", lambda d, n: (np.arange(n), [part.merged() for part in d])
    )


def test_training_the_rows_that_occur_is_training_them_all(model, monkeypatch):
    some = make(StaticClassifier, model, max_epochs=8).fit(X, y)
    train_every_row(monkeypatch)
    every = make(StaticClassifier, model, max_epochs=8).fit(X, y)
    assert some.loss_curve_ == every.loss_curve_
    assert_array_equal(some.embedding_.vectors, every.embedding_.vectors)
    for name, value in every._state.items():
        assert_array_equal(some._state[name], value)
    assert len(np.unique(some.embedding_.tokenize(X).ids)) < N_TOKENS


class SeesTheWholeTable(StaticClassifier):
    """Whoever replaces the module gets the whole table, and every token."""

    def construct_module(self, table, head, normalize):
        assert len(table) == len(self.model.vectors)
        return super().construct_module(table, head, normalize)


def test_a_replaced_module_learns_the_same_from_the_whole_table(model):
    some = make(StaticClassifier, model, max_epochs=8).fit(X, y)
    whole = make(SeesTheWholeTable, model, max_epochs=8).fit(X, y)
    assert_allclose(some.loss_curve_, whole.loss_curve_, rtol=1e-4)
    assert_allclose(some.predict_proba(ODD), whole.predict_proba(ODD), atol=1e-4)


def streamed(model, *calls):
    estimator = make(StaticClassifier, model)
    for rows in calls:
        estimator.partial_fit(X[rows], y[rows], classes=["cook", "sail"])
    return estimator


def test_a_stream_with_new_rows_in_a_later_call_trains_as_one_of_all_rows(
    model, monkeypatch
):
    """The moments of rows met before come back to them among more rows."""
    calls = slice(0, 10), slice(0, len(X))
    some = streamed(model, *calls)
    train_every_row(monkeypatch)
    every = streamed(model, *calls)
    assert some.loss_curve_ == every.loss_curve_
    assert_array_equal(some.embedding_.vectors, every.embedding_.vectors)


def test_rows_that_a_later_call_does_not_meet_rest(model):
    """Where dense Adam would move them on by their momentum."""
    before = streamed(model, slice(0, len(X))).embedding_
    after = streamed(model, slice(0, len(X)), slice(0, 2)).embedding_
    met = np.unique(after.rows(after.tokenize(X[:2]))[0].ids)
    moved = np.flatnonzero(np.any(after.vectors != before.vectors, axis=1))
    assert_array_equal(moved, met)
