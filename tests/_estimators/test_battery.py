"""What has to hold of every estimator, on text.

scikit-learn's own checks of these things run on numbers (``test_estimator_checks``).
"""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback
from toys import toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticPipeline,
    StaticRegressor,
)
from sklearn_static._layers.layers import Head, Linear
from sklearn_static.head import StaticHeadClassifier, StaticHeadRegressor

# Frozen pipelines are fitted along with all others.
pytestmark = pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")

EMBEDDING = toy_embedding()
X, y = toy_texts()
X_test, _ = toy_texts(60, seed=1)
VALUES = np.array([float(len(text)) for text in X])

ESTIMATORS = {
    "classifier": StaticClassifier,
    "regressor": StaticRegressor,
    "linear classifier": StaticLinearClassifier,
    "linear regressor": StaticLinearRegressor,
    "transformer": StaticEmbeddingTransformer,
    "frozen classifier": StaticPipeline,
    "frozen regressor": StaticPipeline,
    "frozen linear classifier": StaticPipeline,
    "frozen linear regressor": StaticPipeline,
}
FINE_TUNED = ["classifier", "regressor"]
TRAINABLE = [*FINE_TUNED, "linear classifier", "linear regressor"]
METHODS = ("predict", "predict_proba", "decision_function", "transform")


def make(kind, **parameters):
    """An estimator that has not been fitted; frozen ones are from the start."""
    if kind == "transformer":
        return StaticEmbeddingTransformer(EMBEDDING, **parameters)
    if kind.startswith("frozen"):
        inner = kind.removeprefix("frozen ")
        return make(inner, **parameters).fit(X, targets(inner)).to_pipeline()
    defaults = {"hidden_layer_sizes": (16,), "lr": 0.01, "max_epochs": 4}
    if kind.startswith("linear"):
        defaults = {}
    return ESTIMATORS[kind](EMBEDDING, **{**defaults, "random_state": 0, **parameters})


def targets(kind):
    return VALUES if kind.endswith("regressor") else y


def outputs(estimator, texts):
    """What each method of a fitted estimator gives, by name."""
    names = [name for name in METHODS if hasattr(estimator, name)]
    return {name: getattr(estimator, name)(texts) for name in names}


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        assert actual[name].dtype == values.dtype, name
        assert_array_equal(actual[name], values, name)


@pytest.fixture(params=ESTIMATORS)
def kind(request):
    return request.param


@cache
def fit_once(kind):
    return make(kind).fit(X, targets(kind))


@pytest.fixture
def fitted(kind):
    return fit_once(kind)


@pytest.fixture(params=TRAINABLE)
def trainable(request):
    return request.param


@pytest.fixture(params=FINE_TUNED)
def fine_tuned(request):
    return request.param


# Predictions


def numeric(estimator, texts):
    results = outputs(estimator, texts)
    return {k: v for k, v in results.items() if v.dtype.kind == "f"}


def assert_close(actual, expected):
    """Equal but for BLAS, which rounds a row depending on the rows beside it."""
    for name, values in expected.items():
        scale = np.abs(values).max()
        assert_allclose(actual[name], values, atol=2e-6 * scale, rtol=0, err_msg=name)


def test_a_text_is_predicted_alike_alone_and_among_others(fitted):
    expected = numeric(fitted, X_test)
    alone = [numeric(fitted, [text]) for text in X_test]
    halves = [numeric(fitted, half) for half in (X_test[:7], X_test[7:])]
    for parts in (alone, halves):
        joined = {k: np.concatenate([part[k] for part in parts]) for k in expected}
        assert_close(joined, expected)


def test_the_order_of_texts_does_not_matter(fitted):
    order = np.random.default_rng(0).permutation(len(X_test))
    expected = {k: v[order] for k, v in numeric(fitted, X_test).items()}
    assert_close(numeric(fitted, [X_test[i] for i in order]), expected)


def test_every_container_is_predicted_alike(fitted, container):
    assert_same(outputs(fitted, container(X_test)), outputs(fitted, X_test))


def test_no_texts_have_no_predictions(fitted, container):
    for name, result in outputs(fitted, container([])).items():
        whole = outputs(fitted, X_test)[name]
        assert result.shape == (0, *whole.shape[1:])
        assert result.dtype == whole.dtype


