"""Layers of a head: what each computes, and says of itself."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_static._layers.bounds import Rows
from sklearn_static._layers.format import build_head, describe_head
from sklearn_static._layers.layers import (
    LAYERS,
    Activation,
    Head,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
    Slice,
    Sum,
    mlp,
)

WIDTH = 6


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def linear(n_inputs, n_outputs, seed=0):
    return Linear(normal(n_outputs, n_inputs, seed=seed), normal(n_outputs, seed=seed))


X = normal(50, WIDTH, seed=9)
BRANCHES = (
    (linear(WIDTH, 3),),
    (Slice(1, 5), *mlp([linear(4, 7, 1), linear(7, 3, 2)]).layers),
)
HEADS = {
    "linear": Head((linear(WIDTH, 3),)),
    "activation": Head((Activation("gelu_tanh"),)),
    "leaky_relu": Head((LeakyReLU(-1.5),)),
    "scale": Head((Scale(normal(WIDTH), normal(WIDTH, seed=1)),)),
    "layer_norm": Head((LayerNorm(normal(WIDTH), normal(WIDTH, seed=1), 1e-5),)),
    "residual": Head((Residual((linear(WIDTH, WIDTH), Activation("relu"))),)),
    "slice": Head((Slice(2, 5),)),
    "sum": Head((Sum(BRANCHES),)),
}
EACH = pytest.mark.parametrize("kind", LAYERS)


@EACH
def test_what_is_stored_computes_the_same(kind):
    description, tensors = describe_head(HEADS[kind])
    assert description[0]["type"] == kind
    assert_array_equal(build_head(description, tensors)(X), HEADS[kind](X))


@EACH
def test_no_output_exceeds_the_bound(kind):
    rows = HEADS[kind].bounded(Rows(WIDTH, float(np.abs(X).max())))
    outputs = HEADS[kind](X)
    assert outputs.shape[1] == rows.width
    # The bound is a sum in float64, which float32 may round up.
    assert np.abs(outputs).max() <= rows.bound * (1 + 1e-6)


@EACH
def test_outputs_are_float32(kind):
    assert HEADS[kind](X).dtype == np.float32


@EACH
def test_affine_layers_say_so(kind):
    head = HEADS[kind]
    middle = (head(X[:1]) + head(X[1:2])) / 2
    is_affine = np.allclose(head((X[:1] + X[1:2]) / 2), middle, atol=1e-6)
    assert head.is_affine == is_affine


def test_composed_layers_are_affine_where_all_in_them_are():
    assert Head((Sum(((linear(WIDTH, 3),), (Slice(0, 3),))),)).is_affine
    assert Head((Residual((linear(WIDTH, WIDTH),)),)).is_affine
    assert not Head((Sum(((linear(WIDTH, WIDTH),), (LeakyReLU(0.1),))),)).is_affine


@EACH
def test_it_is_drawn_with_the_same_outputs(kind):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from sklearn_static._onnx.graph import Graph

    graph = Graph()
    graph("Identity", HEADS[kind].draw(graph, "X"), name="scores")
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", "m"])
        for name in ("X", "scores")
    ]
    model = onnx.helper.make_model(
        graph.proto("head", values[:1], values[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (scores,) = session.run(None, {"X": X})
    assert_allclose(scores, HEADS[kind](X), rtol=1e-4, atol=1e-5)


@EACH
def test_outputs_can_be_scaled(kind):
    n_outputs = HEADS[kind](X).shape[1]
    scale, shift = normal(n_outputs, seed=5), normal(n_outputs, seed=6)
    scaled = HEADS[kind].then_scaled(scale, shift)
    expected = HEADS[kind](X) * scale + shift
    assert_allclose(scaled(X), expected, rtol=1e-4, atol=1e-5)


@EACH
def test_inputs_can_be_coordinates(kind):
    # Of four directions for the first four columns, and the others as they are.
    directions = np.eye(WIDTH, dtype=np.float32)
    directions[:4, :4] = np.linalg.qr(normal(4, 4))[0]
    directions = np.delete(directions, 1, axis=1)
    coordinates = X @ directions
    head = HEADS[kind].on_coordinates(directions)
    expected = HEADS[kind](coordinates @ directions.T)
    assert_allclose(head(coordinates), expected, rtol=1e-4, atol=1e-5)


def test_a_slice_of_coordinates_reads_those_of_its_columns_alone():
    directions = np.zeros((WIDTH, 5), np.float32)
    directions[:4, :3] = np.linalg.qr(normal(4, 4))[0][:, :3]
    directions[4:, 3:] = np.eye(2)
    head = Head((Slice(0, 4), linear(4, 3))).on_coordinates(directions)
    first, last = head.layers
    assert first == Slice(0, 3)
    assert last.weight.shape == (3, 3)


def test_a_scaled_sum_of_affine_ends_stays_as_deep():
    (layer,) = HEADS["sum"].then_scaled(np.ones(3), np.ones(3)).layers
    assert [len(branch) for branch in layer.branches] == [1, 4]


def test_a_sum_leaves_its_input_as_it_was():
    before = X.copy()
    Sum(((), (Slice(0, WIDTH),)))(X)
    assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Slice(2, 7), "columns 2 to 7, but there are 6"),
        (Slice(2, 2), "columns 2 to 2"),
        (
            Sum(((linear(WIDTH, 2),), (linear(WIDTH, 3),))),
            "branches have [2, 3] outputs",
        ),
        (Sum(((linear(5, 2),),)), "weight has shape (2, 5)"),
        (
            Sum(((Scale(*np.full((2, WIDTH), 3e36)),),) * 2),
            "may have outputs up to 1e+37",
        ),
    ],
    ids=["too wide", "empty", "unlike", "inside", "overflow"],
)
def test_layers_that_do_not_fit_are_refused(layer, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Head((layer,)).bounded(Rows(WIDTH, 1.0))


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "sum", "branches": []},
        {"type": "sum", "branches": {}},
        {"type": "sum"},
        {"type": "slice", "start": 0.0, "stop": 1},
        {"type": "slice", "start": 0, "stop": True},
        {"type": "slice", "start": -1, "stop": 2},
        {"type": "slice", "start": 0},
        {"type": "unheard of"},
        {"type": []},
    ],
    ids=str,
)
def test_faulty_descriptions_are_refused(entry):
    with pytest.raises(ValueError, match="description of the head is faulty"):
        build_head([entry], {})


class Foreign:
    """What only torch knows."""

    def __call__(self, X):
        return X


@pytest.mark.parametrize(
    "layer",
    [Foreign(), Residual((Foreign(),)), Sum(((), (Foreign(),)))],
    ids=["alone", "in a residual", "in a sum"],
)
def test_layers_that_need_torch_are_named(layer):
    head = Head((layer,))
    assert head.needing_torch() == ["Foreign"]
    assert not head.is_affine
    with pytest.raises(TypeError, match=r"type Foreign needs torch"):
        describe_head(head)
