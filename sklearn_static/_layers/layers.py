"""The head, a small feed-forward network on embeddings, in numpy.

Each layer defines what it computes, how it is stored, which bounds its outputs have and
its ONNX operators. To add one, write a class here and list it in `LAYERS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, ClassVar, Protocol

import numpy as np

from .activations import ACTIVATIONS, DRAWINGS, GraphBuilder, known_activation
from .bounds import LARGEST, Rows, check_shape, greatest
from .entries import finite, number, place, positive

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "Activation",
    "Head",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "NumpyLayer",
    "Residual",
    "Scale",
    "Slice",
    "Sum",
    "build_layers",
    "mlp",
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
        return _scaled_after(self, scale, shift)

    def on_coordinates(
        self, directions: np.ndarray, later: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        """Layers like this one and those `later`, for inputs given as coordinates.

        See :meth:`Head.on_coordinates`.
        """
        return _restored_before(directions, (self, *later))


def _scaled_after(
    layer: Layer | None, scale: np.ndarray, shift: np.ndarray
) -> tuple[Layer, ...]:
    last = Scale(scale.astype(np.float32), shift.astype(np.float32))
    return (last,) if layer is None else (layer, last)


def _restored_before(
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


@dataclass(frozen=True, eq=False)
class Residual(NumpyLayer):
    """A residual connection around `layers`."""

    layers: tuple[Layer, ...]

    kind: ClassVar[str] = "residual"

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return X + Head(self.layers)(X)

    def describe(self, name: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
        layers = Head(self.layers).describe(name, tensors)
        return {"type": self.kind, "layers": layers}

    @classmethod
    def build(
        cls, entry: dict[str, Any], name: str, tensors: dict[str, np.ndarray]
    ) -> Residual:
        return cls(build_layers(entry["layers"], name, tensors))

    def bounded(self, rows: Rows) -> Rows:
        inner = Head(self.layers).bounded(rows)
        if inner.width != rows.width:
            raise ValueError(
                f"its layers have {rows.width} inputs and {inner.width} outputs, but "
                "the same number was expected."
            )
        return Rows(rows.width, rows.bound + inner.bound)

    def draw(self, graph: GraphBuilder, X: str) -> str:
        return graph("Add", X, Head(self.layers).draw(graph, X))

    @property
    def is_affine(self) -> bool:
        return Head(self.layers).is_affine

    @property
    def n_inputs(self) -> int | None:
        return Head(self.layers).n_inputs

    def foreign(self) -> list[str]:
        return Head(self.layers).needing_torch()


@dataclass(frozen=True)
class Slice(NumpyLayer):
    """The columns from `start` up to `stop`.

    The first layer of a branch of :class:`Sum` that uses some features only; cheaper
    than zero weights for the others.
    """

    start: int
    stop: int

    kind: ClassVar[str] = "slice"
    entries: ClassVar[dict[str, Callable[[Any], Any]]] = {"start": place, "stop": place}
    is_affine = True

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """A view: BLAS takes rows that lie apart as they are."""
        return X[:, self.start : self.stop]

    def bounded(self, rows: Rows) -> Rows:
        if not 0 <= self.start < self.stop <= rows.width:
            raise ValueError(
                f"it takes columns {self.start} to {self.stop}, but there are "
                f"{rows.width}."
            )
        return Rows(self.stop - self.start, rows.bound)

    def draw(self, graph: GraphBuilder, X: str) -> str:
        ends = (np.array([i], np.int64) for i in (self.start, self.stop, 1))
        return graph("Slice", X, *ends)

    def on_coordinates(
        self, directions: np.ndarray, later: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        """The slice of the coordinates that these columns depend on.

        Directions of embeddings and word scores are block-diagonal, so columns of one
        block need no coordinate of the other.
        """
        rows = directions[self.start : self.stop]
        used = np.flatnonzero(rows.any(axis=0))
        start, stop = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
        rest = Head(later).on_coordinates(rows[:, start:stop])
        return (Slice(start, stop), *rest.layers)


@dataclass(frozen=True, eq=False)
class Sum(NumpyLayer):
    """The sum of several branches on the same input.

    Attributes
    ----------
    branches : tuple of tuple of Layer
        One or more, with the same number of outputs.
    """

    branches: tuple[tuple[Layer, ...], ...]

    kind: ClassVar[str] = "sum"

    @property
    def _heads(self) -> list[Head]:
        return [Head(branch) for branch in self.branches]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        first, *others = self._heads
        total = first(X)
        for head in others:
            # In the order of the ONNX graph, so that both round alike. Not in place:
            # the output of a branch may be a view of `X`.
            total = total + head(X)
        return total

    def describe(self, name: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
        branches = [
            head.describe(f"{name}.{i}", tensors) for i, head in enumerate(self._heads)
        ]
        return {"type": self.kind, "branches": branches}

    @classmethod
    def build(
        cls, entry: dict[str, Any], name: str, tensors: dict[str, np.ndarray]
    ) -> Sum:
        branches = entry["branches"]
        if not isinstance(branches, list) or not branches:
            raise TypeError(
                f"{name} has branches {branches!r}, not a list of one or more"
            )
        return cls(
            tuple(
                build_layers(branch, f"{name}.{i}", tensors)
                for i, branch in enumerate(branches)
            )
        )

    def bounded(self, rows: Rows) -> Rows:
        outputs = [head.bounded(rows) for head in self._heads]
        widths = [out.width for out in outputs]
        if len(set(widths)) != 1:
            raise ValueError(f"its branches have {widths} outputs, which differ.")
        return Rows(widths[0], sum(out.bound for out in outputs))

    def draw(self, graph: GraphBuilder, X: str) -> str:
        total, *others = [head.draw(graph, X) for head in self._heads]
        for other in others:
            total = graph("Add", total, other)
        return total

    @property
    def is_affine(self) -> bool:
        return all(head.is_affine for head in self._heads)

    @property
    def n_inputs(self) -> int | None:
        widths = (head.n_inputs for head in self._heads)
        return next((width for width in widths if width is not None), None)

    def foreign(self) -> list[str]:
        return [name for head in self._heads for name in head.needing_torch()]

    def then_scaled(self, scale: np.ndarray, shift: np.ndarray) -> tuple[Layer, ...]:
        # The shift is added once, by the first branch.
        first, *others = self._heads
        scaled = [first.then_scaled(scale, shift)]
        scaled += [head.then_scaled(scale, np.zeros_like(shift)) for head in others]
        return (Sum(tuple(head.layers for head in scaled)),)

    def on_coordinates(
        self, directions: np.ndarray, later: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        heads = [head.on_coordinates(directions) for head in self._heads]
        return (Sum(tuple(head.layers for head in heads)), *later)


LAYERS: dict[str, type[NumpyLayer]] = {
    cls.kind: cls
    for cls in (Linear, Activation, LeakyReLU, Scale, LayerNorm, Residual, Slice, Sum)
}
"""All layers of this module by their type in descriptions."""


def build_layers(
    description: Any, prefix: str, tensors: dict[str, np.ndarray]
) -> tuple[Layer, ...]:
    """The layers of a description; removes their arrays from `tensors`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the description or a tensor is faulty.
    """
    if not isinstance(description, list):
        raise TypeError(f"{prefix} is {description!r}, not a list of layers")
    return tuple(
        LAYERS[entry["type"]].build(entry, f"{prefix}.{i}", tensors)
        for i, entry in enumerate(description)
    )


def _known(layer: Layer) -> NumpyLayer:
    if isinstance(layer, NumpyLayer):
        return layer
    raise TypeError(
        f"A layer of type {type(layer).__name__} needs torch: it cannot be stored or "
        "exported."
    )


@dataclass(frozen=True, eq=False)
class Head:
    """Layers, one after the other.

    Attributes
    ----------
    layers : tuple of Layer
        The outputs of the last are the scores, before softmax or logistic function.
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
    def is_affine(self) -> bool:
        """Whether each layer is an affine map."""
        return all(
            isinstance(layer, NumpyLayer) and layer.is_affine for layer in self.layers
        )

    @property
    def n_inputs(self) -> int | None:
        """The number of input features; None if no layer depends on it."""
        for layer in self.layers:
            if isinstance(layer, NumpyLayer) and layer.n_inputs is not None:
                return layer.n_inputs
            if not isinstance(layer, (Activation, LeakyReLU, Residual)):
                break  # other layers may change the width
        return None

    def describe(
        self, name: str, tensors: dict[str, np.ndarray]
    ) -> list[dict[str, Any]]:
        """JSON-able descriptions of the layers; adds their arrays to `tensors`.

        Raises
        ------
        TypeError
            If a layer needs torch.
        """
        return [
            _known(layer).describe(f"{name}.{i}", tensors)
            for i, layer in enumerate(self.layers)
        ]

    def bounded(self, rows: Rows) -> Rows:
        """The width and the bound of the scores, given those of the inputs.

        Raises
        ------
        ValueError
            If a layer does not fit the one before it, or its outputs may overflow
            float32.
        """
        # Checking every layer in turn proves that no input of these bounds overflows:
        # a file from a stranger cannot make predictions infinite or NaN.
        for i, layer in enumerate(self.layers):
            try:
                rows = _known(layer).bounded(rows)
            except ValueError as error:
                name = type(layer).__name__
                raise ValueError(f"layer {i}, {name}: {error}") from error
            if rows.bound > LARGEST:
                raise ValueError(
                    f"layer {i}, {type(layer).__name__}, may have outputs up to "
                    f"{rows.bound:.1g}, but {LARGEST:.0e} at most was expected: more "
                    "overflows float32."
                )
        return rows

    def draw(self, graph: GraphBuilder, X: str) -> str:
        """Add the layers, on the inputs named `X`, to a graph; the name of the scores.

        Raises
        ------
        TypeError
            If a layer needs torch.
        """
        for layer in self.layers:
            X = _known(layer).draw(graph, X)
        return X

    def then_scaled(self, scale: np.ndarray, shift: np.ndarray) -> Head:
        """The head with outputs multiplied by `scale` and shifted by `shift`."""
        last = self.layers[-1] if self.layers else None
        if isinstance(last, NumpyLayer):
            end = last.then_scaled(scale, shift)
        else:
            end = _scaled_after(last, scale, shift)
        return Head((*self.layers[:-1], *end))

    def on_coordinates(self, directions: np.ndarray) -> Head:
        """The head for the coordinates of its inputs along `directions`.

        Parameters
        ----------
        directions : ndarray of shape (n_inputs, n_directions), float32
            The head's inputs are ``coordinates @ directions.T``.
        """
        if self.layers and isinstance(self.layers[0], NumpyLayer):
            first, *later = self.layers
            return Head(_known(first).on_coordinates(directions, tuple(later)))
        return Head(_restored_before(directions, self.layers))

    def needing_torch(self) -> list[str]:
        """The types of layers that need torch, nested ones included."""
        foreign = []
        for layer in self.layers:
            if isinstance(layer, NumpyLayer):
                foreign += layer.foreign()
            else:
                foreign.append(type(getattr(layer, "module", layer)).__name__)
        return foreign

    def mlp_layers(self) -> list[Linear] | None:
        """The affine layers of a multi-layer perceptron; None for any other head."""
        # Affine layers and rectifiers by turns are all that model2vec's format stores.
        linear = list(self.layers[::2])
        if not all(isinstance(layer, Linear) for layer in linear):
            return None
        between = self.layers[1::2]
        if len(self.layers) % 2 == 0 or any(x != Activation("relu") for x in between):
            return None
        return [layer for layer in linear if isinstance(layer, Linear)]


def mlp(linear: Sequence[Linear]) -> Head:
    """The affine layers `linear` with a rectifier between them."""
    layers: list[Layer] = []
    for layer in linear:
        layers += [layer, Activation("relu")]
    return Head(tuple(layers[:-1]))
