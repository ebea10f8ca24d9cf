"""What sample_weight and class_weight may be."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from .._utils.compat import check_sample_weight
from .checks import refuse_missing

__all__ = ["check_class_weight", "check_total", "check_weights"]

# Weights of more in all, times squares of features, may overflow float64.
_HEAVIEST = 1e100


def check_weights(
    sample_weight: Any, n_texts: int, name: str = "sample_weight"
) -> np.ndarray:
    """`sample_weight`, or ones, as an array of shape (n_texts,), float64.

    Raises
    ------
    ValueError
        If it has another shape, values that are negative or not finite, or a sum that
        is 0 or too large to be calculated with. The message calls it `name`.
    """
    if sample_weight is not None:
        refuse_missing(sample_weight, name)
    weights: np.ndarray = check_sample_weight(
        sample_weight, np.empty((n_texts, 1)), dtype=np.float64
    )
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(
            f"{name}[{row}] is {weights[row]}: negative values in sample_weight have "
            "no meaning here."
        )
    return check_total(weights, name)


def check_total(weights: np.ndarray, name: str) -> np.ndarray:
    """The `weights` of texts; ValueError, calling them `name`, for a useless sum."""
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not total:
        raise ValueError(f"{name} is zero for every text: none is left.")
    if total > _HEAVIEST:
        raise ValueError(
            f"{name} sums to {total:.3g}, but {_HEAVIEST:.0e} at most was expected. "
            "Divide it by its mean."
        )
    return weights


def check_class_weight(
    class_weight: Mapping[Any, float], classes: np.ndarray, *, all_known: bool
) -> np.ndarray:
    """The weights of `classes`, 1 for those that `class_weight` does not name.

    Parameters
    ----------
    class_weight : mapping of label to float
    classes : ndarray of shape (n_classes,)
    all_known : bool
        Whether to refuse every other label. If not, those are passed over where all
        `classes` have a weight, as scikit-learn does: a fold may lack a rare class.

    Returns
    -------
    weights : ndarray of shape (n_classes,), float64

    Raises
    ------
    TypeError
        If a weight is no number.
    ValueError
        If one is negative or not finite in float32, all are zero, or a label is
        unknown.
    """
    most = float(np.finfo(np.float32).max)
    # Members of an enumeration have another hash than the str that they are.
    class_weight = {
        str.__str__(label) if isinstance(label, str) else label: weight
        for label, weight in class_weight.items()
    }
    for label, weight in class_weight.items():
        given = f"class_weight[{label!r}] is {weight!r}"
        if not isinstance(weight, Real):
            raise TypeError(f"{given}, but a number was expected.")
        if not 0 <= weight <= most:
            raise ValueError(
                f"{given}, but a number from 0 to {most:.2g} was expected."
            )
    labels = classes.tolist()
    unknown = set(class_weight) - set(labels)
    if unknown and (all_known or not set(labels) <= set(class_weight)):
        raise ValueError(
            f"class_weight names {sorted(map(str, unknown))}, which are not among the "
            f"classes {labels[:20]}."
        )
    weights = np.array([class_weight.get(label, 1.0) for label in labels], np.float64)
    if not weights.any():
        raise ValueError("class_weight is 0 for every class: no text would count.")
    return weights
