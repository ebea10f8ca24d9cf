"""Settings to nets that are ready to train: module, optimizer, loss and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from skorch.callbacks import (
    BatchScoring,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    LoadInitState,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
)
from skorch.helper import predefined_split
from skorch.utils import noop

from .batches import BagDataset
from .callbacks import (
    BestEpoch,
    EpochProgress,
    SklearnCallbacks,
    StopOnNonFinite,
    ValidationScore,
)
from .net import ClassifierNet, Fold, RegressorNet, StaticNet
from .settings import FitSettings, Start

__all__ = ["initialised_net"]

# What skorch's own callbacks of these kinds do concerns the net that is returned.
_WATCHING = (
    BatchScoring,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LoadInitState,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SklearnCallbacks,
    TrainEndCheckpoint,
)


def initialised_net(
    start: Start,
    settings: FitSettings,
    valid: BagDataset | None = None,
    folds: Sequence[Fold] | None = None,
) -> StaticNet:
    """A net that is ready to train; without `folds`, that of a fold."""
    torch.manual_seed(settings.seed)
    table = torch.from_numpy(start.table[start.rows])
    module = settings.construct_module(table, start.linear)
    state = {name: torch.tensor(value) for name, value in start.state.items()}
    module.load_state_dict(state, strict=False)
    module.register_buffer("rows", torch.from_numpy(start.rows))
    if folds is None:
        callbacks = [
            deepcopy(c) for c in settings.callbacks if not isinstance(c, _WATCHING)
        ]
    else:
        callbacks = _callbacks(settings, valid is not None)
    net = _net_class(settings)(
        module,
        criterion=deepcopy(settings.criterion),
        optimizer=settings.optimizer,
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=callbacks,
        device=settings.device,
        generator=torch.Generator().manual_seed(settings.seed),
        folds=folds or (),
        # For callbacks that print if the net does. It has nothing to say of its own.
        verbose=int(folds is not None),
        **{f"optimizer__{k}": v for k, v in settings.optimizer_params.items()},
    )
    net.initialize()
    return net


def _net_class(settings: FitSettings) -> Callable[..., StaticNet]:
    if settings.loss == "squared_error":
        return RegressorNet
    multilabel = settings.loss == "binary_cross_entropy"
    return partial(ClassifierNet, n_outputs=settings.n_outputs, multilabel=multilabel)


def _callbacks(settings: FitSettings, has_validation: bool) -> list[Any]:
    """Those of every net and, after them, the user's."""
    callbacks: list[Any] = [EpochTimer(), StopOnNonFinite()]
    monitor, lower_is_better = "train_loss", True
    if has_validation and settings.score is not None:
        monitor, lower_is_better = "valid_score", False
        callbacks.append(ValidationScore(settings.score))
    elif has_validation:
        monitor = "valid_loss"
    if settings.n_iter_no_change is not None:
        callbacks.append(
            BestEpoch(
                monitor,
                patience=settings.n_iter_no_change,
                threshold=settings.tol,
                threshold_mode="abs",
                lower_is_better=lower_is_better,
                load_best=has_validation,
                sink=noop,
            )
        )
    callbacks += settings.callbacks
    if settings.verbose:
        callbacks.append(EpochProgress())
    return callbacks
