"""One fine-tuning run, from datasets to trained parameters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

import numpy as np
import torch

from .assembly import initialised_net
from .batches import BagDataset
from .callbacks import BestEpoch, HeldOut, StopTraining
from .forks import one_thread_in_forks
from .module import StaticModule
from .net import Fold, StaticNet
from .optimizer import AdamMoments, RowAdam
from .settings import FitSettings, FoldStart, Start

__all__ = ["FitResult", "fine_tune", "seeded"]

# All threads of a process share torch's global generator, so they take turns with it.
_GLOBAL_GENERATOR = RLock()


def _renew_lock() -> None:
    """In a fork, the thread that may hold the lock does not live on."""
    global _GLOBAL_GENERATOR
    _GLOBAL_GENERATOR = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


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
            net = initialised_net(replace(start, linear=fold.linear), settings)
            parts = [
                train.reordered(torch.from_numpy(rows))
                for rows in (fold.train, fold.valid)
            ]
            nets.append(Fold(net, *parts))
            net.notify("on_train_begin", X=parts[0], y=None)
        if folds:
            held_out = np.concatenate([fold.valid for fold in folds])
            valid = train.reordered(torch.from_numpy(held_out))
        net = initialised_net(start, settings, valid, nets)
        if start.moments is not None and isinstance(net.optimizer_, RowAdam):
            start.moments.load(net.optimizer_, net.module_, start.rows)
        stopped_early = _run(net, train)
    moments = start.moments
    if moments is not None and isinstance(net.optimizer_, RowAdam):
        n_rows = len(start.table)
        moments = moments.after(net.optimizer_, net.module_, start.rows, n_rows)
    # Closing a generator that has not ended would swallow Ctrl-C.
    found = [c for _, c in net.callbacks_ if type(c) is BestEpoch]
    best = found[0] if found else None
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


def _run(net: StaticNet, train: BagDataset) -> bool:
    """Train; whether a callback ended it before the last epoch."""
    net.notify("on_train_begin", X=train, y=None)
    stopped_early = False
    try:
        net.fit_loop(train)
    except StopTraining:
        stopped_early = True
    except BaseException:
        # Callbacks put things in order. If one cannot, as before the first epoch, its
        # error must not hide this one.
        with suppress(Exception):
            net.notify("on_train_end", X=train, y=None)
        raise
    net.notify("on_train_end", X=train, y=None)
    return stopped_early


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
