"""Adam that takes no longer for a large table than for the rows of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim.adam import Adam, adam

__all__ = ["AdamMoments", "RowAdam"]

_MOMENTS = ("exp_avg", "exp_avg_sq")
"""What Adam remembers of a parameter, beside how many steps it has made."""

# As many rows at a time as stay in a processor's cache.
_BLOCK = 1024


class RowAdam(Adam):
    """Adam [1]_ for parameters of which a step may concern a few rows.

    A parameter whose gradient is sparse, such as a table, is moved only in the rows
    that the gradient has, and the moments of the others rest, as by
    :class:`torch.optim.SparseAdam`. The others are moved as by fused Adam, in one call
    for all.

    Parameters
    ----------
    params : iterable of Parameter or dict
    **defaults
        Those of :class:`torch.optim.Adam`.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
       2015, arXiv:1412.6980.
    """

    def __init__(self, params: Any, **defaults: Any) -> None:
        super().__init__(params, fused=True, **defaults)
        self._copies: dict[torch.Tensor, list[torch.Tensor]] = {}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own.

        The parent's way, which also checks them, would first import torch's compiler,
        for a second and some 70 megabytes.
        """
        group = {**self.defaults, **param_group}
        group["params"] = list(group["params"])
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; the parent's way would import the compiler, too."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters by one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            _move([self._part(p) for p in moving if not p.grad.is_sparse], group)
            for parameter in moving:
                if parameter.grad.is_sparse:
                    self._move_rows(parameter, group)
        return loss

    def _part(self, parameter: torch.Tensor) -> _Part:
        """The parameter, whole, and what is known of it."""
        state: dict[str, torch.Tensor] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            for name in _MOMENTS:
                state[name] = torch.zeros_like(parameter)
        values = [parameter, *(state[name] for name in _MOMENTS)]
        return _Part(values, parameter.grad, state["step"])

    def _move_rows(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        """Move copies of the rows that the gradient has, a block after the other."""
        whole = self._part(parameter)
        rows, gradients = _rows_of(whole.gradient)
        copies = self._copies.get(parameter)
        if copies is None:
            copies = [
                values.new_empty(_BLOCK, *values.shape[1:]) for values in whole.values
            ]
            self._copies[parameter] = copies
        for some, gradient in zip(
            rows.split(_BLOCK), gradients.split(_BLOCK), strict=True
        ):
            block = [copy[: len(some)] for copy in copies]
            for values, copy in zip(whole.values, block, strict=True):
                torch.index_select(values, 0, some, out=copy)
            _move([_Part(block, gradient, whole.n_steps.clone())], group)
            for values, copy in zip(whole.values, block, strict=True):
                values.index_copy_(0, some, copy)
        whole.n_steps.add_(1)


class _Part(NamedTuple):
    """What a step moves.

    Attributes
    ----------
    values : list of Tensor
        Of a parameter and of its moments.
    gradient : Tensor
    n_steps : Tensor
        How many steps the parameter has made; a step adds one.
    """

    values: list[torch.Tensor]
    gradient: Any
    n_steps: torch.Tensor


def _move(parts: list[_Part], group: dict[str, Any]) -> None:
    """One step of Adam, in place, for all parts at once."""
    if not parts:
        return
    beta1, beta2 = group["betas"]
    parameters, *moments = (
        list(values) for values in zip(*(part.values for part in parts), strict=True)
    )
    adam(
        parameters,
        [part.gradient for part in parts],
        *moments,
        [],
        [part.n_steps for part in parts],
        fused=True,
        amsgrad=False,
        beta1=beta1,
        beta2=beta2,
        lr=group["lr"],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=False,
    )


def _rows_of(gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows that a sparse gradient has, each once, and their gradients."""
    rows = gradient._indices()[0]
    if (rows.diff() > 0).all():
        # As autograd hands it on, though it no longer says so.
        return rows, gradient._values()
    gradient = gradient.coalesce()
    return gradient.indices()[0], gradient.values()


@dataclass
class AdamMoments:
    """Steps taken, and the running moments of every parameter's gradient.

    Attributes
    ----------
    n_steps : int
    by_parameter : dict of str to pair of ndarray
        The moments in the shape of the parameter; of the whole table for ``"table"``,
        not only of the rows that a call trains.
    """

    n_steps: int = 0
    by_parameter: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def load(
        self, optimizer: torch.optim.Optimizer, module: nn.Module, rows: np.ndarray
    ) -> None:
        """Let `optimizer` go on from here with a table of `rows`."""
        for name, parameter in module.named_parameters():
            if name not in self.by_parameter or not parameter.requires_grad:
                continue
            state = {"step": torch.tensor(float(self.n_steps), device=parameter.device)}
            for key, moment in zip(_MOMENTS, self.by_parameter[name], strict=True):
                part = moment[rows] if name == "table" else moment
                state[key] = torch.tensor(part, device=parameter.device)
            optimizer.state[parameter] = state

    def after(
        self,
        optimizer: torch.optim.Optimizer,
        module: nn.Module,
        rows: np.ndarray,
        n_rows: int,
    ) -> AdamMoments:
        """The moments once `optimizer` has trained a table of `rows`, of `n_rows`."""
        n_steps, by_parameter = self.n_steps, dict(self.by_parameter)
        for name, parameter in module.named_parameters():
            state = optimizer.state.get(parameter)
            if not state:
                continue
            n_steps = int(state["step"])
            moments = tuple(state[key].cpu().numpy() for key in _MOMENTS)
            if name == "table":
                moments = self._scattered(moments, rows, n_rows)
            by_parameter[name] = moments
        return AdamMoments(n_steps, by_parameter)

    def _scattered(
        self, moments: tuple[np.ndarray, ...], rows: np.ndarray, n_rows: int
    ) -> tuple[np.ndarray, ...]:
        whole = self.by_parameter.get("table")
        if whole is None:
            shape = (n_rows, moments[0].shape[1])
            whole = tuple(np.zeros(shape, np.float32) for _ in moments)
        else:
            whole = tuple(part.copy() for part in whole)
        for part, moment in zip(whole, moments, strict=True):
            part[rows] = moment
        return whole
