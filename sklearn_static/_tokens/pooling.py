"""Pooling: from bags of tokens and a table of vectors to embeddings."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from .bags import TokenBags

__all__ = ["parts", "pool", "sum_of_rows", "summed"]

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
    if len(sums) == 1:
        return _divided(sums, len(bags.ids), normalize, sums if out is None else out)
    divisors = np.maximum(bags.lengths, 1).astype(np.float32)
    if normalize:
        sums /= divisors[:, None]
        divisors = np.sqrt(np.einsum("ij,ij->i", sums, sums)) + _TINY
    return np.divide(sums, divisors[:, None], out=sums if out is None else out)


def _divided(
    sums: np.ndarray, n_tokens: int, normalize: bool, out: np.ndarray
) -> np.ndarray:
    """What :func:`pool` makes of the sum of one bag, by numbers instead of arrays."""
    divisor = np.float32(max(n_tokens, 1))
    if normalize:
        sums /= divisor
        divisor = np.sqrt(np.einsum("ij,ij->i", sums, sums)[0]) + _TINY
    return np.divide(sums, divisor, out=out)


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
        # Weights would be multiplied by in steps of their own, which rounds otherwise,
        # and numpy adds up a lone column in an order of its own.
        return sum_of_rows(bags.ids, table)
    if weights is None:
        weights = np.ones(n_tokens, np.float32)
    shape = (n_texts, len(table))
    sums: np.ndarray = csr_array((weights, bags.ids, bags.offsets), shape=shape) @ table
    return sums


def sum_of_rows(ids: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The sum of some rows of a table of several columns, of shape (1, n_columns).

    The same additions in the same order as :func:`summed` makes, without the cost of
    making a matrix.
    """
    rows = table.take(ids, axis=0)
    sums: np.ndarray = np.add.reduce(rows, axis=0, keepdims=True, initial=0)
    return sums
