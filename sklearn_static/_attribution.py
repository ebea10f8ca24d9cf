"""Attribution: which part of its input a head's score comes from.

A text's features are the sum of what its tokens add. The head is followed along the
straight line from no features to all of them, and each step's change of score is given
to the tokens by their central differences. So this is the method of integrated
gradients [1]_ with directions in place of coordinates, which needs no gradient. For an
affine head one step is exact; what the steps of others leave over falls as their number
grows, and is told.

References
----------
.. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep Networks",
       ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["attributed"]

Scores = Callable[[np.ndarray], np.ndarray]

# How many rows of features a head gets at a time, which bounds the memory.
_ROWS = 8192


def attributed(scores: Scores, parts: np.ndarray, n_steps: int) -> np.ndarray:
    """What each part of a text adds to its scores.

    Parameters
    ----------
    scores : callable
        The head: from (n, n_features), float32, to (n, n_outputs).
    parts : ndarray of shape (n_parts, n_features), float32
        Of one text, whose features are their sum.
    n_steps : int
        In how many steps to follow the head.

    Returns
    -------
    contributions : ndarray of shape (n_parts, n_outputs), float64
    """
    features = parts.sum(axis=0)
    n_outputs = scores(features[None]).shape[1]
    contributions = np.zeros((len(parts), n_outputs))
    halves = parts / np.float32(2 * n_steps)
    for step in range(n_steps):
        middle = features * np.float32((step + 0.5) / n_steps)
        for start in range(0, len(parts), _ROWS):
            part = slice(start, start + _ROWS)
            difference = np.subtract(
                scores(middle + halves[part]),
                scores(middle - halves[part]),
                dtype=np.float64,
            )
            contributions[part] += difference
    return contributions
