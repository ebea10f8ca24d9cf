"""Rows to train on, and rows for early stopping to watch."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import train_test_split

__all__ = ["split_rows"]


def split_rows(
    numbers: np.ndarray, validation_fraction: float, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on.

    Every class keeps a row to train on. The split is stratified where the validation
    rows are at least as many as the classes that can spare one.

    Parameters
    ----------
    numbers : ndarray of shape (n_texts,), int64
        Each text's class.
    validation_fraction : float
        Between 0 and 1.
    random_state : RandomState

    Returns
    -------
    train, valid : ndarray of int64
        Row numbers, ascending. None to validate on if no class can spare a row.
    """
    n_rows = len(numbers)
    shuffled = random_state.permutation(n_rows)
    _, first_of_class = np.unique(numbers[shuffled], return_index=True)
    spare = np.delete(shuffled, first_of_class)
    n_valid = min(int(np.ceil(validation_fraction * n_rows)), len(spare))
    valid = spare
    if n_valid < len(spare):
        strata = numbers[spare]
        counts = np.unique(strata, return_counts=True)[1]
        n_left = len(spare) - n_valid
        possible = counts.min() >= 2 and len(counts) <= min(n_valid, n_left)
        _, valid = train_test_split(
            spare,
            test_size=n_valid,
            stratify=strata if possible else None,
            random_state=random_state,
        )
    train = np.setdiff1d(np.arange(n_rows), valid, assume_unique=True)
    return train, np.sort(valid)
