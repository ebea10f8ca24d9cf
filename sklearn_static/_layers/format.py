"""Heads as tensors and JSON, and back.

A multi-layer perceptron is stored in model2vec's format: ``head.{i}.weight`` and
``head.{i}.bias``, with rectifiers implied. Any other head is described layer by layer,
and the name of a tensor is the position of its layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from .entries import finite
from .layers import Head, Linear, Sum, build_layers, mlp

__all__ = [
    "as_mlp",
    "build_head",
    "build_labels",
    "build_mlp",
    "describe_head",
    "mlp_tensors",
    "of_mlp",
]

Tensors = Mapping[str, np.ndarray]
Description = list[dict[str, Any]]

_LABEL_TYPES = {str, int, float, bool}
_LABEL_DTYPE = re.compile(r"[<>|](b1|[iuf][1248]|O|U[1-9][0-9]{0,8})")


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
        If the tensors do not belong to that many layers.
    """
    if type(n_layers) is not int or 2 * n_layers != len(tensors):
        raise ValueError(
            f"n_layers is {n_layers!r}, but a whole number was expected, half as many "
            f"as the {len(tensors)} tensors {sorted(tensors)}."
        )
    names = [f"head.{i}.{part}" for i in range(n_layers) for part in ("weight", "bias")]
    if set(names) != set(tensors):
        raise ValueError(f"it holds {sorted(tensors)}, but {names} were expected.")
    values = [finite(name, tensors[name]) for name in names]
    linear = [Linear(w, b) for w, b in zip(values[::2], values[1::2], strict=True)]
    return mlp(linear)


def as_mlp(head: Head) -> list[Linear] | None:
    """The sum of a linear part and a perceptron as one multi-layer perceptron.

    Its hidden layers have ``2 * n_inputs + 1`` more units. They pass the input through
    the rectifiers, since ``x = relu(x) - relu(-x)``, and a one for the bias of the
    linear part. No number is changed, so :func:`of_mlp` is its exact inverse. That way
    model2vec can open heads that are fine-tuned from the linear solution.

    Parameters
    ----------
    head : Head

    Returns
    -------
    linear : list of Linear or None
        None for any other head.
    """
    if len(head.layers) != 1 or not isinstance(head.layers[0], Sum):
        return None
    branches = head.layers[0].branches
    if len(branches) != 2 or len(branches[0]) != 1:
        return None
    (beside,), inner = branches[0], Head(branches[1]).mlp_layers()
    if not isinstance(beside, Linear) or inner is None or len(inner) < 2:
        return None
    first, *hidden, last = inner
    carried = np.vstack([np.eye(first.n_inputs), -np.eye(first.n_inputs)])
    carried = np.vstack([carried, np.zeros(first.n_inputs)]).astype(np.float32)
    one = np.zeros(len(carried), np.float32)
    one[-1] = 1
    nothing = np.zeros_like(one)
    # The first layer copies x, -x and a one into additional units. Rectifiers keep the
    # positive part of each, later layers pass them on, and the last one takes the
    # difference, which is x again, without rounding.
    wide = [Linear(np.vstack([first.weight, carried]), np.append(first.bias, one))]
    for layer in hidden:
        weight = block_diag(layer.weight, np.eye(len(one), dtype=np.float32))
        wide.append(Linear(weight, np.append(layer.bias, nothing)))
    parts = [last.weight, beside.weight, -beside.weight, beside.bias[:, None]]
    return [*wide, Linear(np.hstack(parts), last.bias)]


