"""One fine-tuning run, from datasets to trained parameters."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EpochTimer
from skorch.helper import predefined_split
from torch import nn

from .batches import BagDataset
from .callbacks import BestEpoch, EpochProgress, StopOnNonFinite, StopTraining
from .forks import one_thread_in_forks
from .module import StaticModule
from .net import StaticNet
from .optimizer import AdamMoments, RowAdam

__all__ = ["FitResult", "FitSettings", "Start", "fine_tune"]

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
        From a table, a Tensor of shape (n_rows, n_dimensions), to a StaticModule.
    criterion : Module
        From scores and targets to the loss of each text, of shape (n_texts,).
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

    construct_module: Callable[[torch.Tensor], StaticModule]
    criterion: nn.Module
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
    state : dict of str to ndarray
        Parameters beside the table to start from, by name; empty for fresh ones.
    moments : AdamMoments or None
        What the optimizer goes on from. None starts afresh and remembers nothing.
    """

    table: np.ndarray
    rows: np.ndarray
    state: dict[str, np.ndarray]
    moments: AdamMoments | None = None


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
    """

    module: StaticModule
    history: list[dict[str, Any]]
    best_epoch: int
    stopped_early: bool
    moments: AdamMoments | None


@one_thread_in_forks()
def fine_tune(
    start: Start,
    train: BagDataset,
    valid: BagDataset | None,
    settings: FitSettings,
) -> FitResult:
    """Train a table and a head.

    With `valid`, the parameters of the best epoch are returned; without, those of the
    last, and training stops once the training loss no longer falls.

    torch's global generator is used, for heads and dropout draw from it, but seeded for
    the time being and then set back to what it was. Runs in other threads wait for it.

    Parameters
    ----------
    start : Start
    train, valid : BagDataset
    settings : FitSettings

    Returns
    -------
    result : FitResult
    """
    devices = _cuda_devices(settings.device)
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=devices):
        torch.manual_seed(settings.seed)
        module = settings.construct_module(torch.from_numpy(start.table[start.rows]))
        state = {name: torch.tensor(value) for name, value in start.state.items()}
        module.load_state_dict(state, strict=False)
        best = _best_epoch(settings, valid is not None)
        net = _net(module, best, valid, settings)
        net.initialize()
        if start.moments is not None:
            start.moments.load(net.optimizer_, net.module_, start.rows)
        stopped_early = _run(net, train)
    moments = start.moments
    if moments is not None:
        n_rows = len(start.table)
        moments = moments.after(net.optimizer_, net.module_, start.rows, n_rows)
    trained = net.module_
    if best.state is not None:
        trained.load_state_dict(best.state)
    rows = [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
    return FitResult(
        module=trained.cpu().eval(),
        history=rows,
        best_epoch=len(rows) if best.state is None else best.epoch,
        stopped_early=stopped_early,
        moments=moments,
    )


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


def _net(
    module: StaticModule,
    best: BestEpoch,
    valid: BagDataset | None,
    settings: FitSettings,
) -> StaticNet:
    callbacks = [EpochTimer(), StopOnNonFinite(), best, *settings.callbacks]
    if settings.verbose:
        callbacks.append(EpochProgress())
    return StaticNet(
        module,
        criterion=settings.criterion,
        optimizer=RowAdam,
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=callbacks,
        device=settings.device,
        generator=torch.Generator().manual_seed(settings.seed),
        verbose=0,
    )


def _best_epoch(settings: FitSettings, has_validation: bool) -> BestEpoch:
    monitor, sign, score = "train_loss", -1, None
    if has_validation and settings.score is None:
        monitor = "valid_loss"
    elif has_validation:
        monitor, sign, score = "valid_score", 1, settings.score
    return BestEpoch(
        monitor,
        sign,
        score=score,
        n_iter_no_change=settings.n_iter_no_change,
        tol=settings.tol,
        keep=has_validation,
    )


def _cuda_devices(device: str) -> list[int]:
    if not str(device).startswith("cuda"):
        return []
    index = torch.device(device).index
    return [torch.cuda.current_device() if index is None else index]
