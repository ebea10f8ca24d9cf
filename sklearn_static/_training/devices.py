"""The device to train on."""

from __future__ import annotations

import torch

__all__ = ["resolve_device"]


def resolve_device(device: str) -> str:
    """`device`, or what ``"auto"`` is here: a CUDA device where there is one.

    Raises
    ------
    ValueError
        If torch cannot put anything there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device is {device!r}, but torch {torch.__version__} can use "
            f"{', '.join(map(repr, there))} here, and 'auto' takes the best of them. "
            f"({reason})"
        ) from error
    return device
