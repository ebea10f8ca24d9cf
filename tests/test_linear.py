"""The linear classifier: how it is fitted, frozen and stored."""

import json
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import MultiLabelBinarizer
from toys import TOPICS, WITHOUT_TORCH, toy_embedding, toy_texts

from sklearn_static import (
    ModelFormatError,
    StaticEmbedding,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticPipeline,
    StaticRegressor,
)

EMBEDDING = toy_embedding(16)
TOPIC_NAMES = ("cook", "sail", "code")
X, Y = toy_texts(90, TOPIC_NAMES)
NEW, NEW_Y = toy_texts(60, TOPIC_NAMES, seed=1)


def solved(**parameters):
    return StaticLinearClassifier(EMBEDDING, random_state=0, **parameters)


def test_a_linear_model_tells_topics_apart_and_leaves_the_table_alone():
    model = solved().fit(X, Y)
    assert model.score(NEW, NEW_Y) > 0.95
    assert model.embedding_ is EMBEDDING


def test_a_model_is_fitted_frozen_and_stored_without_torch(tmp_path):
    program = f"""{WITHOUT_TORCH}
from toys import toy_embedding, toy_texts
from sklearn_static import StaticLinearClassifier
X, y = toy_texts(40)
model = StaticLinearClassifier(toy_embedding(8), random_state=0).fit(X, y)
model.to_pipeline().save_pretrained({str(tmp_path / "model")!r})
assert "torch" not in sys.modules and "skorch" not in sys.modules
"""
    path = [*sys.path, *[p for p in sys.path if p]]
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"],
        check=True,
    )
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert (again.predict(toy_texts(20)[0]) == toy_texts(20)[1]).mean() > 0.9


@pytest.mark.parametrize("lexical", [True, False])
def test_a_solution_is_repeatable_and_pickles(lexical):
    one, two = (solved(lexical=lexical).fit(X, Y) for _ in range(2))
    expected = one.predict_proba(NEW)
    assert np.array_equal(two.predict_proba(NEW), expected)
    again = pickle.loads(pickle.dumps(one))
    assert np.array_equal(again.predict_proba(NEW), expected)


def test_without_words_it_is_logistic_regression_up_to_calibration():
    model = solved(lexical=False, C=2.0).fit(X, Y)
    reference = LogisticRegression(C=2.0, tol=1e-8, max_iter=10_000)
    reference.fit(EMBEDDING.encode(X), Y)
    ours = log_softmax(model.decision_function(NEW), axis=1)
    theirs = reference.predict_log_proba(EMBEDDING.encode(NEW))
    for a, b, c in ((0, 1, 2), (1, 2, 0)):
        # A temperature and a shift leave ratios of differences within a text alone.
        ratio = (ours[:, a] - ours[:, b]) / (ours[:, b] - ours[:, c])
        expected = (theirs[:, a] - theirs[:, b]) / (theirs[:, b] - theirs[:, c])
        assert np.median(np.abs(ratio - expected) / np.abs(expected)) < 0.02


def test_pairs_of_words_tell_what_the_embedding_cannot():
    rng = np.random.default_rng(0)
    words = ["oven", "mast", "the", "of"]
    orders = [rng.permutation(words).tolist() for _ in range(600)]
    # Each text has the same words, and so the same embedding.
    orders = [o for o in orders if abs(o.index("oven") - o.index("mast")) == 1]
    texts = [" ".join(order) for order in orders]
    labels = np.array([order.index("oven") < order.index("mast") for order in orders])
    half = len(texts) // 2
    with_words = solved().fit(texts[:half], labels[:half])
    without = solved(lexical=False).fit(texts[:half], labels[:half])
    assert with_words.score(texts[half:], labels[half:]) == 1.0
    assert without.score(texts[half:], labels[half:]) < 0.7


def noisy(n_texts, seed):
    texts, labels = toy_texts(n_texts, TOPIC_NAMES, seed)
    rng = np.random.default_rng(seed)
    wrong = rng.random(n_texts) < 0.3
    labels = np.where(wrong, rng.choice(TOPIC_NAMES, n_texts), labels)
    return texts, labels


