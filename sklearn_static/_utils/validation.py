"""Input validation: any container of texts becomes a list of str."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse

__all__ = [
    "HandleMissing",
    "TextInputMixin",
    "check_column_name",
    "check_embeddings",
    "check_texts",
    "check_threshold",
    "column_seen",
    "is_missing",
    "names_of_columns",
    "refuse_lazy",
]

HandleMissing = Literal["error", "empty"]

_EXPECTED = (
    "a list, tuple or one-dimensional array of str, a pandas or polars Series, "
    "or a data frame or array with one column"
)


def check_texts(X: Any, *, handle_missing: HandleMissing = "error") -> list[str]:
    """Turn any accepted container of texts into a list of str.

    Parameters
    ----------
    X : list, tuple, array, Series or one-column frame of str
        The texts, of shape (n_texts,) or (n_texts, 1).
    handle_missing : {"error", "empty"}, default="error"
        What to do with None, NaN, pandas' NA and masked values: refuse them, or take
        each as an empty text.

    Returns
    -------
    texts : list of str
        Of length n_texts.

    Raises
    ------
    TypeError
        If `X` is a single str or bytes, or no container of texts, or if an element
        is no str. The message names the first offender.
    ValueError
        If `X` has more than one column or dimension, or holds missing values and
        `handle_missing` is "error".
    """
    texts = _as_list(X)
    if set(map(type, texts)) <= {str}:
        return texts
    return [_as_str(text, i, handle_missing) for i, text in enumerate(texts)]


class TextInputMixin:
    """Estimators whose X is texts: all data comes in by `_check_texts`."""

    handle_missing: HandleMissing

    def _check_texts(self, X: Any, *, reset: bool) -> list[str]:
        """The texts in `X`. `reset` is true in a first fit."""
        if not reset:
            check_column_name(self, X)
        return check_texts(X, handle_missing=self.handle_missing)

    def _column_seen(self, X: Any) -> dict[str, Any]:
        """The attributes about X that a first fit learns, together with all others."""
        return column_seen(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def check_column_name(estimator: Any, X: Any) -> None:
    """Compare the name of the column of texts with the one seen in ``fit``.

    As scikit-learn does for tables. Only frames have column names; lists, arrays and
    Series are accepted whatever was seen in ``fit``.

    Parameters
    ----------
    estimator : estimator
        With ``feature_names_in_``, if it was fitted with a frame.
    X : list, tuple, array, Series or one-column frame of str
        As :func:`check_texts` has accepted it.

    Raises
    ------
    ValueError
        If the column had another name in ``fit``.
    """
    name = _column_name(X)
    known = getattr(estimator, "feature_names_in_", None)
    if name is not None and known is not None and known[0] != name:
        raise ValueError(
            f"The column of texts is named {name!r}, but {known[0]!r} was seen in fit. "
            "Rename it, or select the column that was meant."
        )


def column_seen(X: Any) -> dict[str, Any]:
    """The attributes about X that ``fit`` sets.

    Returns
    -------
    attributes : dict
        ``n_features_in_`` and, of a frame, ``feature_names_in_``, an ndarray of shape
        (1,), object.
    """
    name = _column_name(X)
    names = {} if name is None else {"feature_names_in_": np.array([name], object)}
    return {"n_features_in_": 1, **names}


def _column_name(X: Any) -> str | None:
    """The name of the one column of a frame; None without a name that is a str."""
    names = names_of_columns(X) or []
    return names[0] if len(names) == 1 and isinstance(names[0], str) else None


def names_of_columns(X: Any) -> list[Any] | None:
    """The names of a frame's columns; None if `X` is no frame."""
    if type(X).__name__ == "LazyFrame":
        return None  # whose columns take a query, of which polars warns
    # pyarrow's tables and Hugging Face's data sets have names under another name.
    names = getattr(X, "column_names", None) or getattr(X, "columns", None)
    return None if names is None else list(names)


def _as_list(X: Any) -> list[Any]:
    if isinstance(X, (list, tuple)):
        return list(X)
    if isinstance(X, (str, bytes)):
        raise TypeError(
            f"X is a single {type(X).__name__}, but {_EXPECTED} was expected. "
            "To pass one text, wrap it in a list: [text]."
        )
    if issparse(X):
        raise TypeError(
            f"X is a sparse matrix of shape {X.shape}, but {_EXPECTED} was expected: "
            "pass the texts themselves, not counts of their words."
        )
    if isinstance(X, dict):
        raise TypeError(
            f"X is a dict with the keys {list(X)[:5]}, but {_EXPECTED} was expected. "
            "Take one of its values."
        )
    refuse_lazy(X, "X")
    names = names_of_columns(X)
    if names is not None:
        return _only_column(X, names)
    if hasattr(X, "to_list"):
        return list(X.to_list())
    if hasattr(X, "__array__"):
        return _from_array(X)
    if isinstance(X, Sequence):
        return list(X)
    raise TypeError(
        f"X is of type {type(X).__name__}, but {_EXPECTED} was expected. "
        "Turn other iterables into a list first: list(X)."
    )


