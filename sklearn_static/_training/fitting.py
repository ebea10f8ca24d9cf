"""One fine-tuning run, from datasets to trained parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from threading import RLock
from typing import Any

import numpy as np
import torch
from skorch.callbacks import (
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
from torch import nn

from .batches import BagDataset
from .callbacks import (
    BestEpoch,
    EpochProgress,
    HeldOut,
    SklearnCallbacks,
    StopOnNonFinite,
    StopTraining,
    ValidationScore,
)
from .forks import one_thread_in_forks
from .module import StaticModule
from .net import ClassifierNet, Fold, RegressorNet, StaticNet
from .optimizer import AdamMoments, RowAdam

__all__ = ["FitResult", "FitSettings", "FoldStart", "Start", "fine_tune", "seeded"]

Linear = tuple[np.ndarray, np.ndarray]
"""A weight, of shape (n_outputs, n_dimensions), and a bias."""

# All threads of a process share torch's global generator, so they take turns with it.
_GLOBAL_GENERATOR = RLock()


def _renew_lock() -> None:
    """In a fork, the thread that may hold the lock does not live on."""
    global _GLOBAL_GENERATOR
    _GLOBAL_GENERATOR = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


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


@dataclass(frozen=True)
class FitResult:
    """What a run gives.

    Attributes
    ----------
    module : StaticModule
        On the CPU, in evaluation mode, with a table of the trained rows.
    history : list of dict
        One record an epoch.
    best_epoch : int
        The one that `module` is of, counted from 1.
    stopped_early : bool
        Whether training ended before its last epoch.
    moments : AdamMoments or None
        None if the start had none.
    held_out : HeldOut or None
        The scores of the validation texts in the best epoch. None without validation.
    net : StaticNet
        Of which the module is.
    """

    module: StaticModule
    history: list[dict[str, Any]]
    best_epoch: int
    stopped_early: bool
    moments: AdamMoments | None
    held_out: HeldOut | None
    net: StaticNet


@one_thread_in_forks()
def fine_tune(
    start: Start,
    train: BagDataset,
    valid: BagDataset | None = None,
    *,
    settings: FitSettings,
    folds: Sequence[FoldStart] = (),
) -> FitResult:
    """Train a table and a head.

    With validation, the parameters of the best epoch are returned; without, those of
    the last, and training stops once the training loss no longer falls.

    torch's global generator is used, for heads and dropout draw from it, but seeded for
    the time being and then set back to what it was. Runs in other threads wait for it.

    Parameters
    ----------
    start : Start
    train : BagDataset
    valid : BagDataset, default=None
        Texts that are watched and not trained on.
    settings : FitSettings
    folds : sequence of FoldStart, default=()
        In place of `valid`: parts of `train`, each of which is held out from a network
        of its own. These train in step with that of all texts, whose best epoch is the
        one in which they do best. Copies of the callbacks that may change how a network
        trains go to them, too.

    Returns
    -------
    result : FitResult
    """
    devices = _cuda_devices(settings.device)
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=devices):
        nets = []
        for fold in folds:
            net = _initialised(replace(start, linear=fold.linear), settings)
            parts = [
                train.reordered(torch.from_numpy(rows))
                for rows in (fold.train, fold.valid)
            ]
            nets.append(Fold(net, *parts))
        if folds:
            held_out = np.concatenate([fold.valid for fold in folds])
            valid = train.reordered(torch.from_numpy(held_out))
        net = _initialised(start, settings, valid, nets)
        if start.moments is not None and isinstance(net.optimizer_, RowAdam):
            start.moments.load(net.optimizer_, net.module_, start.rows)
        stopped_early = _run(net, train)
    moments = start.moments
    if moments is not None and isinstance(net.optimizer_, RowAdam):
        n_rows = len(start.table)
        moments = moments.after(net.optimizer_, net.module_, start.rows, n_rows)
    best = next((c for _, c in net.callbacks_ if type(c) is BestEpoch), None)
    rows = [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
    # The net stays with the estimator, the folds have served.
    net.folds = ()
    return FitResult(
        module=net.module_.cpu().eval(),
        history=rows,
        best_epoch=len(rows) if best is None or valid is None else best.best_epoch_,
        stopped_early=stopped_early,
        moments=moments,
        held_out=None if best is None else best.held_out_,
        net=net,
    )


def _initialised(
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
        callbacks = [deepcopy(c) for c in settings.callbacks if not _only_watches(c)]
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
    if folds is None:
        net.notify("on_train_begin", X=None, y=None)
    return net


def _net_class(settings: FitSettings) -> Callable[..., StaticNet]:
    if settings.loss == "squared_error":
        return RegressorNet
    multilabel = settings.loss == "binary_cross_entropy"
    return partial(ClassifierNet, n_outputs=settings.n_outputs, multilabel=multilabel)


def _run(net: StaticNet, train: BagDataset) -> bool:
    """Train; whether a callback ended it before the last epoch."""
    net.notify("on_train_begin", X=train, y=None)
    try:
        net.fit_loop(train)
    except StopTraining:
        return True
    else:
        return False
    finally:
        net.notify("on_train_end", X=train, y=None)


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


# What skorch's own callbacks of these kinds do concerns the net that is returned.
_WATCHING = (
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


def _only_watches(callback: Any) -> bool:
    return isinstance(callback, _WATCHING)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from torch's global generator, which is as before in the end."""
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _cuda_devices(device: str) -> list[int]:
    if not str(device).startswith("cuda"):
        return []
    index = torch.device(device).index
    return [torch.cuda.current_device() if index is None else index]