def test_probabilities_are_calibrated():
    texts, labels = noisy(600, 0)
    fresh, truth = noisy(600, 1)
    model = solved(C=1000.0).fit(texts, labels)
    features = TfidfVectorizer(ngram_range=(1, 2)).fit(texts)
    plain = LogisticRegression(C=1000.0, max_iter=10_000)
    plain.fit(features.transform(texts), labels)
    ours = log_loss(truth, model.predict_proba(fresh))
    theirs = log_loss(truth, plain.predict_proba(features.transform(fresh)))
    # No better is possible than to say 0.8, 0.1 and 0.1.
    best = -(0.8 * np.log(0.8) + 0.2 * np.log(0.1))
    assert best < ours < 0.8
    assert theirs > 1.5


def test_validation_texts_calibrate():
    texts, labels = noisy(300, 0)
    held_out = noisy(300, 2)
    fresh, truth = noisy(600, 1)
    model = solved(C=1000.0)
    model.fit(texts, labels, X_val=held_out[0], y_val=held_out[1])
    assert log_loss(truth, model.predict_proba(fresh)) < 0.8
    wrong = solved(C=1000.0).fit(texts, labels, X_val=texts, y_val=labels)
    assert log_loss(truth, wrong.predict_proba(fresh)) > 1.0


@pytest.mark.parametrize(
    "validation", [{"X_val": NEW}, {"y_val": NEW_Y}], ids=["no y", "no X"]
)
def test_half_of_validation_texts_are_refused(validation):
    with pytest.raises(ValueError, match="both X_val and y_val"):
        solved().fit(X, Y, **validation)


def test_weights_of_classes_and_texts_move_predictions():
    texts, labels = noisy(300, 0)
    few = np.flatnonzero(labels == "cook")[10:]
    texts = [text for i, text in enumerate(texts) if i not in set(few.tolist())]
    labels = np.delete(labels, few)
    share = []
    weights = np.where(labels == "cook", 50.0, 1.0)
    for parameters, weight in (
        ({}, None),
        ({"class_weight": "balanced"}, None),
        ({"class_weight": {"cook": 50.0}}, None),
        ({}, weights),
    ):
        model = solved(**parameters).fit(texts, labels, weight)
        share.append(model.predict_proba(NEW)[:, list(model.classes_).index("cook")])
    plain, *weighted = (part.mean() for part in share)
    assert all(part > plain for part in weighted)


def test_texts_of_no_weight_are_as_if_not_there():
    weight = np.r_[np.ones(60), np.zeros(30)]
    one = solved().fit(X, Y, weight)
    two = solved().fit(X[:60], Y[:60])
    assert np.array_equal(one.predict_proba(NEW), two.predict_proba(NEW))
    assert two.score(NEW, NEW_Y) > 0.9
    assert not np.array_equal(solved().fit(X, Y).coef_, two.coef_)


@pytest.mark.parametrize("labels", ["classes", "many labels"])
def test_a_text_that_weighs_twice_counts_as_one_that_is_there_twice(labels):
    texts, y = noisy(150, 0)
    if labels == "many labels":
        y = MultiLabelBinarizer().fit_transform([[label] for label in y])
    times = np.random.default_rng(0).integers(1, 4, 150)
    repeated = [text for text, n in zip(texts, times, strict=True) for _ in range(n)]
    weighted = solved().fit(texts, y, times)
    other = solved().fit(repeated, np.repeat(y, times, axis=0))
    words = [model.word_weights_ for model in (weighted, other)]
    assert np.array_equal(words[0].vocabulary.pairs, words[1].vocabulary.pairs)
    assert np.array_equal(words[0].idf, words[1].idf)
    expected, actual = (model.predict_proba(NEW) for model in (weighted, other))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=0.02)
    plain = solved().fit(texts, y).predict_proba(NEW)
    assert np.abs(plain - expected).max() > 0.05


def test_many_labels_are_learned():
    lists = [
        [label, "long"] if len(text) > 36 else [label]
        for text, label in zip(X, Y, strict=True)
    ]
    indicator = MultiLabelBinarizer().fit_transform(lists)
    model = solved().fit(X, indicator)
    assert model.predict(X).shape == indicator.shape
    assert (model.predict(X)[:, :3] == indicator[:, :3]).mean() > 0.95
    balanced = solved(class_weight="balanced").fit(X, indicator)
    rare = indicator.mean(axis=0).argmin()
    probability = model.predict_proba(NEW)[:, rare].mean()
    assert balanced.predict_proba(NEW)[:, rare].mean() > probability


