"""The problems that are solved: losses of scores, with their gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import expit, softmax

__all__ = ["Classes", "Labels", "Problem", "Values"]


class Problem(Protocol):
    """Targets with weights, and what a score for each output costs."""

    @property
    def weight(self) -> np.ndarray:
        """The weight of each text in the loss, of shape (n_texts,), float64."""
        ...

    @property
    def n_outputs(self) -> int:
        """The number of scores for each text."""
        ...

    @property
    def strength(self) -> float:
        """What the inverse of regularisation is multiplied by to be scikit-learn's."""
        ...

    def take(self, rows: np.ndarray) -> Problem:
        """The problem of some texts."""
        ...

    def only(self, rows: np.ndarray) -> Problem:
        """The same with texts beside it that have no weight: all others."""
        ...

    def loss(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean loss, and its gradient, of the shape and type of the scores."""
        ...

    def curvature(self, scores: np.ndarray) -> np.ndarray:
        """The sum over texts of second derivatives by each output's score."""
        ...

    def log_prior(self) -> np.ndarray:
        """The scores of a text of which nothing is known, of shape (n_outputs,)."""
        ...

    def strata(self) -> np.ndarray | None:
        """The class of each text, where each has one."""
        ...

    def learnable_from(self, others: Problem) -> np.ndarray:
        """Which of the texts have a class that `others` have too."""
        ...


@dataclass(frozen=True)
class Classes:
    """One class for each text, and the cross-entropy of the softmax of its scores.

    Attributes
    ----------
    y : ndarray of shape (n_texts,), int64
        Class numbers.
    weight : ndarray of shape (n_texts,), float64
    n_outputs : int
    """

    y: np.ndarray
    weight: np.ndarray
    n_outputs: int

    @property
    def strength(self) -> float:
        """One half for two classes, which scikit-learn gives one score together."""
        return 0.5 if self.n_outputs == 2 else 1.0

    def take(self, rows: np.ndarray) -> Classes:
        """The problem of some texts."""
        return replace(self, y=self.y[rows], weight=self.weight[rows])

    def only(self, rows: np.ndarray) -> Classes:
        """The same with texts beside it that have no weight: all others."""
        return replace(self, weight=_only(self.weight, rows))

    def loss(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean cross-entropy, and its gradient."""
        rows = np.arange(len(self.y))
        share = _share(self.weight, scores)
        scores = scores - scores.max(axis=1, keepdims=True)
        of_class = scores[rows, self.y]
        gradient = np.exp(scores, out=scores)
        # The classes' other than the true one are summed apart: one less a probability
        # close to one is mostly rounding.
        gradient[rows, self.y] = 0
        others = gradient.sum(axis=1)
        rest = np.where(of_class == 0, others, others + np.expm1(of_class))
        value = share @ (np.log1p(rest) - of_class)
        share /= others + np.exp(of_class)
        gradient *= share[:, None]
        gradient[rows, self.y] = -share * others
        return float(value), gradient

    def curvature(self, scores: np.ndarray) -> np.ndarray:
        """The sum over texts of second derivatives by each output's score."""
        probabilities = softmax(scores, axis=1)
        out: np.ndarray = _share(self.weight, scores) @ (
            probabilities * (1 - probabilities)
        )
        return out

    def log_prior(self) -> np.ndarray:
        """The logarithms of the classes' shares, less their mean."""
        # A thousandth of the least float would be 0.
        weight = self.weight / self.weight.max()
        total = np.bincount(self.y, weight, self.n_outputs)
        mean = weight.sum() / np.count_nonzero(weight)
        logs = np.log(np.maximum(total, 1e-3 * mean) / total.sum())
        out: np.ndarray = logs - logs.mean()
        return out

    def strata(self) -> np.ndarray:
        """The class of each text."""
        return self.y

    def learnable_from(self, others: Problem) -> np.ndarray:
        """Which of the texts have a class that `others` have too."""
        return np.isin(self.y, np.asarray(others.strata()))


@dataclass(frozen=True)
class Labels:
    """Any number of labels for each text, and the binary cross-entropy of each.

    Attributes
    ----------
    y : ndarray of shape (n_texts, n_outputs), float32
        1 where a text has a label, else 0.
    weight : ndarray of shape (n_texts,), float64
    pos_weight : ndarray of shape (n_outputs,)
        What the presence of a label weighs.
    """

    y: np.ndarray
    weight: np.ndarray
    pos_weight: np.ndarray

    @property
    def n_outputs(self) -> int:
        """The number of labels."""
        return self.y.shape[1]

    @property
    def strength(self) -> float:
        """One: each label has a score of its own."""
        return 1.0

    def take(self, rows: np.ndarray) -> Labels:
        """The problem of some texts."""
        return replace(self, y=self.y[rows], weight=self.weight[rows])

    def only(self, rows: np.ndarray) -> Labels:
        """The same with texts beside it that have no weight: all others."""
        return replace(self, weight=_only(self.weight, rows))

    def loss(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean over texts of the sum over labels, and its gradient."""
        share = _share(self.weight, scores)[:, None]
        present = share * self.y * self.pos_weight.astype(scores.dtype)
        absent = share * (1 - self.y)
        # The exponential is taken of what is negative, where it cannot overflow.
        small = np.exp(-np.abs(scores))
        softplus = np.log1p(small)
        value = (present * (softplus + np.maximum(-scores, 0))).sum(dtype=np.float64)
        value += (absent * (softplus + np.maximum(scores, 0))).sum(dtype=np.float64)
        # Both probabilities, for one less the other would be rounded.
        likely, unlikely = 1 / (1 + small), small / (1 + small)
        is_above = scores > 0
        gradient = absent * np.where(is_above, likely, unlikely)
        gradient -= present * np.where(is_above, unlikely, likely)
        return float(value), gradient

    def curvature(self, scores: np.ndarray) -> np.ndarray:
        """The sum over texts of second derivatives by each output's score."""
        weight = self.y * self.pos_weight + 1 - self.y
        probabilities = expit(scores)
        out: np.ndarray = (self.weight / self.weight.sum()) @ (
            weight * probabilities * (1 - probabilities)
        )
        return out

    def log_prior(self) -> np.ndarray:
        """The log-odds of each label."""
        present = (self.weight @ (self.y * self.pos_weight)) + 1e-3
        absent = (self.weight @ (1 - self.y)) + 1e-3
        log_odds: np.ndarray = np.log(present / absent)
        return log_odds

    def strata(self) -> None:
        """None: a text may have any of the labels."""
        return

    def learnable_from(self, others: Problem) -> np.ndarray:
        """All texts."""
        return np.ones(len(self.y), bool)


@dataclass(frozen=True)
class Values:
    """Real values for each text, and the squared error of each.

    Attributes
    ----------
    y : ndarray of shape (n_texts, n_outputs), float32
    weight : ndarray of shape (n_texts,), float64
    """

    y: np.ndarray
    weight: np.ndarray

    @property
    def n_outputs(self) -> int:
        """The number of targets."""
        return self.y.shape[1]

    def take(self, rows: np.ndarray) -> Values:
        """The problem of some texts."""
        return replace(self, y=self.y[rows], weight=self.weight[rows])

    def strata(self) -> None:
        """None: texts have no classes."""
        return

    def learnable_from(self, others: Values) -> np.ndarray:
        """All texts."""
        return np.ones(len(self.y), bool)


def _only(weight: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The weights at `rows`, and zero elsewhere."""
    out = np.zeros_like(weight)
    out[rows] = weight[rows]
    return out


def _share(weight: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of each text in the loss, in the type of the scores."""
    out: np.ndarray = (weight / weight.sum()).astype(scores.dtype)
    return out
