"""Targets by name: where names come from, and where they arrive."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from toys import toy_embedding, toy_texts

from sklearn_static import (
    ModelFormatError,
    StaticLinearRegressor,
    StaticPipeline,
    StaticRegressor,
)
from sklearn_static.head import StaticHeadRegressor

EMBEDDING = toy_embedding()
X, topics = toy_texts(60)
VALUES = np.array([[y == "cook", len(x)] for x, y in zip(X, topics, strict=True)])
FRAME = pd.DataFrame(VALUES.astype(float), columns=["warmth", "length"])


def linear():
    return StaticLinearRegressor(EMBEDDING, random_state=0)


def outputs_of(model):
    (explanation,) = model.explain(["the oven"])
    return explanation.outputs.tolist()


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (FRAME, ["warmth", "length"]),
        (pl.DataFrame(FRAME), ["warmth", "length"]),
        (FRAME["warmth"], ["warmth"]),
        (FRAME[["warmth"]], ["warmth"]),
        (pl.Series("warmth", VALUES[:, 0].astype(float)), ["warmth"]),
        (pl.Series(VALUES[:, 0].astype(float)), [0]),
        (FRAME["warmth"].rename(None), [0]),
        (FRAME.set_axis([0, 1], axis=1), [0, 1]),
        (VALUES, [0, 1]),
    ],
)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_explanations_have_the_names_of_targets(y, names):
    assert outputs_of(linear().fit(X, y)) == names


def test_names_are_shown_and_asked_by():
    (explanation,) = linear().fit(X, FRAME["length"]).explain(["the oven"])
    assert repr(explanation).startswith("<Explanation of length by")
    assert "<b>length</b>" in explanation.to_html()
    assert explanation.of("length").shape == (2,)


def test_names_are_frozen_and_saved(tmp_path):
    tuned = StaticRegressor(EMBEDDING, max_epochs=2, random_state=0)
    for model in (linear().fit(X, FRAME), tuned.fit(X, FRAME)):
        model.to_pipeline().save_pretrained(tmp_path / "model")
        again = StaticPipeline.from_pretrained(tmp_path / "model")
        assert outputs_of(again) == ["warmth", "length"]
        assert_array_equal(again.predict(X), model.to_pipeline().predict(X))
    head = StaticHeadRegressor(again["head"].head, target_names=["a", "b"])
    assert outputs_of(StaticPipeline([again.steps[0], ("head", head)])) == ["a", "b"]


@pytest.mark.parametrize("names", ["warmth", ["warmth"], [1, 2], {"warmth": 1}])
def test_names_that_do_not_fit_are_refused(tmp_path, names):
    linear().fit(X, FRAME).to_pipeline().save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text("utf8"))
    config["sklearn_static"]["target_names"] = names
    path.write_text(json.dumps(config), "utf8")
    with pytest.raises(ModelFormatError, match=r"target_names|names the targets"):
        StaticPipeline.from_pretrained(tmp_path / "model")


def test_columns_of_other_names_are_refused_but_a_series_goes():
    other = FRAME.set_axis(["warmth", "size"], axis=1)
    with pytest.raises(ValueError, match=r"y_val are named \['warmth', 'size'\]"):
        linear().fit(X, FRAME, X_val=X, y_val=other)
    y_val = FRAME["length"].rename("held_out")
    linear().fit(X, FRAME["length"], X_val=X, y_val=y_val)
