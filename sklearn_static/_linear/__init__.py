"""Solving for the weights of a linear classifier, without torch.

From features and targets to weights whose probabilities are calibrated; nothing here
knows of texts.
"""

from __future__ import annotations

from .losses import Classes, Labels
from .solver import Features, Solution, Split, folds, solve

__all__ = ["Classes", "Features", "Labels", "Solution", "Split", "folds", "solve"]