def test_a_column_without_a_label_stays_improbable():
    indicator = np.zeros((90, 2), int)
    indicator[:, 0] = [label == "cook" for label in Y]
    probabilities = solved().fit(X, indicator).predict_proba(NEW)
    assert np.isfinite(probabilities).all()
    assert probabilities[:, 1].max() < 0.1


@pytest.mark.parametrize("n_texts", [2, 3, 4, 7])
def test_a_few_texts_are_enough(n_texts):
    model = solved().fit(X[:n_texts], Y[:n_texts])
    assert (model.predict(X[:n_texts]) == Y[:n_texts]).all()
    assert np.isfinite(model.predict_proba(NEW)).all()


def test_empty_texts_and_equal_texts_are_learned_from():
    model = solved().fit([""] * 4 + ["oven"] * 4, ["none", "one"] * 4)
    assert np.allclose(model.predict_proba(["", "oven", "mast"]), 0.5, atol=0.05)
    told_apart = solved().fit([""] * 4 + ["oven"] * 4, ["none"] * 4 + ["one"] * 4)
    assert told_apart.predict(["", "oven"]).tolist() == ["none", "one"]


def test_heavy_imbalance_is_no_obstacle():
    many = [i for i, label in enumerate(Y) if label != "cook"]
    rows = [*many, *[i for i, label in enumerate(Y) if label == "cook"][:2]]
    model = solved().fit([X[i] for i in rows], [Y[i] for i in rows])
    probability = model.predict_proba(NEW)[:, model.classes_.tolist().index("cook")]
    is_cook = np.array(NEW_Y) == "cook"
    assert np.isfinite(probability).all()
    assert probability[is_cook].mean() > 3 * probability[~is_cook].mean()
    others = [i for i, label in enumerate(NEW_Y) if label != "cook"]
    assert model.score([NEW[i] for i in others], [NEW_Y[i] for i in others]) > 0.9


def test_many_texts_take_the_other_way_to_the_same_kind_of_model():
    texts, labels = toy_texts(2500, TOPIC_NAMES)
    model = solved().fit(texts, labels)
    assert model.score(NEW, NEW_Y) == 1.0
    assert log_loss(NEW_Y, model.predict_proba(NEW), labels=model.classes_) < 0.05


def test_hyperparameters_can_be_searched_for():
    grid = {"C": [0.1, 10.0], "lexical": [True, False]}
    search = GridSearchCV(solved(), grid, cv=2).fit(X, Y)
    assert search.best_score_ > 0.9


def test_words_beyond_the_table_count_too():
    table = StaticEmbedding.from_pretrained("default")
    texts = ["xqzzy plugh", "frobnicate xyzzy"] * 10
    model = StaticLinearClassifier(table, random_state=0).fit(texts, ["a", "b"] * 10)
    assert model.predict(["plugh", "frobnicate"]).tolist() == ["a", "b"]
    assert len(model.word_weights_.vocabulary.words) == 4


# What becomes of it.


@pytest.fixture(scope="module")
def model():
    return solved().fit(X, Y)


@pytest.fixture
def folder(model, tmp_path):
    model.to_pipeline().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_the_pipeline_predicts_the_same(model):
    pipeline = model.to_pipeline()
    assert pipeline[0].word_weights.weights is model.word_weights_.weights
    expected = model.predict_proba(NEW)
    assert np.array_equal(pipeline.predict_proba(NEW), expected)
    assert np.array_equal(clone(pipeline).predict_proba(NEW), expected)
    again = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(again.predict_proba(NEW), expected)
    one_by_one = np.vstack([pipeline.predict_proba([text]) for text in NEW])
    assert np.allclose(one_by_one, expected, atol=1e-6)


def test_scores_are_the_head_of_embeddings_and_votes(model):
    pipeline = model.to_pipeline()
    features = pipeline[0].transform(NEW)
    embeddings, word_weights = features[:, :16], features[:, 16:]
    assert np.array_equal(embeddings, EMBEDDING.encode(NEW))
    (linear,) = model.head_.head.layers
    scores = embeddings @ linear.weight[:, :16].T + word_weights + linear.bias
    assert np.allclose(softmax(scores, axis=1), model.predict_proba(NEW), atol=1e-6)


