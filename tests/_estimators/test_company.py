"""The estimators in the company of scikit-learn's, with real fits."""

import os

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.fixes import parse_version
from toys import TOPICS, toy_embedding, toy_texts

from sklearn_static import (
    StaticClassifier,
    StaticEmbedding,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticPipeline,
    StaticRegressor,
)
from sklearn_static.nn import mean_embedding

EMBEDDING = toy_embedding()
X, y = toy_texts()
X_test, y_test = toy_texts(60, seed=1)
OLD = parse_version(sklearn.__version__) < parse_version("1.9")
WEIGHT = np.random.default_rng(0).uniform(0.1, 2, len(X))
CLASSIFIERS = [StaticClassifier, StaticLinearClassifier]
FINE_TUNED = [StaticClassifier, StaticRegressor]
ESTIMATORS = [*CLASSIFIERS, StaticRegressor, StaticLinearRegressor]
WORST_AND_BEST = {
    StaticClassifier: ("lr", 1e-6, 1e-2),
    StaticLinearClassifier: ("tol", 1e3, 1e-3),
    StaticRegressor: ("lr", 1e-6, 1e-2),
    StaticLinearRegressor: ("alphas", 1e4, 1.0),
}
"""A parameter of each, a value that learns next to nothing, and a good one."""


def make(cls=StaticClassifier, **parameters):
    defaults = {}
    if cls in FINE_TUNED:
        defaults = {"hidden_layer_sizes": (16,), "lr": 0.01, "max_epochs": 8}
    return cls(EMBEDDING, **{**defaults, "random_state": 0, **parameters})


def from_scratch(cls):
    """So that the learning rate decides what is learned."""
    return make(cls, **({"init": "random"} if cls in FINE_TUNED else {}))


def grid_of(cls, prefix=""):
    name, *values = WORST_AND_BEST[cls]
    return {prefix + name: values}


def targets_of(cls, labels):
    """Classes or, for a regressor, numbers that depend on them."""
    if cls in CLASSIFIERS:
        return labels
    return np.array([5.0 * (label == "cook") for label in labels])


def score_of(estimator, cls):
    """Accuracy or, for a regressor, R², on new texts."""
    return estimator.score(X_test, targets_of(cls, y_test))


def beside_words(cls):
    model = LogisticRegression() if cls in CLASSIFIERS else Ridge()
    return make_pipeline(TfidfVectorizer(), model)


@pytest.fixture(params=CLASSIFIERS)
def kind(request):
    return request.param


@pytest.fixture(params=ESTIMATORS)
def cls(request):
    return request.param


@pytest.fixture
def target(cls):
    return targets_of(cls, y)


@pytest.fixture(params=CLASSIFIERS, scope="module")
def frozen(request):
    return make(request.param).fit(X, y).to_pipeline()


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


# Pipelines and searches


def test_a_pipeline_fits_it_as_its_last_step(cls, target):
    pipeline = Pipeline([("last", make(cls))]).fit(X, target)
    alone = make(cls).fit(X, target)
    assert_array_equal(pipeline.predict(X_test), alone.predict(X_test))
    assert score_of(pipeline, cls) > 0.9


def test_a_search_finds_what_single_fits_find(cls, target):
    search = GridSearchCV(from_scratch(cls), grid_of(cls), cv=2).fit(X, target)
    name, _, best = WORST_AND_BEST[cls]
    assert search.best_params_ == {name: best}
    alone = from_scratch(cls).set_params(**search.best_params_).fit(X, target)
    assert_array_equal(search.predict(X_test), alone.predict(X_test))


@pytest.mark.parametrize("fine_tuned", FINE_TUNED)
def test_a_search_over_layers_and_learning_rates(fine_tuned):
    grid = {"hidden_layer_sizes": [(), (8,)], **grid_of(fine_tuned)}
    search = GridSearchCV(from_scratch(fine_tuned), grid, cv=2)
    search.fit(X, targets_of(fine_tuned, y))
    assert search.best_params_["lr"] == 1e-2
    sizes = search.best_estimator_.head_.head.mlp_layers()
    assert len(sizes) == 1 + len(search.best_params_["hidden_layer_sizes"])


