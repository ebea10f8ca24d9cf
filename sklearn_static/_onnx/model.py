"""A frozen pipeline as an ONNX model, from the ids of tokens on; needs onnx."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from onnx import TensorProto, helper

from .._io.pipeline import FrozenHead, stored_head
from .._layers.layers import (
    Activation,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
)
from .._lexical.weights import WordVotes
from .._version import __version__
from ..embedding import StaticEmbedding
from ..head import StaticHeadClassifier
from .graph import Bags, Graph, first, kept, lengths, some, summed, whole
from .words import votes_for

__all__ = ["onnx_model"]

# What runtimes of 2022 know already.
_OPSET, _IR_VERSION = 17, 8
_TINY = np.float32(1e-32)


def onnx_model(
    embedding: StaticEmbedding, votes: WordVotes | None, head: FrozenHead
) -> bytes:
    """The contents of an ONNX file; see :meth:`StaticPipeline.to_onnx`."""
    metadata = _metadata(embedding, votes, head)
    graph = Graph()
    tokens = _tokens_that_count(graph, embedding)
    features = _embedded(graph, tokens, embedding)
    if votes is not None:
        finder = embedding._bag_tokenizer.words
        counted = votes_for(graph, tokens, finder, votes)
        features = graph("Concat", features, counted, axis=1)
    output = _answered(graph, _through(graph, features, head.head.layers), head)
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT32, ["n_tokens"]),
        helper.make_tensor_value_info("offsets", TensorProto.INT64, ["n_offsets"]),
    ]
    shape = ["n_texts", _n_outputs(embedding, votes, head)]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
    model = helper.make_model(
        graph.proto("sklearn_static", inputs, outputs),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sklearn-static",
        producer_version=__version__,
    )
    helper.set_model_props(model, metadata)
    content: bytes = model.SerializeToString()
    return content


def _metadata(
    embedding: StaticEmbedding, votes: WordVotes | None, head: FrozenHead
) -> dict[str, str]:
    """What a program beside the graph has to know, as JSON by key.

    Raises
    ------
    TypeError
        If JSON lacks a label, or the head has a layer that needs torch.
    """
    head_config, own, _ = stored_head(head, votes)
    entries = {
        "classes": head_config["classes"],
        "threshold": own.get("threshold"),
        "max_characters": embedding._bag_tokenizer._max_chars,
    }
    return {k: json.dumps(v) for k, v in entries.items() if v is not None}


def _tokens_that_count(graph: Graph, embedding: StaticEmbedding) -> Bags:
    """Of what the tokenizer gives, the first `max_length`, without unknown ones."""
    tokens = Bags(graph("Cast", "ids", to=TensorProto.INT64), "offsets")
    if embedding.max_length is not None:
        tokens = first(graph, tokens, embedding.max_length)
    unknown_id = embedding._bag_tokenizer.unknown_id
    if unknown_id is None:
        return tokens
    is_unknown = graph("Equal", tokens.ids, whole(unknown_id))
    return kept(graph, tokens, graph("Not", is_unknown))


def _embedded(graph: Graph, tokens: Bags, embedding: StaticEmbedding) -> str:
    """The embeddings of texts, of shape (n_texts, n_dimensions), float32."""
    vectors_of = partial(_vectors_of, embedding)
    sums = summed(graph, tokens, vectors_of, embedding.n_dimensions)
    n_tokens = graph("Max", lengths(graph, tokens), whole(1))
    divisors = graph("Cast", n_tokens, to=TensorProto.FLOAT)
    means = graph("Div", sums, graph("Unsqueeze", divisors, some(1)))
    if not embedding.normalize:
        return means
    norms = graph("ReduceL2", means, axes=[1], keepdims=1)
    return graph("Div", means, graph("Add", norms, _TINY))


def _vectors_of(embedding: StaticEmbedding, graph: Graph, ids: str) -> str:
    """The weighted vectors of tokens, of shape (n_tokens, n_dimensions), float32."""
    rows = ids
    if embedding.mapping is not None:
        rows = graph("Gather", embedding.mapping, ids)
    vectors = graph("Gather", embedding.vectors, rows)
    if embedding.vectors.dtype != np.float32:
        vectors = graph("Cast", vectors, to=TensorProto.FLOAT)
    if embedding.weights is None:
        return vectors
    weights = graph("Gather", embedding.weights[:, None], ids)
    return graph("Mul", vectors, weights)


def _through(graph: Graph, rows: str, layers: Iterable[Layer]) -> str:
    for layer in layers:
        rows = _after(graph, rows, layer)
    return rows


def _after(graph: Graph, X: str, layer: Layer) -> str:
    """What `layer` makes of the rows `X`."""
    match layer:
        case Linear():
            return graph("Gemm", X, layer.weight, layer.bias, transB=1)
        case Activation():
            return _ACTIVATIONS[layer.name](graph, X)
        case LeakyReLU():
            return graph("LeakyRelu", X, alpha=float(layer.negative_slope))
        case Scale():
            return graph("Add", graph("Mul", X, layer.factor), layer.shift)
        case LayerNorm():
            scaled = graph("Mul", _standardised(graph, X, layer.eps), layer.weight)
            return graph("Add", scaled, layer.bias)
        case Residual():
            return graph("Add", X, _through(graph, X, layer.layers))
    raise TypeError(f"A layer of type {type(layer).__name__} has no form in ONNX.")


def _standardised(graph: Graph, X: str, eps: float) -> str:
    # In steps, since runtimes take the mean square less the squared mean for the
    # variance in their own layer normalisation, which cancels where the mean is large.
    centred = graph("Sub", X, graph("ReduceMean", X, axes=[1], keepdims=1))
    squares = graph("Mul", centred, centred)
    variance = graph("ReduceMean", squares, axes=[1], keepdims=1)
    return graph("Div", centred, graph("Sqrt", graph("Add", variance, np.float32(eps))))


def _gelu(graph: Graph, X: str) -> str:
    erf = graph("Erf", graph("Div", X, np.float32(np.sqrt(2))))
    return _gated(graph, X, erf)


def _gelu_tanh(graph: Graph, X: str) -> str:
    cube = graph("Mul", graph("Mul", X, X), X)
    cubic = graph("Add", X, graph("Mul", cube, np.float32(0.044715)))
    tanh = graph("Tanh", graph("Mul", cubic, np.float32(np.sqrt(2 / np.pi))))
    return _gated(graph, X, tanh)


def _gated(graph: Graph, X: str, gate: str) -> str:
    """`X` times what is 0 for a `gate` of -1, and 1 for one of 1."""
    gated = graph("Mul", X, graph("Add", gate, np.float32(1)))
    return graph("Mul", gated, np.float32(0.5))


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "relu": lambda graph, X: graph("Relu", X),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": lambda graph, X: graph("Mul", X, graph("Sigmoid", X)),
    "tanh": lambda graph, X: graph("Tanh", X),
    "sigmoid": lambda graph, X: graph("Sigmoid", X),
}


def _answered(graph: Graph, scores: str, head: FrozenHead) -> str:
    """What is put out for scores, by its name."""
    if not isinstance(head, StaticHeadClassifier):
        return graph("Identity", scores, name="values")
    if head.multilabel:
        return graph("Sigmoid", scores, name="probabilities")
    return graph("Softmax", scores, name="probabilities", axis=1)


def _n_outputs(
    embedding: StaticEmbedding, votes: WordVotes | None, head: FrozenHead
) -> int:
    n_features = embedding.n_dimensions + (0 if votes is None else votes.n_outputs)
    return head.head(np.zeros((1, n_features), np.float32)).shape[1]
