"""Trained torch heads as numpy heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from .._layers.layers import (
    Activation,
    Head,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Residual,
    Scale,
    Slice,
    Sum,
)
from .module import Residual as TorchResidual
from .module import StaticModule

__all__ = ["TorchLayer", "freeze_head", "freeze_module", "layers_of"]


class TorchLayer:
    """A torch module that numpy has no counterpart for, as a layer of a head.

    Parameters
    ----------
    module : Module
        In evaluation mode, on the CPU.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The module's output on `X`."""
        with torch.inference_mode():
            out: np.ndarray = self.module(torch.from_numpy(X)).numpy()
        return out


def freeze_head(module: nn.Module) -> Head:
    """The numpy head that computes what a trained `module` does.

    Parts without a counterpart become a :class:`TorchLayer`.
    """
    return Head(tuple(layers_of(module)))


def freeze_module(module: StaticModule, *, has_words: bool) -> Head:
    """The numpy head of a whole module, on embeddings and, after them, word scores.

    Parameters
    ----------
    module : StaticModule
    has_words : bool
        Whether word scores, one an output, follow the embedding. They are added.
    """
    head = freeze_head(module.head)
    if module.linear is None:
        return head
    weight, bias = _array(module.linear.weight), _array(module.linear.bias)
    scale = np.full(len(bias), float(module.head_scale), np.float32)
    head = head.then_scaled(scale, np.zeros_like(scale))
    branch, n_dimensions = head.layers, weight.shape[1]
    if len(branch) == 1 and isinstance(branch[0], Linear):
        # Two affine maps are one, which is explained exactly and stored as any MLP.
        weight, bias, branch = weight + branch[0].weight, bias + branch[0].bias, ()
    if has_words:
        weight = np.hstack([weight, np.eye(len(weight), dtype=np.float32)])
        branch = (Slice(0, n_dimensions), *branch) if branch else ()
    linear = Linear(np.ascontiguousarray(weight), bias)
    return Head((Sum(((linear,), branch)),) if branch else (linear,))


def layers_of(module: nn.Module) -> list[Layer]:
    """The layers of a module, nested ones opened."""
    if type(module) is nn.Sequential:
        return [layer for part in module for layer in layers_of(part)]
    if isinstance(module, (nn.Dropout, nn.Identity)):
        return []
    if type(module) is TorchResidual:
        return [Residual(tuple(layers_of(module.layers)))]
    convert = _CONVERTERS.get(type(module))
    return [TorchLayer(module) if convert is None else convert(module)]


def _linear(module: nn.Linear) -> Layer:
    bias = np.zeros(module.out_features, np.float32)
    return Linear(
        _array(module.weight), bias if module.bias is None else _array(module.bias)
    )


def _gelu(module: nn.GELU) -> Layer:
    return Activation("gelu" if module.approximate == "none" else "gelu_tanh")


def _layer_norm(module: nn.LayerNorm) -> Layer:
    if len(module.normalized_shape) != 1:
        return TorchLayer(module)
    n_features = module.normalized_shape[0]
    weight = np.ones(n_features, np.float32)
    bias = np.zeros(n_features, np.float32)
    return LayerNorm(
        weight if module.weight is None else _array(module.weight),
        bias if module.bias is None else _array(module.bias),
        module.eps,
    )


def _batch_norm(module: nn.BatchNorm1d) -> Layer:
    if module.running_mean is None or module.running_var is None:
        return TorchLayer(module)
    factor = 1 / np.sqrt(_array(module.running_var) + module.eps)
    shift = -_array(module.running_mean) * factor
    if module.affine:
        factor = factor * _array(module.weight)
        shift = shift * _array(module.weight) + _array(module.bias)
    return Scale(factor.astype(np.float32), shift.astype(np.float32))


_CONVERTERS: dict[type[nn.Module], Callable[[Any], Layer]] = {
    nn.Linear: _linear,
    nn.ReLU: lambda module: Activation("relu"),
    nn.GELU: _gelu,
    nn.SiLU: lambda module: Activation("silu"),
    nn.Tanh: lambda module: Activation("tanh"),
    nn.Sigmoid: lambda module: Activation("sigmoid"),
    nn.LeakyReLU: lambda module: LeakyReLU(module.negative_slope),
    nn.LayerNorm: _layer_norm,
    nn.BatchNorm1d: _batch_norm,
}


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
