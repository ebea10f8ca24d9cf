"""What y, sample_weight and class_weight may hold, whatever holds them."""

from __future__ import annotations

from enum import Enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from toys import toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
)

EMBEDDING = toy_embedding()
X, y = toy_texts(60)
INDICATOR = np.array([[label == "cook", label == "sail"] for label in y], int)
INDICATOR[::5] = 1
VALUES = INDICATOR[:, 0] - 0.5


def linear(**parameters):
    return StaticLinearClassifier(EMBEDDING, random_state=0, **parameters)


def tuned(**parameters):
    return StaticClassifier(EMBEDDING, random_state=0, max_epochs=2, **parameters)


def regressor(**parameters):
    return StaticLinearRegressor(EMBEDDING, random_state=0, **parameters)


@pytest.fixture(params=[linear, tuned], ids=["linear", "fine-tuned"])
def classifier(request):
    return request.param


MATRICES = {
    "array": np.asarray,
    "list": np.ndarray.tolist,
    "object array": lambda matrix: matrix.astype(object),
    "float array": lambda matrix: matrix.astype(float),
    "pandas": pd.DataFrame,
    "pandas nullable": lambda matrix: pd.DataFrame(matrix).astype("Int64"),
    "pandas categorical": lambda matrix: pd.DataFrame(matrix).astype("category"),
    "polars": pl.DataFrame,
    **{
        kind: getattr(sparse, f"{kind}_matrix")
        for kind in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
    },
    "csr_array": sparse.csr_array,
}


@pytest.mark.parametrize("hold", MATRICES.values(), ids=MATRICES)
def test_an_indicator_is_of_0_and_1_in_every_container(hold):
    predicted = linear().fit(X, hold(INDICATOR)).predict(X)
    dense = predicted.toarray() if sparse.issparse(predicted) else predicted
    assert_array_equal(dense, linear().fit(X, INDICATOR).predict(X))
    for wrong, found in (
        (INDICATOR + 1, "2"),
        (2 * INDICATOR, "2"),
        (2 * INDICATOR - 1, "-1"),
        (np.full_like(INDICATOR, 7), "7"),
    ):
        message = rf"y\[\d, \d\] is {found}(\.0)?\. Recode.*MultiLabelBinarizer"
        with pytest.raises(ValueError, match=message):
            linear().fit(X, hold(wrong))
        message = message.replace("y", "y_val", 1)
        with pytest.raises(ValueError, match=message):
            linear().fit(X, INDICATOR, X_val=X, y_val=hold(wrong))


def test_entries_of_a_sparse_indicator_are_summed_before_they_are_checked():
    entries = (np.ones(2), ([3, 3], [1, 1]))
    twice = sparse.coo_array(entries, shape=INDICATOR.shape)
    with pytest.raises(ValueError, match=r"y\[3, 1\] is 2"):
        linear().fit(X, twice)


@pytest.mark.parametrize(
    "columns",
    [[[3, 7]] * 60, [["a", "b"]] * 60, [[0.5, 1.5]] * 60, [[0, 1, 2]] * 60],
)
def test_columns_of_classes_are_no_labels(columns):
    with pytest.raises(ValueError, match=r"several columns.*MultiOutputClassifier"):
        linear().fit(X, columns)


def masked(values):
    hidden = [value is None for value in values]
    filled = ["cook" if value is None else value for value in values]
    return np.ma.array(filled, mask=hidden)


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "list with NaN": lambda values: [np.nan if v is None else v for v in values],
    "object array": lambda values: np.array(values, object),
    "masked array": masked,
    "pandas str": lambda values: pd.Series(values, dtype="str"),
    "pandas string": lambda values: pd.Series(values, dtype="string"),
    "pandas object": lambda values: pd.Series(values, dtype=object),
    "pandas NA": lambda values: pd.Series(values, dtype=object).fillna(pd.NA),
    "pandas categorical": lambda values: pd.Series(values, dtype="category"),
    "pandas frame": lambda values: pd.DataFrame({"label": values})["label"],
    "polars": pl.Series,
    "pyarrow": pa.array,
}


