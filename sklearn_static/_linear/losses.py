"""The problems that are solved: losses of scores, with their gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

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
        """The mean loss, and its gradient, which is shaped like the scores."""
        ...

    def curvature(self, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """What multiplies a step of scores by the second derivatives of the loss."""
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
        share = self.weight / self.weight.sum()
        value = -(share @ log_softmax(scores, axis=1)[rows, self.y])
        gradient = softmax(scores, axis=1)
        gradient[rows, self.y] -= 1
        gradient *= share[:, None]
        return float(value), gradient

    def curvature(self, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """What multiplies a step of scores by the second derivatives of the loss."""
        share = (self.weight / self.weight.sum()).astype(np.float32)[:, None]
        probabilities = softmax(scores, axis=1)

        def product(step: np.ndarray) -> np.ndarray:
            out = probabilities * step
            out -= probabilities * out.sum(axis=1, keepdims=True)
            out *= share
            return out

        return product

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
        share = (self.weight / self.weight.sum())[:, None]
        present, absent = share * self.y * self.pos_weight, share * (1 - self.y)
        value = -(present * log_expit(scores) + absent * log_expit(-scores)).sum()
        gradient = (present + absent) * expit(scores) - present
        return float(value), gradient

    def curvature(self, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """What multiplies a step of scores by the second derivatives of the loss."""
        share = (self.weight / self.weight.sum())[:, None]
        weight = share * (self.y * self.pos_weight + 1 - self.y)
        probabilities = expit(scores)
        factors = (weight * probabilities * (1 - probabilities)).astype(np.float32)
        return lambda step: factors * step

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
