"""Heads as tensors and JSON, and back.

A multi-layer perceptron is stored as model2vec does it: ``head.{i}.weight`` and
``head.{i}.bias``, rectifiers understood. Any other head is described layer by layer,
each tensor being named by where its layer stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .layers import (
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

__all__ = ["build_head", "build_labels", "build_mlp", "describe_head", "mlp_tensors"]

Tensors = Mapping[str, np.ndarray]
Description = list[dict[str, Any]]

_LARGEST = 1e30
_LABEL_TYPES = {str, int, float, bool}
_LABEL_DTYPE = re.compile(r"[<>|](b1|[iuf][1248]|O|U[1-9][0-9]{0,8})")
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
        If the tensors are not those of so many layers.
    """
    if type(n_layers) is not int or 2 * n_layers != len(tensors):
        raise ValueError(
            f"n_layers is {n_layers!r}, but a whole number was expected, half as many "
            f"as the {len(tensors)} tensors {sorted(tensors)}."
        )
    names = [f"head.{i}.{part}" for i in range(n_layers) for part in ("weight", "bias")]
    if set(names) != set(tensors):
        raise ValueError(f"it holds {sorted(tensors)}, but {names} were expected.")
    values = [_checked(name, tensors[name]) for name in names]
    linear = [Linear(w, b) for w, b in zip(values[::2], values[1::2], strict=True)]
    return mlp(linear)


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
        If the description is none, or a tensor is missing or left over.
    """
    left = dict(tensors)
    try:
        head = Head(_build(description, "head", left))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the description of the head is faulty: {error!r}.") from None
    if left:
        raise ValueError(f"it holds {sorted(left)}, which no layer takes.")
    return head


def _build(
    description: Any, prefix: str, tensors: dict[str, np.ndarray]
) -> tuple[Layer, ...]:
    if not isinstance(description, list):
        raise TypeError(f"{prefix} is {description!r}, no list of layers")
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
        return LeakyReLU(_number(entry["negative_slope"], least=-_LARGEST))
    if kind == "residual":
        return Residual(_build(entry["layers"], name, tensors))
    cls, parts = _TENSORS[kind]
    values = [_checked(part, tensors.pop(f"{name}.{part}")) for part in parts]
    if cls is LayerNorm:
        weight, bias = values
        return LayerNorm(weight, bias, eps=_number(entry["eps"], least=1 / _LARGEST))
    layer: Layer = cls(*values)
    return layer


def build_labels(classes: Any, dtype: Any) -> np.ndarray:
    """The labels that are stored as the list `classes`.

    Parameters
    ----------
    classes : list of str, int, float or bool
    dtype : str or None
        As ``numpy.dtype.str`` has it; None where it is not known.

    Raises
    ------
    ValueError
        If they are no distinct labels, or not of that dtype.
    """
    if not isinstance(classes, list) or not {*map(type, classes)} <= _LABEL_TYPES:
        raise ValueError(
            f"classes {classes!r}, but a list of labels was expected, each a str, int, "
            "float or bool."
        )
    # NaN is no label: it does not even equal itself.
    distinct = {label for label in classes if label == label}
    if not classes or len(distinct) < len(classes):
        raise ValueError(
            f"classes {classes!r}, but one or more labels were expected, none of them "
            "twice."
        )
    if dtype is None:
        labels = np.asarray(classes)
        return labels if labels.tolist() == classes else np.asarray(classes, object)
    try:
        labels = _labels_of_dtype(classes, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"classes {classes!r} for the dtype {dtype!r}: {error}."
        ) from error
    # A dtype of fewer characters or digits would cut the labels short.
    if labels.tolist() != classes:
        raise ValueError(f"classes {classes!r}, which are not of the dtype {dtype!r}.")
    return labels


def _labels_of_dtype(classes: list[Any], dtype: Any) -> np.ndarray:
    if not isinstance(dtype, str) or not _LABEL_DTYPE.fullmatch(dtype):
        raise TypeError("it is none of labels")
    chosen, labels = np.dtype(dtype), np.asarray(classes)
    if chosen.kind == "O":
        return np.asarray(classes, object)
    if chosen.kind == labels.dtype.kind == "U":
        # What is wider takes memory for nothing.
        chosen = min(chosen, labels.dtype, key=lambda dtype: dtype.itemsize)
    with np.errstate(over="ignore", invalid="ignore"):
        return labels.astype(chosen)


def _number(value: Any, least: float) -> float:
    if type(value) not in (int, float) or not least <= value <= _LARGEST:
        raise TypeError(f"{value!r} is no number from {least:g} to {_LARGEST:g}")
    return float(value)


def _checked(name: str, tensor: np.ndarray) -> np.ndarray:
    # What overflows float32 is infinite there.
    with np.errstate(over="ignore"):
        values = tensor.astype(np.float32, copy=False)
    if tensor.dtype.kind != "f" or not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are no finite floats.")
    return values