@pytest.mark.parametrize("hold", CONTAINERS.values(), ids=CONTAINERS)
def test_a_missing_label_is_named_in_every_container(hold):
    holed = hold([*y[:4], None, *y[5:]])
    with pytest.raises(ValueError, match=r"y\[4\] is .*missing.*Drop"):
        linear().fit(X, holed)
    with pytest.raises(ValueError, match=r"y_val\[4\] is .*missing.*Drop"):
        linear().fit(X, y, X_val=X, y_val=holed)
    with pytest.raises(ValueError, match=r"classes\[1\] is .*missing"):
        tuned().partial_fit(X, y, classes=hold(["cook", None, "sail"]))
    assert_array_equal(linear().fit(X, hold(y)).classes_, ["cook", "sail"])


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, float("inf")])
def test_missing_values_are_named_wherever_they_stand(missing):
    values = [*VALUES.tolist()[:4], missing, *VALUES.tolist()[5:]]
    with pytest.raises(ValueError, match=r"y\[4\] is"):
        regressor().fit(X, values)
    with pytest.raises(ValueError, match=r"y_val\[4\] is"):
        regressor().fit(X, VALUES, X_val=X, y_val=values)
    with pytest.raises(ValueError, match=r"sample_weight\[4\] is"):
        linear().fit(X, y, sample_weight=values)
    rows = INDICATOR.tolist()
    rows[4][1] = missing
    with pytest.raises(ValueError, match=r"y\[4, 1\] is"):
        linear().fit(X, pd.DataFrame(rows, dtype=object))


def test_dates_that_are_missing_are_named():
    dates = pd.to_datetime([None, *["2020-01-01", "2021-01-01"] * 30][:60])
    with pytest.raises(ValueError, match=r"y\[0\] is NaT"):
        linear().fit(X, pd.Series(dates))


@pytest.mark.parametrize("label", [{"y": "cook"}, b"cook", object()])
def test_what_is_no_label_is_shown(label):
    with pytest.raises((TypeError, ValueError), match=r"[Ll]abel"):
        linear().fit(X, [label] * 60)


def test_queries_are_to_be_run_first():
    lazy = pl.DataFrame({"y": y}).lazy()
    with pytest.raises(TypeError, match=r"y\.collect\(\)"):
        linear().fit(X, lazy)


def test_whole_numbers_among_objects_are_labels():
    numbers = INDICATOR[:, 0]
    model = linear().fit(X, pd.Series(numbers, dtype=object))
    assert model.classes_.dtype == numbers.dtype


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="needs numpy 2")
def test_strings_of_variable_width_are_labels():
    model = linear().fit(X, np.array(y, np.dtypes.StringDType()))
    assert_array_equal(model.predict(X[:2]), y[:2])


class Topic(str, Enum):  # noqa: UP042 (unlike it, a StrEnum's str() is its text)
    COOKING = "cook"
    SAILING = "sail"


def test_members_of_an_enumeration_are_their_text(classifier):
    members = [Topic(label) for label in y]
    model = classifier(class_weight={Topic.COOKING: 2.0})
    expected = classifier(class_weight={"cook": 2.0}).fit(X, y)
    for hold in (list, tuple, pd.Series):
        model.fit(X, hold(members))
        assert_array_equal(model.classes_, ["cook", "sail"])
        assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    stream = tuned().partial_fit(X, members, classes=list(Topic))
    assert_array_equal(stream.classes_, ["cook", "sail"])
    named = linear(label_names=list(Topic)).fit(X, INDICATOR)
    assert_array_equal(named.classes_, ["cook", "sail"])


@pytest.mark.parametrize("shape", [(60, 0), (60, 2, 2), (60, 1, 1), ()])
def test_labels_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"y has"):
        linear().fit(X, np.zeros(shape))


def test_half_a_character_is_no_label():
    broken = ["caf\udce9" if label == "cook" else label for label in y]
    with pytest.raises(ValueError, match=r"'caf\\udce9'.*surrogate"):
        linear().fit(X, broken)
    with pytest.raises(ValueError, match="surrogate"):
        tuned().partial_fit(X, broken, classes=["caf\udce9", "sail"])


@pytest.mark.parametrize(
    "announce", [set, frozenset, tuple, lambda labels: dict.fromkeys(labels).keys()]
)
def test_any_collection_announces_classes(announce):
    model = tuned().partial_fit(X, y, classes=announce(["sail", "cook"]))
    assert_array_equal(model.classes_, ["cook", "sail"])
    model.partial_fit(X, y, classes=announce(["sail", "cook"]))
    with pytest.raises(ValueError, match="those of the first"):
        model.partial_fit(X, y, classes=announce(["sail", "code"]))