def test_workers_share_the_table_and_the_cores(monkeypatch, cls, target):
    """A table of more than a megabyte is mapped from one file by all workers."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    wide = toy_embedding(n_dimensions=5000)

    def score(estimator, X, y):
        import torch

        return {
            "own": estimator.score(X, y),
            "mapped": isinstance(estimator.model.vectors.base, np.memmap),
            "n_threads": torch.get_num_threads(),
            "process": os.getpid(),
        }

    search = GridSearchCV(
        make(cls).set_params(model=wide, lexical=False),
        grid_of(cls),
        cv=2,
        n_jobs=2,
        scoring=score,
        refit="own",
    ).fit(X, target)

    def results(name):
        splits = (search.cv_results_[f"split{i}_test_{name}"] for i in range(2))
        return np.concatenate(list(splits))

    assert os.getpid() not in results("process")
    assert results("mapped").all()
    assert results("n_threads").max() <= max(1, joblib.cpu_count() // 2)
    assert search.best_estimator_.model is wide
    assert score_of(search.best_estimator_, cls) > 0.6


def test_candidates_in_one_process_share_the_table(cls, target):
    results = cross_validate(make(cls), X, target, cv=3, return_estimator=True)
    assert all(estimator.model is EMBEDDING for estimator in results["estimator"])


def test_it_is_cross_validated(cls, target):
    assert cross_val_score(make(cls), X, target, cv=3).min() > 0.7


def test_several_scorers_judge_it_at_once(cls, target):
    scoring = ["r2", "neg_mean_absolute_error", "explained_variance"]
    if cls in CLASSIFIERS:
        scoring = ["roc_auc", "accuracy", "f1_macro", "neg_log_loss"]
    results = cross_validate(make(cls), X, target, cv=2, scoring=scoring)
    for name in scoring:
        assert np.isfinite(results[f"test_{name}"]).all()
    assert results[f"test_{scoring[0]}"].min() > 0.7


def test_a_randomized_search_draws_parameters(cls, target):
    grid = {**grid_of(cls), "lexical": [True, False]}
    search = RandomizedSearchCV(make(cls), grid, n_iter=3, cv=2, random_state=0)
    assert len(search.fit(X, target).cv_results_["params"]) == 3
    assert score_of(search, cls) > 0.6


def test_a_halving_search_gives_the_better_half_more_texts(cls, target):
    assert_halving_search(cls, grid_of(cls), target, "n_samples", "auto")


@pytest.mark.parametrize("fine_tuned", FINE_TUNED)
def test_a_halving_search_gives_the_better_half_more_epochs(fine_tuned):
    target = targets_of(fine_tuned, y)
    assert_halving_search(fine_tuned, grid_of(fine_tuned), target, "max_epochs", 8)


def assert_halving_search(cls, grid, target, resource, most):
    grid = {**grid, "lexical": [True, False]}
    search = HalvingGridSearchCV(
        *(from_scratch(cls), grid),
        resource=resource,
        max_resources=most,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(X, target)
    assert search.n_candidates_[:2] == [4, 2]
    assert score_of(search, cls) > 0.6


def test_parameters_of_nested_estimators_are_set_and_read(cls, target):
    pipeline = Pipeline([("static", make(cls))])
    search = GridSearchCV(pipeline, grid_of(cls, "static__"), cv=2)
    search.set_params(estimator__static__lexical=False)
    assert search.get_params()["estimator__static__lexical"] is False
    best = search.fit(X, target).best_estimator_["static"]
    assert best.lexical is False
    assert best.word_weights_ is None


def test_a_learning_curve_fits_more_and_more_texts(cls, target):
    sizes, _, scores = learning_curve(
        *(make(cls), X, target),
        train_sizes=[0.4, 1.0],
        cv=2,
        shuffle=True,
        random_state=0,
    )
    assert_array_equal(sizes, [24, 60])
    assert scores[1].mean() > 0.7


# Calibration and thresholds


@pytest.mark.parametrize("ensemble", [True, False])
def test_it_is_calibrated(ensemble, kind):
    calibrated = CalibratedClassifierCV(make(kind), cv=2, ensemble=ensemble).fit(X, y)
    assert calibrated.score(X_test, y_test) > 0.9
    assert_allclose(calibrated.predict_proba(X_test).sum(axis=1), 1)


@pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")
@pytest.mark.parametrize("wrap", [clone, FrozenEstimator], ids=["clone", "frozen"])
def test_a_frozen_pipeline_is_calibrated_and_not_trained_anew(frozen, wrap):
    calibrated = CalibratedClassifierCV(wrap(frozen), cv=2).fit(X_test, y_test)
    inner = [fold.estimator for fold in calibrated.calibrated_classifiers_]
    for estimator in inner:
        assert_array_equal(estimator.decision_function(X), frozen.decision_function(X))
    assert calibrated.score(X_test, y_test) > 0.9


def test_calibration_leaves_the_order_of_texts(frozen):
    """Platt's scaling is monotonic, so the calibrated model ranks as the frozen one."""
    calibrated = CalibratedClassifierCV(FrozenEstimator(frozen)).fit(X, y)
    [scale] = calibrated.calibrated_classifiers_
    assert scale.calibrators[0].a_ < 0
    ranks = np.argsort(calibrated.predict_proba(X_test)[:, 1], kind="stable")
    scores = frozen.decision_function(X_test)[ranks]
    assert np.all(np.diff(scores) >= -1e-4)


