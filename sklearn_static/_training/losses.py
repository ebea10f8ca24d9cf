"""Losses: scores and targets to the loss of each text."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

__all__ = ["CRITERIA"]

CRITERIA: dict[str, Callable[[], nn.Module]] = {
    "cross_entropy": lambda: nn.CrossEntropyLoss(reduction="none"),
}
"""Makes each loss by name; its output has shape (n_texts,)."""
