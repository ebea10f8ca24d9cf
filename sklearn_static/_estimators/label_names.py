"""What the columns of an indicator of many labels are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.validation import names_of_columns
from .checks import as_plain_strings, check_classes

__all__ = ["label_names_of", "refuse_other_names"]


def label_names_of(y: Any, label_names: Any, name: str) -> np.ndarray | None:
    """The names of the columns of `y`.

    Parameters
    ----------
    y : array-like
        Of a frame with a str for each column, these are the names.
    label_names : array-like of shape (n_labels,) or None
        The names, as the user gives them.
    name : str
        What messages call `y`.

    Returns
    -------
    names : ndarray of shape (n_labels,) or None
        None if neither tells.

    Raises
    ------
    TypeError, ValueError
        If names are missing or come twice, or `y` has others than `label_names`.
    """
    columns = names_of_columns(y) or []
    are_names = len(columns) > 1 and all(isinstance(name, str) for name in columns)
    if label_names is None:
        return _distinct(columns, f"{name}.columns") if are_names else None
    names = _distinct(label_names, "label_names")
    refuse_other_names(columns if are_names else None, names, name)
    return names


def _distinct(names: Any, source: str) -> np.ndarray:
    array = np.asarray(as_plain_strings(names))
    if array.ndim != 1 or len(check_classes(array, source)) < len(array):
        raise ValueError(
            f"{source} is {array.tolist()}, but one name for each label was expected, "
            "none of them twice."
        )
    return array


def refuse_other_names(names: Any, known: np.ndarray | None, name: str) -> None:
    """Raise ValueError if the columns of `name` have `names` other than those `known`.

    Whatever has no names goes with any.
    """
    if names is None or known is None or np.array_equal(names, known):
        return
    raise ValueError(
        f"The columns of {name} are named {np.asarray(names).tolist()[:20]}, but the "
        f"labels are {known.tolist()[:20]}. Give it columns of these names, in this "
        "order."
    )
