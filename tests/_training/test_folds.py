"""Every text is trained on, and judged by a network that did not see it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback
from tokenizers import Tokenizer, models, pre_tokenizers
from toys import toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticEmbedding

EMBEDDING = toy_embedding(16)
X, y = toy_texts(120, ("cook", "sail"), 0)


class Folds(Callback):
    """Notes how many texts are trained on and watched, in all and in folds."""

    def on_train_begin(self, net, X, **kwargs):
        self.n_trained = len(X)
        self.sizes = [(len(fold.train), len(fold.valid)) for fold in net.folds]
        self.n_watched = len(net.get_split_datasets(X)[1] or [])


def folds_of(texts=X, labels=y, **parameters):
    folds = Folds()
    quick = {"hidden_layer_sizes": (4,), "max_epochs": 1, "random_state": 0}
    model = StaticClassifier(EMBEDDING, callbacks=[folds], **{**quick, **parameters})
    model.fit(texts, labels)
    return folds


def of_words(n_texts):
    """Texts of a word each that no other has, whose labels no other text can tell."""
    rng = np.random.default_rng(0)
    texts = [f"w{i}" for i in range(n_texts)]
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *texts])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = rng.normal(size=(n_texts + 1, 64)).astype(np.float32)
    return (
        StaticEmbedding(table, tokenizer, normalize=True),
        texts,
        rng.permuted(np.arange(n_texts) % 2),
    )


def test_held_out_texts_are_judged_by_networks_that_did_not_see_them():
    embedding, texts, labels = of_words(200)
    model = StaticClassifier(
        embedding, lr=0.01, max_epochs=15, n_iter_no_change=15, random_state=0
    ).fit(texts, labels)
    assert min(model.history_[:, "train_loss"]) < 0.1
    assert min(model.history_[:, "valid_loss"]) > 0.6


def test_every_text_is_trained_on():
    embedding, texts, labels = of_words(100)
    model = StaticClassifier(embedding, max_epochs=1, random_state=0)
    trained = model.fit(texts, labels).embedding_.vectors
    moved = np.abs(trained - embedding.for_training().vectors).max(axis=1) > 0
    assert_array_equal(moved, [False, *[True] * 100])


@pytest.mark.parametrize(
    ("validation_fraction", "n_valid"), [(0.1, 24), (0.2, 24), (0.5, 60), (40, 40)]
)
def test_validation_fraction_is_the_size_of_a_fold(validation_fraction, n_valid):
    """But no fold of few texts is smaller than a fifth of them."""
    folds = folds_of(validation_fraction=validation_fraction)
    assert folds.n_trained == 120
    assert {valid for _, valid in folds.sizes} == {n_valid}
    assert all(train + valid == 120 for train, valid in folds.sizes)
    assert folds.n_watched == sum(valid for _, valid in folds.sizes)


def test_of_many_texts_no_more_are_held_out_than_it_takes():
    texts = [f"{text} {i}" for i, text in enumerate(X * 50)]
    folds = folds_of(texts, np.tile(y, 50))
    assert [valid for _, valid in folds.sizes] == [600, 600]


@pytest.mark.parametrize("parameters", [{"init": "random"}, {"early_stopping": False}])
def test_a_random_start_and_no_early_stopping_have_no_folds(parameters):
    assert folds_of(**parameters).sizes == []


def test_given_texts_are_watched_in_place_of_folds():
    folds = Folds()
    model = StaticClassifier(EMBEDDING, callbacks=[folds], max_epochs=1)
    model.fit(X[20:], y[20:], X_val=X[:20], y_val=y[:20])
    assert (folds.n_trained, folds.sizes, folds.n_watched) == (100, [], 20)


def test_no_fold_holds_out_a_class_that_its_network_has_not_seen():
    texts, labels = [*X, "loop stack"], [*y, "code"]
    folds = folds_of(texts, labels)
    assert sum(valid for _, valid in folds.sizes) == 120
