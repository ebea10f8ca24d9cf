"""Elementwise functions in numpy, and as ONNX operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy.special import erf, expit

__all__ = ["ACTIVATIONS", "DRAWINGS", "GraphBuilder", "known_activation"]


class GraphBuilder(Protocol):
    """The interface of an ONNX graph, so that layers do not import onnx."""

    def __call__(
        self, operator: str, *inputs: str | np.ndarray | np.generic, **attributes: Any
    ) -> str:
        """Add an operator; inputs are names of other outputs, or constants."""
        ...


def _relu(X: np.ndarray) -> np.ndarray:
    return np.maximum(X, np.float32(0))


def _gelu(X: np.ndarray) -> np.ndarray:
    out: np.ndarray = X * (1 + erf(X / np.float32(np.sqrt(2)))) / 2
    return out


def _gelu_tanh(X: np.ndarray) -> np.ndarray:
    # Where the cube overflows to infinity, tanh is 1 or -1, as it should be.
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


def known_activation(name: Any) -> str:
    """`name`, if it is one of `ACTIVATIONS`; else ValueError."""
    if name not in ACTIVATIONS:
        raise ValueError(f"the activation {name!r} is not known.")
    return str(name)


def _drawn_gelu(graph: GraphBuilder, X: str) -> str:
    return _gated(graph, X, graph("Erf", graph("Div", X, np.float32(np.sqrt(2)))))


def _drawn_gelu_tanh(graph: GraphBuilder, X: str) -> str:
    cube = graph("Mul", graph("Mul", X, X), X)
    cubic = graph("Add", X, graph("Mul", cube, np.float32(0.044715)))
    tanh = graph("Tanh", graph("Mul", cubic, np.float32(np.sqrt(2 / np.pi))))
    return _gated(graph, X, tanh)


def _gated(graph: GraphBuilder, X: str, gate: str) -> str:
    """``X * (1 + gate) / 2``."""
    gated = graph("Mul", X, graph("Add", gate, np.float32(1)))
    return graph("Mul", gated, np.float32(0.5))


DRAWINGS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "relu": lambda graph, X: graph("Relu", X),
    "gelu": _drawn_gelu,
    "gelu_tanh": _drawn_gelu_tanh,
    "silu": lambda graph, X: graph("Mul", X, graph("Sigmoid", X)),
    "tanh": lambda graph, X: graph("Tanh", X),
    "sigmoid": lambda graph, X: graph("Sigmoid", X),
}
"""The functions of `ACTIVATIONS` as ONNX operators."""
