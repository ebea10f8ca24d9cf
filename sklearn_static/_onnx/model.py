"""A frozen pipeline as an ONNX model, from token ids to predictions; needs onnx."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
from onnx import TensorProto, helper

from .._io.pipeline import stored_head
from .._lexical.weights import WordWeights
from .._version import __version__
from ..embedding import StaticEmbedding
from ..head import FrozenHead, StaticHeadClassifier
from .graph import Bags, Graph, first, kept, lengths, some, summed, whole
from .words import scores_of_words

__all__ = ["onnx_model"]

# Supported by all runtimes since 2022.
_OPSET, _IR_VERSION = 17, 8
_TINY = np.float32(1e-32)


def onnx_model(
    embedding: StaticEmbedding, word_weights: WordWeights | None, head: FrozenHead
) -> bytes:
    """The contents of an ONNX file; see :meth:`StaticPipeline.to_onnx`."""
    metadata = _metadata(embedding, word_weights, head)
    graph = Graph()
    tokens = _tokens_that_count(graph, embedding)
    features = _embedded(graph, tokens, embedding)
    if word_weights is not None:
        finder = embedding._word_finder
        counted = scores_of_words(graph, tokens, finder, word_weights)
        features = graph("Concat", features, counted, axis=1)
    output = _answered(graph, head.head.draw(graph, features), head)
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT32, ["n_tokens"]),
        helper.make_tensor_value_info("offsets", TensorProto.INT64, ["n_offsets"]),
    ]
    shape = ["n_texts", _n_outputs(embedding, word_weights, head)]
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
    embedding: StaticEmbedding, word_weights: WordWeights | None, head: FrozenHead
) -> dict[str, str]:
    """What a program that runs the model needs besides, as JSON by key.

    Raises
    ------
    TypeError
        If a label is of a type that JSON lacks, or a layer needs torch.
    """
    head_config, own, _ = stored_head(head._parts(), word_weights)
    entries = {
        "classes": head_config["classes"],
        "threshold": own.get("threshold"),
        "max_characters": embedding._bag_tokenizer._max_chars,
    }
    return {k: json.dumps(v) for k, v in entries.items() if v is not None}


def _tokens_that_count(graph: Graph, embedding: StaticEmbedding) -> Bags:
    """The first `max_length` tokens of each text, without unknown ones."""
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
    # A tiny number is added instead of a case for zeros, as in pooling.
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


def _answered(graph: Graph, scores: str, head: FrozenHead) -> str:
    """The output for scores, by name."""
    if not isinstance(head, StaticHeadClassifier):
        return graph("Identity", scores, name="values")
    if head.multilabel:
        return graph("Sigmoid", scores, name="probabilities")
    return graph("Softmax", scores, name="probabilities", axis=1)


def _n_outputs(
    embedding: StaticEmbedding, word_weights: WordWeights | None, head: FrozenHead
) -> int:
    n_features = embedding.n_dimensions + (
        0 if word_weights is None else word_weights.n_outputs
    )
    return head.head(np.zeros((1, n_features), np.float32)).shape[1]
