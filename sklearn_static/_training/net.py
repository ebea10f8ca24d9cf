"""The skorch net: the training loop, with its callbacks and history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.utils import to_device

from .batches import BagBatches, BagDataset
from .callbacks import HeldOut, StopTraining

__all__ = ["Fold", "StaticNet"]

_EVALUATION_BATCH = 1024


class StaticNet(NeuralNet):
    """skorch's net, fed with slices of token bags.

    It differs from its parent in what an epoch costs beside the arithmetic: batches are
    slices, the history keeps epochs but no batches, and losses are read back once an
    epoch. The `criterion` gives the loss of each text, which sample weights average.

    Parameters
    ----------
    *args, **kwargs
        Those of :class:`skorch.NeuralNet`.
    generator : torch.Generator
        Shuffles the training texts.
    folds : sequence of Fold, default=()
        If there are any, the net trains on their held-out texts, too, and what the
        validation loss is of are the scores that the nets of the folds have for them.
    """

    def __init__(
        self,
        *args: Any,
        generator: torch.Generator,
        folds: Sequence[Fold] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.generator = generator
        self.folds = folds

    @property
    def _default_callbacks(self) -> list[Any]:
        return []

    def get_iterator(self, dataset: BagDataset, training: bool = False) -> BagBatches:
        """The batches of `dataset`, shuffled for training."""
        if training:
            return BagBatches(dataset, self.batch_size, self.generator)
        return BagBatches(dataset, _EVALUATION_BATCH)

    def _set_training(self, training: bool = True) -> None:
        # skorch asks before each batch, which takes longer than some layers.
        if self.module_.training != training:
            super()._set_training(training)

    def get_loss(
        self, y_pred: torch.Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """The weighted mean of the criterion over a batch."""
        y, sample_weight = (part.to(y_pred.device) for part in y_true)
        loss: torch.Tensor = self.criterion_(y_pred, y) @ sample_weight / len(y)
        return loss

    def run_single_epoch(
        self,
        iterator: BagBatches | None,
        training: bool,
        prefix: str,
        step_fn: Callable[..., dict[str, torch.Tensor]],
        **fit_params: Any,
    ) -> None:
        """One pass; record its mean loss, and keep the outputs on validation texts."""
        if iterator is None:
            return
        passes = [(iterator, step_fn)]
        if training:
            for fold in self.folds:
                fold.train_epoch()
        elif self.folds:
            passes = [(fold.batches, fold.net.validation_step) for fold in self.folds]
        total, outputs = torch.zeros((), dtype=torch.float64), []
        for batches, one_step in passes:
            for batch in batches:
                self.notify("on_batch_begin", batch=batch, training=training)
                step = one_step(batch, **fit_params)
                total += step["loss"].detach().cpu() * len(batch[1][0])
                if not training:
                    outputs.append(step["y_pred"])
                self.notify("on_batch_end", batch=batch, training=training, **step)
        weight = float(iterator.dataset.sample_weight.sum())
        self.history.record(f"{prefix}_loss", float(total) / weight)
        if not training:
            self.valid_outputs_ = torch.cat(outputs)
            self._validated = [batches for batches, _ in passes]

    def held_out(self) -> HeldOut | None:
        """The scores of the validation texts after the last epoch, if there are any."""
        if not hasattr(self, "valid_outputs_"):
            return None
        solution = None
        modules = [fold.net.module_ for fold in self.folds] or [self.module_]
        if hasattr(modules[0], "solved_weight"):
            pairs = zip(modules, self._validated, strict=True)
            solution = np.concatenate(
                [_solved(module, self.device, batches) for module, batches in pairs]
            )
        return HeldOut(self.valid_outputs_.cpu().numpy(), solution)

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell all callbacks, then stop if one of them asked for it.

        skorch's EarlyStopping asks by a KeyboardInterrupt, which is told apart from the
        user's.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        stop = False
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except StopTraining:
                stop = True
            except KeyboardInterrupt:
                if not _ran_out_of_patience(callback):
                    raise
                stop = True
        if stop:
            raise StopTraining


@dataclass(frozen=True)
class Fold:
    """A net that trains in step with another, on all texts but those held out.

    Attributes
    ----------
    net : StaticNet
        Initialised.
    train, valid : BagDataset
        The texts to train on, and those that are held out.
    """

    net: StaticNet
    train: BagDataset
    valid: BagDataset

    def train_epoch(self) -> None:
        """One pass over the texts to train on."""
        # When training ends is for the net in whose step this one is.
        with suppress(StopTraining):
            self.net.fit_loop(self.train, epochs=1)

    @property
    def batches(self) -> BagBatches:
        """Those of the texts that are held out."""
        return self.net.get_iterator(self.valid)


def _solved(
    module: Any, device: Any, batches: Iterable[tuple[dict[str, torch.Tensor], Any]]
) -> np.ndarray:
    with torch.inference_mode():
        parts = [
            module.solved(**to_device(inputs, device)).cpu().numpy()
            for inputs, _ in batches
        ]
    return np.concatenate(parts)


def _ran_out_of_patience(callback: Any) -> bool:
    if not isinstance(callback, EarlyStopping):
        return False
    return bool(callback.misses_ >= callback.patience)
