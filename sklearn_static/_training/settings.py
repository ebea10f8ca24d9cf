"""The arguments of a fine-tuning run: settings, start, and folds to hold out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from .module import StaticModule
from .optimizer import AdamMoments

__all__ = ["FitSettings", "FoldStart", "Start"]

Linear = tuple[np.ndarray, np.ndarray]
"""A weight, of shape (n_outputs, n_dimensions), and a bias."""


@dataclass(frozen=True)
class FitSettings:
    """What a run needs beside its data and its start.

    Attributes
    ----------
    construct_module : callable
        From a table, a Tensor of shape (n_rows, n_dimensions), and the solution to
        start from, to a StaticModule.
    loss : {"cross_entropy", "binary_cross_entropy", "squared_error"}
        What is predicted: classes, labels or values.
    n_outputs : int
    criterion : Module
        From scores and targets to the loss of each text, of shape (n_texts,).
    optimizer : callable
        From parameters and ``lr`` to a torch optimizer.
    optimizer_params : dict
        Its other arguments.
    score : callable or None
        From the scores of the validation texts, an ndarray, to what early stopping
        watches, greater being better; None watches the validation loss.
    n_iter_no_change : int or None
        None runs all epochs.
    tol, max_epochs, batch_size, lr, device, verbose
        As in :class:`sklearn_static.StaticClassifier`.
    callbacks : list
        skorch callbacks, the user's and others.
    seed : int
        Of the head's start, the order of texts, and dropout.
    """

    construct_module: Callable[[torch.Tensor, Linear | None], StaticModule]
    loss: str
    n_outputs: int
    criterion: nn.Module
    optimizer: Callable[..., torch.optim.Optimizer]
    optimizer_params: dict[str, Any]
    score: Callable[[np.ndarray], float] | None
    n_iter_no_change: int | None
    tol: float
    max_epochs: int
    batch_size: int
    lr: float
    device: str
    verbose: bool
    seed: int
    callbacks: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Start:
    """Where a run starts.

    Attributes
    ----------
    table : ndarray of shape (n_rows, n_dimensions), float32
        The whole table; not changed.
    rows : ndarray of int64
        The rows of it that are trained, to which the datasets' ids refer.
    linear : pair of ndarray or None
        The solution that a linear part starts from.
    state : dict of str to ndarray
        Parameters beside the table to start from, by name; empty for fresh ones.
    moments : AdamMoments or None
        What the optimizer goes on from. None starts afresh and remembers nothing.
    """

    table: np.ndarray
    rows: np.ndarray
    linear: Linear | None
    state: dict[str, np.ndarray]
    moments: AdamMoments | None = None


@dataclass(frozen=True)
class FoldStart:
    """Where the network of a fold starts, and what it holds out.

    Attributes
    ----------
    linear : pair of ndarray
        The solution of the texts to train on.
    train, valid : ndarray of int64
        The numbers of the texts to train on, and of those that are held out.
    """

    linear: Linear
    train: np.ndarray
    valid: np.ndarray
