"""Many labels by name: where names come from, and where they arrive."""

import json

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from toys import toy_embedding, toy_texts

from sklearn_static import (
    ModelFormatError,
    StaticClassifier,
    StaticLinearClassifier,
    StaticPipeline,
)

EMBEDDING = toy_embedding()
X, topics = toy_texts(60, topics=("sail", "cook", "code"))
NAMES = ["sail", "cook", "code"]
Y = np.array([[topic == name for name in NAMES] for topic in topics], int)
Y[::5, 0] = 1
FRAME = pd.DataFrame(Y, columns=NAMES)


def linear(**parameters):
    return StaticLinearClassifier(EMBEDDING, random_state=0, **parameters)


def tuned(**parameters):
    settings = {"random_state": 0, "max_epochs": 2, **parameters}
    return StaticClassifier(EMBEDDING, **settings)


@pytest.fixture(params=[linear, tuned], ids=["linear", "fine-tuned"])
def classifier(request):
    return request.param


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.Table.from_pandas])
def test_columns_of_frames_name_the_labels(frame):
    model = linear().fit(X, frame(FRAME))
    assert_array_equal(model.classes_, NAMES)
    assert_array_equal(model.predict(X), linear().fit(X, Y).predict(X))


@pytest.mark.parametrize("hold", [np.asarray, csr_array, np.ndarray.tolist])
def test_label_names_name_the_columns_of_other_containers(classifier, hold):
    model = clone(classifier(label_names=np.array(NAMES))).fit(X, hold(Y))
    assert_array_equal(model.classes_, NAMES)


@pytest.mark.parametrize("columns", [[0, 1, 2], ["a", 1, "b"]])
def test_labels_without_names_have_numbers(columns):
    model = linear().fit(X, pd.DataFrame(Y, columns=columns))
    assert_array_equal(model.classes_, [0, 1, 2])


def test_names_arrive_wherever_labels_are_told(classifier, tmp_path):
    model = classifier().fit(X, FRAME)
    pipeline = model.to_pipeline()
    pipeline.save_pretrained(tmp_path / "topics")
    saved = StaticPipeline.from_pretrained(tmp_path / "topics")
    for fitted in (model, pipeline, saved):
        assert_array_equal(fitted.classes_, NAMES)
        assert fitted.explain(["oven salt dough"])[0].best == "cook"
        assert list(fitted.top_tokens(X)) == NAMES
        assert_array_equal(fitted.predict(X), model.predict(X))
    features = saved["embedding"].get_feature_names_out()
    assert features[-3:].tolist() == [f"wordweight_{name}" for name in NAMES]
    assert "`sail`, `cook`, `code`" in (tmp_path / "topics/README.md").read_text()


def test_weights_of_classes_go_by_name(classifier):
    by_name = classifier(class_weight={"cook": 9.0}).fit(X, FRAME)
    by_number = classifier(class_weight={1: 9.0}).fit(X, Y)
    assert_array_equal(by_name.predict_proba(X), by_number.predict_proba(X))
    for unknown in ("Cook", 1):
        with pytest.raises(ValueError, match="class_weight names"):
            classifier(class_weight={unknown: 9.0}).fit(X, FRAME)


def test_names_survive_searches_and_cross_validation():
    named = linear(class_weight={"cook": 2.0})
    search = GridSearchCV(named, {"C": [1.0, 10.0]}, scoring="f1_micro", cv=2)
    assert_array_equal(search.fit(X, FRAME).best_estimator_.classes_, NAMES)
    # scikit-learn makes an array of y here, so names are lost unless given.
    named.set_params(label_names=NAMES)
    predicted = cross_val_predict(named, X, FRAME, cv=2, method="predict_proba")
    assert predicted.shape == Y.shape


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b"], "2 label_names, but y has 3 columns"),
        (["a", "b", "a"], "all of them different"),
        ([["a", "b", "c"]], "label_names is"),
        ({"a", "b", "c"}, "label_names is"),
        (["a", "b", None], r"label_names\[2\] is None"),
        (["a", "b", "\ud800"], "surrogate"),
    ],
)
def test_names_that_are_none_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        linear(label_names=names).fit(X, Y)


def test_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"y\.columns is .* different"):
        linear().fit(X, FRAME.set_axis(["a", "b", "a"], axis=1))


