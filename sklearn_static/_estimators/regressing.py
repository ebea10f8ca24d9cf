"""What both regressors share: values, predictions, and the linear solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from .._layers.layers import Head
from .._linear import Solution, solve_ridge
from ..head import StaticHeadRegressor
from .base import StaticModelBase
from .checks import check_values
from .label_names import target_names_of
from .linear import Prepared, checked_alphas
from .targets import RealTargets

__all__ = ["Regressing"]


class Regressing(RegressorMixin, StaticModelBase):
    """A regressor for one or many values per text."""

    alphas: float | Sequence[float]

    def predict(self, X: Any) -> np.ndarray:
        """The values of each text.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        values : ndarray of shape (n_texts,) or (n_texts, n_outputs), float64
        """
        values: np.ndarray = self._predict("predict", X)
        return values

    def _check_y(self, y: Any, name: str) -> np.ndarray:
        return check_values(y, name)

    def _label_names(self, y: Any, name: str) -> np.ndarray | None:
        return target_names_of(y)

    def _find_targets(
        self, y: np.ndarray, sample_weight: np.ndarray, names: np.ndarray | None
    ) -> RealTargets:
        return RealTargets.of(y, sample_weight, names)

    def _freeze(self, head: Head, targets: RealTargets) -> StaticHeadRegressor:
        scale, shift = targets.scaler.scale_, targets.scaler.mean_
        return StaticHeadRegressor(
            head.then_scaled(scale, shift), target_names=targets.names
        )

    def _linear_solution(
        self,
        prepared: Prepared,
        targets: RealTargets,
        random_state: np.random.RandomState,
        **options: Any,
    ) -> Solution:
        return solve_ridge(
            prepared.features,
            prepared.problem,
            prepared.train,
            prepared.splits,
            alphas=checked_alphas(self.alphas),
            random_state=random_state,
            fold=prepared.fold,
            **options,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
