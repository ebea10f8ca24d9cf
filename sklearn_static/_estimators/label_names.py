"""What the columns of y are called: many labels, or targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.validation import names_of_columns
from .checks import as_plain_strings, check_classes

__all__ = ["label_names_of", "refuse_other_names", "target_names_of"]


def label_names_of(y: Any, label_names: Any, name: str) -> np.ndarray | None:
    """The names of the columns of `y`.

    Parameters
    ----------
    y : array-like
        If it is a frame whose columns are str, these are the names.
    label_names : array-like of shape (n_labels,) or None
        The parameter of the estimator.
    name : str
        The name of `y` in messages.

    Returns
    -------
    names : ndarray of shape (n_labels,) or None
        None if neither has names.

    Raises
    ------
    TypeError, ValueError
        If names are missing or repeated, or those of `y` differ from `label_names`.
    """
    columns = names_of_columns(y) or []
    are_names = len(columns) > 1 and all(isinstance(name, str) for name in columns)
    if label_names is None:
        return _distinct(columns, f"{name}.columns") if are_names else None
    names = _distinct(label_names, "label_names")
    refuse_other_names(columns if are_names else None, names, name)
    return names


def target_names_of(y: Any) -> np.ndarray | None:
    """The names of the columns of a frame of values, or that of a Series.

    Returns
    -------
    names : ndarray of shape (n_outputs,) or None
        None if one is missing, empty or no str.
    """
    names = names_of_columns(y) or [getattr(y, "name", None)]
    are_names = all(isinstance(name, str) and name for name in names)
    return np.array(names) if are_names else None


def _distinct(names: Any, source: str) -> np.ndarray:
    array = np.asarray(as_plain_strings(names))
    if array.ndim != 1 or len(check_classes(array, source)) < len(array):
        raise ValueError(
            f"{source} is {array.tolist()}, but one name for each label was expected, "
            "all of them different."
        )
    return array


def refuse_other_names(names: Any, known: np.ndarray | None, name: str) -> None:
    """Raise ValueError if the `names` of columns differ from the `known` ones.

    None, for no names, is accepted on either side, and so is a single column.
    """
    if names is None or known is None or np.array_equal(names, known):
        return
    if len(names) == len(known) == 1:
        return
    raise ValueError(
        f"The columns of {name} are named {np.asarray(names).tolist()[:20]}, but the "
        f"labels are {known.tolist()[:20]}. Give it columns of these names, in this "
        "order."
    )
