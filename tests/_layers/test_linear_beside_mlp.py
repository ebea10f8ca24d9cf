"""A linear part beside a perceptron, as one perceptron that model2vec reads."""

import json
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import StaticPipeline
from sklearn_static._layers.format import as_mlp, of_mlp
from sklearn_static._layers.layers import Head, Linear, Scale, Slice, Sum, mlp

WIDTH = 48


def linear(n_inputs, n_outputs, seed):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(n_outputs, n_inputs)).astype(np.float32)
    return Linear(weight, rng.normal(size=n_outputs).astype(np.float32))


def beside(*hidden):
    widths = [WIDTH, *hidden, 3]
    inner = [linear(a, b, i) for i, (a, b) in enumerate(pairwise(widths))]
    return Head((Sum(((linear(WIDTH, 3, 9),), mlp(inner).layers)),))


HIDDEN = pytest.mark.parametrize("hidden", [(5,), (5, 7)], ids=str)
X = np.random.default_rng(3).normal(size=(40, WIDTH)).astype(np.float32)


@HIDDEN
def test_one_perceptron_has_the_same_scores(hidden):
    head = beside(*hidden)
    assert_allclose(mlp(as_mlp(head))(X), head(X), rtol=1e-4, atol=1e-4)


@HIDDEN
def test_it_is_split_again_to_the_bit(hidden):
    head = beside(*hidden)
    assert_array_equal(of_mlp(as_mlp(head), WIDTH)(X), head(X))


@pytest.mark.parametrize(
    "layers",
    [
        (linear(WIDTH, 3, 0),),
        (*beside(5).layers, Scale(np.ones(3), np.ones(3))),
        (Sum(((linear(WIDTH, 3, 0),), (linear(WIDTH, 3, 1),))),),
        (Sum(((linear(WIDTH, 3, 0),),)),),
    ],
    ids=["linear", "more after it", "no hidden layer", "one branch"],
)
def test_other_heads_are_no_such_perceptron(layers):
    assert as_mlp(Head(layers)) is None


@pytest.mark.parametrize("n_inputs", [None, True, "48", 0, -1, 47, 49, 10**12])
def test_other_widths_are_refused(n_inputs):
    with pytest.raises(ValueError, match="linear_units is"):
        of_mlp(as_mlp(beside(5)), n_inputs)


def test_altered_weights_are_refused():
    wide = as_mlp(beside(5, 7))
    wide[1].weight[-1, 0] = 1
    with pytest.raises(ValueError, match="linear_units is"):
        of_mlp(wide, WIDTH)


def test_shapes_are_looked_at_before_anything_is_made_of_them():
    first, *others = as_mlp(beside(5))
    wider = Linear(np.zeros((1, 10**6), np.float32), first.bias)
    with pytest.raises(ValueError, match="linear_units is"):
        of_mlp([wider, *others], 10**6)


@pytest.fixture
def pipeline():
    return frozen_pipeline(toy_embedding()).set_params(head__head=beside(5, 7))


def test_folders_predict_the_same_to_the_bit(pipeline, tmp_path):
    texts, _ = toy_texts()
    pipeline.save_pretrained(tmp_path / "film")
    again = StaticPipeline.from_pretrained(tmp_path / "film")
    assert isinstance(again["head"].head.layers[0], Sum)
    assert_array_equal(again.predict_proba(texts), pipeline.predict_proba(texts))
    config = json.loads((tmp_path / "film" / "config.json").read_text())
    assert config["sklearn_static"]["linear_units"] == WIDTH


def test_model2vec_predicts_the_same(pipeline, tmp_path):
    pytest.importorskip("model2vec")
    from model2vec.inference import StaticModelPipeline

    texts, _ = toy_texts()
    pipeline.save_pretrained(tmp_path / "film")
    theirs = StaticModelPipeline.from_pretrained(tmp_path / "film")
    expected = pipeline.predict_proba(texts)
    assert_allclose(theirs.predict_proba(texts), expected, atol=1e-5)


def test_a_perceptron_that_sees_a_part_is_stored_and_compressed(tmp_path):
    texts, _ = toy_texts()
    inner = mlp([linear(24, 5, 0), linear(5, 3, 1)]).layers
    head = Head((Sum(((linear(WIDTH, 3, 9),), (Slice(0, 24), *inner))),))
    pipeline = frozen_pipeline(toy_embedding()).set_params(head__head=head)
    expected = pipeline.predict_proba(texts)
    pipeline.save_pretrained(tmp_path / "film")
    again = StaticPipeline.from_pretrained(tmp_path / "film")
    assert_array_equal(again.predict_proba(texts), expected)
    turned = again.compress(dimensions=WIDTH)
    assert_allclose(turned.predict_proba(texts), expected, atol=1e-4)
