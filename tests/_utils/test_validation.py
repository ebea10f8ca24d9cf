"""check_texts: what texts may come in, and what is said of the rest."""

import re
from enum import Enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from sklearn_static._utils.validation import check_embeddings, check_texts, column_seen

TEXTS = ["one text", "", "a third\none", "日本 é 😀"]


def test_every_container_becomes_the_same_list(container):
    checked = check_texts(container(TEXTS))
    assert checked == TEXTS
    assert set(map(type, checked)) == {str}


def test_empty_containers_become_an_empty_list(container):
    assert check_texts(container([])) == []


def test_result_is_a_list_of_its_own():
    assert check_texts(TEXTS) is not TEXTS


@pytest.mark.skipif(
    not hasattr(np.dtypes, "StringDType"), reason="this numpy has no StringDType"
)
def test_arrays_of_variable_width_strings_are_taken():
    texts = np.array(TEXTS, dtype=np.dtypes.StringDType())
    assert check_texts(texts) == TEXTS


def test_subclasses_of_str_become_their_text():
    class Colour(str, Enum):  # noqa: UP042 (unlike it, a StrEnum's str() is its text)
        RED = "red"

    checked = check_texts([np.str_("blue"), Colour.RED])
    assert checked == ["blue", "red"]
    assert set(map(type, checked)) == {str}


def test_frames_with_any_column_name_are_taken():
    assert check_texts(pd.DataFrame(TEXTS)) == TEXTS
    assert check_texts(pd.DataFrame({("a", "b"): TEXTS})) == TEXTS


class Dataset:
    """Stands in for a Hugging Face data set: columns by name, rows by number."""

    def __init__(self, **columns):
        self._columns = columns
        self.column_names = list(columns)

    def __getitem__(self, key):
        if isinstance(key, str):
            return self._columns[key]
        return {name: values[key] for name, values in self._columns.items()}


@pytest.mark.parametrize(
    "frame", [pa.table, pa.RecordBatch.from_pydict, lambda data: Dataset(**data)]
)
def test_tables_of_one_column_are_that_column(frame):
    assert check_texts(frame({"text": TEXTS})) == TEXTS
    assert column_seen(frame({"text": TEXTS}))["feature_names_in_"] == ["text"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame,
        pl.DataFrame,
        pa.table,
        pa.RecordBatch.from_pydict,
        lambda data: Dataset(**data),
    ],
)
def test_the_only_column_of_texts_is_named(frame):
    with pytest.raises(ValueError, match=r"2 columns.*X\['body'\]"):
        check_texts(frame({"n": range(4), "body": TEXTS}))


def test_rows_are_no_texts():
    message = r"X\[0\] is .* row of columns.*\[row\['body'\] for row in X\]"
    with pytest.raises(TypeError, match=message):
        check_texts([{"body": text, "n": 1} for text in TEXTS])


def test_queries_are_to_be_run_first():
    with pytest.raises(TypeError, match=r"X is a LazyFrame.*X\.collect\(\)"):
        check_texts(pl.DataFrame({"text": TEXTS}).lazy())


def test_masked_texts_are_missing():
    texts = np.ma.array(["a", "hidden", "b"], mask=[False, True, False])
    for masked in (texts, texts[:, None], texts.astype(object), list(texts)):
        with pytest.raises(ValueError, match=r"X\[1\] is missing"):
            check_texts(masked)
        assert check_texts(masked, handle_missing="empty") == ["a", "", "b"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", r"X is a single str.*wrap it in a list: \[text\]"),
        (b"a text", r"X is a single bytes.*wrap it in a list"),
        (csr_array((2, 3)), r"sparse matrix of shape \(2, 3\)"),
        ({"train": TEXTS}, r"X is a dict with the keys \['train'\]"),
        ({"a", "b"}, r"of type set.*list\(X\)"),
        ((text for text in TEXTS), r"of type generator.*list\(X\)"),
        (None, "of type NoneType"),
        (3, "of type int"),
    ],
)
def test_what_is_no_container_of_texts_is_refused(texts, message):
    with pytest.raises(TypeError, match=message):
        check_texts(texts)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (np.array("a"), r"shape \(\)"),
        (np.array([["a", "b"]]), r"shape \(1, 2\)"),
        (np.empty((3, 0), dtype=object), r"shape \(3, 0\)"),
        (np.empty((3, 1, 1), dtype=object), r"shape \(3, 1, 1\)"),
        (pd.DataFrame({"a": TEXTS, "b": TEXTS}), r"2 columns.*X\['text'\]"),
        (pl.DataFrame({"a": TEXTS, "b": TEXTS}), r"2 columns.*ColumnTransformer"),
        (pd.DataFrame(index=range(3)), "0 columns"),
    ],
)
def test_other_shapes_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        check_texts(texts)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(3, "int"), (2.5, "float"), (b"x", "bytes"), (True, "bool"), ({2}, "set")],
)
def test_the_first_element_that_is_no_str_is_named(value, kind):
    expected = re.escape(f"X[1] is {value!r} of type {kind}")
    with pytest.raises(TypeError, match=expected):
        check_texts(["a", value, 5])


@pytest.mark.parametrize("value", [["a", "b"], ("a",), []])
def test_nested_sequences_are_refused(value):
    with pytest.raises(ValueError, match=r"X\[2\] is a (list|tuple).*one-dimensional"):
        check_texts(["a", "b", value])


def test_numbers_in_an_array_are_refused():
    with pytest.raises(TypeError, match=r"X\[0\] is 0\.0 of type float"):
        check_texts(np.zeros((2, 1)))


def test_bytes_are_to_be_decoded():
    with pytest.raises(TypeError, match=r"X\[0\].*\.decode\("):
        check_texts(np.array([b"abc"]))


def holding(value):
    """`value` as the second of three texts, in every container that can hold it."""
    values = ["a", value, "b"]
    containers = {
        "list": values,
        "tuple": tuple(values),
        "array": np.array(values, dtype=object),
        "pandas Series": pd.Series(values, dtype=object),
        "pandas string Series": pd.Series(values, dtype="string"),
        "pandas DataFrame": pd.DataFrame({"text": values}),
    }
    if value is None:
        containers["polars Series"] = pl.Series(values)
        containers["polars DataFrame"] = pl.DataFrame({"text": values})
    return containers


MISSING = [
    pytest.param(texts, id=f"{value!r} in {name}")
    for value in (None, float("nan"), np.float32("nan"), pd.NA, pd.NaT)
    for name, texts in holding(value).items()
]


@pytest.mark.parametrize("texts", MISSING)
def test_missing_values_are_an_error_with_a_remedy(texts):
    message = r"X\[1\] is missing.*handle_missing='empty'"
    with pytest.raises(ValueError, match=message):
        check_texts(texts)


@pytest.mark.parametrize("texts", MISSING)
def test_missing_values_become_empty_texts_on_request(texts):
    assert check_texts(texts, handle_missing="empty") == ["a", "", "b"]


def test_handling_missing_values_forgives_nothing_else():
    with pytest.raises(TypeError, match=r"X\[1\] is 3"):
        check_texts([None, 3], handle_missing="empty")


def test_embeddings_become_float32():
    array = check_embeddings([[1, 2], [3, 4]])
    assert array.dtype == np.float32
    assert array.shape == (2, 2)


@pytest.mark.parametrize("X", [[1.0, 2.0], np.zeros((2, 2, 2))])
def test_embeddings_of_other_shapes_are_refused(X):
    with pytest.raises(ValueError, match=r"X has shape .* \(n_texts"):
        check_embeddings(X)
