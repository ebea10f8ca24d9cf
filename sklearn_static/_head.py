"""The head, a small feed-forward net on embeddings, in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

__all__ = ["Head", "Layer", "Linear", "ReLU"]


class Layer(Protocol):
    """One step of a head: (n, n_inputs) in, (n, n_outputs) out, float32."""

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The layer's output on `X`."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """An affine map.

    Attributes
    ----------
    weight : ndarray of shape (n_outputs, n_inputs), float32
    bias : ndarray of shape (n_outputs,), float32
    """

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """``X @ weight.T + bias``."""
        out: np.ndarray = X @ self.weight.T
        out += self.bias
        return out


@dataclass(frozen=True)
class ReLU:
    """The rectifier: negative values become zero."""

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The larger of `X` and zero."""
        return np.maximum(X, np.float32(0))


@dataclass(frozen=True, eq=False)
class Head:
    """Layers, one after the other.

    Attributes
    ----------
    layers : tuple of Layer
        The last is linear: what it puts out are scores, before softmax or the like.
    """

    layers: tuple[Layer, ...]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The scores of embeddings.

        Parameters
        ----------
        X : ndarray of shape (n_texts, n_dimensions), float32

        Returns
        -------
        scores : ndarray of shape (n_texts, n_outputs), float32
        """
        for layer in self.layers:
            X = layer(X)
        return X

    @property
    def n_inputs(self) -> int | None:
        """The length of an embedding, None for a head without affine layers."""
        return self.linear[0].weight.shape[1] if self.linear else None

    @property
    def linear(self) -> list[Linear]:
        """The affine layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, Linear)]

    @classmethod
    def mlp(cls, linear: list[Linear]) -> Head:
        """The affine layers `linear` with a rectifier between each two.

        Raises
        ------
        ValueError
            If a layer does not take what the one before it puts out, or if a value is
            not finite.
        """
        for i, layer in enumerate(linear):
            if layer.weight.ndim != 2 or layer.bias.shape != layer.weight.shape[:1]:
                raise ValueError(
                    f"layer {i} has a weight of shape {layer.weight.shape} and a bias "
                    f"of shape {layer.bias.shape}, but (n_outputs, n_inputs) and "
                    "(n_outputs,) were expected."
                )
            if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
                raise ValueError(f"layer {i} holds a value that is not finite.")
        for i, (before, after) in enumerate(pairwise(linear)):
            if before.weight.shape[0] != after.weight.shape[1]:
                raise ValueError(
                    f"layer {i} puts out {before.weight.shape[0]} values, but layer "
                    f"{i + 1} takes {after.weight.shape[1]}."
                )
        layers: list[Layer] = []
        for layer in linear:
            layers += [layer, ReLU()]
        return cls(tuple(layers[:-1]))
