"""Linear models that minimise a penalised loss, and calibrations that minimise none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from .design import Design
from .losses import Problem

__all__ = ["Calibration", "Linear", "calibrate", "fit_linear"]

_MAX_ITER = 1000
# The length of the mean loss's gradient that is left.
_TOLERANCE = 1e-3
# How far from the start to go at first. What is too far is taken back.
_FIRST_STEP = 10.0


class Linear(NamedTuple):
    """A linear model.

    Attributes
    ----------
    weights : ndarray of shape (n_features, n_outputs), float64
    intercept : ndarray of shape (n_outputs,), float64
    n_iter : int
    """

    weights: np.ndarray
    intercept: np.ndarray
    n_iter: int

    def scores(self, design: Design) -> np.ndarray:
        """The scores of texts, of shape (n_texts, n_outputs)."""
        out: np.ndarray = design.scores(self.weights) + self.intercept
        return out


def fit_linear(
    design: Design, problem: Problem, C: float, start: Linear | None = None
) -> Linear:
    """The weights of least loss, as of scikit-learn's LogisticRegression.

    By Newton's method, each step of which is found by conjugate gradients within a
    radius of trust (T. Steihaug, SIAM J. Numer. Anal. 20, 1983): it takes products with
    the features only, and needs no more memory than a few copies of the weights.

    Parameters
    ----------
    design : Design
    problem : Problem
        Of the same texts.
    C : float
        The inverse strength of the squared penalty on the weights.
    start : Linear, default=None
        Where to begin, which changes only how long it takes.

    Warns
    -----
    ConvergenceWarning
        If the minimum is not found.
    """
    objective = _Objective(design, problem, C)
    if start is None:
        shape = (design.n_features, problem.n_outputs)
        start = Linear(np.zeros(shape), problem.log_prior(), 0)
    found = minimize(
        objective,
        np.append(start.weights, start.intercept),
        jac=True,
        hessp=objective.curvature_along,
        method="trust-ncg",
        options={
            "maxiter": _MAX_ITER,
            "gtol": _TOLERANCE,
            "initial_trust_radius": _FIRST_STEP,
            "max_trust_radius": 1e6,
        },
    )
    if found.nit >= _MAX_ITER:
        warnings.warn(
            f"The solver stopped after {_MAX_ITER} iterations, before it had found "
            "the minimum. A lower C helps.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Linear(*objective.parts(found.x), int(found.nit))


class _Objective:
    """The mean loss of a linear model, and a penalty on its weights."""

    def __init__(self, design: Design, problem: Problem, C: float) -> None:
        self._design = design
        self._problem = problem
        self._penalty = 1 / (C * problem.strength * problem.weight.sum())
        self._point = np.empty(0)
        self._curvature: Callable[[np.ndarray], np.ndarray] | None = None

    def parts(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights and intercept, of all parameters in one array."""
        n_outputs = self._problem.n_outputs
        return flat[:-n_outputs].reshape(-1, n_outputs), flat[-n_outputs:]

    def _scores(self, flat: np.ndarray) -> np.ndarray:
        weights, intercept = self.parts(flat)
        scores = self._design.scores(weights)
        scores += intercept
        return scores

    def _gradient(self, flat: np.ndarray, of_scores: np.ndarray) -> np.ndarray:
        out = self._penalty * flat
        weights, intercept = self.parts(out)
        weights += self._design.gradient(of_scores)
        intercept[:] = of_scores.sum(axis=0)
        return out

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and the gradient."""
        loss, of_scores = self._problem.loss(self._scores(flat))
        weights, _ = self.parts(flat)
        value = loss + self._penalty / 2 * float(np.vdot(weights, weights))
        return value, self._gradient(flat, of_scores)

    def curvature_along(self, flat: np.ndarray, step: np.ndarray) -> np.ndarray:
        """The product of the matrix of second derivatives with `step`."""
        if self._curvature is None or not np.array_equal(flat, self._point):
            self._point = flat.copy()
            self._curvature = self._problem.curvature(self._scores(flat))
        return self._gradient(step, self._curvature(self._scores(step)))


class Calibration(NamedTuple):
    """What makes probabilities of scores that are not overfitted.

    Attributes
    ----------
    factor : float
    shift : ndarray of shape (n_outputs,)
    loss : float
        What is left on the texts that it was fitted to.
    """

    factor: float
    shift: np.ndarray
    loss: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """``factor * scores + shift``."""
        return self.factor * scores + self.shift


def calibrate(
    scores: np.ndarray, problem: Problem, log_prior: np.ndarray, *, shifts: bool
) -> Calibration:
    """The calibration of least loss on texts that were not trained on.

    A temperature [1]_, and a share of the prior log-probabilities that is taken away:
    under its penalty a model leans to frequent classes on texts whose words it knows
    little of. It is held to no calibration by a penalty that weighs as much as a text.

    Parameters
    ----------
    scores : ndarray of shape (n_texts, n_outputs)
    problem : Problem
        Of the same texts.
    log_prior : ndarray of shape (n_outputs,)
    shifts : bool
        Whether to take anything away.

    Returns
    -------
    calibration : Calibration
        Of no texts, one that changes nothing.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    n_texts = len(scores)
    if not n_texts:
        return Calibration(1.0, np.zeros(problem.n_outputs), 0.0)

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        factor, share = np.exp(point[0]), point[1]
        loss, of_scores = problem.loss(factor * scores - share * log_prior)
        gradient = np.array(
            [factor * (of_scores * scores).sum(), -(of_scores @ log_prior).sum()]
        )
        return loss + point @ point / (2 * n_texts), gradient + point / n_texts

    bounds = [(None, None), (0, None if shifts else 0)]
    found = minimize(objective, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds)
    factor, share = float(np.exp(found.x[0])), found.x[1]
    return Calibration(factor, -share * log_prior, float(found.fun))
