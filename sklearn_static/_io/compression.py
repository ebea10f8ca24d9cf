"""Smaller tables: fewer dimensions, fewer rows, fewer bits.

Each is a least-squares fit to what is there. Dimensions are those of the largest
singular values of typical texts' embeddings, without centring, since a head is applied
to what is left. A token that gives up its row gets the remaining row that is most
parallel to it, times the factor that fits best. An int8 row spans -127 to 127, whatever
its scale, which becomes a weight of its tokens.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from .._utils.arrays import check_dimensions, unit_rows

__all__ = ["Compressed", "check_compression", "compressed", "quantized"]

_DTYPES = ("float32", "float16", "int8")
_CHUNK = 1024


class Compressed(NamedTuple):
    """The arrays of a smaller table, and where its dimensions are in the larger one.

    Attributes
    ----------
    vectors : ndarray of shape (n_rows, n_dimensions)
    weights : ndarray of shape (n_tokens,), float32, or None
    mapping : ndarray of shape (n_tokens,), int32, or None
    directions : ndarray of shape (n_dimensions_before, n_dimensions), float32, or None
        Orthonormal columns; None where the dimensions are as before.
    """

    vectors: np.ndarray
    weights: np.ndarray | None
    mapping: np.ndarray | None
    directions: np.ndarray | None


def check_compression(
    vectors: np.ndarray, texts: Any, dtype: Any, dimensions: int | None, min_df: int
) -> None:
    """Check the parameters of :meth:`StaticEmbedding.compress`, before any work.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, n_dimensions)
        The table's.
    texts, dtype, dimensions, min_df : object
        As they were given.

    Raises
    ------
    TypeError, ValueError
        If one of them is not as described there.
    """
    if dtype is not None and dtype not in _DTYPES:
        raise ValueError(f"dtype is {dtype!r}, but one of {_DTYPES} was expected.")
    _check_min_df(min_df, texts)
    if dimensions is not None:
        check_dimensions(vectors, dimensions)


def compressed(
    vectors: np.ndarray,
    dtype: str,
    dimensions: int | None = None,
    typical: np.ndarray | None = None,
    document_frequencies: np.ndarray | None = None,
    min_df: int = 1,
) -> Compressed:
    """A table made smaller.

    Parameters
    ----------
    vectors : ndarray of shape (n_tokens, n_dimensions), float32
        What each token adds to a text, its weight included.
    dtype : {"float32", "float16", "int8"}
    dimensions : int, default=None
        How many to keep; None keeps all.
    typical : ndarray of shape (n, n_dimensions), default=None
        Embeddings whose main directions are kept; None takes `vectors`.
    document_frequencies : ndarray of shape (n_tokens,), int, default=None
        How many texts have each token; None leaves every token its row.
    min_df : int, default=1
        The document frequency from which a token keeps a row of its own.

    Raises
    ------
    ValueError
        If no token has as high a document frequency, or float16 cannot hold a value.
    """
    directions, mapping, weights = None, None, None
    if dimensions is not None:
        directions = _principal_directions(
            vectors if typical is None else typical, dimensions
        )
        vectors = vectors @ directions
    if document_frequencies is not None:
        keep = document_frequencies >= min_df
        _check_kept(keep, min_df)
        vectors, mapping, weights = _shared_rows(vectors, keep)
    if dtype == "int8":
        vectors, scales = quantized(vectors)
        weights = scales if weights is None else weights * scales[mapping]
    return Compressed(_cast(vectors, dtype), weights, mapping, directions)


def _check_min_df(min_df: int, texts: Any) -> None:
    if not isinstance(min_df, Integral):
        raise TypeError(f"min_df is {min_df!r}, but an int was expected.")
    if min_df < 1:
        raise ValueError(f"min_df is {min_df}, but 1 or more was expected.")
    if texts is None and min_df > 1:
        raise ValueError(f"min_df is {min_df}, but there are no texts to count in.")


def _principal_directions(embeddings: np.ndarray, dimensions: int) -> np.ndarray:
    """The directions that keep most of `embeddings`, as columns."""
    wide = embeddings.astype(np.float64)
    _, directions = np.linalg.eigh(wide.T @ wide)
    return directions[:, : -dimensions - 1 : -1].astype(np.float32)


def _check_kept(keep: np.ndarray, min_df: int) -> None:
    if not keep.any():
        raise ValueError(
            f"No token occurs in as many as min_df={min_df} of the texts. Give more "
            "texts, or a lower min_df."
        )


def _shared_rows(
    vectors: np.ndarray, keep: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows to `keep`, and for every token its row among them and its factor."""
    rows = vectors[keep]
    mapping = np.zeros(len(vectors), np.int32)
    factors = np.ones(len(vectors), np.float32)
    mapping[keep] = np.arange(len(rows))
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    lengths[lengths == 0] = np.inf
    directions = unit_rows(rows)
    dropped = np.flatnonzero(~keep)
    for start in range(0, len(dropped), _CHUNK):
        chunk = dropped[start : start + _CHUNK]
        projections = vectors[chunk] @ directions.T
        nearest = projections.argmax(axis=1)
        mapping[chunk] = nearest
        factors[chunk] = projections.max(axis=1) / lengths[nearest]
    return rows, mapping, np.maximum(factors, 0)


def quantized(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of int8 and the scale of each.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, n_dimensions), float32

    Returns
    -------
    rows : ndarray of shape (n_rows, n_dimensions), int8
    scales : ndarray of shape (n_rows,), float32
    """
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)
    divisors = np.where(scales > 0, scales, 1)
    return np.rint(vectors / divisors[:, None]).astype(np.int8), scales


def _cast(vectors: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        cast = vectors.astype(dtype, copy=False)
    if dtype == "float16" and not np.isfinite(cast).all():
        greatest = np.abs(vectors).max()
        raise ValueError(
            f"The table holds {greatest:.3g}, which float16 cannot hold. Use "
            "dtype='int8', which scales each row."
        )
    return cast
