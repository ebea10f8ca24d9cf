"""The skorch net: the training loop, with its callbacks and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping

from .batches import BagBatches, BagDataset
from .callbacks import StopTraining

__all__ = ["StaticNet"]

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
    """

    def __init__(self, *args: Any, generator: torch.Generator, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.generator = generator

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
        total, outputs = torch.zeros((), dtype=torch.float64), []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            total += step["loss"].detach().cpu() * len(batch[1][0])
            if not training:
                outputs.append(step["y_pred"])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        weight = float(iterator.dataset.sample_weight.sum())
        self.history.record(f"{prefix}_loss", float(total) / weight)
        if not training:
            self.valid_outputs_ = torch.cat(outputs)

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


def _ran_out_of_patience(callback: Any) -> bool:
    if not isinstance(callback, EarlyStopping):
        return False
    return bool(callback.misses_ >= callback.patience)
