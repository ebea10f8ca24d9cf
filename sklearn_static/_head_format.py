"""Heads as tensors and JSON, and back.

A multi-layer perceptron is stored as model2vec does it: ``head.{i}.weight`` and
``head.{i}.bias``, rectifiers understood. Any other head is described layer by layer,
each tensor being named by where its layer stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._head import (
    ACTIVATIONS,
    Activation,
    Head,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
    mlp,
)

__all__ = ["build_head", "build_mlp", "describe_head", "mlp_tensors"]

Tensors = Mapping[str, np.ndarray]
Description = list[dict[str, Any]]

_TENSORS = {
    "linear": (Linear, ("weight", "bias")),
    "scale": (Scale, ("factor", "shift")),
    "layer_norm": (LayerNorm, ("weight", "bias")),
}


def mlp_tensors(linear: list[Linear]) -> dict[str, np.ndarray]:
    """The tensors of a multi-layer perceptron, by name."""
    tensors = {}
    for i, layer in enumerate(linear):
        tensors[f"head.{i}.weight"] = layer.weight
        tensors[f"head.{i}.bias"] = layer.bias
    return tensors


def build_mlp(n_layers: Any, tensors: Tensors) -> Head:
    """The multi-layer perceptron of `n_layers` affine layers.

    Raises
    ------
    ValueError
        If the tensors are not those of so many layers, or do not fit each other.
    """
    if not isinstance(n_layers, int) or n_layers < 0:
        raise ValueError(f"n_layers is {n_layers!r}, but a whole number was expected.")
    names = [f"head.{i}.{part}" for i in range(n_layers) for part in ("weight", "bias")]
    if set(names) != set(tensors):
        raise ValueError(f"it holds {sorted(tensors)}, but {names} were expected.")
    values = [_checked(name, tensors[name]) for name in names]
    linear = [Linear(w, b) for w, b in zip(values[::2], values[1::2], strict=True)]
    head = mlp(linear)
    head.check()
    return head


def describe_head(head: Head) -> tuple[Description, dict[str, np.ndarray]]:
    """A JSON-able description of any head of numpy layers, and its tensors."""
    tensors: dict[str, np.ndarray] = {}
    return _describe(head.layers, "head", tensors), tensors


def _describe(
    layers: tuple[Layer, ...], prefix: str, tensors: dict[str, np.ndarray]
) -> Description:
    description = []
    for i, layer in enumerate(layers):
        name = f"{prefix}.{i}"
        if isinstance(layer, Activation):
            entry: dict[str, Any] = {"type": "activation", "name": layer.name}
        elif isinstance(layer, LeakyReLU):
            entry = {"type": "leaky_relu", "negative_slope": layer.negative_slope}
        elif isinstance(layer, Residual):
            inner = _describe(layer.layers, name, tensors)
            entry = {"type": "residual", "layers": inner}
        else:
            kind, parts = _kind_of(layer)
            entry = {"type": kind}
            if isinstance(layer, LayerNorm):
                entry["eps"] = layer.eps
            for part in parts:
                tensors[f"{name}.{part}"] = getattr(layer, part)
        description.append(entry)
    return description


def _kind_of(layer: Layer) -> tuple[str, tuple[str, ...]]:
    for kind, (cls, parts) in _TENSORS.items():
        if isinstance(layer, cls):
            return kind, parts
    raise TypeError(
        f"A layer of type {type(layer).__name__} cannot be stored: it needs torch."
    )


def build_head(description: Any, tensors: Tensors) -> Head:
    """The head of a description.

    Raises
    ------
    ValueError
        If the description is none, a tensor is missing or left over, or layers do not
        fit each other.
    """
    left = dict(tensors)
    try:
        head = Head(_build(description, "head", left))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the description of the head is faulty: {error!r}.") from None
    if left:
        raise ValueError(f"it holds {sorted(left)}, which no layer takes.")
    head.check()
    return head


def _build(
    description: Description, prefix: str, tensors: dict[str, np.ndarray]
) -> tuple[Layer, ...]:
    return tuple(
        _build_layer(entry, f"{prefix}.{i}", tensors)
        for i, entry in enumerate(description)
    )


def _build_layer(
    entry: dict[str, Any], name: str, tensors: dict[str, np.ndarray]
) -> Layer:
    kind = entry["type"]
    if kind == "activation":
        if entry["name"] not in ACTIVATIONS:
            raise ValueError(f"the activation {entry['name']!r} is not known.")
        return Activation(entry["name"])
    if kind == "leaky_relu":
        return LeakyReLU(float(entry["negative_slope"]))
    if kind == "residual":
        return Residual(_build(entry["layers"], name, tensors))
    cls, parts = _TENSORS[kind]
    values = [_checked(part, tensors.pop(f"{name}.{part}")) for part in parts]
    if cls is LayerNorm:
        weight, bias = values
        return LayerNorm(weight, bias, eps=float(entry["eps"]))
    layer: Layer = cls(*values)
    return layer


def _checked(name: str, tensor: np.ndarray) -> np.ndarray:
    if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
        raise ValueError(f"{name} holds values that are no finite floats.")
    return tensor.astype(np.float32, copy=False)
