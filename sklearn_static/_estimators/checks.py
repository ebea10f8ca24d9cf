"""What y and sample_weight may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .._utils.compat import check_sample_weight

__all__ = ["check_labels", "check_values", "check_weights"]


def check_labels(y: Any) -> np.ndarray | csr_array:
    """`y` as labels of shape (n_texts,), or an indicator of (n_texts, n_labels).

    Raises
    ------
    ValueError
        If `y` has another shape, or values that are no labels.
    """
    if y is None:
        raise ValueError(
            "This classifier requires y to be passed, but the target y is None."
        )
    _refuse_missing_labels(y)
    check_classification_targets(y)
    kind = type_of_target(y)
    if kind.endswith("multioutput"):
        raise ValueError(
            f"y has shape {np.shape(y)}: several columns that are no indicators of 0 "
            "and 1. Turn lists of labels into an indicator matrix with "
            "sklearn.preprocessing.MultiLabelBinarizer, or wrap the classifier in "
            "sklearn.multioutput.MultiOutputClassifier."
        )
    if kind == "multilabel-indicator":
        return csr_array(y) if issparse(y) else np.asarray(y)
    labels: np.ndarray = column_or_1d(y, warn=True)
    return labels


def _refuse_missing_labels(y: Any) -> None:
    try:
        values = y.data if issparse(y) else np.asarray(y)
    except ValueError:
        return  # rows of different lengths, which have a better message of their own
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(
            f"y[{row}] is {values[row]}: NaN and infinity are no labels. "
            "Drop such rows."
        )


def check_values(y: Any) -> np.ndarray:
    """`y` as real values of shape (n_texts,) or (n_texts, n_outputs), float64.

    Raises
    ------
    ValueError
        If `y` has another shape, or values that are not finite.
    """
    if y is None:
        raise ValueError(
            "This regressor requires y to be passed, but the target y is None."
        )
    values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=True)
    if values.ndim > 2:
        raise ValueError(
            f"y has shape {values.shape}, but (n_texts,) or (n_texts, n_outputs) was "
            "expected."
        )
    return np.asarray(values)


def check_weights(sample_weight: Any, n_texts: int) -> np.ndarray:
    """`sample_weight`, or ones, as an array of shape (n_texts,), float64.

    Raises
    ------
    ValueError
        If it has another shape, or values that are negative or not finite, or if all
        of them are zero.
    """
    weights: np.ndarray = check_sample_weight(
        sample_weight, np.empty((n_texts, 1)), dtype=np.float64
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
