"""Features as what a linear model needs of them: two products.

Few texts are described by a square matrix whose rows have the same inner products as
those of the features, for a penalised linear model depends on these alone (the
representer theorem: B. Schölkopf et al., COLT 2001).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import csr_array

from .._utils.lazy import lazy
from .threads import Start, in_turn

__all__ = ["Design", "Gram", "SideBySide", "Weights"]

_JITTER = 1e-6
# From how many texts on the products of both kinds of features take longer than it
# takes to have another thread begin with one of them.
_WORTH_A_THREAD = 3000

Weights = tuple[np.ndarray, np.ndarray]
"""Of dense features, (n_dense, n_outputs), and of sparse ones."""


class Design(Protocol):
    """Features of n_texts texts, of which there are n_features.

    Attributes
    ----------
    n_features : int
    """

    n_features: int

    def take(self, rows: np.ndarray) -> Design:
        """The features of some texts."""
        ...

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """Their product with `weights`, of shape (n_features, n_outputs)."""
        ...

    def gradient(self, of_scores: np.ndarray) -> np.ndarray:
        """The transposed product, with an array of shape (n_texts, n_outputs)."""
        ...

    def mean_squares(self, weight: np.ndarray) -> np.ndarray:
        """The weighted sum of the squares of each feature."""
        ...

    def weights(self, weights: np.ndarray) -> Weights:
        """What the dense features and the sparse ones, without factor, weigh."""
        ...

    def of_weights(self, weights: Weights) -> np.ndarray:
        """The inverse of :meth:`weights`."""
        ...


class SideBySide:
    """Dense features beside sparse ones that are multiplied by a factor.

    Parameters
    ----------
    dense : ndarray of shape (n_texts, n_dense), float32
    sparse : csr_array of shape (n_texts, n_sparse), float32
    factor : float
    start : callable, default=in_turn
        Computes the products of sparse features, beside those of dense ones or after.
    """

    def __init__(
        self,
        dense: np.ndarray,
        sparse: csr_array,
        factor: float,
        start: Start = in_turn,
    ) -> None:
        self.dense = dense
        self.sparse = sparse
        self.factor = np.float32(factor)
        self.n_features = dense.shape[1] + sparse.shape[1]
        self._start = start

    def take(self, rows: np.ndarray) -> SideBySide:
        """The features of some texts."""
        factor = float(self.factor)
        return SideBySide(self.dense[rows], self.sparse[rows], factor, self._start)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """The product of the features with `weights`."""
        weights = weights.astype(np.float32)
        n_dense = self.dense.shape[1]
        of_sparse = self._begin(lambda: self.sparse @ (weights[n_dense:] * self.factor))
        out: np.ndarray = self.dense @ weights[:n_dense]
        out += of_sparse()
        return out

    @lazy
    def _transposed(self) -> csr_array:
        """Whose product is faster than that of a transposed view."""
        return self.sparse.T.tocsr()

    def gradient(self, of_scores: np.ndarray) -> np.ndarray:
        """The product of the transposed features with `of_scores`."""
        of_scores = of_scores.astype(np.float32)
        of_sparse = self._begin(lambda: self._transposed @ of_scores)
        of_dense = self.dense.T @ of_scores
        return np.concatenate([of_dense, of_sparse() * self.factor])

    def mean_squares(self, weight: np.ndarray) -> np.ndarray:
        """The weighted sum of the squares of each feature."""
        rows = self._transposed
        # With the same indices, which a power of the whole would copy.
        squares = csr_array((rows.data**2, rows.indices, rows.indptr), rows.shape)
        of_sparse = self.factor**2 * (squares @ weight)
        return np.append(_mean_squares(self.dense, weight), of_sparse)

    @property
    def _begin(self) -> Start:
        return self._start if len(self.dense) >= _WORTH_A_THREAD else in_turn

    def weights(self, weights: np.ndarray) -> Weights:
        """What the dense features and the sparse ones, without factor, weigh."""
        n_dense = self.dense.shape[1]
        return weights[:n_dense], weights[n_dense:] * self.factor

    def of_weights(self, weights: Weights) -> np.ndarray:
        """The inverse of :meth:`weights`."""
        return np.concatenate([weights[0], weights[1] / self.factor])


class Gram:
    """The same in as many features as there are texts.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), float32
    dense : ndarray of shape (n_features, n_dense), float32
    sparse : csr_array of shape (n_features, n_sparse), float32
        Those features of texts that `rows` stand for.
    root : ndarray of shape (n_features, n_features)
        The lower triangular root of the inner products of these.
    factor : float
    """

    def __init__(
        self,
        rows: np.ndarray,
        dense: np.ndarray,
        sparse: csr_array,
        root: np.ndarray,
        factor: float,
    ) -> None:
        self.rows = rows
        self._origin = dense, sparse, root, factor
        self.n_features = rows.shape[1]

    @classmethod
    def of(
        cls,
        dense: np.ndarray,
        sparse: csr_array,
        factor: float,
        products: tuple[np.ndarray, np.ndarray],
    ) -> Gram:
        """The features of `dense` and `sparse`, whose inner products are `products`."""
        inner = products[0] + factor**2 * products[1]
        # Texts that are equal, or more of them than features, make the products
        # singular: the jitter keeps the root from failing.
        inner[np.diag_indices_from(inner)] += _JITTER * max(1.0, inner.diagonal().max())
        root = np.linalg.cholesky(inner)
        return cls(root.astype(np.float32), dense, sparse, root, factor)

    def take(self, rows: np.ndarray) -> Gram:
        """The features of some texts."""
        return Gram(self.rows[rows], *self._origin)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """The product of the features with `weights`."""
        out: np.ndarray = self.rows @ weights.astype(np.float32)
        return out

    def gradient(self, of_scores: np.ndarray) -> np.ndarray:
        """The product of the transposed features with `of_scores`."""
        out: np.ndarray = self.rows.T @ of_scores.astype(np.float32)
        return out

    def mean_squares(self, weight: np.ndarray) -> np.ndarray:
        """The weighted sum of the squares of each feature."""
        return _mean_squares(self.rows, weight)

    def weights(self, weights: np.ndarray) -> Weights:
        """What the dense features and the sparse ones, without factor, weigh."""
        # Weights are sums of texts, w = X.T a, and scores are root @ weights here; so
        # root.T a = weights, and a is one triangular solve away.
        dense, sparse, root, factor = self._origin
        of_texts = solve_triangular(
            root, weights, lower=True, trans="T", check_finite=False
        )
        return dense.T @ of_texts, factor**2 * (sparse.T @ of_texts)

    def of_weights(self, weights: Weights) -> np.ndarray:
        """The inverse of :meth:`weights`."""
        dense, sparse, root, _ = self._origin
        scores = dense @ weights[0] + sparse @ weights[1]
        start: np.ndarray = solve_triangular(
            root, scores, lower=True, check_finite=False
        )
        return start


def _mean_squares(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.einsum("i,ij,ij->j", weight.astype(np.float32), rows, rows)
    return out
