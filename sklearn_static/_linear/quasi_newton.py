"""Linear models that minimise a penalised loss, by a quasi-Newton method."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import saxpy

from .design import Design
from .losses import Problem

__all__ = ["Linear", "fit_linear"]

# How many steps are remembered: of twice as many, each costs more than it saves.
_MEMORY = 8
# Curvature falls as texts are fitted, most of it at once. At a tenth of what it is at
# the start, the fewest steps were taken on nine data sets of 2 to 77 classes.
_LATER_CURVATURE = 0.1
# What a step has to bring of what its slope promises.
_SUFFICIENT = 1e-4
# The loss is a mean in float32, so that less than this share of it is rounding.
_ROUNDING = 1e-6
# Nor does a share of less count, which no model is the better for: the loss of texts of
# one class has no minimum, but falls to zero.
_NEGLIGIBLE = 1e-5


class Linear(NamedTuple):
    """A linear model.

    Attributes
    ----------
    weights : ndarray of shape (n_features, n_outputs), float32
    intercept : ndarray of shape (n_outputs,), float32
    n_iter : int
    has_converged : bool
    """

    weights: np.ndarray
    intercept: np.ndarray
    n_iter: int = 0
    has_converged: bool = True

    def scores(self, design: Design) -> np.ndarray:
        """The scores of texts, of shape (n_texts, n_outputs)."""
        out: np.ndarray = design.scores(self.weights) + self.intercept
        return out


def fit_linear(
    design: Design,
    problem: Problem,
    C: float,
    start: Linear | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 1000,
) -> Linear:
    """The weights of least loss, as of scikit-learn's LogisticRegression.

    By L-BFGS (D. C. Liu and J. Nocedal, Math. Program. 45, 1989), preconditioned by an
    estimate of the diagonal of second derivatives. Scores are linear in a step, so that
    a search along it takes no product with the features.

    Parameters
    ----------
    design : Design
    problem : Problem
        Of the same texts.
    C : float
        The inverse strength of the squared penalty on the weights.
    start : Linear, default=None
        Where to begin, which changes only how long it takes.
    tol : float, default=1e-6
        The share of itself that the penalised loss may still fall by, as far as the
        method knows its second derivatives, where it stops.
    max_iter : int, default=1000
        The most steps.
    """
    objective = _Objective(design, problem, C)
    if start is None:
        weights = np.zeros((design.n_features, problem.n_outputs))
        start = Linear(weights, problem.log_prior())
    point = np.vstack([start.weights, start.intercept]).astype(np.float32)
    scores = objective.scores(point)
    memory = _Memory(objective.inverse_curvature(scores))
    loss, of_scores = problem.loss(scores)
    value = loss + objective.penalty_along(point, point)(0.0)
    gradient = objective.gradient(point, of_scores)
    for n_iter in count():
        step = memory.direction(gradient)
        slope = float(np.vdot(gradient, step))
        # A Newton step promises half its slope.
        has_converged = -slope / 2 <= tol * max(value, _NEGLIGIBLE)
        if has_converged or n_iter == max_iter:
            break
        of_step, length = objective.scores(step), 1.0
        penalty = objective.penalty_along(point, step)
        while True:
            moved = scores + np.float32(length) * of_step
            loss, of_scores = problem.loss(moved)
            rise = loss + penalty(length) - value
            if rise <= _SUFFICIENT * length * slope + _ROUNDING * value:
                break
            length *= _shorter(rise, length * slope)
        step *= np.float32(length)
        point, scores, value = point + step, moved, value + rise
        before, gradient = gradient, objective.gradient(point, of_scores)
        memory.add(step, gradient - before)
    return Linear(point[:-1], point[-1], n_iter, has_converged)


def _shorter(rise: float, slope: float) -> float:
    """By what to multiply a step: to the minimum of a parabola, as far as trusted."""
    return float(np.clip(-slope / (2 * (rise - slope)), 0.1, 0.6))


class _Objective:
    """The mean loss of a linear model, and a penalty on its weights.

    A point has the weights in its rows and, in the last one, the intercept.
    """

    def __init__(self, design: Design, problem: Problem, C: float) -> None:
        self._design = design
        self._problem = problem
        # The loss is a mean, for the tolerance to mean the same for all sizes, so C is
        # divided by the number of texts, which scikit-learn sums over. A penalty above
        # 1e30 could overflow in products, and makes weights no smaller in float32.
        strength = max(C * problem.strength * problem.weight.sum(), 1e-30)
        self._penalty = np.full((design.n_features + 1, 1), 1 / strength, np.float32)
        self._penalty[-1] = 0

    def scores(self, point: np.ndarray) -> np.ndarray:
        scores = self._design.scores(point[:-1])
        scores += point[-1]
        return scores

    def gradient(self, point: np.ndarray, of_scores: np.ndarray) -> np.ndarray:
        out: np.ndarray = self._penalty * point
        out[:-1] += self._design.gradient(of_scores)
        out[-1] = of_scores.sum(axis=0)
        return out

    def inverse_curvature(self, scores: np.ndarray) -> np.ndarray:
        """What to multiply a gradient by for a step, as far as is known beforehand.

        The mean of the products of squared features and second derivatives by scores is
        taken for the product of their means. The penalty keeps it finite, that of the
        intercept as well, where texts are fitted so well that these vanish.
        """
        weight = self._problem.weight / self._problem.weight.sum()
        squares = np.append(self._design.mean_squares(weight), 1)[:, None]
        curvature = _LATER_CURVATURE * self._problem.curvature(scores)
        curvatures = squares * curvature + self._penalty[0]
        # With weights of any size, and hardly a penalty, there may be none to speak of.
        out: np.ndarray = 1 / np.maximum(curvatures, 1e-30)
        return out.astype(np.float32)

    def penalty_along(
        self, point: np.ndarray, step: np.ndarray
    ) -> Callable[[float], float]:
        """The penalty beyond a point, by the length of a step."""
        half = float(self._penalty[0, 0]) / 2
        at, by = point[:-1], step[:-1]
        squares = float(np.vdot(at, at)), float(np.vdot(at, by)), float(np.vdot(by, by))
        return lambda t: half * (squares[0] + 2 * t * squares[1] + t**2 * squares[2])


class _Memory:
    """The last steps with the changes of the gradient, which make up for a Hessian.

    Parameters
    ----------
    inverse_curvature : ndarray
        Shaped like a point: the inverse of a diagonal that a multiple of is added to.
    """

    def __init__(self, inverse_curvature: np.ndarray) -> None:
        self._inverse_curvature = inverse_curvature
        self._scale = np.float32(1)
        self._steps: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=_MEMORY)

    def add(self, step: np.ndarray, change: np.ndarray) -> None:
        """Remember a step and the change of the gradient along it."""
        product = float(np.vdot(step, change))
        # Which is positive, for the objective is convex, unless rounding outweighs it.
        squares = float(np.vdot(change * self._inverse_curvature, change))
        if product > _ROUNDING * squares > 0:
            self._scale = np.float32(product / squares)
            self._steps.append((step.ravel(), change.ravel(), product))

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Where to go: the inverse Hessian, as far as known, times minus the gradient.

        By two loops over the steps (J. Nocedal, Math. Comput. 35, 1980).
        """
        out = -gradient.ravel()
        shares = []
        for step, change, product in reversed(self._steps):
            shares.append(float(np.vdot(step, out)) / product)
            saxpy(change, out, a=-shares[-1])
        out *= self._scale
        out *= self._inverse_curvature.ravel()
        for step, change, product in self._steps:
            share = float(np.vdot(change, out)) / product
            saxpy(step, out, a=shares.pop() - share)
        return out.reshape(gradient.shape)