def test_the_folder_holds_the_votes(model, folder):
    again = StaticPipeline.from_pretrained(folder)
    assert np.array_equal(again.predict_proba(NEW), model.predict_proba(NEW))
    tensors = load_file(folder / "head.safetensors")
    assert {name for name in tensors if name.startswith("votes.")} == {
        *("votes.words", "votes.pairs", "votes.idf", "votes.weight")
    }
    n_words = len({word for topic in TOPIC_NAMES for word in TOPICS[topic]})
    assert len(tensors["votes.words"]) > n_words
    assert re.search(r"weights of \d+ words", (folder / "README.md").read_text())


def test_without_words_the_folder_is_as_model2vec_has_it(tmp_path):
    model = solved(lexical=False).fit(X, Y)
    model.to_pipeline().save_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["head_config"]["activation"] == "softmax"
    assert config["head_config"]["n_layers"] == 1
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert np.array_equal(again.predict_proba(NEW), model.predict_proba(NEW))


def damaged(folder, change):
    """Change tensors, in a folder without digests."""
    config, head = folder / "config.json", folder / "head.safetensors"
    config.write_text(json.dumps(json.loads(config.read_text("utf8"))), "utf8")
    tensors = load_file(head)
    change(tensors)
    save_file(tensors, head)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("votes.idf"), "votes.idf"),
        (lambda t: t.update({"votes.pairs": t["votes.pairs"] + 10_000}), "votes.pairs"),
        (lambda t: t.update({"votes.idf": t["votes.idf"] * np.nan}), "votes.idf"),
        (
            lambda t: t.update({"votes.weight": t["votes.weight"][:, :2]}),
            "votes.weight|weight has",
        ),
        (
            lambda t: t.update({"votes.words": t["votes.words"][:-1]}),
            r"votes\.(idf|pairs)",
        ),
        (lambda t: t.update({"more": t["votes.idf"]}), "more"),
    ],
)
def test_damaged_votes_are_refused(folder, change, message):
    damaged(folder, change)
    with pytest.raises(ModelFormatError, match=message):
        StaticPipeline.from_pretrained(folder)


def test_a_folder_without_the_entry_for_votes_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["sklearn_static"]["votes"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match=r"holds \['votes.*no layer uses"):
        StaticPipeline.from_pretrained(folder)


def test_compression_keeps_the_votes(model):
    pipeline = model.to_pipeline()
    small = pipeline.compress(X, dtype="int8", dimensions=12)
    assert small[0].embedding.n_dimensions == 12
    assert small[0].word_weights is pipeline[0].word_weights
    difference = small.predict_proba(NEW) - pipeline.predict_proba(NEW)
    assert np.abs(difference).max() < 0.2
    assert small.score(NEW, NEW_Y) > 0.95


@pytest.mark.parametrize(("lexical", "n_steps"), [(True, 6), (False, 3)])
def test_verbose_shows_a_bar_of_the_steps_and_silence_is_the_default(
    capfd, lexical, n_steps
):
    expected = solved(lexical=lexical).fit(X, Y).predict_proba(NEW)
    assert capfd.readouterr() == ("", "")
    shown = solved(lexical=lexical, verbose=True).fit(X, Y)
    assert f"{n_steps}/{n_steps}" in capfd.readouterr().err
    assert shown.predict_proba(NEW).tobytes() == expected.tobytes()
    assert capfd.readouterr() == ("", "")


