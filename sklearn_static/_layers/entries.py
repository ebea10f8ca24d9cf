"""Checks of the tensors and numbers of a layer that come from a file."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["finite", "number", "place", "positive"]

# Far from what overflows float32, so that sums and products of a few do not either.
_LARGEST = 1e30


def number(value: Any, least: float = -_LARGEST) -> float:
    """`value`, if it is a number from `least` to the largest that a layer may have."""
    if type(value) not in (int, float) or not least <= value <= _LARGEST:
        raise TypeError(f"{value!r} is not a number from {least:g} to {_LARGEST:g}")
    return float(value)


def positive(value: Any) -> float:
    """`value`, if it is a number above zero whose inverse a layer may have, too."""
    return number(value, 1 / _LARGEST)


def place(value: Any) -> int:
    """`value`, if it is a whole number that can count columns."""
    # bool is a subclass of int, and a slice of True would be one of 1.
    if type(value) is not int or not 0 <= value < 2**31:
        raise TypeError(f"{value!r} is not a column number")
    return value


def finite(name: str, tensor: np.ndarray) -> np.ndarray:
    """The float32 values of the tensor called `name`.

    Raises
    ------
    ValueError
        If they are not finite floats.
    """
    # A float64 that overflows float32 becomes infinite, and is refused below.
    with np.errstate(over="ignore"):
        values = tensor.astype(np.float32, copy=False)
    if tensor.dtype.kind != "f" or not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not finite floats.")
    return values
