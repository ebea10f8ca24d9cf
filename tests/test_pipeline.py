"""StaticPipeline: a real scikit-learn pipeline that has been trained already."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted
from toys import toy_embedding, toy_texts

from sklearn_static import (
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticPipeline,
)
from sklearn_static._layers.layers import LayerNorm, Linear, Scale, mlp
from sklearn_static.head import StaticHeadRegressor

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def assert_same_predictions(actual, expected, texts):
    assert_array_equal(actual.classes_, expected.classes_)
    assert actual.classes_.dtype == expected.classes_.dtype
    for method in METHODS:
        assert_array_equal(
            getattr(actual, method)(texts), getattr(expected, method)(texts), method
        )


@pytest.fixture
def labels(pipeline, odd_texts):
    """A label for each odd text, of each class several times."""
    return np.resize(pipeline.classes_, len(odd_texts))


# Predictions


def test_it_predicts_what_its_layers_give(pipeline, embedding, odd_texts):
    first, _, last = pipeline["head"].head.layers
    hidden = np.maximum(embedding.encode(odd_texts) @ first.weight.T + first.bias, 0)
    scores = hidden @ last.weight.T + last.bias
    exponentials = np.exp(scores.astype(np.float64))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert_allclose(pipeline.decision_function(odd_texts), scores, rtol=1e-5, atol=1e-5)
    assert_allclose(pipeline.predict_proba(odd_texts), probabilities, atol=1e-6)
    expected = pipeline.classes_[scores.argmax(axis=1)]
    assert_array_equal(pipeline.predict(odd_texts), expected)


def test_texts_are_predicted_alone_as_among_others():
    texts, labels = toy_texts()
    model = StaticLinearClassifier(toy_embedding(), random_state=0)
    pipeline = model.fit(texts, labels).to_pipeline()
    texts = [*texts[:20], "", " ", "oven" * 9, " ".join(texts)]
    for transformer in (pipeline["embedding"], clone(pipeline["embedding"])):
        together = transformer.transform(texts)
        alone = [transformer.transform([text]) for text in texts]
        assert np.concatenate(alone).tobytes() == together.tobytes()
    for method in METHODS:
        together = getattr(pipeline, method)(texts)
        alone = np.concatenate([getattr(pipeline, method)([text]) for text in texts])
        if method == "predict":
            assert_array_equal(alone, together)
        else:
            assert_allclose(alone, together, rtol=1e-5)


def test_a_transform_of_ones_own_is_called(pipeline):
    class Reversed(StaticEmbeddingTransformer):
        def transform(self, X):
            return super().transform(X)[:, ::-1]

    own = StaticPipeline(
        [("embedding", Reversed(pipeline["embedding"].model)), pipeline.steps[1]]
    )
    expected = pipeline["head"].predict_proba(own["embedding"].transform(["fox"]))
    assert_array_equal(own.predict_proba(["fox"]), expected)
    assert not np.array_equal(expected, pipeline.predict_proba(["fox"]))


def test_probabilities_are_consistent(pipeline, odd_texts):
    probabilities = pipeline.predict_proba(odd_texts)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_allclose(np.exp(pipeline.predict_log_proba(odd_texts)), probabilities)


def test_two_classes_have_one_score(embedding, make_frozen, odd_texts):
    pipeline = make_frozen(embedding, ("no", "yes"))
    scores = pipeline.decision_function(odd_texts)
    assert scores.shape == (len(odd_texts),)
    expected = np.where(scores > 0, "yes", "no")
    assert_array_equal(pipeline.predict(odd_texts), expected)


def test_every_container_is_predicted(pipeline, container, plain_texts):
    expected = pipeline.predict_proba(plain_texts)
    assert_array_equal(pipeline.predict_proba(container(plain_texts)), expected)


def test_no_texts_have_no_predictions(pipeline):
    assert pipeline.predict([]).shape == (0,)
    assert pipeline.predict_proba([]).shape == (0, 3)


def test_texts_are_checked(pipeline):
    with pytest.raises(TypeError, match="X is a single str"):
        pipeline.predict("fox")


# The way past scikit-learn's own checks


def as_scikit_learn_does(pipeline):
    return Pipeline(pipeline.steps)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_predictions_are_those_of_scikit_learns_pipeline(
    pipeline, odd_texts, routing, container
):
    if container != "default":
        pytest.importorskip(container)
    pipeline.set_output(transform=container)
    with config_context(enable_metadata_routing=routing):
        assert_same_predictions(pipeline, as_scikit_learn_does(pipeline), odd_texts)


@pytest.fixture
def regressor(embedding):
    weight = np.ones((1, embedding.n_dimensions), np.float32)
    head = StaticHeadRegressor(mlp([Linear(weight, np.zeros(1, np.float32))]))
    transformer = StaticEmbeddingTransformer(embedding)
    return StaticPipeline([("embedding", transformer), ("head", head)])


def test_methods_are_those_of_the_head(pipeline, regressor, odd_texts):
    assert all(hasattr(pipeline, method) for method in METHODS)
    assert [hasattr(regressor, method) for method in METHODS] == [True, *[False] * 3]
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
        regressor.predict_proba(odd_texts)
    expected = as_scikit_learn_does(regressor).predict(odd_texts)
    assert_array_equal(regressor.predict(odd_texts), expected)
    assert not hasattr(pipeline[:-1], "predict")


@pytest.mark.parametrize("method", METHODS)
def test_parameters_that_no_step_takes_are_refused(pipeline, method):
    raised = []
    for either in (pipeline, as_scikit_learn_does(pipeline)):
        with pytest.raises((TypeError, ValueError)) as caught:
            getattr(either, method)(["fox"], threshold=0.5)
        raised.append(caught.type)
    assert raised[0] is raised[1]


def test_other_steps_are_taken_as_scikit_learn_takes_them(pipeline, odd_texts):
    texts = FunctionTransformer(lambda X: [text.upper() for text in X])
    longer = StaticPipeline([("upper", texts), *pipeline.steps])
    uppers = [text.upper() for text in odd_texts]
    assert_same_predictions(longer, clone(pipeline), uppers)
    passing = StaticPipeline([("embedding", "passthrough"), ("head", pipeline[-1])])
    embeddings = pipeline[:-1].transform(odd_texts)
    assert_array_equal(passing.predict(embeddings), pipeline.predict(odd_texts))


def test_a_head_that_takes_parameters_gets_them(pipeline, odd_texts):
    class Shifted(StaticHeadRegressor):
        def predict(self, X, shift=0):
            return super().predict(X) + shift

    shifted = StaticPipeline([pipeline.steps[0], ("head", Shifted(pipeline[-1].head))])
    difference = shifted.predict(odd_texts, shift=2) - shifted.predict(odd_texts)
    assert_allclose(difference, 2)


def test_a_table_that_was_not_opened_yet_says_so(pipeline, tmp_path):
    pipeline[0].embedding.save_pretrained(tmp_path / "model")
    by_name = StaticEmbeddingTransformer(tmp_path / "model")
    unfitted = StaticPipeline([("embedding", by_name), ("head", pipeline[-1])])
    with pytest.raises(NotFittedError, match="StaticEmbeddingTransformer"):
        unfitted.predict(["fox"])


# A pipeline like any other


def test_it_is_a_fitted_pipeline_and_classifier(pipeline):
    assert isinstance(pipeline, Pipeline)
    assert is_classifier(pipeline)
    check_is_fitted(pipeline)
    assert list(pipeline.named_steps) == ["embedding", "head"]


def test_slices_embed_and_classify(pipeline, embedding, odd_texts):
    embeddings = pipeline[:-1].transform(odd_texts)
    assert_array_equal(embeddings, embedding.encode(odd_texts))
    assert_array_equal(pipeline[-1].predict(embeddings), pipeline.predict(odd_texts))
    assert len(pipeline[:-1].get_feature_names_out()) == embedding.n_dimensions


def test_clones_keep_what_was_trained(pipeline, embedding, odd_texts):
    copied = clone(pipeline)
    assert type(copied) is StaticPipeline
    assert copied is not pipeline
    assert copied["embedding"].model is embedding
    assert copied["head"].head is pipeline["head"].head
    assert_same_predictions(copied, pipeline, odd_texts)


def test_fit_learns_nothing_and_names_the_way(pipeline, odd_texts, labels):
    before = clone(pipeline)
    with pytest.warns(UserWarning, match=r"StaticClassifier\.from_pretrained"):
        assert pipeline.fit(odd_texts, labels[::-1]) is pipeline
    assert_same_predictions(pipeline, before, odd_texts)


def test_steps_have_parameters(pipeline, odd_texts):
    before = pipeline.predict_proba(odd_texts)
    pipeline.set_params(embedding__batch_size=2)
    assert pipeline["embedding"].batch_size == 2
    assert_array_equal(pipeline.predict_proba(odd_texts), before)


@pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")
def test_memory_does_not_change_predictions(pipeline, odd_texts, labels, tmp_path):
    before = clone(pipeline)
    pipeline.set_params(memory=str(tmp_path)).fit(odd_texts, labels)
    assert_same_predictions(pipeline, before, odd_texts)


@pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")
def test_it_can_be_calibrated(pipeline, odd_texts, labels):
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(odd_texts, labels)
    assert_allclose(calibrated.predict_proba(odd_texts).sum(axis=1), 1)
    for fold in calibrated.calibrated_classifiers_:
        assert_same_predictions(fold.estimator, pipeline, odd_texts)


@pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")
def test_it_can_be_scored_cross_validated_and_can_vote(pipeline, odd_texts):
    predicted = pipeline.predict(odd_texts)
    assert set(predicted) == set(pipeline.classes_)
    assert pipeline.score(odd_texts, predicted) == 1
    texts, labels = odd_texts * 2, np.tile(predicted, 2)
    assert_array_equal(cross_val_score(pipeline, texts, labels, cv=2), 1)
    vote = VotingClassifier([("a", pipeline), ("b", pipeline)], voting="soft")
    assert_array_equal(vote.fit(texts, labels).predict(odd_texts), predicted)


def test_pickles_predict_the_same(pipeline, odd_texts):
    again = pickle.loads(pickle.dumps(pipeline))
    assert_same_predictions(again, pipeline, odd_texts)


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_files_predict_the_same(pipeline, odd_texts, tmp_path, mmap_mode):
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    again = joblib.load(tmp_path / "pipeline.joblib", mmap_mode=mmap_mode)
    assert_same_predictions(again, pipeline, odd_texts)


# Folders


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)], ids=str)
def test_folders_predict_the_same(embedding, make_frozen, odd_texts, tmp_path, hidden):
    pipeline = make_frozen(embedding, hidden=hidden)
    pipeline.save_pretrained(tmp_path / "model")
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert_same_predictions(again, pipeline, odd_texts)


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["a", "ü ' \"", "`\n"]),
        np.array(["", "b", "c"], dtype=object),
        np.array([-1, 0, 300]),
        np.array([3, 5, 7], dtype=np.uint8),
        np.array([0.5, 1.0, 2.0]),
        np.array([1, "b", 2.5], dtype=object),
        np.array([False, True]),
    ],
    ids=lambda classes: f"{classes.dtype}",
)
def test_labels_of_every_kind_come_back(
    embedding, make_frozen, odd_texts, tmp_path, classes
):
    pipeline = make_frozen(embedding, classes)
    pipeline.save_pretrained(tmp_path / "model")
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert_same_predictions(again, pipeline, odd_texts)
    kinds = [type(label) for label in pipeline.classes_.tolist()]
    assert [type(label) for label in again.classes_.tolist()] == kinds


def test_handling_of_missing_texts_comes_back(embedding, make_frozen, tmp_path):
    pipeline = make_frozen(embedding, handle_missing="empty")
    pipeline.save_pretrained(tmp_path / "model")
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert_array_equal(again.predict([None]), pipeline.predict([""]))


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]"),
        np.array([None, "a"], dtype=object),
        np.array([b"a", b"b"]),
    ],
    ids=lambda classes: f"{classes.dtype}",
)
def test_labels_that_json_lacks_are_refused(embedding, make_frozen, tmp_path, classes):
    with pytest.raises(TypeError, match=r"The label .* Use joblib"):
        make_frozen(embedding, classes).save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_other_pipelines_cannot_be_saved_as_folders(pipeline, embedding, tmp_path):
    longer = StaticPipeline(
        [("embedding", pipeline[0]), ("scale", StandardScaler()), ("head", pipeline[1])]
    )
    other = StaticPipeline(make_pipeline(pipeline[0], StandardScaler()).steps)
    for unfit in (pipeline[:1], pipeline[1:], longer, other):
        with pytest.raises(TypeError, match=r"The steps are \[.*Use joblib"):
            unfit.save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_steps_of_other_names_can_be_saved(pipeline, odd_texts, tmp_path):
    renamed = StaticPipeline([("a", pipeline[0]), ("b", pipeline[1])])
    renamed.save_pretrained(tmp_path / "model")
    again = StaticPipeline.from_pretrained(tmp_path / "model")
    assert_same_predictions(again, pipeline, odd_texts)


def test_opened_steps_are_fitted_around_the_table(pipeline, embedding, tmp_path):
    pipeline.save_pretrained(tmp_path / "model")
    step = StaticPipeline.from_pretrained(tmp_path / "model")["embedding"]
    assert type(step) is StaticEmbeddingTransformer
    assert_array_equal(step.model.vectors, embedding.vectors)


# Without torch


PREDICT = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "skorch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import joblib, numpy
from sklearn_static import StaticPipeline

texts = joblib.load("texts.joblib")
folder = StaticPipeline.from_pretrained("model")
for name, pipeline in {"folder": folder, "joblib": joblib.load("model.joblib")}.items():
    numpy.save(name, pipeline.predict_proba(texts))
assert "huggingface_hub" not in sys.modules
"""


def test_saved_pipelines_predict_where_torch_cannot_be_imported(
    pipeline, odd_texts, tmp_path
):
    pipeline.save_pretrained(tmp_path / "model")
    joblib.dump(pipeline, tmp_path / "model.joblib")
    joblib.dump(odd_texts, tmp_path / "texts.joblib")
    subprocess.run([sys.executable, "-c", PREDICT], cwd=tmp_path, check=True)
    expected = pipeline.predict_proba(odd_texts)
    for name in ("folder.npy", "joblib.npy"):
        assert_array_equal(np.load(tmp_path / name), expected)


def test_representations_tell_sizes_and_not_weights(pipeline):
    for shown in (repr(pipeline), pipeline._repr_html_()):
        assert "Linear(n_inputs=8, n_outputs=6)" in shown
        assert "array([[" not in shown
    parts = (LayerNorm(*np.ones((2, 3), np.float32), 1e-5), Scale(*np.ones((2, 4))))
    assert list(map(repr, parts)) == [
        "LayerNorm(n_features=3, eps=1e-05)",
        "Scale(n_features=4)",
    ]
