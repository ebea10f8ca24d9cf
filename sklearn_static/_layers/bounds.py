"""The width of a layer's outputs, and a bound on their values.

They show that a head from a file cannot overflow, without running it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["LARGEST", "Rows", "check_shape", "greatest"]

LARGEST = 1e37
"""The largest bound on outputs of a layer; float32 ends at 3e38."""


class Rows(NamedTuple):
    """The inputs or outputs of a layer.

    Attributes
    ----------
    width : int
        The number of features.
    bound : float
        The greatest absolute value.
    """

    width: int
    bound: float


def check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the tensor called `name` has the shape `shape`."""
    if array.shape != shape:
        raise ValueError(
            f"{name} has shape {array.shape}, but {shape} was expected from what "
            "comes before."
        )


def greatest(values: np.ndarray) -> float:
    """The greatest absolute value."""
    return float(np.abs(values).max())
