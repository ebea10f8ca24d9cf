"""A linear solution as the start of fine-tuning, and as a part of the final model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._lexical.weights import WordWeights
from .._linear import Calibration, Solution, Split, calibrate
from .linear import LinearModel, Prepared, problem_of
from .targets import ClassTargets, Examples, RealTargets

__all__ = ["LinearStart"]

# The share of the solution that the network starts from. At the whole of it, the
# training loss is low and nothing moves; from a random head, words are forgotten. Of
# values, which a squared error makes it follow further, less is better.
_SHARE, _SHARE_OF_VALUES = 0.5, 0.25
# The weight of the network in the mean with the solution.
_KEPT = 0.5
# The share of the classes' log-prior that is expected to be taken away, and how many
# held-out texts this expectation is worth. A hundred texts alone are a noisy judge.
_PRIOR_SHARE, _WORTH = 0.5, 300.0


@dataclass(frozen=True)
class LinearStart:
    """The linear solution that a network starts from, and is averaged with at the end.

    Attributes
    ----------
    model : LinearModel
        The uncalibrated solution of the training texts.
    prepared : Prepared
        What it was solved for.
    solution : Solution
        With word scores out of fold, and the models of the splits.
    targets : Targets
    """

    model: LinearModel
    prepared: Prepared
    solution: Solution
    targets: Any

    @classmethod
    def of(cls, prepared: Prepared, solution: Solution, targets: Any) -> LinearStart:
        """Start from the solution of what has been prepared."""
        model = LinearModel.uncalibrated(prepared, solution)
        return cls(model, prepared, solution, targets)

    @property
    def is_of_values(self) -> bool:
        """Whether real values are predicted."""
        return isinstance(self.targets, RealTargets)

    @property
    def share(self) -> float:
        """The share of the solution that the network starts from."""
        return _SHARE_OF_VALUES if self.is_of_values else _SHARE

    @property
    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """The weight and the intercept of the solution."""
        return self.model.weight, self.model.intercept

    @property
    def folds(self) -> list[tuple[tuple[np.ndarray, np.ndarray], Split]]:
        """The solution of each split, with its training and held-out texts.

        Without held-out texts whose class no training text of the split has.
        """
        problem, folds = self.prepared.problem, []
        for (dense, intercept), (train, held_out) in zip(
            self.solution.of_splits, self.prepared.splits, strict=True
        ):
            known = problem.take(held_out).learnable_from(problem.take(train))
            weight = np.ascontiguousarray(dense.T)
            folds.append(((weight, intercept), (train, held_out[known])))
        return [fold for fold in folds if len(fold[1][1])]

    def word_weights(self, kept: float = 1.0) -> WordWeights | None:
        """The average of the word weights of the network and of the solution.

        Parameters
        ----------
        kept : float, default=1.0
            The weight of the network; 1 while it is trained.
        """
        words = self.model.word_weights
        return None if words is None else words.times(kept * self.share + 1 - kept)

    @property
    def scores_out_of_fold(self) -> np.ndarray:
        """The word scores of the training texts while the network is trained."""
        assert self.solution.out_of_fold is not None
        return self.solution.out_of_fold * np.float32(self.share)

    def kept(self, held_out: Any, valid: Examples | None) -> float:
        """The weight of the network in its mean with the solution.

        One half for classes. For values, the weight of least squared error on the
        validation texts: with few texts, the solution may be the better model.

        Parameters
        ----------
        held_out : HeldOut or None
            The scores of network and solution, each of shape (n_valid, n_outputs).
        valid : Examples or None
            Of which they are.
        """
        if not self.is_of_values or valid is None:
            return _KEPT
        network, solution = held_out
        away = (network - solution) * valid.sample_weight[:, None]
        squares = float((away * (network - solution)).sum())
        if not squares:
            return _KEPT
        return float(np.clip((away * (valid.y - solution)).sum() / squares, 0, 1))

    def calibration(
        self, held_out: Any, valid: Examples | None, kept: float
    ) -> Calibration:
        """The calibration of the scores of held-out texts.

        Parameters
        ----------
        held_out, valid
            As of :meth:`kept`.
        kept : float
            The weight of the network in its mean with the solution.

        Returns
        -------
        calibration : Calibration
            The identity for values.
        """
        targets, prepared = self.targets, self.prepared
        if self.is_of_values:
            return Calibration(1.0, np.zeros(targets.n_outputs), 0.0)
        log_prior = prepared.problem.take(prepared.train).log_prior()
        is_plain = isinstance(targets, ClassTargets) and not targets.is_weighted
        share = _PRIOR_SHARE if is_plain else 0.0
        if valid is None:
            return Calibration(1.0, -share * log_prior, 0.0)
        network, solution = held_out
        return calibrate(
            kept * network.astype(np.float64) + (1 - kept) * solution,
            problem_of(valid, targets),
            log_prior,
            shifts=not targets.is_weighted,
            prior_share=share,
            n_pseudo=_WORTH if is_plain else 1.0,
        )
