"""Pooling: from bags of tokens and a table of vectors to embeddings."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from .bags import TokenBags

__all__ = ["parts", "pool", "summed"]

# Added to the length of a mean, so that one of zero is divided by it without a branch;
# far below what changes any other.
_TINY = np.float32(1e-32)
# Up to this many tokens of a single text, adding rows beats making a sparse matrix.
_FEW = 1024


def pool(
    bags: TokenBags,
    table: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    normalize: bool = False,
    out: np.ndarray | None = None,
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
    out : ndarray of shape (n_texts, n_dimensions), float32, default=None
        Where to write the embeddings; None takes new memory.

    Returns
    -------
    embeddings : ndarray of shape (n_texts, n_dimensions), float32
        All zeros for an empty bag.
    """
    sums = summed(bags, table, weights)
    divisors = np.maximum(bags.lengths, 1).astype(np.float32)
    if normalize:
        sums /= divisors[:, None]
        divisors = np.sqrt(np.einsum("ij,ij->i", sums, sums)) + _TINY
    return np.divide(sums, divisors[:, None], out=sums if out is None else out)


def parts(
    bags: TokenBags,
    table: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    normalize: bool = False,
) -> np.ndarray:
    """The contribution of each token to the embedding of its text; see :func:`pool`.

    Returns
    -------
    parts : ndarray of shape (n_tokens_in_bags, n_dimensions), float32
        The sum over the tokens of a text is its embedding.
    """
    rows = table[bags.ids]
    if weights is not None:
        rows *= weights[:, None]
    divisors = bags.lengths.astype(np.float32)
    if normalize:
        means = pool(bags, table, weights=weights)
        divisors *= np.sqrt(np.einsum("ij,ij->i", means, means)) + _TINY
    rows /= np.repeat(divisors, bags.lengths)[:, None]
    return rows


def summed(
    bags: TokenBags, table: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """The sum of the (weighted) vectors of each bag's tokens; see :func:`pool`."""
    n_texts, n_tokens = len(bags.offsets) - 1, len(bags.ids)
    if n_texts == 1 and n_tokens <= _FEW and weights is None and table.shape[1] > 1:
        # The same additions in the same order as the sparse product, so that a text has
        # the same embedding alone as among others. Not with weights, since the product
        # rounds once for a multiplication and an addition, and not for a single column,
        # which numpy sums pairwise.
        rows = table.take(bags.ids, axis=0)
        return np.add.reduce(rows, axis=0, keepdims=True, initial=0)
    # One sparse product in compiled code, without an array of (n_tokens, n_dimensions).
    if weights is None:
        weights = np.ones(n_tokens, np.float32)
    shape = (n_texts, len(table))
    sums: np.ndarray = csr_array((weights, bags.ids, bags.offsets), shape=shape) @ table
    return sums
