"""The validation split, which keeps equal texts on one side."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import train_test_split

__all__ = ["groups_of", "split_rows"]


def groups_of(texts: Sequence[str], groups: np.ndarray | None = None) -> np.ndarray:
    """A number for each text; texts with the same one stay together in every split.

    These are texts that are equal but for case and white space, since a copy of a
    training text does not show how a model does on new texts; and texts of the same of
    the `groups`, of shape (n_texts,), together with all texts that equal one of them.
    """
    numbers: dict[str, int] = {}
    equal = np.empty(len(texts), np.int64)
    for i, text in enumerate(texts):
        equal[i] = numbers.setdefault(" ".join(text.lower().split()), len(numbers))
    if groups is None:
        return equal
    # Texts and groups are the nodes of a graph, and each row is an edge.
    _, group = np.unique(groups, return_inverse=True)
    n_nodes = len(numbers) + group.max(initial=-1) + 1
    ones = np.ones(len(texts), np.int8)
    edges = coo_array((ones, (equal, group + len(numbers))), shape=(n_nodes, n_nodes))
    part: np.ndarray = connected_components(edges, directed=False)[1]
    return part[equal].astype(np.int64)


def split_rows(
    numbers: np.ndarray,
    validation_fraction: float | int,
    random_state: np.random.RandomState,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on.

    Every class keeps a training row. The split is stratified if there are at least as
    many validation rows as classes with two rows or more.

    Parameters
    ----------
    numbers : ndarray of shape (n_texts,), int64
        Each text's class.
    validation_fraction : float or int
        A share of the rows between 0 and 1, or their number.
    random_state : RandomState
    groups : ndarray of shape (n_texts,), int64, default=None
        Rows with the same number stay together. None keeps no rows together.

    Returns
    -------
    train, valid : ndarray of int64
        Ascending row numbers. `valid` is empty if every class has a single row.
    """
    if groups is not None:
        return _split_groups(numbers, validation_fraction, random_state, groups)
    n_rows = len(numbers)
    shuffled = random_state.permutation(n_rows)
    _, first_of_class = np.unique(numbers[shuffled], return_index=True)
    spare = np.delete(shuffled, first_of_class)
    is_count = isinstance(validation_fraction, Integral)
    n_valid = int(np.ceil(validation_fraction * (1 if is_count else n_rows)))
    n_valid = min(n_valid, len(spare))
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


def _split_groups(
    numbers: np.ndarray,
    validation_fraction: float | int,
    random_state: np.random.RandomState,
    groups: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Split the first rows of the groups; the others follow the first of theirs."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    _, valid = split_rows(numbers[first], validation_fraction, random_state)
    is_valid = np.isin(group, valid)
    # A group may have rows of several classes, and validation all rows of one of them:
    # such groups go back to training.
    lost = np.isin(numbers, np.setdiff1d(numbers, numbers[~is_valid]))
    is_valid &= ~np.isin(group, group[lost])
    return np.flatnonzero(~is_valid), np.flatnonzero(is_valid)
