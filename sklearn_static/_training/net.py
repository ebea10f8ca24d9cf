"""The skorch net: the training loop, with its callbacks and history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.utils import TeeGenerator, to_device

from .batches import BagBatches, BagDataset
from .callbacks import HeldOut, StopTraining
from .optimizer import RowAdam

__all__ = ["ClassifierNet", "Fold", "RegressorNet", "StaticNet"]

_EVALUATION_BATCH = 1024
# The optimizers for which the table's gradient has the rows of the batch only.
_TAKES_SPARSE = (RowAdam, torch.optim.SparseAdam)


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
        if not training:
            return BagBatches(dataset, _EVALUATION_BATCH)
        norms = {type(m).__name__ for m in self.module_.modules() if _needs_two(m)}
        if norms and min(len(dataset), self.batch_size) == 1:
            raise ValueError(
                f"The head has a layer of type {', '.join(norms)}, which needs two "
                f"texts in a batch, but there are {len(dataset)} texts and "
                f"batch_size={self.batch_size}. Give more texts, or raise batch_size."
            )
        return BagBatches(dataset, self.batch_size, self.generator)

    def _set_training(self, training: bool = True) -> None:
        # skorch asks before each batch, which takes longer than some layers.
        if self.module_.training != training:
            super()._set_training(training)

    def get_loss(
        self, y_pred: torch.Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """The weighted mean of the criterion over a batch."""
        y, sample_weight = (part.to(y_pred.device) for part in y_true)
        of_texts: torch.Tensor = self.criterion_(y_pred, y)
        if of_texts.ndim == 2:
            of_texts = of_texts.mean(dim=1)
        if of_texts.shape != sample_weight.shape:
            raise ValueError(
                f"criterion gave a loss of shape {tuple(of_texts.shape)}, but one loss "
                f"for each of {len(y)} texts was expected: reduction='none' in torch."
            )
        return of_texts @ sample_weight / len(y)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin a row of the history; let the table's gradient suit the optimizer."""
        super().on_epoch_begin(net, **kwargs)
        self.module_.sparse_gradient = isinstance(self.optimizer_, _TAKES_SPARSE)

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
                inputs, (y, _) = batch
                seen = {"batch": (inputs, y), "training": training}
                self.notify("on_batch_begin", **seen)
                step = one_step(batch, **fit_params)
                loss = step["loss"].detach().cpu()
                total += loss * len(y)
                self.history.record_batch(f"{prefix}_loss", float(loss))
                self.history.record_batch(f"{prefix}_batch_size", len(y))
                if not training:
                    outputs.append(step["y_pred"])
                self.notify("on_batch_end", **seen, **step)
        # Beside one text of a huge weight, others may have none left in float32.
        weight = float(iterator.dataset.sample_weight.sum()) or 1.0
        self._record_loss(f"{prefix}_loss", float(total) / weight)
        if not training:
            self.valid_outputs_ = torch.cat(outputs)
            self._validated = [batches for batches, _ in passes]

    def _record_loss(self, name: str, loss: float) -> None:
        """The loss, and whether it is the best so far, which checkpoints look for."""
        before = [row[name] for row in self.history[:-1]]
        self.history.record(name, loss)
        self.history.record(f"{name}_best", loss < min(before, default=np.inf))

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

        skorch's EarlyStopping asks by a KeyboardInterrupt, which is not the user's.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        if method_name == "on_grad_computed":
            named = cb_kwargs["named_parameters"]
            cb_kwargs["named_parameters"] = TeeGenerator(
                map(_with_dense_gradient, named)
            )
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


class ClassifierNet(ClassifierMixin, StaticNet):
    """A net that callbacks can score as a classifier of encoded classes or labels.

    Parameters
    ----------
    *args, **kwargs
        Those of :class:`StaticNet`.
    n_outputs : int
    multilabel : bool
    """

    def __init__(
        self, *args: Any, n_outputs: int, multilabel: bool, **kwargs: Any
    ) -> None:
        nonlinearity = torch.sigmoid if multilabel else partial(torch.softmax, dim=-1)
        super().__init__(*args, predict_nonlinearity=nonlinearity, **kwargs)
        self.n_outputs = n_outputs
        self.multilabel = multilabel

    @property
    def classes_(self) -> np.ndarray:
        """The numbers of classes or labels."""
        return np.arange(self.n_outputs)

    def predict(self, X: Any) -> np.ndarray:
        """Class numbers, or an indicator of labels."""
        probabilities = self.predict_proba(X)
        if self.multilabel:
            return (probabilities > 0.5).astype(np.int64)
        numbers: np.ndarray = probabilities.argmax(axis=1)
        return numbers


class RegressorNet(RegressorMixin, StaticNet):
    """A net that callbacks can score as a regressor of standardised values."""


def _needs_two(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.modules.batchnorm._BatchNorm)


def _with_dense_gradient(
    named: tuple[str, torch.nn.Parameter],
) -> tuple[str, torch.Tensor]:
    """The parameter, or what stands for the rows of it that have a gradient.

    The stand-in's gradient is the memory of the parameter's own: clipping it clips.
    """
    name, parameter = named
    if parameter.grad is None or not parameter.grad.is_sparse:
        return named
    values = parameter.grad._values()
    rows = parameter.detach()[parameter.grad._indices()[0]]
    rows.grad = values
    return name, rows


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
