"""What the estimators reach on real texts, with the reference model."""

import gzip
import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer

from sklearn_static import (
    StaticClassifier,
    StaticEmbedding,
    StaticEmbeddingTransformer,
    StaticPipeline,
    StaticRegressor,
)


def read(shared, name, split):
    """The texts and labels of one part of a data set."""
    with gzip.open(shared / "data" / name / f"{split}.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [row["text"] for row in rows], [row["label"] for row in rows]


@pytest.fixture
def embedding(shared):
    return StaticEmbedding.from_pretrained(shared / "models" / "potion-base-8M")


def test_subjectivity_is_told_in_91_of_100_sentences(shared, embedding, tmp_path):
    X, y = read(shared, "subj", "train")
    X_test, y_test = read(shared, "subj", "test")
    classifier = StaticClassifier(embedding, random_state=0).fit(X, y)
    assert classifier.score(X_test, y_test) >= 0.91
    classifier.to_pipeline().save_pretrained(tmp_path / "subj")
    pipeline = StaticPipeline.from_pretrained(tmp_path / "subj")
    assert np.array_equal(pipeline.predict(X_test), classifier.predict(X_test))


def test_readability_is_predicted_better_than_by_ridge_regression(shared, embedding):
    X, y = read(shared, "clear_readability", "train")
    X_test, y_test = read(shared, "clear_readability", "test")
    scores = {
        "fine-tuned": StaticRegressor(embedding, random_state=0),
        "embeddings": make_pipeline(
            StaticEmbeddingTransformer(embedding), RidgeCV(np.logspace(-3, 3, 7))
        ),
        "words": make_pipeline(
            TfidfVectorizer(sublinear_tf=True), RidgeCV(np.logspace(-1, 1, 3))
        ),
    }
    for name, model in scores.items():
        scores[name] = model.fit(X, y).score(X_test, y_test)
    assert scores["fine-tuned"] > scores["embeddings"] + 0.01
    assert scores["fine-tuned"] > scores["words"] + 0.01


def test_emotions_are_recognised_as_many_labels(shared, embedding):
    X, y = read(shared, "go_emotions", "train")
    X_test, y_test = read(shared, "go_emotions", "test")
    binarizer = MultiLabelBinarizer().fit(y)
    classifier = StaticClassifier(embedding, threshold=0.3, random_state=0)
    classifier.fit(X[:8000], binarizer.transform(y[:8000]))
    predicted = classifier.predict(X_test)
    expected = binarizer.transform(y_test)
    assert predicted.shape == expected.shape == (len(X_test), 28)
    always_neutral = np.zeros_like(expected)
    always_neutral[:, list(binarizer.classes_).index("neutral")] = 1
    reached = f1_score(expected, predicted, average="micro")
    assert reached > f1_score(expected, always_neutral, average="micro") + 0.1
