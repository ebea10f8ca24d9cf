"""Folds: which texts are held out together."""

from __future__ import annotations

import numpy as np

__all__ = ["Split", "fold_numbers", "splits_of"]

# Scores of so many texts are enough to calibrate by,
_HELD_OUT = 1000
# and of more than so many tell no more, so that more are better trained on.
_LARGEST_FOLD = 4000

Split = tuple[np.ndarray, np.ndarray]
"""Numbers of texts to train on, and of texts to hold out."""


def fold_numbers(
    strata: np.ndarray | None,
    groups: np.ndarray,
    random_state: np.random.RandomState,
    n_folds: int = 5,
) -> np.ndarray:
    """The fold of each text, each fold with all classes if it can be.

    Parameters
    ----------
    strata : ndarray of shape (n_texts,), int64, or None
        Each text's class, where each has one.
    groups : ndarray of shape (n_texts,), int64
        Texts with the same number are in one fold. A copy of a text that was trained
        on is no text that was held out.
    random_state : RandomState
    n_folds : int, default=5
        There are more where they would be too large, and fewer where groups are few.

    Returns
    -------
    fold : ndarray of shape (n_texts,), int64
        From 0 on; all zeros where there is but one group.
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    n_groups = len(first)
    order = random_state.permutation(n_groups)
    if strata is not None:
        # A group stands in the class of its first text.
        order = order[np.argsort(strata[first][order], kind="stable")]
    n_folds = min(max(n_folds, len(groups) // _LARGEST_FOLD), n_groups)
    of_group = np.empty(n_groups, np.int64)
    of_group[order] = np.arange(n_groups) % n_folds
    fold: np.ndarray = of_group[group]
    return fold


def splits_of(fold: np.ndarray, n_splits: int | None = None) -> list[Split]:
    """As many folds as it takes to hold out enough texts to calibrate by.

    Parameters
    ----------
    fold : ndarray of shape (n_texts,), int64
        As of :func:`fold_numbers`.
    n_splits : int, default=None
        The most of them; None for all that it takes.
    """
    n_texts, n_folds = len(fold), int(fold.max(initial=0)) + 1
    if n_folds < 2:
        return []
    n_needed = min(n_folds, n_splits or n_folds, -(-_HELD_OUT * n_folds // n_texts))
    return [
        (np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_needed)
    ]