def test_predicting_many_texts_shows_a_bar_of_texts_on_request(capfd):
    classifier = solved().fit(X, Y)
    texts = ["a", *NEW] * (9000 // len(NEW))
    expected = classifier.predict_proba(texts)
    pipeline = classifier.to_pipeline()
    assert_array_equal(pipeline.predict(texts), classifier.predict(texts))
    assert capfd.readouterr() == ("", "")
    for model in (classifier, pipeline):
        model.set_params(verbose=True)
        assert_allclose(model.predict_proba(texts), expected, rtol=1e-5)
        bar = capfd.readouterr().err
        assert "predict: 100%|" in bar
        assert f"{len(texts)}/{len(texts)}" in bar
        assert "texts/s" in bar


# Weights by name, and regression.


def test_weights_of_words_and_pairs_are_read_by_name(model):
    weights = model.get_word_weights(["oven", "mast", "nowhere"])
    assert weights.shape == (3, 3)
    assert weights.dtype == np.float32
    classes = model.classes_.tolist()
    assert weights[0].argmax() == classes.index("cook")
    assert weights[1].argmax() == classes.index("sail")
    assert_array_equal(weights[2], 0)
    two = solved().fit(X[:60], ["cook" if y == "cook" else "no" for y in Y[:60]])
    assert two.get_word_weights(["oven"]).shape == (1, 1)
    assert two.coef_.shape == (1, 16)
    assert two.get_word_weights(words=["oven"])[0, 0] < 0


def test_weights_and_coefficients_make_up_the_scores(model):
    text = "oven"
    scores = EMBEDDING.encode([text]) @ model.coef_.T + model.intercept_
    scores += model.get_word_weights([text])
    assert_allclose(model.decision_function([text]), scores, atol=1e-5)


def test_without_words_there_are_no_word_weights():
    with pytest.raises(ValueError, match="lexical=False"):
        solved(lexical=False).fit(X, Y).get_word_weights(["oven"])


def test_weights_of_validation_texts_count():
    texts, labels = noisy(300, 0)
    weight = np.r_[np.ones(150), np.zeros(150)]
    flipped = np.where(weight > 0, labels, np.roll(labels, 1))
    data = {"X_val": texts, "y_val": flipped}
    one = solved().fit(texts, labels, **data, sample_weight_val=weight)
    half = {"X_val": texts[:150], "y_val": labels[:150]}
    two = solved().fit(texts, labels, **half)
    assert_allclose(one.predict_proba(NEW), two.predict_proba(NEW), atol=1e-5)


def lengths(texts):
    return np.array([float(len(text)) + 5 * ("oven" in text) for text in texts])


def regressor(**parameters):
    return StaticLinearRegressor(EMBEDDING, random_state=0, **parameters)


def test_a_ridge_regression_predicts_values_and_freezes(tmp_path):
    texts, new = toy_texts(300)[0], toy_texts(100, seed=3)[0]
    model = regressor().fit(texts, lengths(texts))
    assert model.score(new, lengths(new)) > 0.8
    assert model.alpha_ in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    assert model.coef_.shape == (1, 16)
    assert model.get_word_weights(["oven"])[0, 0] > model.get_word_weights(["a"])[0, 0]
    model.to_pipeline().save_pretrained(tmp_path / "model")
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert_array_equal(again.predict(new), model.predict(new))
    (explanation,) = model.explain(["the oven"])
    assert explanation.scores[0] == pytest.approx(model.predict(["the oven"])[0])
    plain = regressor(lexical=False).fit(texts, lengths(texts))
    assert plain.word_weights_ is None


def test_many_targets_are_predicted_as_each_alone_by_one_penalty():
    texts = toy_texts(200)[0]
    both = np.stack([lengths(texts), -2 * lengths(texts)], axis=1)
    model = regressor(alphas=1.0).fit(texts, both)
    alone = regressor(alphas=1.0).fit(texts, both[:, 1])
    assert model.predict(texts).shape == (200, 2)
    assert_allclose(model.predict(texts)[:, 1], alone.predict(texts), rtol=1e-3)


@pytest.mark.parametrize("kind", [StaticLinearRegressor, StaticRegressor])
@pytest.mark.parametrize("alphas", [[], [1.0, -1.0], [np.nan], 0.0])
def test_penalties_are_positive(kind, alphas):
    with pytest.raises(ValueError, match="alphas"):
        kind(EMBEDDING, alphas=alphas).fit(X, lengths(X))


def test_weights_and_validation_texts_choose_the_penalty():
    texts = toy_texts(200)[0]
    y, weight = lengths(texts), np.r_[np.ones(100), np.zeros(100)]
    wrong = np.where(weight > 0, y, 0)
    one = regressor().fit(texts, wrong, weight)
    two = regressor().fit(texts[:100], y[:100])
    assert_allclose(one.predict(texts), two.predict(texts), rtol=1e-6)
    data = {"X_val": texts, "y_val": wrong, "sample_weight_val": weight}
    assert regressor().fit(texts[:100], y[:100], **data).alpha_ > 0


def test_missing_texts_are_empty_on_request():
    texts = [*X, None]
    with pytest.raises(ValueError, match="missing"):
        regressor().fit(texts, np.arange(91.0))
    model = regressor(handle_missing="empty", verbose=True)
    model.fit(texts, np.arange(91.0))
    assert_array_equal(model.predict([None]), model.predict([""]))
