"""Linear models that minimise a penalised loss, and calibrations that minimise none."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from .design import Design
from .losses import Problem

__all__ = ["Calibration", "Linear", "calibrate", "fit_linear"]

# How far from the start to go at first. What is too far is taken back.
_FIRST_STEP = 10.0


class Linear(NamedTuple):
    """A linear model.

    Attributes
    ----------
    weights : ndarray of shape (n_features, n_outputs), float64
    intercept : ndarray of shape (n_outputs,), float64
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
    tol: float = 1e-3,
    max_iter: int = 1000,
) -> Linear:
    """The weights of least loss, as of scikit-learn's LogisticRegression.

    By Newton's method, each step of which is found by conjugate gradients within a
    trust region (scipy's ``trust-ncg``; T. Steihaug, SIAM J. Numer. Anal. 20, 1983):
    it takes products with the features only, and needs no more memory than a few copies
    of the weights.

    Parameters
    ----------
    design : Design
    problem : Problem
        Of the same texts.
    C : float
        The inverse strength of the squared penalty on the weights.
    start : Linear, default=None
        Where to begin, which changes only how long it takes.
    tol : float, default=1e-3
        The length of the mean loss's gradient that is left.
    max_iter : int, default=1000
        The most steps.
    """
    objective = _Objective(design, problem, C)
    if start is None:
        shape = (design.n_features, problem.n_outputs)
        start = Linear(np.zeros(shape), problem.log_prior())
    found = minimize(
        objective,
        np.append(start.weights, start.intercept),
        jac=True,
        hessp=objective.curvature_along,
        method="trust-ncg",
        options={
            "maxiter": max_iter,
            "gtol": tol,
            "initial_trust_radius": _FIRST_STEP,
            "max_trust_radius": 1e6,
        },
    )
    # Status 1 is the limit of steps. A step that rounding makes vain ends it, too, but
    # at a point from which nothing better can be found.
    return Linear(*objective.parts(found.x), int(found.nit), found.status != 1)


class _Objective:
    """The mean loss of a linear model, and a penalty on its weights."""

    def __init__(self, design: Design, problem: Problem, C: float) -> None:
        self._design = design
        self._problem = problem
        # The loss is a mean, for the tolerance to mean the same for all sizes, so C is
        # divided by the number of texts, which scikit-learn sums over. A penalty above
        # 1e30 could overflow in products, and makes weights no smaller in float32.
        strength = C * problem.strength * problem.weight.sum()
        self._penalty = 1 / max(strength, 1e-30)
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
        # The parts are views, so that adding to them writes into `out`.
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
        # Conjugate gradients ask for many steps from one point: what depends on the
        # point alone, the probabilities of all texts, is kept.
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
    scores: np.ndarray,
    problem: Problem,
    log_prior: np.ndarray,
    *,
    shifts: bool,
    prior_share: float = 0.0,
    n_pseudo: float = 1.0,
) -> Calibration:
    """The calibration of least loss on texts that were not trained on.

    A temperature [1]_, and a share of the prior log-probabilities that is taken away:
    under its penalty a model leans to frequent classes on texts whose words it knows
    little of. A ridge penalty worth `n_pseudo` texts shrinks the temperature towards 1
    and the share towards `prior_share`.

    Parameters
    ----------
    scores : ndarray of shape (n_texts, n_outputs)
    problem : Problem
        Of the same texts.
    log_prior : ndarray of shape (n_outputs,)
    shifts : bool
        Whether to take anything away.
    prior_share : float, default=0.0
        The share that is expected.
    n_pseudo : float, default=1.0
        How many held-out texts that expectation is worth.

    Returns
    -------
    calibration : Calibration
        Of no texts, the one that is expected.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    n_texts = len(scores)
    expected = np.array([0.0, prior_share if shifts else 0.0])
    if not n_texts:
        return Calibration(1.0, -expected[1] * log_prior, 0.0)

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        factor, share = np.exp(point[0]), point[1]
        loss, of_scores = problem.loss(factor * scores - share * log_prior)
        gradient = np.array(
            [factor * (of_scores * scores).sum(), -(of_scores @ log_prior).sum()]
        )
        pull = n_pseudo / n_texts
        off = point - expected
        return loss + pull * (off @ off) / 2, gradient + pull * off

    bounds = [(None, None), (0, None if shifts else 0)]
    found = minimize(objective, expected, jac=True, method="L-BFGS-B", bounds=bounds)
    factor, share = float(np.exp(found.x[0])), found.x[1]
    return Calibration(factor, -share * log_prior, float(found.fun))