@pytest.mark.parametrize("classes", ["sail", {"sail": 1, "cook": 2}, 2, iter(y)])
def test_what_is_no_collection_announces_nothing(classes):
    with pytest.raises(TypeError, match=r"classes is .* list or array"):
        tuned().partial_fit(X, y, classes=classes)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (1e308, ValueError),
        ("2", TypeError),
        (None, TypeError),
        ([1], TypeError),
        (1j, TypeError),
    ],
)
def test_a_class_weight_is_a_number_that_is_not_negative(weight, error):
    with pytest.raises(error, match=r"class_weight\['cook'\] is .* number"):
        linear(class_weight={"cook": weight}).fit(X, y)
    with pytest.raises(error, match=r"class_weight\[1\] is .* number"):
        linear(class_weight={1: weight}).fit(X, INDICATOR)


def test_one_class_has_to_weigh_something(classifier):
    with pytest.raises(ValueError, match="0 for every class"):
        classifier(class_weight={"cook": 0, "sail": 0}).fit(X, y)
    with pytest.raises(ValueError, match="0 for every class"):
        classifier(class_weight={0: 0, 1: 0}).fit(X, INDICATOR)
    model = classifier(class_weight={"cook": 0})
    with pytest.raises(ValueError, match="sample_weight_val times class_weight"):
        model.fit(X, y, X_val=X[:1], y_val=["cook"])


def test_texts_of_a_class_that_weighs_nothing_are_as_if_not_there(classifier):
    model = classifier(class_weight={"code": 0})
    model.fit([*X, *X[:9]], [*y, *["code"] * 9])
    assert_array_equal(model.classes_, ["code", "cook", "sail"])
    assert "code" not in model.predict(X)
    assert model.score(X, y) > 0.9


def test_a_fold_may_lack_a_class_that_has_a_weight(classifier):
    rare = [*y[:-1], "code"]
    weights = {"cook": 1, "sail": 2, "code": 5}
    with pytest.warns(UserWarning, match="least populated"):
        scores = cross_val_score(classifier(class_weight=weights), X, rare, cv=3)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("weights", [{"code": 2}, {"cook": 1, "Sail": 2}])
def test_a_class_that_lacks_a_weight_beside_an_unknown_one_is_a_mistake(weights):
    features = np.eye(60)
    with pytest.raises(ValueError, match="are not in class_weight"):
        LogisticRegression(class_weight=weights).fit(features, y)
    with pytest.raises(ValueError, match="class_weight names"):
        linear(class_weight=weights).fit(X, y)


@pytest.mark.parametrize(
    ("make", "targets"),
    [
        (linear, y),
        (linear, INDICATOR),
        (tuned, y),
        (tuned, INDICATOR),
        (regressor, VALUES),
        (
            lambda: StaticRegressor(EMBEDDING, max_epochs=2, random_state=0),
            VALUES,
        ),
    ],
    ids=["linear", "linear, labels", "tuned", "tuned, labels", "ridge", "regressor"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_may_be_of_any_size_that_can_be_summed(make, targets):
    for size in (5e-324, 1e-300, 1e-40, 1e40, 1e90):
        model = make().fit(X, targets, sample_weight=np.full(60, size))
        assert np.isfinite(getattr(model, "predict_proba", model.predict)(X)).all()
        weight = np.r_[size, np.ones(59)]
        model = make().fit(X, targets, sample_weight=weight)
        assert np.isfinite(getattr(model, "predict_proba", model.predict)(X)).all()
    for weight in (np.full(60, 1e308), np.r_[1e308, np.ones(59)]):
        with pytest.raises(ValueError, match=r"sample_weight sums to .* mean"):
            make().fit(X, targets, sample_weight=weight)


@pytest.mark.parametrize("targets", [y, INDICATOR], ids=["classes", "labels"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_penalty_is_solved_under(classifier, targets):
    for C in (5e-324, 1e-100, 1e300):
        probabilities = classifier(C=C).fit(X, targets).predict_proba(X)
        assert np.isfinite(probabilities).all()


def test_no_ridge_penalty_is_too_small():
    values = regressor(alphas=5e-324).fit(X * 2, [*VALUES] * 2).predict(X)
    assert np.abs(values - VALUES).max() < 0.5


def test_weights_of_texts_and_classes_may_be_too_large_together():
    heavy = linear(class_weight={"cook": 1e38})
    with pytest.raises(ValueError, match="sample_weight times class_weight sums to"):
        heavy.fit(X, y, sample_weight=np.full(60, 1e90))


def test_a_label_may_weigh_much_more_than_its_absence():
    model = linear(class_weight={1: 1e30}).fit(X, INDICATOR)
    assert (model.predict_proba(X)[:, 1] > 0.99).all()
