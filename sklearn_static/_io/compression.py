"""Smaller tables: fewer dimensions, fewer rows, fewer bits.

Each is a least-squares fit to what is there. Dimensions are those of the largest
singular values of typical texts' embeddings, without centring, since a head is applied
to what is left. A token that gives up its row gets the remaining row that is most
parallel to it, times the factor that fits best. An int8 row spans -127 to 127, whatever
its scale, which becomes a weight of its tokens.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._utils.arrays import check_dimensions

if TYPE_CHECKING:
    from ..embedding import StaticEmbedding

__all__ = ["Compressed", "compressed", "quantized"]

_DTYPES = ("float32", "float16", "int8")
_CHUNK = 1024


class Compressed(NamedTuple):
    """A smaller embedding, and where its dimensions are in the larger one.

    Attributes
    ----------
    embedding : StaticEmbedding
    directions : ndarray of shape (n_dimensions_before, n_dimensions), float32, or None
        Orthonormal columns; None where the dimensions are as before.
    """

    embedding: StaticEmbedding
    directions: np.ndarray | None


def compressed(
    embedding: StaticEmbedding,
    texts: Any,
    dtype: str | None,
    dimensions: int | None,
    min_df: int,
) -> Compressed:
    """`embedding` made smaller; see :meth:`StaticEmbedding.compress`."""
    dtype = _checked_dtype(dtype, embedding)
    _check_min_df(min_df, texts)
    vectors = _token_vectors(embedding)
    directions, mapping, weights = None, None, None
    if dimensions is not None:
        check_dimensions(embedding.vectors, dimensions)
        typical = vectors if texts is None else embedding.encode(texts)
        directions = _principal_directions(typical, dimensions)
        vectors = vectors @ directions
    if texts is not None:
        keep = _document_frequencies(embedding, texts) >= min_df
        _check_kept(keep, min_df)
        vectors, mapping, weights = _shared_rows(vectors, keep)
    if dtype == "int8":
        vectors, scales = quantized(vectors)
        weights = scales if mapping is None else weights * scales[mapping]
    smaller = type(embedding)(
        _cast(vectors, dtype),
        embedding.tokenizer,
        weights=weights,
        mapping=mapping,
        normalize=embedding.normalize,
        max_length=embedding.max_length,
        metadata=embedding.metadata,
        convention=embedding.convention,
    )
    return Compressed(smaller, directions)


def _checked_dtype(dtype: Any, embedding: StaticEmbedding) -> str:
    if dtype is None:
        return embedding.vectors.dtype.name
    if dtype not in _DTYPES:
        raise ValueError(f"dtype is {dtype!r}, but one of {_DTYPES} was expected.")
    return str(np.dtype(dtype))


def _check_min_df(min_df: int, texts: Any) -> None:
    if not isinstance(min_df, Integral):
        raise TypeError(f"min_df is {min_df!r}, but an int was expected.")
    if min_df < 1:
        raise ValueError(f"min_df is {min_df}, but 1 or more was expected.")
    if texts is None and min_df > 1:
        raise ValueError(f"min_df is {min_df}, but there are no texts to count in.")


def _token_vectors(embedding: StaticEmbedding) -> np.ndarray:
    """What each token adds to a text, of shape (n_tokens, n_dimensions), float32."""
    vectors = embedding.vectors.astype(np.float32)
    if embedding.mapping is not None:
        vectors = vectors[embedding.mapping]
    if embedding.weights is not None:
        vectors *= embedding.weights[:, None]
    return vectors


def _principal_directions(embeddings: np.ndarray, dimensions: int) -> np.ndarray:
    """The directions that keep most of `embeddings`, as columns."""
    wide = embeddings.astype(np.float64)
    _, directions = np.linalg.eigh(wide.T @ wide)
    return directions[:, : -dimensions - 1 : -1].astype(np.float32)


def _document_frequencies(embedding: StaticEmbedding, texts: Any) -> np.ndarray:
    """How many of `texts` have each token, of shape (n_tokens,)."""
    bags = embedding.tokenize(texts)
    n_tokens = embedding.n_tokens
    text_of_token = np.repeat(np.arange(len(bags.lengths)), bags.lengths)
    pairs = np.unique(text_of_token * n_tokens + bags.ids)
    return np.bincount(pairs % n_tokens, minlength=n_tokens)


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
    directions = rows / lengths[:, None]
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