def test_its_threshold_is_tuned(frozen, kind):
    tuned = TunedThresholdClassifierCV(make(kind), cv=2, scoring="balanced_accuracy")
    assert tuned.fit(X, y).score(X_test, y_test) > 0.9
    around = TunedThresholdClassifierCV(
        FrozenEstimator(frozen), cv="prefit", refit=False
    ).fit(X, y)
    assert 0 < around.best_threshold_ < 1
    assert around.score(X_test, y_test) > 0.9


# Ensembles


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_it_votes_beside_a_model_of_words(voting, kind):
    models = [("static", make(kind)), ("words", beside_words(kind))]
    vote = VotingClassifier(models, voting=voting).fit(X, y)
    assert vote.score(X_test, y_test) > 0.9


@pytest.mark.parametrize("regressor", [StaticRegressor, StaticLinearRegressor])
def test_its_values_are_averaged_with_those_of_a_model_of_words(regressor):
    values = targets_of(regressor, y)
    models = [("static", make(regressor)), ("words", beside_words(regressor))]
    mean = VotingRegressor(models).fit(X, values)
    expected = np.mean([model.fit(X, values).predict(X_test) for _, model in models], 0)
    assert_allclose(mean.predict(X_test), expected, atol=1e-6)


def test_it_is_stacked_beside_a_model_of_words(cls, target):
    stacking = StackingClassifier if cls in CLASSIFIERS else StackingRegressor
    models = [("static", make(cls)), ("words", beside_words(cls))]
    stack = stacking(models, cv=2).fit(X, target)
    assert score_of(stack, cls) > 0.9
    assert stack.transform(X_test).shape == (60, 2)
    fitted = [(name, clone(model).fit(X, target)) for name, model in models]
    assert score_of(stacking(fitted, cv="prefit").fit(X, target), cls) > 0.9


def test_its_frozen_pipeline_is_stacked(frozen):
    fitted = [("static", frozen), ("words", beside_words(StaticClassifier).fit(X, y))]
    prefit = StackingClassifier(fitted, cv="prefit").fit(X, y)
    assert prefit.score(X_test, y_test) > 0.9


def test_one_of_it_is_fitted_for_each_class(kind):
    X3, y3 = toy_texts(topics=tuple(TOPICS))
    each = OneVsRestClassifier(make(kind)).fit(X3, y3)
    assert len(each.estimators_) == 3
    assert each.score(*toy_texts(60, topics=tuple(TOPICS), seed=1)) > 0.9


def test_it_is_bagged_from_an_array_of_one_column(cls, target):
    bagging = BaggingClassifier if cls in CLASSIFIERS else BaggingRegressor
    column, column_test = (
        np.array(texts, dtype=object)[:, None] for texts in (X, X_test)
    )
    bag = bagging(make(cls), n_estimators=3, random_state=0).fit(column, target)
    assert bag.score(column_test, targets_of(cls, y_test)) > 0.8


@pytest.mark.parametrize("regressor", [StaticRegressor, StaticLinearRegressor])
def test_one_of_it_is_fitted_for_each_target(regressor):
    values = targets_of(regressor, y)
    each = MultiOutputRegressor(make(regressor)).fit(X, np.c_[values, -values])
    alone = make(regressor).fit(X, values)
    assert_array_equal(each.predict(X_test)[:, 0], alone.predict(X_test))


