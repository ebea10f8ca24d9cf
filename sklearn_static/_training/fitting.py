"""One fine-tuning run, from datasets to trained arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EpochTimer
from skorch.helper import predefined_split
from torch import nn

from .batches import BagDataset
from .callbacks import BestEpoch, EpochProgress, StopOnNonFinite, StopTraining
from .module import Encode, StaticModule
from .net import StaticNet

__all__ = ["FitResult", "FitSettings", "fine_tune"]


@dataclass(frozen=True)
class FitSettings:
    """What a run needs beside its data.

    Attributes
    ----------
    construct_head : callable
        Makes the head, a Module, without arguments.
    encode : callable
        From ``(table, ids, offsets, share)`` to embeddings.
    criterion : Module
        From scores and targets to the loss of each text, of shape (n_texts,).
    score : callable or None
        From the scores of the validation texts, an ndarray, to what early stopping
        watches, greater being better; None watches the validation loss.
    n_iter_no_change, tol, max_epochs, batch_size, lr, device, freeze_embedding, verbose
        As in :class:`sklearn_static.StaticClassifier`.
    callbacks : list
        The user's skorch callbacks.
    seed : int
        Of the head's start, the order of texts, and dropout.
    """

    construct_head: Callable[[], nn.Module]
    encode: Encode
    criterion: nn.Module
    score: Callable[[np.ndarray], float] | None
    n_iter_no_change: int
    tol: float
    max_epochs: int
    batch_size: int
    lr: float
    device: str
    freeze_embedding: bool
    verbose: bool
    seed: int
    callbacks: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class FitResult:
    """What a run gives.

    Attributes
    ----------
    table : ndarray of shape (n_rows, n_dimensions), float32
    head : Module
        On the CPU, in evaluation mode.
    history : list of dict
        One record an epoch.
    best_epoch : int
        The one that `table` and `head` are of, counted from 1.
    best_value : float
        What was watched, in that epoch.
    """

    table: np.ndarray
    head: nn.Module
    history: list[dict[str, Any]]
    best_epoch: int
    best_value: float


def fine_tune(
    table: np.ndarray,
    train: BagDataset,
    valid: BagDataset | None,
    settings: FitSettings,
) -> FitResult:
    """Train a table and a head.

    With `valid`, the parameters of the best epoch are returned; without, those of the
    last, and training stops once the training loss no longer falls.

    torch's global generator is used, for heads may draw from it, but seeded for the
    time being and then set back to what it was.

    Parameters
    ----------
    table : ndarray of shape (n_rows, n_dimensions), float32
        Where training starts; not changed.
    train, valid : BagDataset
    settings : FitSettings

    Returns
    -------
    result : FitResult
    """
    with torch.random.fork_rng(devices=_cuda_devices(settings.device)):
        torch.manual_seed(settings.seed)
        module = StaticModule(
            torch.tensor(table),
            settings.construct_head(),
            settings.encode,
            settings.freeze_embedding,
        )
        best = _best_epoch(settings, valid is not None)
        net = _net(module, best, valid, settings)
        net.initialize()
        net.notify("on_train_begin", X=train, y=None)
        try:
            net.fit_loop(train)
        except StopTraining:
            # In good order: BestEpoch has recorded the epoch that ends here.
            ...
        finally:
            net.notify("on_train_end", X=train, y=None)
    trained = net.module_
    if best.state is not None:
        trained.load_state_dict(best.state)
    trained = trained.cpu().eval()
    rows = [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
    kept = best.epoch if best.state is not None else len(rows)
    return FitResult(
        table=trained.table.detach().numpy(),
        head=trained.head,
        history=rows,
        best_epoch=kept,
        best_value=best.value,
    )


def _net(
    module: StaticModule,
    best: BestEpoch,
    valid: BagDataset | None,
    settings: FitSettings,
) -> StaticNet:
    callbacks = [*settings.callbacks, EpochTimer(), StopOnNonFinite()]
    if settings.verbose:
        callbacks.append(EpochProgress())
    return StaticNet(
        module,
        criterion=settings.criterion,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=[*callbacks, best],
        device=settings.device,
        generator=torch.Generator().manual_seed(settings.seed),
        verbose=0,
    )


def _best_epoch(settings: FitSettings, has_validation: bool) -> BestEpoch:
    if not has_validation:
        monitor, sign, score = "train_loss", -1, None
    elif settings.score is None:
        monitor, sign, score = "valid_loss", -1, None
    else:
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