def test_predicting_changes_nothing(fitted):
    before = dict(vars(fitted))
    pickled = pickle.dumps(fitted)
    outputs(fitted, X_test)
    assert vars(fitted) == before
    assert pickle.dumps(fitted) == pickled


def test_threads_share_a_fitted_estimator(kind):
    fresh = pickle.loads(pickle.dumps(fit_once(kind)))
    parts = [X_test[i::8] for i in range(8)] * 4
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda part: outputs(fresh, part), parts))
    for part, result in zip(parts, results, strict=True):
        assert_same(result, outputs(fit_once(kind), part))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.lists(st.text(st.characters()), max_size=6))
def test_any_unicode_is_predicted(fitted, texts):
    for name, result in outputs(fitted, texts).items():
        assert len(result) == len(texts), name
        if result.dtype.kind == "f":
            assert np.isfinite(result).all(), name


@settings(max_examples=4, deadline=None)
@given(texts=st.lists(st.text(st.characters()), min_size=4, max_size=8))
def test_any_unicode_is_trained_on(texts):
    labels = [i % 2 for i in range(len(texts))]
    for kind in TRAINABLE:
        quick = {"max_epochs": 1, "early_stopping": False} if kind in FINE_TUNED else {}
        estimator = make(kind, **quick).fit(texts, labels)
        assert np.isfinite(estimator.embedding_.vectors).all()
        assert len(estimator.predict(texts)) == len(texts)


# Fits


def test_fitting_again_gives_the_same(kind):
    estimator = make(kind).fit(X, targets(kind))
    first = outputs(estimator, X_test)
    assert_same(outputs(estimator.fit(X, targets(kind)), X_test), first)
    assert_same(outputs(clone(estimator).fit(X, targets(kind)), X_test), first)


def test_threads_that_fit_at_once_do_not_disturb_each_other(fine_tuned):
    def fit(_):
        estimator = make(fine_tuned, dropout=0.3, max_epochs=2)
        return outputs(estimator.fit(X, targets(fine_tuned)), X_test)

    before, alone = torch.get_rng_state(), fit(0)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(fit, range(8)):
            assert_same(result, alone)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fit_leaves_its_data_alone(trainable):
    texts, labels = list(X), np.array(targets(trainable))
    weight = np.linspace(0, 1, len(X))
    make(trainable).fit(texts, labels, sample_weight=weight)
    assert texts == X
    assert_array_equal(labels, targets(trainable))
    assert_array_equal(weight, np.linspace(0, 1, len(X)))


@pytest.mark.parametrize("first", ["nothing", "fit", "partial_fit"])
def test_a_failed_fit_changes_nothing(fine_tuned, first):
    estimator = make(fine_tuned, max_epochs=1)
    if first == "fit":
        estimator.fit(X, targets(fine_tuned))
    if first == "partial_fit":
        estimator.partial_fit(X, targets(fine_tuned), **announced(fine_tuned))
    before = dict(vars(estimator))
    for method in (estimator.fit, estimator.partial_fit):
        for texts, values in (
            (X, targets(fine_tuned)[:-1]),
            ([*X[:-1], 3], targets(fine_tuned)),
            (X, None),
            ([], []),
        ):
            kwargs = announced(fine_tuned) if method == estimator.partial_fit else {}
            with pytest.raises((ValueError, TypeError)):
                method(texts, values, **kwargs)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is before[name] for name in before)


def announced(kind):
    return {"classes": ["cook", "sail"]} if kind == "classifier" else {}


def test_a_fit_without_texts_says_so(trainable):
    with pytest.raises(ValueError, match="X is empty"):
        make(trainable).fit([], [])
    with pytest.raises(ValueError, match="X_val is empty"):
        make(trainable).fit(X, targets(trainable), X_val=[], y_val=[])


# Settings that classifier and regressor share


def test_a_frozen_embedding_is_not_trained(fine_tuned):
    estimator = make(fine_tuned, freeze_embedding=True).fit(X, targets(fine_tuned))
    assert estimator.embedding_ is EMBEDDING
    assert len(np.unique(outputs(estimator, X_test)["predict"])) > 1


