"""Names ranked by value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import unit_rows

__all__ = ["Ranking", "cosines", "ranked"]

Ranking = list[tuple[str, float]]
"""Names and values, the greatest value first."""


def ranked(name: Callable[[int], str], values: np.ndarray, n_most: int) -> Ranking:
    """The `n_most` greatest values with the name of each; of equals, the first."""
    order = np.argsort(-values, kind="stable")[:n_most]
    return [(name(i), float(values[i])) for i in order.tolist()]


def cosines(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The cosine of each of `rows` with each of `others`; 0 where one is zero."""
    product: np.ndarray = unit_rows(rows) @ unit_rows(others).T
    return product
