"""Pooling: bags of tokens times a table of vectors is embeddings."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ._tokens import TokenBags

__all__ = ["pool"]

_TINY = np.float32(1e-32)


def pool(
    bags: TokenBags,
    table: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    normalize: bool = False,
) -> np.ndarray:
    """The mean of the (weighted) vectors of each bag's tokens.

    Parameters
    ----------
    bags : TokenBags
        Of n_texts texts; the ids index the rows of `table`.
    table : ndarray of shape (n_rows, n_dimensions), float32
    weights : ndarray of shape (n_tokens_in_bags,), float32, default=None
        A factor for each token of `bags`. The divisor of the mean is the number of
        tokens, not the sum of their weights.
    normalize : bool, default=False
        Whether to scale each embedding to unit Euclidean length.

    Returns
    -------
    embeddings : ndarray of shape (n_texts, n_dimensions), float32
        An empty bag's is all zeros.
    """
    if weights is None:
        weights = np.ones(len(bags.ids), np.float32)
    n_texts = len(bags.offsets) - 1
    shape = (n_texts, len(table))
    sums = csr_array((weights, bags.ids, bags.offsets), shape=shape) @ table
    sums /= np.maximum(bags.lengths, 1).astype(np.float32)[:, None]
    if normalize:
        sums /= np.sqrt(np.einsum("ij,ij->i", sums, sums))[:, None] + _TINY
    return sums
