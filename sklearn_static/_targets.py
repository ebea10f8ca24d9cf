"""Labels to training targets and back, and the weights of samples and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ._compat import check_sample_weight

__all__ = [
    "Examples",
    "check_labels",
    "check_weights",
    "class_numbers",
    "class_weights",
    "find_classes",
    "split_rows",
]

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


@dataclass(frozen=True)
class Examples:
    """Texts with encoded targets.

    Attributes
    ----------
    texts : list of str
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        Class numbers (int64) or real values (float32).
    sample_weight : ndarray of shape (n_texts,), float64
    """

    texts: list[str]
    y: np.ndarray
    sample_weight: np.ndarray

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.texts)

    def take(self, rows: np.ndarray) -> Examples:
        """Only the examples whose numbers are `rows`."""
        texts = [self.texts[row] for row in rows]
        return Examples(texts, self.y[rows], self.sample_weight[rows])


def check_labels(y: Any) -> np.ndarray:
    """`y` as an array of shape (n_texts,) of labels of one class each.

    Raises
    ------
    ValueError
        If `y` has another shape, or values that are no labels.
    """
    check_classification_targets(y)
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise ValueError(f"y[{row}] is {labels[row]}, which is no label: NaN or infinite.")
    return labels


def find_classes(labels: np.ndarray) -> np.ndarray:
    """The distinct labels in ascending order.

    Raises
    ------
    ValueError
        If there is but one.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class only, {classes.tolist()}, but a classifier needs texts "
            "of at least two classes."
        )
    return classes


def class_numbers(labels: np.ndarray, classes: np.ndarray, name: str) -> np.ndarray:
    """The number of each label's class, of shape (n_texts,), int64.

    Raises
    ------
    ValueError
        If a label is not among `classes`; it calls the labels `name`.
    """
    numbers = np.searchsorted(classes, labels)
    numbers[numbers == len(classes)] = 0
    unknown = classes[numbers] != labels
    if unknown.any():
        raise ValueError(
            f"{name} holds {np.unique(labels[unknown]).tolist()[:5]}, which are not "
            f"among the classes {classes.tolist()[:20]}."
        )
    return numbers.astype(np.int64)


def check_weights(sample_weight: Any, n_texts: int) -> np.ndarray:
    """`sample_weight`, or ones, as an array of shape (n_texts,), float64.

    Raises
    ------
    ValueError
        If it has another shape, or values that are negative or not finite, or if all
        of them are zero.
    """
    weights: np.ndarray = check_sample_weight(
        sample_weight, np.empty((n_texts, 0)), dtype=np.float64
    )
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(
            f"sample_weight[{row}] is {weights[row]}: negative values in sample_weight "
            "have no meaning here."
        )
    if not weights.any():
        raise ValueError("sample_weight is zero for every text: none is left.")
    return weights


def class_weights(
    numbers: np.ndarray,
    classes: np.ndarray,
    class_weight: ClassWeight,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """The weight of each text's class, of shape (n_texts,), float64.

    Parameters
    ----------
    numbers : ndarray of shape (n_texts,), int64
        Each text's class.
    classes : ndarray of shape (n_classes,)
    class_weight : dict, "balanced" or None
        "balanced" counts each text with its `sample_weight`.
    sample_weight : ndarray of shape (n_texts,)
    """
    if class_weight is None:
        return np.ones(len(numbers))
    present, inverse = np.unique(numbers, return_inverse=True)
    if isinstance(class_weight, Mapping):
        _refuse_unknown_classes(class_weight, classes)
        labels = classes[present].tolist()
        factors = np.array([class_weight.get(label, 1.0) for label in labels])
    else:
        total = np.bincount(inverse, sample_weight)
        factors = total.sum() / (len(present) * total)
    return np.asarray(factors[inverse], np.float64)


def _refuse_unknown_classes(
    class_weight: Mapping[Any, float], classes: np.ndarray
) -> None:
    unknown = set(class_weight) - set(classes.tolist())
    if unknown:
        raise ValueError(
            f"class_weight names {sorted(map(str, unknown))}, which are not among the "
            f"classes {classes.tolist()[:20]}."
        )


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
        Row numbers, ascending.

    Raises
    ------
    ValueError
        If no class can spare a row.
    """
    n_rows = len(numbers)
    shuffled = random_state.permutation(n_rows)
    _, first_of_class = np.unique(numbers[shuffled], return_index=True)
    spare = np.delete(shuffled, first_of_class)
    n_valid = min(int(np.ceil(validation_fraction * n_rows)), len(spare))
    if n_valid == 0:
        raise ValueError(
            f"{n_rows} rows of {len(first_of_class)} classes are too few rows to split "
            "off a validation set: each class needs one to train on. Give more, pass "
            "X_val and y_val, or set early_stopping=False."
        )
    if n_valid == len(spare):
        valid = spare
    else:
        stratify = numbers[spare]
        counts = np.unique(stratify, return_counts=True)[1]
        n_left = len(spare) - n_valid
        if counts.min() < 2 or len(counts) > min(n_valid, n_left):
            stratify = None
        _, valid = train_test_split(
            spare, test_size=n_valid, stratify=stratify, random_state=random_state
        )
    train = np.setdiff1d(np.arange(n_rows), valid, assume_unique=True)
    return train, np.sort(valid)
