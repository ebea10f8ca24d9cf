"""What is proven of the rows that leave a layer: their width, a bound on their values.

A head that was read from a file is checked by these, without trying it on any row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["LARGEST", "Rows", "check_shape", "greatest"]

LARGEST = 1e37
"""The largest value that may leave a layer: float32 ends at 3e38."""


class Rows(NamedTuple):
    """What is known of the rows that enter a layer, or leave it.

    Attributes
    ----------
    width : int
        The length of a row.
    bound : float
        No value is greater, nor less than its negative.
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