def refuse_lazy(X: Any, name: str) -> None:
    """Raise TypeError, calling it `name`, if `X` is a query instead of a frame."""
    if type(X).__name__ == "LazyFrame":
        raise TypeError(
            f"{name} is a LazyFrame, a query that has not been run. Run it with "
            f"{name}.collect(), and select the column that was meant."
        )


def _only_column(frame: Any, names: list[Any]) -> list[Any]:
    if len(names) != 1:
        of_texts = [
            name for i, name in enumerate(names) if _holds_texts(frame, names, i)
        ]
        chosen = of_texts[0] if len(of_texts) == 1 else "text"
        raise ValueError(
            f"X is a data frame of {len(names)} columns, but exactly one column of "
            f"texts was expected. Select it, as in X[{chosen!r}], or send each column "
            "to a transformer of its own with sklearn.compose.ColumnTransformer."
        )
    return _as_list(_column(frame, names, 0))


def _column(frame: Any, names: list[Any], i: int) -> Any:
    # By number where that is possible: names may occur twice.
    return frame.iloc[:, i] if hasattr(frame, "iloc") else frame[names[i]]


def _holds_texts(frame: Any, names: list[Any], i: int) -> bool:
    """Whether the first value of a column is a str."""
    first = _column(frame, names, i)[:1]
    return not names_of_columns(first) and {*map(type, _as_list(first))} == {str}


def _from_array(X: Any) -> list[Any]:
    # The list of a masked array has None in place of what is masked.
    array = X if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"X is an array of shape {array.shape}, but shape (n_texts,) or "
            "(n_texts, 1) was expected. Reshape your data, or select the one column "
            "that holds the texts."
        )
    return list(array.tolist())


def _as_str(text: Any, index: int, handle_missing: HandleMissing) -> str:
    if isinstance(text, str):
        # str() of a str enum may give the member's name instead of its value.
        return str.__str__(text)
    if is_missing(text):
        if handle_missing == "empty":
            return ""
        raise ValueError(
            f"X[{index}] is missing ({text!r}), but a str was expected. Drop or fill "
            "such rows, or pass handle_missing='empty' to take them as empty texts."
        )
    if isinstance(text, (list, tuple)):
        raise ValueError(
            f"X[{index}] is a {type(text).__name__}, but a str was expected. X must be "
            "one-dimensional: one text a row, not a list of tokens or of texts."
        )
    if isinstance(text, dict):
        raise TypeError(
            f"X[{index}] is {text!r}, a row of columns, but a str was expected. "
            f"Take the column of texts: [row[{_key_of_text(text)!r}] for row in X]."
        )
    convert = "x.decode()" if isinstance(text, bytes) else "str(x)"
    raise TypeError(
        f"X[{index}] is {text!r} of type {type(text).__name__}, but a str was "
        f"expected. Convert first, for instance with [{convert} for x in X]."
    )


def _key_of_text(row: dict[Any, Any]) -> Any:
    """The key of the only str in a row; of none or several, an example."""
    keys = [key for key, value in row.items() if isinstance(value, str)]
    return keys[0] if len(keys) == 1 else "text"


def is_missing(value: Any) -> bool:
    """Whether `value` is None, NaN, NaT, pandas' NA or numpy's masked."""
    if value is None or type(value).__name__ in ("NAType", "NaTType", "MaskedConstant"):
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def check_embeddings(X: Any) -> np.ndarray:
    """`X` as a float32 array of shape (n_texts, n_dimensions).

    Raises
    ------
    ValueError
        If it is not two-dimensional, or complex.
    TypeError
        If it is sparse.
    """
    if issparse(X):
        raise TypeError(
            "X is sparse, but a dense array of embeddings was expected: X.toarray()."
        )
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise ValueError("Complex data not supported: X holds complex numbers.")
    array = array.astype(np.float32, copy=False)
    if array.ndim != 2:
        raise ValueError(
            f"X has shape {array.shape}, but embeddings of shape (n_texts, "
            "n_dimensions) were expected. Reshape your data, with X.reshape(1, -1) if "
            "it is a single text's."
        )
    return array


def check_threshold(threshold: Any, n_labels: int) -> np.ndarray:
    """`threshold` as an array of shape () or (n_labels,), float64.

    Raises
    ------
    ValueError
        If it has another shape, or values that are not from 0 to 1.
    """
    array = np.asarray(threshold, np.float64)
    if array.shape not in ((), (n_labels,)) or not ((array >= 0) & (array <= 1)).all():
        raise ValueError(
            f"threshold is {threshold!r}, but a number from 0 to 1 was expected, or "
            f"one for each of the {n_labels} labels."
        )
    return array
