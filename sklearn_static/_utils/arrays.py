"""Read-only arrays, and checks that the arrays of a table fit each other."""

from __future__ import annotations

from math import inf, isfinite
from numbers import Integral
from typing import Any

import numpy as np

__all__ = [
    "LARGEST",
    "bound",
    "check_dimensions",
    "check_fit",
    "frozen",
    "frozen_or_none",
    "leading",
    "unit_rows",
]

LARGEST = 1e15
"""The largest absolute value of a table's vector, times its weight."""


def frozen(
    values: Any, name: str, dtypes: tuple[type, ...], *, copy: bool = True
) -> np.ndarray:
    """A read-only, C-contiguous array of one of `dtypes`, by default the first.

    Parameters
    ----------
    values : array-like of numbers
    name : str
        For error messages.
    dtypes : tuple of type
        If the first is an integer type, values must be integers.
    copy : bool, default=True
        Whether to copy an array that others can write to.

    Raises
    ------
    TypeError
        If the values are not numbers, or not integers where those are needed.
    ValueError
        If an integer is out of the dtype's range.
    """
    array = np.asarray(values)
    as_integers = np.issubdtype(dtypes[0], np.integer)
    if array.dtype.kind not in ("iu" if as_integers else "fiu"):
        expected = "integers were" if as_integers else "numbers were"
        raise TypeError(f"{name} has dtype {array.dtype}, but {expected} expected.")
    dtype = array.dtype if array.dtype in dtypes else np.dtype(dtypes[0])
    may_share = not copy or _is_constant(array)
    # Values that overflow become infinite, which `check_fit` finds.
    with np.errstate(over="ignore"):
        take = np.asarray if may_share else np.array
        result = take(array, dtype, order="C")
    if as_integers and not np.array_equal(result, array):
        raise ValueError(f"{name} holds an integer that is out of range for {dtype}.")
    result.flags.writeable = False
    return result


def frozen_or_none(
    values: Any, name: str, dtypes: tuple[type, ...], *, copy: bool = True
) -> np.ndarray | None:
    """As :func:`frozen`, but None stays None."""
    return None if values is None else frozen(values, name, dtypes, copy=copy)


def _is_constant(array: np.ndarray) -> bool:
    """Whether `array` and all arrays that it is a view of are read-only."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return False
        base = base.base
    is_read_only_view = isinstance(base, memoryview) and base.readonly
    return base is None or isinstance(base, bytes) or is_read_only_view


def leading(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """The first `dimensions` columns of `vectors`.

    Raises
    ------
    TypeError, ValueError
        If `dimensions` is no integer from 1 to the number of columns.
    """
    check_dimensions(vectors, dimensions)
    return vectors[..., :dimensions]


def check_dimensions(vectors: np.ndarray, dimensions: int) -> None:
    """Check that `dimensions` is an integer from 1 to the number of columns.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    n_dimensions = vectors.shape[-1] if vectors.ndim else 0
    if not isinstance(dimensions, Integral) or isinstance(dimensions, bool):
        raise TypeError(f"dimensions is {dimensions!r}, but an int was expected.")
    if not 1 <= dimensions <= n_dimensions:
        raise ValueError(
            f"dimensions is {dimensions}, but the table has {n_dimensions}: give a "
            "number from 1 to that."
        )


def check_fit(
    vectors: np.ndarray,
    weights: np.ndarray | None,
    mapping: np.ndarray | None,
    n_tokens: int,
) -> None:
    """Check that the arrays of a table fit each other and its tokenizer.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, n_dimensions)
    weights : ndarray of shape (n_tokens,) or None
    mapping : ndarray of shape (n_tokens,), int32, or None
        If None, n_rows has to be n_tokens.
    n_tokens : int
        The number of ids of the tokenizer, gaps included.

    Raises
    ------
    ValueError
        If a shape is not as described, an index of `mapping` is out of range, or a
        value is not finite, or so large that the sum over a text may overflow.
    """
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise ValueError(
            f"vectors has shape {vectors.shape}, but (n_rows, n_dimensions) was "
            "expected, with one dimension or more."
        )
    for name, values in (("weights", weights), ("mapping", mapping)):
        if values is not None and values.ndim != 1:
            raise ValueError(
                f"{name} has shape {values.shape}, but (n_tokens,) was expected."
            )
    per_token = {"weights": weights, "mapping": mapping}
    if mapping is None:
        per_token["vectors"] = vectors
    for name, values in per_token.items():
        if values is not None and len(values) != n_tokens:
            raise ValueError(
                f"{name} has {len(values)} entries, but the tokenizer has ids for "
                f"{n_tokens} tokens: the two do not belong together."
            )
    if mapping is not None and len(mapping):
        low, high = mapping.min(), mapping.max()
        if low < 0 or high >= len(vectors):
            raise ValueError(
                f"mapping holds row {low if low < 0 else high}, but vectors has "
                f"{len(vectors)} rows."
            )
    greatest = bound(vectors, weights)
    if not isfinite(greatest):
        _refuse_infinite(vectors, "vectors")
        _refuse_infinite(weights, "weights")
    if greatest > LARGEST:
        raise ValueError(
            f"vectors, times weights, holds {greatest:.1g}, but {LARGEST:.0e} at most "
            "was expected: squares of more overflow float32 when they are summed."
        )


def bound(vectors: np.ndarray, weights: np.ndarray | None) -> float:
    """An upper bound on the absolute values of `vectors`, times `weights` if any.

    It is finite if and only if all of them are.
    """
    return _greatest(vectors) * (1.0 if weights is None else _greatest(weights))


def _greatest(values: np.ndarray) -> float:
    # Avoids a temporary array as large as `values`. max and min propagate NaN, and a
    # sum is not finite if a value is not. For small dtypes, their largest value is a
    # bound that costs nothing.
    if values.dtype == np.float32:
        return float(max(values.max(initial=0), -values.min(initial=0)))
    if values.dtype.kind != "f":
        return float(-np.iinfo(values.dtype).min)
    with np.errstate(invalid="ignore"):
        total = values.sum(dtype=np.float32)
    return float(np.finfo(values.dtype).max) if np.isfinite(total) else inf


def _refuse_infinite(values: np.ndarray | None, name: str) -> None:
    if values is None or values.dtype.kind != "f":
        return
    infinite = np.argwhere(~np.isfinite(values))
    if len(infinite):
        raise ValueError(f"{name}[{infinite[0][0]}] holds a value that is not finite.")


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """The rows scaled to unit Euclidean length, those of zeros as they are."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return unit
