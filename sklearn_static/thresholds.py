"""Thresholds for many labels: the probabilities from which they are predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.sparse import issparse
from scipy.special import expit, logit
from sklearn.utils import check_array

from ._estimators.checks import check_labels

__all__ = ["tune_threshold"]

# The number of texts with a label that the model's own expectation weighs as much as.
_N_EXPECTED = 20.0

Metric = Literal["f1_macro", "f1_micro", "cost"]


def tune_threshold(
    y_true: Any,
    probabilities: Any,
    *,
    metric: Metric = "f1_macro",
    costs: tuple[Any, Any] = (1.0, 1.0),
) -> np.ndarray:
    """The best threshold of each label on held-out texts.

    Parameters
    ----------
    y_true : array-like of shape (n_texts, n_labels), sparse or not
        An indicator of the labels of texts that the model was not trained on.
    probabilities : array-like of shape (n_texts, n_labels)
        Of ``predict_proba`` for these texts.
    metric : {"f1_macro", "f1_micro", "cost"}, default="f1_macro"
        What to optimise: the mean of the labels' F1 scores, the F1 score over all
        labels together, or the sum of `costs`.
    costs : tuple of two floats, default=(1.0, 1.0)
        With ``metric="cost"``, the costs of a false positive and of a false negative.
        Each may be an array of shape (n_labels,).

    Returns
    -------
    threshold : ndarray of shape (n_labels,), float64
        For the parameter `threshold` of classifiers and of frozen heads.

    Raises
    ------
    ValueError
        If an argument is not as described.

    Notes
    -----
    With few texts of a rare label, the best threshold is mostly due to chance. So
    `y_true` is shrunk towards the probabilities, shifted to the label's frequency, with
    the weight of 20 texts that have the label. For ``"f1_micro"``, thresholds and F1
    are computed in turn until they agree [1]_.

    References
    ----------
    .. [1] W. Dinkelbach, "On Nonlinear Fractional Programming", Management Science 13,
       1967.

    Examples
    --------
    >>> from sklearn_static import tune_threshold
    >>> Y = [[1, 0], [1, 0], [0, 1], [0, 0]] * 20
    >>> probabilities = [[0.4, 0.1], [0.3, 0.2], [0.1, 0.8], [0.2, 0.1]] * 20
    >>> tune_threshold(Y, probabilities).round(2).tolist()
    [0.25, 0.5]
    """
    y, p = _checked(y_true, probabilities)
    ends = np.ones((1, p.shape[1]))
    order = np.argsort(-p, axis=0, kind="stable")
    edges = np.vstack([ends, np.take_along_axis(p, order, axis=0), 0 * ends])
    softened = np.take_along_axis(_softened(y, p), order, axis=0)
    # The number of texts with the label among the k most probable ones, by k.
    found = np.cumsum(np.vstack([0 * ends, softened]), axis=0)
    n_predicted = np.arange(len(found))[:, None]

    def best(value: np.ndarray) -> np.ndarray:
        """For each label, the number of most probable texts to predict it for."""
        # No threshold separates texts of equal probability.
        value = np.where(edges[:-1] > edges[1:], value, -np.inf)
        return value.argmax(axis=0)

    if metric == "f1_macro":
        chosen = best(2 * found / (n_predicted + found[-1]))
    elif metric == "f1_micro":
        chosen = _best_together(best, found, n_predicted)
    elif metric == "cost":
        wrong, missed = _checked_costs(costs, p.shape[1])
        chosen = best((wrong + missed) * found - wrong * n_predicted)
    else:
        raise ValueError(
            f"metric is {metric!r}, but 'f1_macro', 'f1_micro' or 'cost' was expected."
        )
    labels = np.arange(p.shape[1])
    threshold: np.ndarray = (edges[chosen, labels] + edges[chosen + 1, labels]) / 2
    return threshold


def _checked(y_true: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of shape (n_texts, n_labels), float64."""
    y: Any = check_labels(y_true, "y_true")
    if y.ndim != 2:
        raise ValueError(
            "y_true holds one class for each text, but an indicator of many labels was "
            "expected. For two classes, scikit-learn has TunedThresholdClassifierCV."
        )
    y = np.asarray(y.toarray() if issparse(y) else y, np.float64)
    p = check_array(probabilities, dtype=np.float64, input_name="probabilities")
    if p.shape != y.shape:
        raise ValueError(
            f"probabilities has shape {p.shape}, but {y.shape} was expected, as y_true "
            "has it."
        )
    if p.min() < 0 or p.max() > 1:
        raise ValueError("probabilities holds values that are not from 0 to 1.")
    return y, p


def _checked_costs(costs: Any, n_labels: int) -> np.ndarray:
    """The costs of wrong labels and of missed ones, of shape (2, n_labels)."""
    array = np.stack([np.broadcast_to(cost, n_labels) for cost in costs]).astype(float)
    if len(array) != 2 or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            f"costs is {costs!r}, but two numbers were expected, or two arrays of one "
            "for each label, none of them negative."
        )
    return array


def _softened(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """How often a text as probable has the label: in part `y`, in part as expected."""
    n_found = y.sum(axis=0)
    frequency = (n_found + 1) / (len(y) + 2)
    scores = logit(np.clip(p, 1e-12, 1 - 1e-12))
    expected = np.empty_like(p)
    for label, target in enumerate(frequency):
        # Weighted classes have probabilities that are not those of held-out texts.
        column = scores[:, label]
        shift = brentq(_surplus, -60, 60, args=(column, target))
        expected[:, label] = expit(column + shift)
    share = _N_EXPECTED / (_N_EXPECTED + n_found)
    softened: np.ndarray = (1 - share) * y + share * expected
    return softened


def _surplus(shift: float, scores: np.ndarray, frequency: float) -> float:
    return float(expit(scores + shift).mean() - frequency)


def _best_together(
    best: Callable[[np.ndarray], np.ndarray], found: np.ndarray, n_predicted: np.ndarray
) -> np.ndarray:
    """The cuts of the greatest F1 of all labels together, by Dinkelbach's method."""
    labels, n_found, f1 = np.arange(found.shape[1]), found[-1].sum(), 0.0
    while True:
        chosen = best(2 * found - f1 * n_predicted)
        higher = 2 * found[chosen, labels].sum() / (chosen.sum() + n_found)
        if higher <= f1:
            return chosen
        f1 = float(higher)
