"""The head, a small feed-forward net on embeddings, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import erf, expit

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Head",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Residual",
    "Scale",
    "mlp",
]


# Up to so many multiplications, OpenBLAS computes a product in one thread.
_IN_ONE_THREAD = 1 << 18
# From so many rows in a block on, the blocks are worth their calls.
_FEWEST_ROWS = 8


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
        out = _product(X, self.weight.T)
        out += self.bias
        return out

    def __repr__(self) -> str:
        n_outputs, n_inputs = self.weight.shape
        return f"Linear(n_inputs={n_inputs}, n_outputs={n_outputs})"

    def then_scaled(self, scale: np.ndarray, shift: np.ndarray) -> Linear:
        """The map followed by multiplication with `scale` and addition of `shift`."""
        weight = self.weight * scale[:, None]
        bias = self.bias * scale + shift
        return Linear(weight.astype(np.float32), bias.astype(np.float32))


def _product(X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``X @ weight``; in blocks of rows, each in one thread, where outputs are few.

    A second thread has little to do there, but OpenBLAS keeps it waiting for more, at
    full speed, and whatever comes next is slowed down.
    """
    n_rows = _IN_ONE_THREAD // max(weight.size, 1)
    if not _FEWEST_ROWS <= n_rows < len(X):
        out: np.ndarray = X @ weight
        return out
    out = np.empty((len(X), weight.shape[1]), np.float32)
    for start in range(0, len(X), n_rows):
        np.matmul(X[start : start + n_rows], weight, out=out[start : start + n_rows])
    return out


def _relu(X: np.ndarray) -> np.ndarray:
    return np.maximum(X, np.float32(0))


def _gelu(X: np.ndarray) -> np.ndarray:
    out: np.ndarray = X * (1 + erf(X / np.float32(np.sqrt(2)))) / 2
    return out


def _gelu_tanh(X: np.ndarray) -> np.ndarray:
    # A cube that overflows is infinite, and of that the tangent is right.
    with np.errstate(over="ignore"):
        cubic = np.float32(np.sqrt(2 / np.pi)) * (X + np.float32(0.044715) * X**3)
    out: np.ndarray = X * (1 + np.tanh(cubic)) / 2
    return out


def _silu(X: np.ndarray) -> np.ndarray:
    out: np.ndarray = X * expit(X)
    return out


ACTIVATIONS: dict[str, Callable[..., np.ndarray]] = {
    "relu": _relu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "tanh": np.tanh,
    "sigmoid": expit,
}


@dataclass(frozen=True)
class Activation:
    """An elementwise function, one of `ACTIVATIONS` by name."""

    name: str

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The function of each element."""
        return ACTIVATIONS[self.name](X)


@dataclass(frozen=True)
class LeakyReLU:
    """The identity for positive elements, `negative_slope` times it for others."""

    negative_slope: float

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The function of each element."""
        return np.where(X > 0, X, X * np.float32(self.negative_slope))


@dataclass(frozen=True, eq=False)
class Scale:
    """A factor and a shift for each feature, as of a batch normalisation in use.

    Attributes
    ----------
    factor, shift : ndarray of shape (n_features,), float32
    """

    factor: np.ndarray
    shift: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """``X * factor + shift``."""
        return X * self.factor + self.shift

    def __repr__(self) -> str:
        return f"Scale(n_features={len(self.factor)})"


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Layer normalisation (Ba et al., 2016, arXiv:1607.06450).

    Attributes
    ----------
    weight, bias : ndarray of shape (n_features,), float32
    eps : float
        Added to the variance.
    """

    weight: np.ndarray
    bias: np.ndarray
    eps: float

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Each row with zero mean and unit variance, times weight, plus bias."""
        centred = X - X.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        out: np.ndarray = centred / np.sqrt(variance + np.float32(self.eps))
        return out * self.weight + self.bias

    def __repr__(self) -> str:
        return f"LayerNorm(n_features={len(self.weight)}, eps={self.eps})"


@dataclass(frozen=True, eq=False)
class Residual:
    """The input plus what `layers` make of it."""

    layers: tuple[Layer, ...]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """``X + layers(X)``."""
        return X + Head(self.layers)(X)


NUMPY_LAYERS = (Linear, Activation, LeakyReLU, Scale, LayerNorm, Residual)


@dataclass(frozen=True, eq=False)
class Head:
    """Layers, one after the other.

    Attributes
    ----------
    layers : tuple of Layer
        What the last puts out are scores, before softmax or the like.
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

    def then_scaled(self, scale: np.ndarray, shift: np.ndarray) -> Head:
        """The head with outputs multiplied by `scale` and shifted by `shift`."""
        if self.layers and isinstance(self.layers[-1], Linear):
            return Head((*self.layers[:-1], self.layers[-1].then_scaled(scale, shift)))
        last = Scale(scale.astype(np.float32), shift.astype(np.float32))
        return Head((*self.layers, last))

    def on_coordinates(self, directions: np.ndarray) -> Head:
        """The head for the coordinates of its inputs along `directions`.

        Parameters
        ----------
        directions : ndarray of shape (n_inputs, n_directions), float32
            Orthonormal columns.
        """
        first, *others = self.layers or (None,)
        if isinstance(first, Linear):
            weight = np.ascontiguousarray(first.weight @ directions)
            return Head((Linear(weight, first.bias), *others))
        back = Linear(directions, np.zeros(len(directions), np.float32))
        return Head((back, *self.layers))

    def needing_torch(self) -> list[str]:
        """The types of layers that are no numpy layers of this module."""
        foreign = []
        for layer in self.layers:
            if isinstance(layer, Residual):
                foreign += Head(layer.layers).needing_torch()
            elif not isinstance(layer, NUMPY_LAYERS):
                foreign.append(type(getattr(layer, "module", layer)).__name__)
        return foreign

    def mlp_layers(self) -> list[Linear] | None:
        """The affine layers of a multi-layer perceptron; None for any other head."""
        linear = list(self.layers[::2])
        if not all(isinstance(layer, Linear) for layer in linear):
            return None
        between = self.layers[1::2]
        if len(self.layers) % 2 == 0 or set(between) - {Activation("relu")}:
            return None
        return [layer for layer in linear if isinstance(layer, Linear)]


def mlp(linear: Sequence[Linear]) -> Head:
    """The affine layers `linear` with a rectifier between each two."""
    layers: list[Layer] = []
    for layer in linear:
        layers += [layer, Activation("relu")]
    return Head(tuple(layers[:-1]))
