"""Losses: scores and targets to the loss of each text."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ["criterion"]


class BinaryCrossEntropy(nn.Module):
    """The mean over labels of the cross-entropy of each.

    Parameters
    ----------
    pos_weight : Tensor of shape (n_labels,), default=None
        What the presence of each label weighs.
    """

    def __init__(self, pos_weight: torch.Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, scores: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Losses of shape (n_texts,) from scores and indicators (n_texts, n_labels)."""
        return functional.binary_cross_entropy_with_logits(
            scores, y, pos_weight=self.pos_weight, reduction="none"
        ).mean(dim=1)


class SquaredError(nn.Module):
    """The mean over outputs of the squared error."""

    def forward(self, scores: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Losses of shape (n_texts,) from scores and values (n_texts, n_outputs)."""
        return (scores - y).square().mean(dim=1)


def criterion(name: str, pos_weight: np.ndarray | None, own: Any = None) -> nn.Module:
    """Make a loss, whose output has shape (n_texts,).

    Parameters
    ----------
    name : {"cross_entropy", "binary_cross_entropy", "squared_error"}
    pos_weight : ndarray of shape (n_labels,), float32, or None
        For the binary cross-entropy, what the presence of each label weighs.
    own : Module or type of it, default=None
        Used instead, without a reduction over texts.
    """
    if own is not None:
        made = own() if isinstance(own, type) else deepcopy(own)
        if not isinstance(made, nn.Module):
            raise TypeError(
                f"criterion is {own!r}, but a torch.nn.Module or a type of it was "
                "expected."
            )
        if hasattr(made, "reduction"):
            made.reduction = "none"
        return made
    if name == "cross_entropy":
        return nn.CrossEntropyLoss(reduction="none")
    if name == "binary_cross_entropy":
        weight = None if pos_weight is None else torch.from_numpy(pos_weight)
        return BinaryCrossEntropy(weight)
    return SquaredError()
