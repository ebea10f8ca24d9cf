"""A linear solution as what fine-tuning starts from, and ends half way to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._lexical.weights import WordWeights
from .._linear import Calibration, calibrate
from .linear import LinearModel, Prepared, problem_of
from .targets import ClassTargets, Examples, RealTargets

__all__ = ["LinearStart"]

# The share of the solution that the network starts from. At the whole of it, the
# training loss is low and nothing moves; from a random head, words are forgotten. Of
# values, which a squared error makes it follow further, less is better.
_SHARE, _SHARE_OF_VALUES = 0.5, 0.25
# The share of the classes' log-prior that is expected to be taken away, and how many
# held-out texts this expectation is worth. A hundred texts alone are a noisy judge.
_PRIOR_SHARE, _WORTH = 0.5, 300.0


@dataclass(frozen=True)
class LinearStart:
    """Where a network starts, and what it is mixed with in the end.

    Attributes
    ----------
    model : LinearModel
        The uncalibrated solution of the training texts.
    prepared : Prepared
        What it was solved for.
    out_of_fold : ndarray of shape (n_train, n_outputs), float32
        The word scores of each training text, of a model that did not see it.
    targets : Targets
    """

    model: LinearModel
    prepared: Prepared
    out_of_fold: np.ndarray
    targets: Any

    @property
    def solution(self) -> tuple[np.ndarray, np.ndarray]:
        """The weight and the intercept of the linear part."""
        return self.model.weight, self.model.intercept

    @property
    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """The weight and the intercept that the network's linear part starts from."""
        weight, intercept = self.solution
        share = np.float32(self.share)
        return weight * share, intercept * share

    @property
    def word_weights(self) -> WordWeights | None:
        """The word weights beside the network while it is trained."""
        return self._times(self.share)

    def mixed_word_weights(self, kept: float) -> WordWeights | None:
        """The word weights of the mean of the network and the solution.

        Parameters
        ----------
        kept : float
            The weight of the network.
        """
        return self._times(kept * self.share + 1 - kept)

    def _times(self, factor: float) -> WordWeights | None:
        words = self.model.word_weights
        return None if words is None else words.times(factor)

    @property
    def scores_out_of_fold(self) -> np.ndarray:
        """What words add to the scores of the training texts meanwhile."""
        return self.out_of_fold * np.float32(self.share)

    def kept(
        self, embeddings: np.ndarray, words: np.ndarray, network: np.ndarray, valid: Any
    ) -> float:
        """The weight of the network in its mean with the solution.

        Of class scores it is a half, whatever the texts. Values have an error that one
        weight minimises, and the solution may be the better where texts are few.

        Parameters
        ----------
        embeddings : ndarray of shape (n_valid, n_dimensions), float32
            Of the trained table.
        words : ndarray of shape (n_valid, n_outputs) or (n_valid, 0), float32
            The word scores of the solution.
        network : ndarray of shape (n_valid, n_outputs), float32
            The scores of the network, words included.
        valid : Examples
        """
        if not self.is_of_values or not len(network):
            return _SHARE
        weight, intercept = self.solution
        solution = embeddings @ weight.T + intercept
        solution += words if words.shape[1] else 0
        away = (network - solution) * valid.sample_weight[:, None]
        squares = float((away * (network - solution)).sum())
        if not squares:
            return _SHARE
        return float(np.clip((away * (valid.y - solution)).sum() / squares, 0, 1))

    @property
    def is_of_values(self) -> bool:
        """Whether real values are predicted, whose share of the network is chosen."""
        return isinstance(self.targets, RealTargets)

    @property
    def share(self) -> float:
        """The share of the solution that the network starts from."""
        return _SHARE_OF_VALUES if self.is_of_values else _SHARE

    def calibration(self, scores: np.ndarray, valid: Examples | None) -> Calibration:
        """What makes probabilities of held-out texts true.

        Parameters
        ----------
        scores : ndarray of shape (n_valid, n_outputs)
        valid : Examples or None
            Of which the scores are.

        Returns
        -------
        calibration : Calibration
            Of values, one that changes nothing.
        """
        targets, prepared = self.targets, self.prepared
        if self.is_of_values:
            return Calibration(1.0, np.zeros(targets.n_outputs), 0.0)
        log_prior = prepared.problem.take(prepared.train).log_prior()
        is_plain = isinstance(targets, ClassTargets) and not targets.is_weighted
        if valid is None:
            share = _PRIOR_SHARE if is_plain else 0.0
            return Calibration(1.0, -share * log_prior, 0.0)
        return calibrate(
            *(scores, problem_of(valid, targets), log_prior),
            shifts=not targets.is_weighted,
            prior_share=_PRIOR_SHARE if is_plain else 0.0,
            n_pseudo=_WORTH if is_plain else 1.0,
        )
