"""Calibration: what turns scores into probabilities that are not overfitted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from .losses import Problem

__all__ = ["Calibration", "calibrate"]


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
