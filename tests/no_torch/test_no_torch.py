"""What the package does where neither torch nor the other extras are installed."""

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_static import (
    StaticClassifier,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticPipeline,
    StaticRegressor,
)
from sklearn_static._io.files import FORMAT_VERSION

GOLDEN = sorted((Path(__file__).parent / "golden").glob("version-*/*"))


@pytest.fixture(params=GOLDEN, ids=lambda folder: "-".join(folder.parts[-2:]))
def golden(request):
    """A pipeline saved by some version, and what it predicted there."""
    pipeline = StaticPipeline.from_pretrained(request.param / "pipeline")
    expected = json.loads((request.param / "expected.json").read_text("utf8"))
    return pipeline, expected


def assert_predicts(pipeline, expected):
    texts = expected["texts"]
    if "probabilities" not in expected:
        numbers = pipeline.predict(texts)
        assert_allclose(numbers, expected["predictions"], rtol=0, atol=1e-6)
        return
    assert_array_equal(pipeline.predict(texts), expected["predictions"])
    probabilities = pipeline.predict_proba(texts)
    assert_allclose(probabilities, expected["probabilities"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("library", ["skorch", "torch", "transformers"])
def test_optional_libraries_are_not_installed(library):
    assert find_spec(library) is None


def test_every_format_has_its_folders():
    n_kinds = {"version-1": 6}
    assert Counter(folder.parent.name for folder in GOLDEN) == n_kinds
    assert set(n_kinds) == {f"version-{i + 1}" for i in range(FORMAT_VERSION)}


def test_saved_pipeline_predicts_the_same(golden):
    assert_predicts(*golden)


def test_pipeline_survives_joblib(golden, tmp_path):
    pipeline, expected = golden
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    assert_predicts(joblib.load(tmp_path / "pipeline.joblib"), expected)


def test_pipeline_survives_being_saved_again(golden, tmp_path):
    pipeline, expected = golden
    pipeline.save_pretrained(tmp_path / "again")
    assert_predicts(StaticPipeline.from_pretrained(tmp_path / "again"), expected)


def test_bundled_model_feeds_scikit_learn():
    texts = ["a wonderful film", "an awful bore", "great fun", "a dull mess"] * 3
    labels = ["pos", "neg", "pos", "neg"] * 3
    model = make_pipeline(StaticEmbeddingTransformer(), LogisticRegression())
    assert_array_equal(model.fit(texts, labels).predict(texts), labels)
    assert np.isfinite(model[0].transform(texts)).all()


def test_a_linear_classifier_is_fitted(tmp_path):
    texts = ["a wonderful film", "an awful bore", "great fun", "a dull mess"] * 10
    labels = ["pos", "neg", "pos", "neg"] * 10
    model = StaticLinearClassifier(random_state=0).fit(texts, labels)
    assert_array_equal(model.predict(texts), labels)
    model.to_pipeline().save_pretrained(tmp_path / "model")
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert_array_equal(again.predict_proba(texts), model.predict_proba(texts))


def test_a_linear_regressor_is_fitted():
    texts = ["a wonderful film", "an awful bore", "great fun", "a dull mess"] * 10
    stars = [5.0, 1.0, 4.0, 2.0] * 10
    model = StaticLinearRegressor(random_state=0).fit(texts, stars)
    assert model.score(texts, stars) > 0.9


@pytest.mark.parametrize("init", ["linear", "random"])
@pytest.mark.parametrize("kind", [StaticClassifier, StaticRegressor])
def test_fine_tuning_names_the_extra_and_what_needs_none(kind, init):
    model = kind(init=init)
    message = r'pip install "sklearn-static\[train\]".*StaticLinearClassifier'
    with pytest.raises(ImportError, match=message):
        model.fit(["a good film", "a bad film"] * 10, [0, 1] * 10)


def test_exporting_names_the_extra_to_install(golden, tmp_path):
    pipeline, _ = golden
    with pytest.raises(ImportError, match=r'pip install "sklearn-static\[onnx\]"'):
        pipeline.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
