"""What Adam remembers between steps, kept between calls of ``partial_fit``."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from .optimizer import MOMENTS

__all__ = ["AdamMoments"]


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
            for key, moment in zip(MOMENTS, self.by_parameter[name], strict=True):
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
            moments = tuple(state[key].cpu().numpy() for key in MOMENTS)
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
