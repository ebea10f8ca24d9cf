"""Layers of a head in numpy, without others inside.

Each layer defines what it computes, how it is stored, which bounds its outputs have and
its ONNX operators.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, ClassVar, Protocol

import numpy as np

from .activations import ACTIVATIONS, DRAWINGS, GraphBuilder, known_activation
from .bounds import LARGEST, Rows, check_shape, greatest
from .entries import finite, number, positive

__all__ = [
    "Activation",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "NumpyLayer",
    "Scale",
    "restored_before",
    "scaled_after",
]

# The number of multiplications up to which OpenBLAS uses one thread for a product.
_IN_ONE_THREAD = 1 << 18
# With fewer rows in a block, the calls would take longer than a second thread costs.
_FEWEST_ROWS = 8


class Layer(Protocol):
    """One step of a head: (n, n_inputs) in, (n, n_outputs) out, float32."""

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The layer's output on `X`."""
        ...


class NumpyLayer(ABC):
    """A layer in numpy, which can be stored, checked for overflow and exported to ONNX.

    Attributes
    ----------
    kind : str
        Its type in descriptions.
    tensors : tuple of str
        Its attributes that are arrays.
    entries : dict of str to callable
        Its other attributes, each with a function that checks a value from a file.
    """

    kind: ClassVar[str]
    tensors: ClassVar[tuple[str, ...]] = ()
    entries: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    @abstractmethod
    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The layer's output on `X`."""

    def describe(self, name: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
        """A JSON-able description; adds the arrays to `tensors`, prefixed by `name`."""
        for part in self.tensors:
            tensors[f"{name}.{part}"] = getattr(self, part)
        return {"type": self.kind} | {key: getattr(self, key) for key in self.entries}

    @classmethod
    def build(
        cls, entry: dict[str, Any], name: str, tensors: dict[str, np.ndarray]
    ) -> NumpyLayer:
        """The inverse of :meth:`describe`; removes the arrays from `tensors`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the description or a tensor is faulty.
        """
        values: dict[str, Any] = {
            part: finite(part, tensors.pop(f"{name}.{part}")) for part in cls.tensors
        }
        values |= {key: check(entry[key]) for key, check in cls.entries.items()}
        return cls(**values)

    @abstractmethod
    def bounded(self, rows: Rows) -> Rows:
        """The width and the bound of the outputs, given those of the inputs.

        Raises
        ------
        ValueError
            If the layer does not fit inputs of that width.
        """

    @abstractmethod
    def draw(self, graph: GraphBuilder, X: str) -> str:
        """Add the layer, on inputs named `X`, to a graph; the name of its outputs."""

    @property
    def is_affine(self) -> bool:
        """Whether the layer is an affine map."""
        return False

    @property
    def n_inputs(self) -> int | None:
        """The number of input features; None if the layer takes any number."""
        return None

    def foreign(self) -> list[str]:
        """The types of nested layers that need torch."""
        return []

    def then_scaled(self, scale: np.ndarray, shift: np.ndarray) -> tuple[Layer, ...]:
        """Layers whose outputs are this one's times `scale`, plus `shift`."""
        return scaled_after(self, scale, shift)

    def on_coordinates(
        self, directions: np.ndarray, later: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        """Layers like this one and those `later`, for inputs given as coordinates.

        See :meth:`Head.on_coordinates`.
        """
        return restored_before(directions, (self, *later))


def scaled_after(
    layer: Layer | None, scale: np.ndarray, shift: np.ndarray
) -> tuple[Layer, ...]:
    last = Scale(scale.astype(np.float32), shift.astype(np.float32))
    return (last,) if layer is None else (layer, last)


def restored_before(
    directions: np.ndarray, layers: tuple[Layer, ...]
) -> tuple[Layer, ...]:
    back = Linear(
        np.ascontiguousarray(directions), np.zeros(len(directions), np.float32)
    )
    return (back, *layers)


@dataclass(frozen=True, eq=False)
class Linear(NumpyLayer):
    """An affine map.

    Attributes
    ----------
    weight : ndarray of shape (n_outputs, n_inputs), float32
    bias : ndarray of shape (n_outputs,), float32
    """

    weight: np.ndarray
    bias: np.ndarray

    kind: ClassVar[str] = "linear"
    tensors: ClassVar[tuple[str, ...]] = ("weight", "bias")
    is_affine = True

    def __call__(self, X: np.ndarray) -> np.ndarray:
        out = _product(X, self.weight.T)
        out += self.bias  # in place: one array of scores instead of two
        return out

    def __repr__(self) -> str:
        n_outputs, n_inputs = self.weight.shape
        return f"Linear(n_inputs={n_inputs}, n_outputs={n_outputs})"

    def bounded(self, rows: Rows) -> Rows:
        """By sums of absolute weights, times the bound of the inputs, plus biases."""
        n_outputs = self.bias.size
        check_shape("bias", self.bias, (max(n_outputs, 1),))
        check_shape("weight", self.weight, (n_outputs, rows.width))
        # In float64, so that the bound itself cannot overflow.
        sums = np.abs(self.weight).sum(axis=1, dtype=np.float64)
        return Rows(n_outputs, float((sums * rows.bound + np.abs(self.bias)).max()))

    def draw(self, graph: GraphBuilder, X: str) -> str:
        return graph("Gemm", X, self.weight, self.bias, transB=1)

    @property
    def n_inputs(self) -> int:
        return self.weight.shape[1]

    def then_scaled(self, scale: np.ndarray, shift: np.ndarray) -> tuple[Layer, ...]:
        """Folded into weight and bias, so that prediction takes no longer."""
        weight = self.weight * scale[:, None]
        bias = self.bias * scale + shift
        return (Linear(weight.astype(np.float32), bias.astype(np.float32)),)

    def on_coordinates(
        self, directions: np.ndarray, later: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        weight = np.ascontiguousarray(self.weight @ directions)
        return (Linear(weight, self.bias), *later)


def _product(X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``X @ weight``, in blocks of rows where there are few outputs.

    Each block is so small that OpenBLAS computes it in one thread. A second thread
    gains little for few outputs, and keeps spinning afterwards, which slows down the
    code that runs next.
    """
    # Wide layers have blocks of few rows, where the whole product in several threads is
    # faster; and a product of fewer rows than a block is in one thread anyway.
    n_rows = _IN_ONE_THREAD // max(weight.size, 1)
    if not _FEWEST_ROWS <= n_rows < len(X):
        out: np.ndarray = X @ weight
        return out
    out = np.empty((len(X), weight.shape[1]), np.float32)
    for start in range(0, len(X), n_rows):
        np.matmul(X[start : start + n_rows], weight, out=out[start : start + n_rows])
    return out


@dataclass(frozen=True)
class Activation(NumpyLayer):
    """An elementwise function, one of `ACTIVATIONS` by name."""

    name: str

    kind: ClassVar[str] = "activation"
    entries: ClassVar[dict[str, Callable[[Any], Any]]] = {"name": known_activation}

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return ACTIVATIONS[self.name](X)

    def bounded(self, rows: Rows) -> Rows:
        """Each function is bounded by 1 or by its input."""
        return Rows(rows.width, max(1.0, rows.bound))

    def draw(self, graph: GraphBuilder, X: str) -> str:
        return DRAWINGS[self.name](graph, X)


@dataclass(frozen=True)
class LeakyReLU(NumpyLayer):
    """The identity for positive elements, `negative_slope` times it for others."""

    negative_slope: float

    kind: ClassVar[str] = "leaky_relu"
    entries: ClassVar[dict[str, Callable[[Any], Any]]] = {"negative_slope": number}

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return np.where(X > 0, X, X * np.float32(self.negative_slope))

    def bounded(self, rows: Rows) -> Rows:
        return Rows(rows.width, rows.bound * max(1.0, abs(self.negative_slope)))

    def draw(self, graph: GraphBuilder, X: str) -> str:
        return graph("LeakyRelu", X, alpha=float(self.negative_slope))


@dataclass(frozen=True, eq=False)
class Scale(NumpyLayer):
    """A factor and a shift for each feature, as of a batch normalisation in use.

    Attributes
    ----------
    factor, shift : ndarray of shape (n_features,), float32
    """

    factor: np.ndarray
    shift: np.ndarray

    kind: ClassVar[str] = "scale"
    tensors: ClassVar[tuple[str, ...]] = ("factor", "shift")
    is_affine = True

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return X * self.factor + self.shift

    def __repr__(self) -> str:
        return f"Scale(n_features={len(self.factor)})"

    @property
    def n_inputs(self) -> int:
        return len(self.factor)

    def bounded(self, rows: Rows) -> Rows:
        check_shape("factor", self.factor, (rows.width,))
        check_shape("shift", self.shift, (rows.width,))
        bound = greatest(self.factor) * rows.bound + greatest(self.shift)
        return Rows(rows.width, bound)

    def draw(self, graph: GraphBuilder, X: str) -> str:
        return graph("Add", graph("Mul", X, self.factor), self.shift)


@dataclass(frozen=True, eq=False)
class LayerNorm(NumpyLayer):
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

    kind: ClassVar[str] = "layer_norm"
    tensors: ClassVar[tuple[str, ...]] = ("weight", "bias")
    entries: ClassVar[dict[str, Callable[[Any], Any]]] = {"eps": positive}

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Each row with zero mean and unit variance, times weight, plus bias."""
        # In two passes, since the mean square less the squared mean would cancel.
        centred = X - X.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        out: np.ndarray = centred / np.sqrt(variance + np.float32(self.eps))
        return out * self.weight + self.bias

    def __repr__(self) -> str:
        return f"LayerNorm(n_features={len(self.weight)}, eps={self.eps})"

    @property
    def n_inputs(self) -> int:
        return len(self.weight)

    def bounded(self, rows: Rows) -> Rows:
        """A standardised value is at most the square root of the width."""
        width = rows.width
        check_shape("weight", self.weight, (width,))
        check_shape("bias", self.bias, (width,))
        # The sum of squares is float32, too, and must not overflow either.
        if (2 * rows.bound) ** 2 * width > LARGEST:
            return Rows(width, inf)
        return Rows(width, sqrt(width) * greatest(self.weight) + greatest(self.bias))

    def draw(self, graph: GraphBuilder, X: str) -> str:
        """In single operators.

        LayerNormalization of some runtimes computes the variance as the mean square
        less the squared mean, which loses all digits where the mean is large.
        """
        centred = graph("Sub", X, graph("ReduceMean", X, axes=[1], keepdims=1))
        squares = graph("Mul", centred, centred)
        variance = graph("ReduceMean", squares, axes=[1], keepdims=1)
        deviation = graph("Sqrt", graph("Add", variance, np.float32(self.eps)))
        scaled = graph("Mul", graph("Div", centred, deviation), self.weight)
        return graph("Add", scaled, self.bias)
