"""The head, a small feed-forward network on embeddings, and layers that hold others.

To add a layer, write a class here or in `simple`, and list it in `LAYERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .activations import ACTIVATIONS, GraphBuilder
from .bounds import LARGEST, Rows
from .entries import place
from .simple import (
    Activation,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    NumpyLayer,
    Scale,
    restored_before,
    scaled_after,
)

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
"""All layers by their type in descriptions."""


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
            end = scaled_after(last, scale, shift)
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
        return Head(restored_before(directions, self.layers))

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
