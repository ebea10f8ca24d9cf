"""Whether the layers of a head that was read fit each other, and its scores float32.

What is checked is proven, not tried: the width of the rows that leave each layer, and
a bound on their values.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from .layers import (
    Activation,
    Head,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
)

__all__ = ["Rows", "check_head"]

_LARGEST = 1e37


class Rows(NamedTuple):
    """What is known of the rows that enter a layer, or leave it.

    Attributes
    ----------
    width : int
        The length of a row.
    reach : float
        No value is greater, nor less than its negative.
    """

    width: int
    reach: float


def check_head(head: Head, embeddings: Rows) -> int:
    """The number of scores that a head of numpy layers gives for each embedding.

    Raises
    ------
    ValueError
        If a layer does not fit the one before, or its values may overflow float32.
    """
    return _through(head.layers, embeddings).width


def _through(layers: Iterable[Layer], rows: Rows) -> Rows:
    for i, layer in enumerate(layers):
        try:
            rows = _after(layer, rows)
        except ValueError as error:
            raise ValueError(f"layer {i}, {type(layer).__name__}: {error}") from error
        if rows.reach > _LARGEST:
            raise ValueError(
                f"layer {i}, {type(layer).__name__}, may put out {rows.reach:.1g}, but "
                f"{_LARGEST:.0e} at most was expected: its values overflow float32."
            )
    return rows


def _after(layer: Layer, rows: Rows) -> Rows:
    width, reach = rows
    if isinstance(layer, Linear):
        n_outputs = layer.bias.size
        _check_shape("bias", layer.bias, (max(n_outputs, 1),))
        _check_shape("weight", layer.weight, (n_outputs, width))
        sums = np.abs(layer.weight).sum(axis=1, dtype=np.float64)
        return Rows(n_outputs, float((sums * reach + np.abs(layer.bias)).max()))
    if isinstance(layer, Scale):
        _check_shape("factor", layer.factor, (width,))
        _check_shape("shift", layer.shift, (width,))
        return Rows(width, _greatest(layer.factor) * reach + _greatest(layer.shift))
    if isinstance(layer, LayerNorm):
        _check_shape("weight", layer.weight, (width,))
        _check_shape("bias", layer.bias, (width,))
        if (2 * reach) ** 2 * width > _LARGEST:
            return Rows(width, inf)
        return Rows(
            width, sqrt(width) * _greatest(layer.weight) + _greatest(layer.bias)
        )
    if isinstance(layer, LeakyReLU):
        return Rows(width, reach * max(1.0, abs(layer.negative_slope)))
    if isinstance(layer, Residual):
        inner = _through(layer.layers, rows)
        if inner.width != width:
            raise ValueError(
                f"its layers put out {inner.width} values for {width}, but as many as "
                "come in were expected."
            )
        return Rows(width, reach + inner.reach)
    if isinstance(layer, Activation):
        return Rows(width, max(1.0, reach))
    raise TypeError(f"A layer of type {type(layer).__name__} is not numpy's.")


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(
            f"{name} has shape {array.shape}, but {shape} was expected from what "
            "comes before."
        )


def _greatest(values: np.ndarray) -> float:
    return float(np.abs(values).max())