@pytest.mark.parametrize("early_stopping", [True, False])
def test_training_stops_after_so_many_epochs_that_gain_too_little(
    fine_tuned, early_stopping
):
    settings = {"max_epochs": 9, "early_stopping": early_stopping}
    for tol, n_iter in ((1e9, 1 + 3), (0.0, 9)):
        estimator = make(fine_tuned, n_iter_no_change=3, tol=tol, lr=1e-3, **settings)
        assert estimator.fit(X, targets(fine_tuned)).n_iter_ == n_iter


def test_so_large_a_fraction_is_set_aside(fine_tuned):
    estimator = make(fine_tuned, validation_fraction=0.25)
    numbers = np.arange(len(X)) % 2
    train, valid = estimator.train_test_split(X, numbers, np.random.RandomState(0))
    assert_array_equal(np.sort(np.r_[train, valid]), np.arange(len(X)))
    assert (len(valid), numbers[valid].sum()) == (30, 15)


class Where(Callback):
    """Notes the device of every parameter in training."""

    def on_train_begin(self, net, **kwargs):
        self.devices = {str(p.device) for p in net.module_.parameters()}


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)],
)
def test_training_is_on_the_device_and_prediction_in_numpy(fine_tuned, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    where = Where()
    estimator = make(fine_tuned, device=device, callbacks=[where])
    estimator.fit(X, targets(fine_tuned))
    assert {name.partition(":")[0] for name in where.devices} == {device}
    expected = numeric(fit_once(fine_tuned), X_test)
    for name, result in numeric(estimator, X_test).items():
        assert_allclose(result, expected[name], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", "cpux"])
def test_a_device_that_is_not_there_is_named(fine_tuned, device):
    estimator = make(fine_tuned, device=device)
    message = rf"device is '{device}', but torch .* can use 'cpu'.* and 'auto' takes"
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, targets(fine_tuned))


def test_auto_takes_a_gpu_where_there_is_one(fine_tuned):
    where = Where()
    make(fine_tuned, device="auto", callbacks=[where]).fit(X, targets(fine_tuned))
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert {name.partition(":")[0] for name in where.devices} == {expected}


def test_epochs_are_shown_on_request_only(fine_tuned, capfd):
    for verbose, shown in ((0, ""), (1, "4/4")):
        make(fine_tuned, verbose=verbose).fit(X, targets(fine_tuned))
        assert shown in (printed := capfd.readouterr().err)
        assert bool(printed) == bool(verbose)


# Frozen heads, on embeddings


def identity(n_dimensions):
    weight = np.eye(n_dimensions, dtype=np.float32)
    return Head((Linear(weight, np.zeros(n_dimensions, np.float32)),))


SCORES = np.array([[3.0, -2.0, 0.5], [-1.0, 0.25, 2.0]])


def test_a_head_takes_the_class_of_the_greatest_score():
    head = StaticHeadClassifier(identity(3), ["a", "b", "c"])
    assert_array_equal(head.predict(SCORES), ["a", "c"])
    assert_array_equal(head.decision_function(SCORES), SCORES)
    probabilities = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
    assert_allclose(head.predict_proba(SCORES), probabilities)
    assert_allclose(head.predict_log_proba(SCORES), np.log(probabilities))


@pytest.mark.parametrize("sparse", [False, True])
def test_a_head_of_many_labels_takes_those_from_a_threshold_on(sparse):
    head = StaticHeadClassifier(
        identity(3), [0, 1, 2], multilabel=True, threshold=0.6, sparse_output=sparse
    )
    predicted = head.predict(SCORES)
    assert issparse(predicted) == sparse
    indicator = predicted.toarray() if sparse else predicted
    assert_array_equal(indicator, [[1, 0, 1], [0, 0, 1]])
    probabilities = 1 / (1 + np.exp(-SCORES))
    assert_allclose(head.predict_proba(SCORES), probabilities)
    assert_allclose(head.predict_log_proba(SCORES), np.log(probabilities))


def test_a_head_of_numbers_gives_them():
    assert_array_equal(StaticHeadRegressor(identity(3)).predict(SCORES), SCORES)
    [column] = StaticHeadRegressor(identity(1)).predict([[0.5]]).shape
    assert column == 1


def test_heads_learn_nothing_and_clones_share_their_layers():
    for head in (
        StaticHeadClassifier(identity(2), [0, 1]),
        StaticHeadRegressor(identity(2)),
    ):
        before = dict(vars(head))
        assert head.fit(np.ones((4, 2)), [0, 1, 0, 1], sample_weight=None) is head
        assert clone(head).head is head.head
        assert vars(head) == before


def test_texts_are_no_embeddings():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        StaticHeadRegressor(identity(3)).predict([1.0, 2.0, 3.0])


# Pickles


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_unfitted_copies_fit_the_same(kind, copied):
    estimator = copied(make(kind)).fit(X, targets(kind))
    assert_same(outputs(estimator, X_test), outputs(fit_once(kind), X_test))


def test_fitted_pickles_predict_the_same_and_pickle_the_same(fitted):
    again = pickled(fitted)
    assert_same(outputs(again, X_test), outputs(fitted, X_test))
    assert pickle.dumps(again) == pickle.dumps(pickled(again))


def test_pickles_go_on_where_a_stream_was_left(fine_tuned):
    halves = [(X[:60], targets(fine_tuned)[:60]), (X[60:], targets(fine_tuned)[60:])]
    straight, broken = make(fine_tuned), make(fine_tuned)
    for part in halves:
        straight.partial_fit(*part, **announced(fine_tuned))
        broken = pickled(broken).partial_fit(*part, **announced(fine_tuned))
    assert_same(outputs(broken, X_test), outputs(straight, X_test))
    assert broken.loss_curve_ == straight.loss_curve_


def test_pickles_go_on_from_a_warm_start(fine_tuned):
    warm = make(fine_tuned, warm_start=True).fit(X, targets(fine_tuned))
    again = pickled(warm).fit(X, targets(fine_tuned))
    assert_same(
        outputs(again, X_test), outputs(warm.fit(X, targets(fine_tuned)), X_test)
    )


def test_pipelines_around_it_are_pickled(kind):
    pipeline = Pipeline([("step", make(kind))]).fit(X, targets(kind))
    assert_same(outputs(pickled(pipeline), X_test), outputs(fit_once(kind), X_test))


# Weights


def test_weights_of_one_are_no_weights(trainable):
    for weight in (np.ones(len(X)), [1] * len(X)):
        weighted = make(trainable).fit(X, targets(trainable), sample_weight=weight)
        assert_same(outputs(weighted, X_test), outputs(fit_once(trainable), X_test))


def test_only_the_ratios_of_weights_count_where_nothing_is_penalised(fine_tuned):
    plain = make(fine_tuned, init="random").fit(X, targets(fine_tuned))
    weighted = make(fine_tuned, init="random")
    weighted.fit(X, targets(fine_tuned), sample_weight=np.full(len(X), 3.0))
    assert_same(outputs(weighted, X_test), outputs(plain, X_test))


def test_texts_of_weight_zero_are_as_if_not_there(fine_tuned):
    weight = np.r_[np.ones(len(X)), np.zeros(len(X))]
    other = np.roll(targets(fine_tuned), 1)
    for method in ("fit", "partial_fit"):
        kwargs = announced(fine_tuned) if method == "partial_fit" else {}
        plain = getattr(make(fine_tuned), method)(X, targets(fine_tuned), **kwargs)
        weighted = getattr(make(fine_tuned), method)(
            X * 2,
            np.r_[targets(fine_tuned), other],
            sample_weight=weight,
            **kwargs,
        )
        assert_same(outputs(weighted, X_test), outputs(plain, X_test))


def test_whole_weights_are_repetitions_where_every_batch_is_the_whole(fine_tuned):
    """Up to rounding, and only then: smaller batches are drawn from other rows."""
    times = np.arange(len(X)) % 3
    rows = np.repeat(np.arange(len(X)), times)
    settings = {"batch_size": 1000, "early_stopping": False, "max_epochs": 5}
    settings["init"] = "random"
    weighted = make(fine_tuned, **settings).fit(X, targets(fine_tuned), times)
    repeated = make(fine_tuned, **settings).fit(
        [X[row] for row in rows], np.asarray(targets(fine_tuned))[rows]
    )
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-4)
    assert_allclose(weighted.embedding_.vectors, repeated.embedding_.vectors, atol=2e-3)


