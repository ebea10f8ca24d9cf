"""The most probable classes, and texts that no class may be right for."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from toys import toy_embedding, toy_texts

from sklearn_static import (
    ModelFormatError,
    StaticClassifier,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticPipeline,
)
from sklearn_static.head import StaticHeadClassifier

TOPICS = ("cook", "sail")


@pytest.fixture(scope="module")
def classifier():
    texts, labels = toy_texts(120, TOPICS)
    return StaticLinearClassifier(toy_embedding(), random_state=0).fit(texts, labels)


@pytest.fixture
def pipeline(classifier):
    return classifier.to_pipeline()


@pytest.fixture(scope="module")
def held_out():
    return toy_texts(100, TOPICS, seed=1)[0]


@pytest.fixture(scope="module")
def others():
    """Texts of a topic that was not trained on."""
    return toy_texts(100, ("code",), seed=2)[0]


def test_top_classes_are_the_most_probable_ones():
    texts, labels = toy_texts(120, ("cook", "sail", "code"))
    linear = StaticLinearClassifier(toy_embedding(), random_state=0)
    tuned = StaticClassifier(toy_embedding(), random_state=0, max_epochs=1)
    linear.fit(texts, labels)
    for model in (linear, linear.to_pipeline(), tuned.fit(texts, labels)):
        best, probabilities = model.predict_top_k(texts, k=2)
        assert_array_equal(best[:, 0], model.predict(texts))
        everything = np.sort(model.predict_proba(texts), axis=1)
        assert_array_equal(probabilities, everything[:, :0:-1])
        assert model.predict_top_k(texts, k=9)[0].shape == (120, 3)
        assert model.predict_top_k([])[0].shape == (0, 3)


@pytest.mark.parametrize("k", [0, -1, 1.5, "two"])
def test_k_is_a_positive_integer(pipeline, k):
    with pytest.raises(ValueError, match="but a positive integer was expected"):
        pipeline.predict_top_k(["salt"], k=k)


def softened_entropy(pipeline, texts):
    """Of two classes, at a temperature of 1.5, as a share of the greatest."""
    softened = pipeline.predict_proba(texts) ** (1 / 1.5)
    return entropy(softened, axis=1) / np.log(2)


def test_novelty_is_entropy_and_unknown_words(pipeline):
    texts = ["butter and salt", "butter and the pointer", "", "heap pointer", "?!"]
    shares = [0, 1 / 5, 1, 2 / 3, 1]  # unknown words, of the words and one
    expected = softened_entropy(pipeline, texts) + shares
    assert_allclose(pipeline.novelty(texts), expected, rtol=1e-9)
    each = [pipeline.novelty([text])[0] for text in texts]
    assert_allclose(each, expected, rtol=1e-5)


def test_other_topics_are_more_novel(pipeline, held_out, others):
    is_other = np.repeat([0, 1], 100)
    texts = [*held_out, *others]
    novelty = pipeline.novelty(texts)
    assert roc_auc_score(is_other, novelty) > 0.99


def test_novelty_without_words_is_entropy():
    texts, labels = toy_texts(120, TOPICS)
    classifier = StaticLinearClassifier(toy_embedding(), lexical=False, random_state=0)
    pipeline = classifier.fit(texts, labels).to_pipeline()
    expected = softened_entropy(pipeline, texts)
    assert_allclose(pipeline.novelty(texts), expected, rtol=1e-9)


@pytest.mark.parametrize("share", [0, 0.1, 1])
def test_threshold_calls_a_share_of_held_out_texts_novel(pipeline, held_out, share):
    watchful = pipeline.with_novelty_threshold(held_out, share)
    assert watchful.is_novel(held_out).mean() <= share
    assert watchful.is_novel(held_out).mean() >= share - 0.02


def test_threshold_changes_no_prediction_and_not_the_pipeline(
    pipeline, held_out, others
):
    watchful = pipeline.with_novelty_threshold(held_out)
    texts = [*held_out, *others]
    assert_array_equal(watchful.predict_proba(texts), pipeline.predict_proba(texts))
    assert watchful.is_novel(others).mean() > 0.9
    with pytest.raises(ValueError, match=r"There is no novelty_threshold: choose"):
        pipeline.is_novel(texts)


def test_a_head_may_be_made_with_a_threshold(pipeline, held_out):
    _, head = pipeline.steps[1]
    head = StaticHeadClassifier(head.head, head.classes, novelty_threshold=0.5)
    own = StaticPipeline([pipeline.steps[0], ("head", head)])
    assert_array_equal(own.is_novel(held_out), pipeline.novelty(held_out) > 0.5)


def test_threshold_is_saved_cloned_and_kept_by_compression(
    pipeline, held_out, others, tmp_path
):
    watchful = pipeline.with_novelty_threshold(held_out)
    watchful.save_pretrained(tmp_path / "model")
    expected = watchful.is_novel(others)
    for again in (StaticPipeline.from_pretrained(tmp_path / "model"), clone(watchful)):
        assert_array_equal(again.is_novel(others), expected)
    smaller = watchful.compress(held_out, dtype="int8")
    assert np.mean(smaller.is_novel(others) == expected) > 0.95


def test_folders_without_a_threshold_are_as_before(pipeline, tmp_path):
    own = json.loads(pipeline.to_files()["config.json"])["sklearn_static"]
    assert "novelty_threshold" not in own


@pytest.mark.parametrize("value", ["1.0", True, float("nan"), [1]])
def test_a_threshold_that_is_no_number_is_refused(pipeline, held_out, tmp_path, value):
    folder = tmp_path / "model"
    pipeline.with_novelty_threshold(held_out).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text("utf8"))
    config["sklearn_static"]["novelty_threshold"] = value
    (folder / "config.json").write_text(json.dumps(config), "utf8")
    with pytest.raises(ModelFormatError, match=r"novelty_threshold .* a finite number"):
        StaticPipeline.from_pretrained(folder)


@pytest.mark.parametrize(
    ("texts", "share", "message"),
    [([], 0.1, "X is empty"), (["salt"], 2, "share is 2, but 0 to 1 was expected")],
)
def test_no_threshold_of_nothing(pipeline, texts, share, message):
    with pytest.raises(ValueError, match=message):
        pipeline.with_novelty_threshold(texts, share)


def test_only_classifiers_of_one_class_tell_what_is_novel():
    texts, labels = toy_texts(120, TOPICS)
    Y = np.array(
        [
            [label == "cook", len(text) > 40]
            for text, label in zip(texts, labels, strict=True)
        ]
    ).astype(int)
    regressor = StaticLinearRegressor(toy_embedding(), random_state=0)
    many = StaticLinearClassifier(toy_embedding(), random_state=0).fit(texts, Y)
    assert many.predict_top_k(texts, k=1)[1].shape == (120, 1)
    for model in (regressor.fit(texts, Y), many):
        assert not hasattr(model.to_pipeline(), "novelty")
        assert not hasattr(model.to_pipeline(), "is_novel")
    assert not hasattr(regressor.to_pipeline(), "predict_top_k")
