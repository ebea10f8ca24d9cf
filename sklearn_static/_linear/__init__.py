"""Solving for the weights of a penalised linear model, without torch.

From features and targets to weights, of classifiers with calibrated probabilities;
nothing here knows of texts.
"""

from __future__ import annotations

from .calibration import Calibration, calibrate
from .folds import Split, fold_numbers, splits_of
from .losses import Classes, Labels, Values
from .ridge import solve_ridge
from .solver import Features, Solution, solve

__all__ = [
    "Calibration",
    "Classes",
    "Features",
    "Labels",
    "Solution",
    "Split",
    "Values",
    "calibrate",
    "fold_numbers",
    "solve",
    "solve_ridge",
    "splits_of",
]
