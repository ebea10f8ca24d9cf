"""skorch callbacks: the best epoch, early stopping, and a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn
from tqdm.auto import tqdm

from .._utils.arrays import LARGEST

__all__ = [
    "BestEpoch",
    "EpochProgress",
    "SklearnCallbacks",
    "StopOnNonFinite",
    "StopTraining",
]


class StopTraining(Exception):
    """Raised by a callback to end training in good order.

    skorch's own way is KeyboardInterrupt, which is the user's.
    """


class StopOnNonFinite(Callback):
    """Raise ValueError when a loss is not finite, or a parameter beyond use."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Look at the epoch's losses, and at what the last step made of the module."""
        row = net.history[-1]
        epoch = row["epoch"]
        for name, words in (("train_loss", "loss"), ("valid_loss", "validation loss")):
            if not math.isfinite(row.get(name, 0)):
                raise _diverged(net, f"the {words} of epoch {epoch} is {row[name]}")
        for name, parameter in net.module_.named_parameters():
            if parameter.requires_grad and _is_out_of_bounds(parameter):
                raise _diverged(net, f"{name} is out of bounds after epoch {epoch}")


def _is_out_of_bounds(parameter: torch.Tensor) -> bool:
    if not parameter.numel():
        return False
    smallest, greatest = torch.aminmax(parameter.detach())
    return not (smallest >= -LARGEST and greatest <= LARGEST)


def _diverged(net: Any, symptom: str) -> ValueError:
    return ValueError(
        f"Training diverged: {symptom}. Lower the learning rate, lr={net.lr}, or look "
        "for extreme values in the targets or sample weights."
    )


class BestEpoch(Callback):
    """Remember the parameters of the best epoch, and stop when it is long past.

    Parameters
    ----------
    monitor : str
        The entry of the history to watch.
    sign : {1, -1}
        1 if greater is better.
    score : callable, default=None
        Fills the `monitor` entry from the outputs on the validation texts, an ndarray
        of shape (n_texts, n_outputs). None if the entry is there anyway.
    n_iter_no_change : int or None
        Stop after this many epochs that did not better the best by more than `tol`.
    tol : float
    keep : bool
        Whether to remember parameters; otherwise only to stop.

    Attributes
    ----------
    epoch : int
        The best epoch, counted from 1.
    value : float
        What was watched, in that epoch.
    state : dict of str to Tensor
        The module's parameters after it.
    """

    def __init__(
        self,
        monitor: str,
        sign: int,
        *,
        score: Callable[[np.ndarray], float] | None,
        n_iter_no_change: int | None,
        tol: float,
        keep: bool,
    ) -> None:
        self.monitor = monitor
        self.sign = sign
        self.score = score
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.keep = keep

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget what an earlier run left."""
        self.epoch, self.value = 0, math.nan
        self.state: dict[str, torch.Tensor] | None = None
        self._best = self._to_beat = -math.inf
        self._misses = 0

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare the epoch with the best so far."""
        if self.score is not None:
            value = float(self.score(net.valid_outputs_.cpu().numpy()))
            net.history.record(self.monitor, value)
        value = net.history[-1, self.monitor]
        goodness = self.sign * value
        if goodness > self._best:
            self._best, self.epoch, self.value = goodness, len(net.history), value
            if self.keep:
                self._keep(net.module_.state_dict())
        if goodness > self._to_beat + self.tol:
            self._to_beat, self._misses = goodness, 0
        else:
            self._misses += 1
        if self.n_iter_no_change is not None and self._misses >= self.n_iter_no_change:
            raise StopTraining

    def _keep(self, state: dict[str, torch.Tensor]) -> None:
        if self.state is None:
            self.state = {name: tensor.clone() for name, tensor in state.items()}
            return
        for name, tensor in state.items():
            self.state[name].copy_(tensor)


class EpochProgress(Callback):
    """A progress bar over the epochs, with the losses of the last one."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Show the bar."""
        self._bar = tqdm(total=net.max_epochs, desc="fit", unit="epoch")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance by an epoch."""
        row = net.history[-1]
        shown = {k: f"{row[k]:.4f}" for k in row if k.startswith(("train_", "valid_"))}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class SklearnCallbacks(Callback):
    """Passes the epochs on to scikit-learn's callbacks (1.9 and newer).

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the whole fit.
    estimator : estimator
        That is being fitted.
    data : dict
        X, y and metadata of the fit.
    learned : callable
        From a trained module to the attributes of the estimator that predict.
    """

    def __init__(
        self,
        context: Any,
        estimator: Any,
        data: dict[str, Any],
        learned: Callable[[nn.Module], dict[str, Any]],
    ) -> None:
        self.context = context
        self.estimator = estimator
        self.data = data
        self.learned = learned

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin a task."""
        self._epoch = self.context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End it."""
        if self._epoch.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self.learned(
                deepcopy(net.module_).cpu().eval()
            ),
        ):
            raise StopTraining
