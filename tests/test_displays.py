"""Pictures show what they are given."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.random_projection import GaussianRandomProjection
from toys import toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)
from sklearn_static.displays import (
    ContributionDisplay,
    TextMapDisplay,
    TrainingCurveDisplay,
)
from sklearn_static.explanation import Explanation

matplotlib = pytest.importorskip("matplotlib", reason="the extra `plot` draws")
pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra `plot` draws")

EMBEDDING = toy_embedding()
TEXTS, LABELS = toy_texts(60, ("cook", "sail", "code"))


@pytest.fixture(autouse=True)
def no_screen():
    matplotlib.use("agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def fine_tuned():
    classifier = StaticClassifier(EMBEDDING, max_epochs=4, random_state=0)
    return classifier.fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def solved():
    return StaticClassifier(EMBEDDING, random_state=0).fit(TEXTS, LABELS)


def test_curves_are_those_of_the_history(fine_tuned):
    display = TrainingCurveDisplay.from_estimator(fine_tuned, color="black")
    assert list(display.lines_) == ["training loss", "validation loss"]
    history = fine_tuned.history_
    line = display.lines_["validation loss"]
    assert_array_equal(line.get_xdata(), np.arange(1, len(history) + 1))
    assert_array_equal(line.get_ydata(), [row["valid_loss"] for row in history])
    assert line.get_color() == "black"
    assert display.ax_.get_ylabel() == "loss"
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["training loss", "validation loss", "kept"]
    assert display.figure_ is display.ax_.figure


def test_curves_without_validation_and_with_a_score():
    y = [len(text) for text in TEXTS]
    regressor = StaticRegressor(EMBEDDING, max_epochs=2, early_stopping=False)
    display = TrainingCurveDisplay.from_estimator(regressor.fit(TEXTS, y))
    assert list(display.lines_) == ["training loss"]
    classifier = StaticClassifier(EMBEDDING, max_epochs=2, scoring="f1_macro")
    display = TrainingCurveDisplay.from_estimator(classifier.fit(TEXTS, LABELS))
    assert list(display.lines_)[-1] == "validation score"
    assert display.ax_.get_ylabel() == "loss and score"


@pytest.mark.parametrize("fit", [False, True])
def test_what_has_no_history_is_refused(fit):
    estimator = StaticClassifier(EMBEDDING)
    if fit:
        estimator = StaticLinearClassifier(EMBEDDING).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="has no history_"):
        TrainingCurveDisplay.from_estimator(estimator)


def test_bars_are_the_greatest_contributions(solved):
    text = "the oven and a mast"
    for estimator in (solved, solved.to_pipeline()):
        display = ContributionDisplay.from_estimator(
            estimator, text, output="cook", n_tokens=3
        )
        (explanation,) = estimator.explain([text])
        top = explanation.top(3, "cook")
        assert [bar.get_width() for bar in display.bars_] == [v for _, v in top]
        ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
        assert ticks == [token for token, _ in top]
        assert display.ax_.get_xlabel() == "contribution to the score of cook"
        assert display.ax_.yaxis_inverted()
    assert ContributionDisplay.from_explanation(explanation).output == explanation.best


def test_tokens_that_contribute_nothing_have_no_bar():
    explanation = Explanation(
        *("a b c", ["a", "b", "c"], np.array([[0, 1], [2, 3], [4, 5]])),
        outputs=np.array(["x"]),
        contributions=np.array([[1.0], [0.0], [-2.0]]),
        baseline=np.zeros(1),
        residual=np.zeros(1),
    )
    assert ContributionDisplay.from_explanation(explanation).tokens == ["c", "a"]


def test_a_token_that_comes_again_has_one_bar(solved):
    (explanation,) = solved.explain(["oven mast oven"])
    display = ContributionDisplay.from_explanation(explanation, output="cook")
    assert sorted(display.tokens) == ["mast", "oven"]
    ovens = explanation.of("cook")[[0, 2]].sum()
    assert_allclose(display.contributions[display.tokens.index("oven")], ovens)
    one = ContributionDisplay.from_explanation(explanation, output="cook", n_tokens=1)
    assert one.tokens == ["oven"]


def test_bars_of_no_token(solved):
    assert len(ContributionDisplay.from_estimator(solved, "").bars_) == 0


def test_maps_have_a_point_for_each_text(solved):
    transformer = StaticEmbeddingTransformer(EMBEDDING).fit(TEXTS)
    for estimator in (transformer, EMBEDDING, solved):
        display = TextMapDisplay.from_estimator(estimator, TEXTS, LABELS, s=3)
        assert len(display.points_) == 3
        assert sum(len(points.get_offsets()) for points in display.points_) == 60
        assert {points.get_sizes()[0] for points in display.points_} == {3}
    plain = TextMapDisplay.from_estimator(EMBEDDING, TEXTS)
    assert len(plain.points_[0].get_offsets()) == 60
    assert plain.ax_.get_legend() is None


def test_maps_take_any_projection():
    projection = GaussianRandomProjection(2, random_state=0)
    display = TextMapDisplay.from_estimator(EMBEDDING, TEXTS, projection=projection)
    expected = EMBEDDING.encode(TEXTS) @ projection.components_.T
    assert_allclose(display.points_[0].get_offsets(), expected, atol=1e-5)


def test_maps_of_two_classes_and_of_values_are_of_embeddings():
    two = StaticLinearClassifier(EMBEDDING).fit(TEXTS, [y == "cook" for y in LABELS])
    values = np.array([float(len(text)) for text in TEXTS])
    regressor = StaticLinearRegressor(EMBEDDING).fit(TEXTS, values)
    expected = TextMapDisplay.from_estimator(EMBEDDING, TEXTS).positions
    for estimator in (two, regressor):
        display = TextMapDisplay.from_estimator(estimator, TEXTS)
        assert_allclose(display.positions, expected, atol=1e-5)
        frozen = TextMapDisplay.from_estimator(estimator.to_pipeline(), TEXTS)
        assert np.shape(frozen.positions) == (60, 2)


def test_values_are_on_a_scale():
    values = np.array([float(len(text)) + i / 60 for i, text in enumerate(TEXTS)])
    display = TextMapDisplay.from_estimator(EMBEDDING, TEXTS, values)
    assert_array_equal(display.points_[0].get_array(), values)
    assert display.ax_.get_legend() is None
    assert len(display.figure_.axes) == 2


def test_no_two_of_many_classes_look_the_same():
    labels = [f"class {i % 60}" for i in range(60)]
    display = TextMapDisplay.from_estimator(EMBEDDING, TEXTS, labels)
    looks = {
        (tuple(points.get_facecolor()[0]), points.get_paths()[0].vertices.tobytes())
        for points in display.points_
    }
    assert len(looks) == len(display.points_) == 60
    assert len(display.ax_.get_legend().get_texts()) == 60


def test_maps_of_what_has_no_features_are_refused():
    with pytest.raises(TypeError, match="int has none of the methods transform"):
        TextMapDisplay.from_estimator(3, TEXTS)
    narrow = toy_embedding(n_dimensions=1)
    with pytest.raises(ValueError, match=r"shape \(60, 1\), but two or more"):
        TextMapDisplay.from_estimator(narrow, TEXTS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TextMapDisplay.from_estimator(EMBEDDING, TEXTS, LABELS[1:])


def test_axes_that_are_given_are_drawn_on(fine_tuned, solved):
    _, axes = pyplot.subplots(3)
    drawn = (
        TrainingCurveDisplay.from_estimator(fine_tuned, ax=axes[0]),
        ContributionDisplay.from_estimator(solved, "oven", ax=axes[1]),
        TextMapDisplay.from_estimator(EMBEDDING, TEXTS, ax=axes[2]),
    )
    assert [display.ax_ for display in drawn] == list(axes)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch, solved):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"sklearn-static\[plot\]"):
        ContributionDisplay.from_estimator(solved, "oven")
