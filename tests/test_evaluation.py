"""Figures of frozen pipelines on texts whose labels are known."""

import pickle

import numpy as np
import pytest
from accuracy import calibration_error as calibration_error_of_results
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn import metrics
from toys import toy_embedding, toy_texts

from sklearn_static import StaticLinearClassifier, StaticLinearRegressor
from sklearn_static.evaluation import calibration_error


@pytest.fixture(scope="module")
def embedding():
    return toy_embedding()


@pytest.fixture(scope="module")
def held_out():
    """Texts of three topics, some of them with the label of another."""
    texts, labels = toy_texts(90, ("cook", "sail", "code"), seed=1)
    return texts, [*labels[:60], *(["cook"] * 30)]


@pytest.fixture(scope="module")
def pipeline(embedding):
    texts, labels = toy_texts(120, ("cook", "sail", "code"))
    classifier = StaticLinearClassifier(embedding, random_state=0)
    return classifier.fit(texts, labels).to_pipeline()


def test_figures_of_a_classifier_are_those_of_scikit_learn(pipeline, held_out):
    texts, labels = held_out
    evaluation = pipeline.evaluate(texts, np.array(labels))
    predicted, probabilities = pipeline.predict(texts), pipeline.predict_proba(texts)
    assert 0.5 < evaluation["accuracy"] < 1
    correct = predicted == labels
    assert_allclose(
        [evaluation[name] for name in evaluation],
        [
            metrics.accuracy_score(labels, predicted),
            metrics.f1_score(labels, predicted, average="macro"),
            metrics.f1_score(labels, predicted, average="weighted"),
            metrics.log_loss(labels, probabilities),
            calibration_error_of_results(probabilities.max(axis=1), correct),
        ],
        rtol=1e-6,
    )
    assert list(evaluation) == [
        *("accuracy", "f1_macro", "f1_weighted", "log_loss"),
        "expected_calibration_error",
    ]


def test_report_is_a_dict_and_a_text(pipeline, held_out):
    texts, labels = held_out
    evaluation = pipeline.evaluate(texts, labels)
    predicted = pipeline.predict(texts)
    assert evaluation.report == metrics.classification_report(
        labels, predicted, output_dict=True
    )
    text = str(evaluation)
    assert text.startswith(metrics.classification_report(labels, predicted))
    assert "log_loss" in text.splitlines()[-2]
    again = pickle.loads(pickle.dumps(evaluation))
    assert (again, again.report, str(again)) == (evaluation, evaluation.report, text)


def test_labels_are_those_of_the_model_whatever_their_type(embedding):
    texts, labels = toy_texts()
    for to_label in (int, float, bool):
        y = [to_label(label == "sail") for label in labels]
        classifier = StaticLinearClassifier(embedding, random_state=0).fit(texts, y)
        assert classifier.to_pipeline().evaluate(texts, y)["accuracy"] == 1


def test_labels_that_the_model_does_not_know_are_named(pipeline, held_out):
    texts, labels = held_out
    with pytest.raises(ValueError, match=r"2 of 90 labels .* 3 classes, such as 'x'"):
        pipeline.evaluate(texts, ["x", "x", *labels[2:]])


@pytest.mark.parametrize("sparse", [False, True])
def test_figures_of_many_labels(embedding, sparse):
    texts, labels = toy_texts(120)
    Y = np.array(
        [
            [label == "cook", len(text) > 40]
            for text, label in zip(texts, labels, strict=True)
        ]
    ).astype(int)
    given = csr_matrix(Y) if sparse else Y
    classifier = StaticLinearClassifier(embedding, random_state=0).fit(texts, given)
    pipeline = classifier.to_pipeline()
    evaluation = pipeline.evaluate(texts, given)
    predicted, p = classifier.predict(texts), classifier.predict_proba(texts)
    assert_allclose(
        evaluation["f1_macro"], metrics.f1_score(given, predicted, average="macro")
    )
    of_labels = [metrics.log_loss(Y[:, k], p[:, k]) for k in range(2)]
    assert_allclose(evaluation["log_loss"], np.mean(of_labels), rtol=1e-5)
    assert 0 < evaluation["expected_calibration_error"] < 0.5
    assert {"micro avg", "macro avg"} < set(evaluation.report)
    with pytest.raises(ValueError, match="other values than 0 and 1"):
        pipeline.evaluate(texts, Y + 1)


def test_figures_of_a_regressor(embedding):
    texts, labels = toy_texts(120)
    y = np.array([3.0 if label == "cook" else 1.0 for label in labels])
    regressor = StaticLinearRegressor(embedding, random_state=0).fit(texts, y)
    evaluation = regressor.to_pipeline().evaluate(texts, y)
    predicted = regressor.predict(texts)
    assert_allclose(evaluation["r2"], metrics.r2_score(y, predicted))
    error = np.sqrt(np.mean((y - predicted) ** 2))
    assert_allclose(evaluation["root_mean_squared_error"], error)
    assert evaluation.report == {}
    assert str(evaluation).startswith("r2 ")


@pytest.mark.parametrize("y", [["cook"], [["cook", "sail"]] * 90])
def test_labels_of_another_shape_are_refused(pipeline, held_out, y):
    texts, _ = held_out
    with pytest.raises(ValueError, match=r"y has shape .* but \(90,\) was expected"):
        pipeline.evaluate(texts, y)


def test_no_texts_are_refused(pipeline):
    with pytest.raises(ValueError, match="X is empty"):
        pipeline.evaluate([], [])


def test_calibration_error_is_the_mean_gap():
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 1.0])
    assert_allclose(calibration_error(confidence, np.array([1, 1, 1, 0, 1])), 0.12)