def of_mlp(linear: list[Linear], n_inputs: Any) -> Head:
    """The inverse of :func:`as_mlp`, for a head of `n_inputs` features.

    Raises
    ------
    ValueError
        If the layers are not an output of :func:`as_mlp`.
    """
    wrong = ValueError(
        f"linear_units is {n_inputs!r}, but the layers have no such linear part."
    )
    if type(n_inputs) is not int or len(linear) < 2 or n_inputs < 1:
        raise wrong
    n_carried = 2 * n_inputs + 1
    # Shapes first, so that a faulty file cannot make the arrays below larger than its
    # own.
    widths = [n_inputs, *(layer.bias.size for layer in linear)]
    shapes = list(zip(widths[1:], widths, strict=False))
    if [layer.weight.shape for layer in linear] != shapes:
        raise wrong
    if min(widths[1:-1]) <= n_carried:
        raise wrong
    head = _split(linear, n_inputs)
    # Writing the head again has to give the same layers, or weights were dropped.
    again = as_mlp(head)
    if again is None or not all(
        np.array_equal(x.weight, y.weight) and np.array_equal(x.bias, y.bias)
        for x, y in zip(again, linear, strict=True)
    ):
        raise wrong
    return head


def _split(linear: list[Linear], n_inputs: int) -> Head:
    """The head in layers whose last ``2 * n_inputs + 1`` hidden units carry a part."""
    first, *hidden, last = linear
    n_carried = 2 * n_inputs + 1
    # Contiguous, as the arrays were before they were stored: BLAS may round products
    # of views differently.
    inner = [Linear(first.weight[:-n_carried], first.bias[:-n_carried])]
    for layer in hidden:
        weight = np.ascontiguousarray(layer.weight[:-n_carried, :-n_carried])
        inner.append(Linear(weight, layer.bias[:-n_carried]))
    own, carried = last.weight[:, :-n_carried], last.weight[:, -n_carried:]
    inner.append(Linear(np.ascontiguousarray(own), last.bias))
    weight = np.ascontiguousarray(carried[:, :n_inputs])
    beside = Linear(weight, np.ascontiguousarray(carried[:, -1]))
    return Head((Sum(((beside,), mlp(inner).layers)),))


def describe_head(head: Head) -> tuple[Description, dict[str, np.ndarray]]:
    """A JSON-able description of any head of numpy layers, and its tensors."""
    tensors: dict[str, np.ndarray] = {}
    return head.describe("head", tensors), tensors


def build_head(description: Any, tensors: Tensors) -> Head:
    """The head of a description.

    Raises
    ------
    ValueError
        If the description is faulty, or a tensor is missing or unused.
    """
    left = dict(tensors)
    try:
        head = Head(build_layers(description, "head", left))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the description of the head is faulty: {error!r}.") from None
    if left:
        raise ValueError(f"it holds {sorted(left)}, which no layer uses.")
    return head


def build_labels(classes: Any, dtype: Any) -> np.ndarray:
    """The labels that are stored as the list `classes`.

    Parameters
    ----------
    classes : list of str, int, float or bool
    dtype : str or None
        As ``numpy.dtype.str``; None if unknown.

    Raises
    ------
    ValueError
        If they are not distinct labels, or not of that dtype.
    """
    if not isinstance(classes, list) or not {*map(type, classes)} <= _LABEL_TYPES:
        raise ValueError(
            f"classes {classes!r}, but a list of labels was expected, each a str, int, "
            "float or bool."
        )
    # NaN cannot be a label, since it does not equal itself.
    distinct = {label for label in classes if label == label}
    if not classes or len(distinct) < len(classes):
        raise ValueError(
            f"classes {classes!r}, but one or more labels were expected, none of them "
            "twice."
        )
    if dtype is None:
        labels = np.asarray(classes)
        # numpy would turn a list of str and int into str.
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
        raise TypeError("it is not a dtype of labels")
    chosen, labels = np.dtype(dtype), np.asarray(classes)
    if chosen.kind == "O":
        return np.asarray(classes, object)
    if chosen.kind == labels.dtype.kind == "U":
        # A wider dtype would only take memory.
        chosen = min(chosen, labels.dtype, key=lambda dtype: dtype.itemsize)
    with np.errstate(over="ignore", invalid="ignore"):
        return labels.astype(chosen)