def test_one_class_a_text_needs_no_names():
    with pytest.raises(ValueError, match="label_names are those of an indicator"):
        linear(label_names=NAMES).fit(X, topics)


def test_other_columns_are_refused_wherever_they_come_in():
    other = FRAME[["cook", "sail", "code"]]
    message = r"columns of {} are named \['cook', 'sail', 'code'\]"
    with pytest.raises(ValueError, match=message.format("y")):
        linear(label_names=NAMES).fit(X, other)
    with pytest.raises(ValueError, match=message.format("y_val")):
        linear().fit(X, FRAME, X_val=X, y_val=other)
    warm = tuned(warm_start=True).fit(X, FRAME)
    with pytest.raises(ValueError, match=message.format("y")):
        warm.fit(X, other)
    with pytest.raises(ValueError, match=message.format("y")):
        warm.partial_fit(X, other)
    warm.partial_fit(X, Y, classes=NAMES).partial_fit(X, FRAME)
    assert_array_equal(warm.classes_, NAMES)


LISTS = [["sail"], ["cook", "code"], []] * 20


@pytest.mark.parametrize(
    "lists",
    [
        LISTS,
        [set(labels) for labels in LISTS],
        [tuple(labels) for labels in LISTS],
        [np.array(labels) for labels in LISTS],
        pd.Series(LISTS),
        pd.Series([["sail", "cook"], ["code", "cook"]] * 30),
        pl.Series(LISTS),
        np.array(LISTS, object),
    ],
    ids=lambda lists: f"{type(lists).__name__} of {type(lists[0]).__name__}",
)
def test_lists_of_names_are_refused_with_the_recipe(lists):
    with pytest.raises(ValueError, match=r"y holds lists.*Binarizer.*label_names"):
        linear().fit(X, lists)


THRESHOLDS = [0.2, 0.5, 0.8]


@pytest.mark.parametrize("hold", [list, tuple, np.array, pd.Series])
def test_each_label_may_have_a_threshold(classifier, hold, tmp_path):
    model = classifier(threshold=hold(THRESHOLDS)).fit(X, FRAME)
    pipeline = model.to_pipeline()
    pipeline.save_pretrained(tmp_path / "topics")
    expected = (model.predict_proba(X) >= THRESHOLDS).astype(int)
    saved = StaticPipeline.from_pretrained(tmp_path / "topics")
    for fitted in (model, pipeline, saved):
        assert_array_equal(fitted.predict(X), expected)


def test_onnx_files_know_names_and_thresholds(tmp_path):
    model = linear(threshold=THRESHOLDS).fit(X, FRAME)
    model.to_pipeline().to_onnx(tmp_path / "topics.onnx")
    metadata = onnx.load(tmp_path / "topics.onnx").metadata_props
    entries = {entry.key: json.loads(entry.value) for entry in metadata}
    assert entries["classes"] == NAMES
    assert entries["threshold"] == THRESHOLDS


@pytest.mark.parametrize("threshold", [[0.5, 0.5], [[0.5] * 3], [0.5, 0.5, 1.5]])
def test_thresholds_that_do_not_fit_are_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold is .* each of the 3 labels"):
        linear(threshold=threshold).fit(X, Y)
    pipeline = linear().fit(X, Y).to_pipeline().set_params(head__threshold=threshold)
    for use in (lambda: pipeline.predict(X), pipeline.to_files):
        with pytest.raises(ValueError, match=r"threshold is .* each of the 3 labels"):
            use()


@pytest.mark.parametrize("threshold", [np.float32(0.25), np.float64(0.25), 1, 0])
def test_any_number_is_a_threshold_that_can_be_saved(threshold, tmp_path):
    linear(threshold=threshold).fit(X, Y).to_pipeline().save_pretrained(tmp_path / "m")
    assert StaticPipeline.from_pretrained(tmp_path / "m")["head"].threshold == threshold


@pytest.mark.parametrize("threshold", [[], [0.5], [0.5, 0.5, 2], [0.5, 0.5, None], {}])
def test_files_with_other_thresholds_are_refused(threshold, tmp_path):
    linear().fit(X, Y).to_pipeline().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["sklearn_static"]["threshold"] = threshold
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match="threshold"):
        StaticPipeline.from_pretrained(tmp_path)
