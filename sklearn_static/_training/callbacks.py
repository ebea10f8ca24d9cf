"""skorch callbacks: the best epoch, early stopping, and a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping
from torch import nn
from tqdm.auto import tqdm

from .._utils.arrays import LARGEST

__all__ = [
    "BestEpoch",
    "EpochProgress",
    "HeldOut",
    "SklearnCallbacks",
    "StopOnNonFinite",
    "StopTraining",
    "ValidationScore",
]


class HeldOut(NamedTuple):
    """The scores of texts that were not trained on.

    Attributes
    ----------
    network : ndarray of shape (n_texts, n_outputs), float32
    solution : ndarray of shape (n_texts, n_outputs), float32, or None
        Of the solution that the network started from, on the trained table.
    """

    network: np.ndarray
    solution: np.ndarray | None


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


class ValidationScore(Callback):
    """Records ``valid_score``, a metric of the validation texts.

    Parameters
    ----------
    score : callable
        From the outputs on them, an ndarray of shape (n_texts, n_outputs).
    """

    def __init__(self, score: Callable[[np.ndarray], float]) -> None:
        self.score = score

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Score the outputs of the epoch."""
        outputs = net.valid_outputs_.cpu().numpy()
        net.history.record("valid_score", float(self.score(outputs)))


class BestEpoch(EarlyStopping):
    """skorch's early stopping, which keeps the scores of held-out texts, too.

    The epoch that is kept is the best, by however little. What has to be better by the
    threshold is only what training goes on for.

    Parameters
    ----------
    **settings
        Those of :class:`skorch.callbacks.EarlyStopping`.

    Attributes
    ----------
    held_out_ : HeldOut or None
        Of the best epoch.
    """

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget what an earlier run left."""
        self.held_out_: HeldOut | None = None
        self._best = math.inf
        super().on_train_begin(net, **kwargs)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare the epoch with the best so far."""
        sign = 1 if self.lower_is_better else -1
        value = sign * net.history[-1, self.monitor]
        is_best, self._best = value < self._best, min(value, self._best)
        try:
            super().on_epoch_end(net, **kwargs)
        finally:
            if is_best:
                self._keep(net)

    def _keep(self, net: Any) -> None:
        self.best_epoch_ = len(net.history)
        self.held_out_ = net.held_out()
        if self.load_best:
            self.best_model_weights_ = deepcopy(net.module_.state_dict())


class EpochProgress(Callback):
    """A progress bar over the epochs, with the losses of the last one."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Show the bar."""
        self._bar = tqdm(total=net.max_epochs, desc="fit", unit=" epochs")

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
        From a trained module and its :class:`HeldOut` scores to the attributes of the
        estimator that predict.
    """

    def __init__(
        self,
        context: Any,
        estimator: Any,
        data: dict[str, Any],
        learned: Callable[[nn.Module, HeldOut | None], dict[str, Any]],
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
                deepcopy(net.module_).cpu().eval(), net.held_out()
            ),
        ):
            raise StopTraining