# Frames


FRAME = pd.DataFrame({"text": X, "noise": WEIGHT})
POLARS = pytest.param(
    pl,
    marks=pytest.mark.skipif(
        not hasattr(pl.DataFrame, "__dataframe__") and OLD,
        reason="an older scikit-learn finds no columns in frames of polars 2",
    ),
)


def frame_model(column="text"):
    columns = ColumnTransformer(
        [
            ("text", StaticEmbeddingTransformer(EMBEDDING), column),
            ("number", StandardScaler(), ["noise"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


@pytest.mark.parametrize("column", ["text", ["text"]], ids=str)
@pytest.mark.parametrize("library", [pd, POLARS], ids=["pandas", "polars"])
def test_a_column_of_texts_stands_beside_numbers(column, library):
    frame = library.DataFrame({"text": X, "noise": WEIGHT})
    model = frame_model(column).fit(frame, y)
    assert model[-1].coef_.shape == (1, EMBEDDING.n_dimensions + 1)
    assert model.score(frame, y) > 0.9


@pytest.mark.parametrize("column", ["text", ["text"]], ids=str)
def test_the_estimator_itself_takes_its_column(column, cls, target):
    pick = ColumnTransformer([("pick", "passthrough", ["text"])])
    pick.set_output(transform="pandas")
    model = make_pipeline(pick, make(cls)).fit(FRAME, target)
    alone = make(cls).fit(FRAME[column], target)
    assert_array_equal(model.predict(FRAME), alone.predict(X))


def test_permutation_importance_finds_the_column_of_texts():
    model = frame_model().fit(FRAME, y)
    importance = permutation_importance(model, FRAME, y, n_repeats=2, random_state=0)
    text, noise = importance.importances_mean
    assert text > 0.2 > abs(noise)


@pytest.mark.parametrize("library", [pd, POLARS], ids=["pandas", "polars"])
def test_set_output_of_a_whole_pipeline_gives_named_columns(library):
    scaled = make_pipeline(StaticEmbeddingTransformer(EMBEDDING), StandardScaler())
    frame = scaled.set_output(transform=library.__name__).fit_transform(X, y)
    assert isinstance(frame, library.DataFrame)
    assert list(frame.columns) == list(scaled[0].get_feature_names_out())


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_skrubs_table_vectorizer_sends_texts_through_the_transformer(library):
    skrub = pytest.importorskip("skrub", reason="a peer, test only")
    texts = [f"{text} {i}" for i, text in enumerate(X)]
    frame = library.DataFrame({"text": [*texts[:-1], None], "noise": WEIGHT})
    transformer = StaticEmbeddingTransformer(EMBEDDING, handle_missing="empty")
    table = skrub.TableVectorizer(high_cardinality=transformer)
    features = table.fit_transform(frame)
    assert isinstance(features, library.DataFrame)
    embeddings = EMBEDDING.encode([*texts[:-1], ""])
    assert_array_equal(features.to_numpy()[:, :-1], embeddings)
    assert table.kind_to_columns_["high_cardinality"] == ["text"]


# Memory


def test_memory_keeps_the_embeddings_of_a_pipeline(tmp_path, monkeypatch):
    steps = [
        ("embed", StaticEmbeddingTransformer(EMBEDDING)),
        ("classify", LogisticRegression()),
    ]
    first = Pipeline(steps, memory=str(tmp_path)).fit(X, y)
    monkeypatch.setattr(StaticEmbedding, "encode", None)
    again = clone(first).set_params(classify__C=0.5).fit(X, y)
    monkeypatch.undo()
    assert again.score(X_test, y_test) > 0.9


def test_memory_tells_tables_apart(tmp_path):
    other = toy_embedding(seed=1)
    same = EMBEDDING.with_vectors(EMBEDDING.vectors.copy())
    hashes = [
        joblib.hash(StaticEmbeddingTransformer(table))
        for table in (EMBEDDING, same, other)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


# Metadata


def test_weights_are_routed_through_a_pipeline(routing, cls, target):
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    requesting = make(cls).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(lower, requesting).fit(X, target, sample_weight=WEIGHT)
    weighted = make(cls).fit(X, target, WEIGHT)
    assert_array_equal(pipeline.predict(X_test), weighted.predict(X_test))
    assert_weights_matter(cls, target, weighted)


def assert_weights_matter(cls, target, weighted):
    method = "predict_proba" if cls in CLASSIFIERS else "predict"
    plain = make(cls).fit(X, target)
    scores = [getattr(model, method)(X_test) for model in (weighted, plain)]
    assert not np.array_equal(*scores)


def test_weights_are_routed_through_a_search(routing, cls, target):
    requesting = from_scratch(cls).set_fit_request(sample_weight=True)
    requesting.set_score_request(sample_weight=True)
    search = GridSearchCV(requesting, grid_of(cls), cv=2)
    search.fit(X, target, sample_weight=WEIGHT)
    plain = from_scratch(cls).set_params(**search.best_params_).fit(X, target, WEIGHT)
    assert_array_equal(search.predict(X_test), plain.predict(X_test))


def test_weights_that_nobody_asked_for_are_refused(routing, cls, target):
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        make_pipeline(make(cls)).fit(X, target, sample_weight=WEIGHT)


def test_a_validation_set_goes_through_the_steps_before(routing, cls, target):
    shout = FunctionTransformer(lambda texts: [f"{text} oven" for text in texts])
    requesting = make(cls).set_fit_request(
        X_val=True, y_val=True, sample_weight=True, sample_weight_val=True
    )
    pipeline = Pipeline(
        [("shout", shout), ("last", requesting)], transform_input=["X_val"]
    )
    y_val = targets_of(cls, y_test)
    kwargs = {"y_val": y_val, "sample_weight_val": np.arange(1, 61)}
    pipeline.fit(X, target, X_val=X_test, sample_weight=WEIGHT, **kwargs)
    louder = shout.transform(X_test)
    plain = make(cls).fit(shout.transform(X), target, WEIGHT, X_val=louder, **kwargs)
    assert_array_equal(pipeline.predict(X_test), plain.predict(louder))


def test_a_validation_set_can_be_given_to_a_step_by_name(cls, target):
    y_val = targets_of(cls, y_test)
    pipeline = Pipeline([("last", make(cls))])
    pipeline.fit(X, target, last__X_val=X_test, last__y_val=y_val)
    plain = make(cls).fit(X, target, X_val=X_test, y_val=y_val)
    assert_array_equal(pipeline.predict(X_test), plain.predict(X_test))


def test_weights_and_classes_are_routed_to_partial_fit(routing):
    requesting = make().set_partial_fit_request(sample_weight=True, classes=True)
    Y = np.column_stack([np.array(y) == "cook", np.arange(len(y)) % 2 == 0])
    many = MultiOutputClassifier(requesting)
    classes = [[False, True], [False, True]]
    many.partial_fit(X, Y, classes=classes, sample_weight=WEIGHT)
    for column, estimator in enumerate(many.estimators_):
        plain = make().partial_fit(X, Y[:, column], [False, True], WEIGHT)
        assert_array_equal(estimator.predict_proba(X), plain.predict_proba(X))


@pytest.mark.filterwarnings("ignore:fit leaves a frozen pipeline")
def test_a_frozen_pipeline_is_searched_and_calibrated_under_routing(routing, frozen):
    assert cross_val_score(frozen, X, y, cv=2, params={}).min() > 0.9
    calibrated = CalibratedClassifierCV(frozen, cv=2).fit(X, y)
    assert calibrated.score(X_test, y_test) > 0.9


# HTML


def diagrams():
    fitted = {cls: make(cls).fit(X, targets_of(cls, y)) for cls in ESTIMATORS}
    named = StaticEmbeddingTransformer("nobody/no-such-model")
    return {
        "unfitted": make(),
        "named": StaticClassifier("nobody/no-such-model"),
        **{f"fitted {cls.__name__}": fitted[cls] for cls in ESTIMATORS},
        **{f"frozen {cls.__name__}": fitted[cls].to_pipeline() for cls in ESTIMATORS},
        "regressor": make(StaticRegressor),
        "transformer": named,
        "around a table": StaticEmbeddingTransformer(EMBEDDING),
        "pipeline": Pipeline([("embed", named), ("last", fitted[StaticClassifier])]),
        "search": GridSearchCV(make(), {"lr": [0.1]}),
    }


def test_diagrams_and_reprs_open_embed_and_import_nothing(monkeypatch):
    shown = diagrams()

    def refuse(*args, **kwargs):
        raise AssertionError("a diagram cost more than reading attributes")

    for name in ("encode", "tokenize", "from_pretrained", "to_files"):
        monkeypatch.setattr(StaticEmbedding, name, refuse)
    monkeypatch.setattr(StaticPipeline, "from_pretrained", refuse)
    for name, estimator in shown.items():
        html = estimator._repr_html_()
        assert type(estimator).__name__ in html, name
        assert len(html) < 200_000, name
        assert repr(estimator)


def test_the_diagram_says_whether_it_is_fitted():
    shown = diagrams()
    fitted = [name for name in shown if name.startswith(("fitted", "frozen"))]
    assert len(fitted) == 2 * len(ESTIMATORS)
    for name in fitted:
        assert "<span>Fitted</span>" in shown[name]._repr_html_()
    assert "<span>Not fitted</span>" in shown["unfitted"]._repr_html_()


# scikit-learn's callbacks, from 1.9 on


@pytest.fixture
def callback():
    return pytest.importorskip(
        "sklearn.callback", reason="scikit-learn has callbacks from 1.9 on"
    )


def test_progress_bars_of_fits_nest_under_that_of_a_search(
    callback, capsys, monkeypatch, cls, target
):
    pytest.importorskip("rich", reason="ProgressBar draws with rich")
    monkeypatch.setenv("COLUMNS", "200")
    search = GridSearchCV(make(cls), grid_of(cls), cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, target)
    shown = capsys.readouterr().out
    for n_fit in range(4):
        assert f"{cls.__name__} - fit #{n_fit}" in shown
    assert "refit" in shown


def test_a_monitor_scores_every_epoch(callback):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    settings = {"init": "random", "early_stopping": False}
    classifier = make(max_epochs=4, **settings)
    classifier.set_callbacks(monitor).fit(X, y, WEIGHT)
    rows = monitor.get_logs().data
    by_task = [(row["task_name"], row["accuracy"]) for row in rows]
    assert [name for name, _ in by_task] == ["fit", *["epoch"] * 4]
    final = classifier.score(X, y, WEIGHT)
    assert by_task[0][1] == by_task[-1][1] == final
    after_one = make(max_epochs=1, **settings).fit(X, y, WEIGHT)
    assert by_task[1][1] == after_one.score(X, y, WEIGHT) < final


class EncodesAlike(StaticClassifier):
    """Predicts with its torch module, as every subclass with an own encoding."""

    @staticmethod
    def _encode(module, ids, offsets, share):
        return mean_embedding(module, ids, offsets, share)


class Keep:
    """A callback of scikit-learn's that keeps the estimator as it is at each end."""

    def __init__(self):
        self.kept = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.kept.append(fitted_estimator)

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("cls", [StaticClassifier, EncodesAlike])
@pytest.mark.usefixtures("callback")
def test_what_callbacks_keep_of_an_epoch_is_not_trained_on(cls):
    keep, settings = Keep(), {"early_stopping": False, "dropout": 0.3}
    last = make(cls, max_epochs=3, **settings).set_callbacks(keep).fit(X, y)
    first = make(cls, max_epochs=1, **settings).fit(X, y)
    assert len(keep.kept) == 3 + 1
    for kept, expected in ((keep.kept[0], first), (keep.kept[-1], last)):
        assert_array_equal(kept.predict_proba(X_test), expected.predict_proba(X_test))


def test_a_monitor_under_a_search_scores_every_fit(callback, cls, target):
    scoring = "accuracy" if cls in CLASSIFIERS else "r2"
    monitor = callback.ScoringMonitor(scoring=scoring)
    settings = {"max_epochs": 2} if cls in FINE_TUNED else {}
    searched = make(cls, **settings).set_callbacks(monitor)
    GridSearchCV(searched, grid_of(cls), cv=2).fit(X, target)
    names = [row["task_name"] for row in monitor.get_logs().data]
    n_epochs = 2 * (2 * 2 + 1) if cls in FINE_TUNED else 0
    assert names.count("epoch") == n_epochs
    assert names.count("fit") == 2 * 2 + 1
