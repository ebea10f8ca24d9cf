"""Names ranked by value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import unit_rows

__all__ = ["Ranking", "cosines", "ranked"]

Ranking = list[tuple[str, float]]
"""Names and values, the greatest value first."""


def ranked(names: Sequence[str], values: np.ndarray, n_most: int) -> Ranking:
    """The names of the `n_most` greatest values; of equals, the first."""
    order = np.argsort(-values, kind="stable")[:n_most]
    return [(names[i], float(values[i])) for i in order.tolist()]


def cosines(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The cosine of each of `rows` with each of `others`; 0 where one is zero."""
    product: np.ndarray = unit_rows(rows) @ unit_rows(others).T
    return product
