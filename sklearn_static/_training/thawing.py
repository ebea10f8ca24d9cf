"""Numpy heads as torch modules: what freezing does, the other way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from .._layers.layers import Head, Layer, LayerNorm, Linear, Residual, Slice, Sum
from .fitting import seeded
from .freezing import layers_of
from .module import Residual as TorchResidual

__all__ = ["thawed_state"]


def thawed_state(
    construct_head: Callable[[], nn.Module], head: Head, n_dimensions: int, seed: int
) -> dict[str, np.ndarray]:
    """The parameters of a module, beside its table, that computes what `head` does.

    Parameters
    ----------
    construct_head : callable
        Makes a torch head with layers like those of `head`. Where that is affine, it is
        a part of its own, beside a head that puts out zeros at first.
    head : Head
        On embeddings and, after them, word scores if any.
    n_dimensions : int
        Of embeddings.
    seed : int
        For the parameters of a head that `head` says nothing about.

    Returns
    -------
    state : dict of str to ndarray

    Raises
    ------
    ValueError
        If the two heads have other layers.
    """
    with seeded(seed):
        module = construct_head()
    linear, branch = _parts(head, n_dimensions)
    leaves = _leaves(module)
    if branch:
        _load(leaves, branch)
    elif leaves and isinstance(leaves[-1], nn.Linear):
        for parameter in leaves[-1].parameters():
            nn.init.zeros_(parameter)
    state = {f"head.{k}": v.numpy().copy() for k, v in module.state_dict().items()}
    if linear is None:
        return state
    weight = np.ascontiguousarray(linear.weight[:, :n_dimensions])
    scale = np.ones((), np.float32)
    return {
        **state,
        "linear.weight": weight,
        "linear.bias": linear.bias,
        "head_scale": scale,
    }


def _parts(head: Head, n_dimensions: int) -> tuple[Linear | None, tuple[Layer, ...]]:
    """The linear part, if any, and the layers beside it."""
    layers = head.layers
    if len(layers) == 1 and isinstance(layers[0], Sum) and len(layers[0].branches) == 2:
        (linear, *others), branch = layers[0].branches
        if isinstance(linear, Linear) and not others:
            if isinstance(branch[0], Slice):
                branch = branch[1:]
            return linear, branch
    if len(layers) == 1 and isinstance(layers[0], Linear):
        return layers[0], ()
    return None, layers


def _leaves(module: nn.Module) -> list[nn.Module]:
    """The modules that a numpy head has layers of, nested ones opened."""
    if type(module) is nn.Sequential:
        return [leaf for part in module for leaf in _leaves(part)]
    return [] if isinstance(module, (nn.Dropout, nn.Identity)) else [module]


def _load(modules: Sequence[nn.Module], layers: Sequence[Layer]) -> None:
    """Give the parameters of layers to the torch modules that compute the same."""
    if len(modules) != len(layers):
        raise ValueError(_other_head(list(modules), list(layers)))
    for module, layer in zip(modules, layers, strict=True):
        if isinstance(layer, Residual) and type(module) is TorchResidual:
            _load(_leaves(module.layers), layer.layers)
        elif (arrays := _arrays(module, layer)) is not None:
            module.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
        elif layers_of(module) != [layer]:
            raise ValueError(_other_head(module, layer))


def _arrays(module: nn.Module, layer: Layer) -> dict[str, np.ndarray] | None:
    """The parameters of `layer`, if they are those of `module`, too."""
    is_linear = type(module) is nn.Linear and isinstance(layer, Linear)
    is_norm = (
        type(module) is nn.LayerNorm
        and isinstance(layer, LayerNorm)
        and layer.eps == module.eps
    )
    if not is_linear and not is_norm:
        return None
    arrays = {name: getattr(layer, name) for name in ("weight", "bias")}
    shapes = {name: value.shape for name, value in module.named_parameters()}
    return arrays if shapes == {k: v.shape for k, v in arrays.items()} else None


def _other_head(made: Any, saved: Any) -> str:
    return (
        f"The saved head has {saved}, but construct_head makes {made} in its place. "
        "Open it with the class and the parameters that it was trained with."
    )