# Storage


@pytest.mark.parametrize("dtype", [str, object], ids=["str", "object"])
def test_mapped_and_read_only_data_are_learned_from(trainable, tmp_path, dtype):
    data = (np.array(X, dtype), np.array(targets(trainable)), np.ones(len(X)))
    joblib.dump(data, tmp_path / "data.joblib")
    texts, labels, weight = joblib.load(tmp_path / "data.joblib", mmap_mode="r")
    assert not labels.flags.writeable
    texts.flags.writeable = False
    estimator = make(trainable).fit(texts, labels, sample_weight=weight)
    mapped = outputs(estimator, texts[:50])
    assert_same(mapped, outputs(fit_once(trainable), X[:50]))


def test_mapped_models_predict_and_learn_on(fine_tuned, tmp_path):
    joblib.dump(fit_once(fine_tuned), tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_same(outputs(mapped, X_test), outputs(fit_once(fine_tuned), X_test))
    in_memory = pickled(fit_once(fine_tuned))
    for estimator in (mapped, in_memory):
        estimator.partial_fit(X, targets(fine_tuned))
        estimator.set_params(warm_start=True).fit(X, targets(fine_tuned))
    assert_same(outputs(mapped, X_test), outputs(in_memory, X_test))


# Targets


LABELS = {
    "list": list,
    "tuple": tuple,
    "str array": np.array,
    "object array": lambda labels: np.array(labels, dtype=object),
    "pandas Series": lambda labels: pd.Series(labels, index=range(5, 5 + len(labels))),
    "pandas string Series": lambda labels: pd.Series(labels, dtype="string"),
    "pandas categorical": lambda labels: pd.Series(labels, dtype="category"),
    "pandas Categorical": pd.Categorical,
    "polars Series": pl.Series,
    "polars categorical": lambda labels: pl.Series(labels, dtype=pl.Categorical),
}


@pytest.mark.parametrize("make_labels", LABELS.values(), ids=LABELS)
def test_labels_may_come_in_any_container(make_labels):
    classifier = make("classifier").fit(X, make_labels(y))
    assert_array_equal(classifier.classes_, ["cook", "sail"])
    expected = fit_once("classifier").predict_proba(X_test)
    assert_array_equal(classifier.predict_proba(X_test), expected)


NUMBERS = {
    "list": list,
    "float32 array": lambda values: np.array(values, np.float32),
    "int array": lambda values: np.array(values, int),
    "object array": lambda values: np.array(values, object),
    "pandas Series": lambda values: pd.Series(values, index=range(5, 5 + len(values))),
    "pandas nullable": lambda values: pd.Series(values, dtype="Float64"),
    "polars Series": pl.Series,
}


@pytest.mark.parametrize("make_values", NUMBERS.values(), ids=NUMBERS)
def test_values_may_come_in_any_container(make_values):
    regressor = make("regressor").fit(X, make_values(VALUES))
    assert_same(outputs(regressor, X_test), outputs(fit_once("regressor"), X_test))


INDICATOR = np.column_stack([np.array(y) == "cook", np.array(y) == "sail"])
INDICATORS = {
    "bool array": lambda indicator: indicator,
    "float array": lambda indicator: indicator.astype(float),
    "nested list": lambda indicator: indicator.astype(int).tolist(),
    "pandas DataFrame": lambda indicator: pd.DataFrame(indicator.astype(int)),
    "polars DataFrame": lambda indicator: pl.DataFrame(indicator.astype(int)),
}


@pytest.mark.parametrize("make_indicator", INDICATORS.values(), ids=INDICATORS)
def test_indicators_may_come_in_any_container(make_indicator):
    expected = make("classifier").fit(X, INDICATOR.astype(int))
    classifier = make("classifier").fit(X, make_indicator(INDICATOR))
    assert_same(outputs(classifier, X_test), outputs(expected, X_test))


def test_only_frozen_estimators_are_fitted_from_the_start(kind):
    estimator = make(kind)
    if kind in TRAINABLE:
        with pytest.raises(NotFittedError):
            estimator.predict(X)
    else:
        assert outputs(estimator, X)
