"""Checks of y, sample_weight and class_weight."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .._utils.validation import is_missing, refuse_lazy

__all__ = [
    "as_plain_strings",
    "check_classes",
    "check_labels",
    "check_values",
    "refuse_missing",
    "refuse_surrogates",
]

_LISTS = (list, tuple, Set, np.ndarray)


def check_labels(y: Any, name: str = "y") -> np.ndarray | csr_array:
    """`y` as labels of shape (n_texts,), or an indicator of (n_texts, n_labels).

    Raises
    ------
    ValueError
        If `y` has another shape, or values that are no labels. The message calls it
        `name`.
    """
    if y is None:
        raise ValueError(
            f"This classifier requires y to be passed, but the target {name} is None."
        )
    if issparse(y):
        y = csr_array(y)
        y.sum_duplicates()
    elif getattr(getattr(y, "dtype", None), "kind", "") == "T":
        y = y.tolist()  # scikit-learn knows no strings of variable width
    y = as_plain_strings(y)
    _refuse_lists(y, name)
    refuse_missing(y, name)
    kind = type_of_target(y, input_name=name)
    matrix = y if issparse(y) else np.asarray(y)
    if matrix.ndim == 2 and matrix.shape[1] != 1:
        return _checked_indicator(matrix, name)
    if kind == "unknown" and matrix.ndim not in (1, 2):
        raise ValueError(
            f"{name} has shape {matrix.shape}, but (n_texts,) or (n_texts, n_labels) "
            "was expected."
        )
    if kind == "unknown":
        numbers = np.asarray(matrix.tolist())
        if numbers.dtype.kind in "biuf":
            return check_labels(numbers, name)
        first = matrix.flat[0]
        raise ValueError(
            f"Unknown label type: {name}[0] is {first!r} of type "
            f"{type(first).__name__}, but an array of str, int, bool or whole floats "
            "was expected."
        )
    check_classification_targets(y)
    labels: np.ndarray = column_or_1d(y, warn=True)
    return labels


def _refuse_lists(y: Any, name: str) -> None:
    """Raise ValueError if each text has a list or a set of labels."""
    try:
        array = np.asarray(y)
        is_list = array.dtype == object and array.ndim == 1
        if not is_list or not isinstance(next(iter(array), None), _LISTS):
            return
    except ValueError:
        pass  # lists of different lengths
    raise ValueError(
        f"{name} holds lists of labels, but an indicator matrix with a column for each "
        "label was expected. Make one of them with "
        "sklearn.preprocessing.MultiLabelBinarizer, and pass its classes_ as "
        "label_names."
    )


def _checked_indicator(y: np.ndarray | csr_array, name: str) -> np.ndarray | csr_array:
    values: np.ndarray = np.asarray(y.data if issparse(y) else y)
    if not y.shape[1]:
        raise ValueError(f"{name} has no column, but one for each label was expected.")
    wrong: np.ndarray = (values != 0) & (values != 1)
    if wrong.any():
        raise ValueError(
            f"{name} has shape {y.shape}: several columns that are no indicators "
            f"of 0 and 1, since {name}{_place(y, wrong)} is {values[wrong][0]}. Recode "
            "an indicator to 1 where a text has a label and 0 elsewhere, turn lists of "
            "labels into one with sklearn.preprocessing.MultiLabelBinarizer, or wrap "
            "the classifier in sklearn.multioutput.MultiOutputClassifier."
        )
    return y.astype(np.int64) if y.dtype == object else y


def as_plain_strings(labels: Any) -> Any:
    """`labels`, of which numpy makes an array of their texts.

    Of members of an enumeration that are str it would take parts of their names.
    """
    if isinstance(labels, (list, tuple)):
        kinds = {*map(type, labels)}
        if kinds != {str} and all(issubclass(kind, str) for kind in kinds):
            return [str.__str__(label) for label in labels]
    return labels


def _place(y: Any, found: np.ndarray) -> list[int]:
    """The first index of what was found in `y`, or in the data of a sparse one."""
    if issparse(y):
        entries, first = y.tocoo(), int(found.argmax())
        return [int(entries.row[first]), int(entries.col[first])]
    return [int(i) for i in np.argwhere(found)[0]]


def refuse_missing(values: Any, name: str) -> None:
    """Raise ValueError for the first of `values` that is missing or not finite."""
    refuse_lazy(values, name)
    try:
        array = _comparable(values)
    except ValueError:
        return  # rows of different lengths, which have a better message below
    if array.dtype.kind in "fc":
        missing = ~np.isfinite(array)
    elif array.dtype.kind in "mM":
        missing = np.isnat(array)
    elif array.dtype == object and not {*map(type, array.flat)} <= {str, int, bool}:
        missing = np.asarray(np.frompyfunc(is_missing, 1, 1)(array), bool)
    else:
        return
    if missing.any():
        place = _place(values, missing) or ""
        raise ValueError(
            f"{name}{place} is {array[missing][0]}: NaN, infinity and missing values "
            "cannot be learned from. Drop such rows."
        )


def _comparable(values: Any) -> np.ndarray:
    """An array in which missing values are still distinct from others."""
    if issparse(values):
        data: np.ndarray = values.data
        return data
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(values.tolist(), object)  # None where it is masked
    array = np.asarray(values)
    if array.dtype.kind in "US" and isinstance(values, (list, tuple)):
        # numpy converts None and NaN among strings to strings.
        return np.asarray(values, object)
    return array


def check_values(y: Any, name: str = "y") -> np.ndarray:
    """`y` as real values of shape (n_texts,) or (n_texts, n_outputs), float64.

    Raises
    ------
    ValueError
        If `y` has another shape, or values that are not finite. The message calls it
        `name`.
    """
    if y is None:
        raise ValueError(
            f"This regressor requires y to be passed, but the target {name} is None."
        )
    refuse_missing(y, name)
    values = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=True)
    if values.ndim > 2:
        raise ValueError(
            f"{name} has shape {values.shape}, but (n_texts,) or (n_texts, n_outputs) "
            "was expected."
        )
    return np.asarray(values)


def check_classes(classes: Any, name: str = "classes") -> np.ndarray:
    """The distinct labels in a collection, in ascending order.

    Raises
    ------
    TypeError
        If it is not a collection. The message calls it `name`.
    ValueError
        If a label is missing.
    """
    if isinstance(classes, Set):
        classes = list(classes)
    classes = as_plain_strings(classes)
    if np.ndim(classes) == 0:
        raise TypeError(
            f"{name} is {classes!r}, but a list or array of labels was expected."
        )
    refuse_missing(classes, name)
    return np.unique(np.asarray(classes))


def refuse_surrogates(classes: np.ndarray) -> None:
    """Raise ValueError for labels with lone surrogates, which no file can hold."""
    for label in classes.tolist():
        if isinstance(label, str) and any("\ud800" <= c <= "\udfff" for c in label):
            raise ValueError(
                f"The label {label!r} holds a lone surrogate, which is not a character "
                "and cannot be saved. Decode the labels with the right encoding."
            )
