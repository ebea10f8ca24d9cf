"""StaticClassifier: what a user of scikit-learn's classifiers relies on."""

import copy
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score, make_scorer
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from toys import WITHOUT_TORCH, toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticEmbedding

EMBEDDING = toy_embedding()
X, y = toy_texts()
X_test, y_test = toy_texts(60, seed=1)


def make(**parameters):
    defaults = {"hidden_layer_sizes": (16,), "lr": 0.01, "random_state": 0}
    return StaticClassifier(EMBEDDING, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, y)


def test_it_learns(fitted):
    assert fitted.score(X_test, y_test) > 0.9


def test_probabilities_are_ordered_as_classes_and_sum_to_one(fitted):
    probabilities = fitted.predict_proba(X_test)
    assert probabilities.shape == (60, 2)
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert_array_equal(
        fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(X_test)
    )
    assert_allclose(np.exp(fitted.predict_log_proba(X_test)), probabilities, rtol=1e-5)


def test_decision_function_of_two_classes_is_positive_for_the_second(fitted):
    positive = fitted.decision_function(X_test) > 0
    assert_array_equal(fitted.classes_[positive.astype(int)], fitted.predict(X_test))


def test_decision_function_of_more_classes_has_a_column_each():
    X3, y3 = toy_texts(topics=("cook", "sail", "code"))
    scores = make(max_epochs=2).fit(X3, y3).decision_function(X3)
    assert scores.shape == (len(X3), 3)


@pytest.mark.parametrize(
    "labels",
    [
        ["cook", "sail"],
        [0, 1],
        [-1, 1],
        [3, 17],
        [0.0, 2.0],
        [False, True],
        np.array(["b", "a"], dtype=object),
    ],
    ids=repr,
)
def test_labels_of_any_kind_come_out_as_they_went_in(labels):
    targets = np.array(labels)[[int(label == "sail") for label in y]]
    classifier = make().fit(X, targets)
    predicted = classifier.predict(X)
    assert_array_equal(classifier.classes_, np.unique(labels))
    assert predicted.dtype == targets.dtype
    assert np.mean(predicted == targets) > 0.9


def test_the_same_seed_gives_the_same_model_bit_for_bit(fitted):
    with torch.random.fork_rng():
        torch.manual_seed(99)  # what the process did before must not matter
        again = make().fit(X, y)
    assert_array_equal(again.embedding_.vectors, fitted.embedding_.vectors)
    assert_array_equal(again.predict_proba(X_test), fitted.predict_proba(X_test))


def test_another_seed_gives_another_model(fitted):
    other = make(random_state=1).fit(X, y)
    assert np.any(other.predict_proba(X_test) != fitted.predict_proba(X_test))


@pytest.mark.parametrize("random_state", [0, None])
def test_no_global_generator_is_touched(random_state):
    numpys_own = np.random.mtrand._rand
    before = random.getstate(), numpys_own.get_state(), torch.get_rng_state()
    make(random_state=random_state, dropout=0.5, max_epochs=2).fit(X, y)
    assert random.getstate() == before[0]
    assert_array_equal(numpys_own.get_state()[1], before[1][1])
    assert torch.equal(torch.get_rng_state(), before[2])


def test_the_embedding_passed_in_is_not_changed():
    before = EMBEDDING.vectors.copy()
    classifier = make(max_epochs=2).fit(X, y)
    assert_array_equal(EMBEDDING.vectors, before)
    assert np.any(classifier.embedding_.vectors != before)


def test_rows_that_do_not_occur_stay_as_they_were(fitted):
    occurring = np.unique(EMBEDDING.tokenize(X).ids)
    others = np.setdiff1d(np.arange(EMBEDDING.n_tokens), occurring)
    assert len(others)
    start = EMBEDDING.for_training().vectors
    assert_array_equal(fitted.embedding_.vectors[others], start[others])


def test_the_scale_of_a_table_that_is_normalized_does_not_matter(fitted):
    longer = EMBEDDING.with_vectors(EMBEDDING.vectors * 64)
    classifier = make().set_params(model=longer).fit(X, y)
    assert_array_equal(classifier.predict_proba(X_test), fitted.predict_proba(X_test))


def test_freeze_embedding_trains_the_head_only():
    classifier = make(freeze_embedding=True).fit(X, y)
    assert classifier.embedding_ is EMBEDDING
    assert classifier.score(X_test, y_test) > 0.9


def test_early_stopping_keeps_the_best_epoch():
    classifier = make(lr=0.05, n_iter_no_change=3).fit(X, y)
    losses = [row["valid_loss"] for row in classifier.history_]
    assert classifier.n_iter_ == len(losses) < classifier.max_epochs
    assert classifier.best_epoch_ == 1 + int(np.argmin(losses))
    assert classifier.best_validation_score_ == pytest.approx(-min(losses))


def test_the_kept_parameters_are_those_of_the_best_epoch():
    # Labels that are often wrong are learned by heart, so that later epochs are worse.
    wrong = [label if i % 10 < 7 else y[i - 1] for i, label in enumerate(y)]
    stopped = make(lr=0.05, n_iter_no_change=3).fit(X, wrong)
    assert stopped.best_epoch_ < stopped.n_iter_
    exact = make(lr=0.05, max_epochs=stopped.best_epoch_).fit(X, wrong)
    assert exact.best_epoch_ == exact.n_iter_ == stopped.best_epoch_
    assert_array_equal(stopped.predict_proba(X_test), exact.predict_proba(X_test))
    assert_array_equal(stopped.embedding_.vectors, exact.embedding_.vectors)


def test_without_early_stopping_it_trains_on_all_rows_until_the_loss_is_flat():
    classifier = make(early_stopping=False, tol=0.5, n_iter_no_change=2).fit(X, y)
    assert classifier.n_iter_ < classifier.max_epochs
    assert classifier.validation_scores_ is None
    assert classifier.best_validation_score_ is None
    assert "valid_loss" not in classifier.history_[0]


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "f1_macro", "neg_log_loss", make_scorer(f1_score, pos_label="cook")],
)
def test_early_stopping_can_watch_any_scorer(scoring):
    classifier = make(scoring=scoring, max_epochs=4).fit(X, y)
    scores = [row["valid_score"] for row in classifier.history_]
    assert classifier.validation_scores_ == scores
    assert classifier.best_validation_score_ == max(scores)


def test_a_validation_set_of_ones_own_is_watched():
    classifier = make(max_epochs=3).fit(X, y, X_val=X_test, y_val=y_test)
    other = make(max_epochs=3).fit(X, y, X_val=X_test[:10], y_val=y_test[:10])
    assert classifier.loss_curve_ == other.loss_curve_
    assert classifier.validation_scores_ != other.validation_scores_


def test_validation_fraction_decides_what_is_set_aside():
    seen = {}

    class Spy(StaticClassifier):
        def train_test_split(self, texts, y, random_state):
            train, valid = super().train_test_split(texts, y, random_state)
            seen["train"], seen["valid"] = y[train], y[valid]
            return train, valid

    Spy(EMBEDDING, validation_fraction=0.25, max_epochs=1).fit(X, y)
    assert len(seen["valid"]) == 30
    assert len(seen["train"]) == 90
    assert 13 <= seen["valid"].sum() <= 17


@pytest.mark.parametrize("n_rare", [1, 2])
def test_rare_classes_keep_a_row_to_train_on(n_rare):
    texts = [*X, *["loop compiler stack"] * n_rare]
    labels = [*y, *["code"] * n_rare]
    classifier = make().fit(texts, labels)
    assert_array_equal(classifier.classes_, ["code", "cook", "sail"])
    assert classifier.predict(["compiler stack loop"]) == ["code"]


def test_class_weight_shifts_predictions():
    mixed = ["oven mast", "rope pan", "salt tide", "deck dough"]
    towards = {}
    for label in ("cook", "sail"):
        few = make(class_weight={label: 50.0}, max_epochs=10, early_stopping=False)
        towards[label] = few.fit(X, y).predict_proba(mixed)
    assert np.all(towards["cook"][:, 0] > towards["sail"][:, 0])


def test_balanced_is_the_weights_it_stands_for():
    texts, labels = X[:90], [*y[:60], *["cook"] * 30]
    n_cook = labels.count("cook")
    weights = {"cook": 90 / (2 * n_cook), "sail": 90 / (2 * (90 - n_cook))}
    balanced = make(class_weight="balanced", max_epochs=3).fit(texts, labels)
    by_hand = make(class_weight=weights, max_epochs=3).fit(texts, labels)
    assert_allclose(
        balanced.predict_proba(X_test), by_hand.predict_proba(X_test), atol=1e-3
    )


def test_sample_weights_of_one_are_no_weights(fitted):
    weighted = make().fit(X, y, sample_weight=np.ones(len(X)))
    assert_array_equal(weighted.predict_proba(X_test), fitted.predict_proba(X_test))


def test_rows_of_weight_zero_are_as_if_not_there():
    noise, flipped = toy_texts(40, seed=5)
    flipped = ["sail" if label == "cook" else "cook" for label in flipped]
    weight = np.r_[np.ones(len(X)), np.zeros(40)]
    weighted = make().fit([*X, *noise], [*y, *flipped], sample_weight=weight)
    without = make().fit(X, y)
    assert_array_equal(weighted.predict_proba(X_test), without.predict_proba(X_test))


def test_batch_size_and_dropout_matter(fitted):
    for change in ({"batch_size": 16}, {"dropout": 0.5}, {"tol": 0.2}):
        other = make(**change).fit(X, y)
        assert np.any(other.predict_proba(X_test) != fitted.predict_proba(X_test))


@pytest.mark.parametrize("sizes", [(), (8,), (8, 4), [8], np.array([8]), 8], ids=repr)
def test_hidden_layer_sizes_shape_the_head(sizes):
    model = make(hidden_layer_sizes=sizes, max_epochs=1, init="random").fit(X, y)
    head = model.head_.head
    widths = [layer.weight.shape[0] for layer in head.mlp_layers()]
    assert widths == [*np.atleast_1d(sizes), 2]


def test_handle_missing_empty_takes_them_as_empty_texts():
    texts = [*X, None, float("nan")]
    classifier = make(handle_missing="empty").fit(texts, [*y, "cook", "sail"])
    assert_array_equal(classifier.predict([None]), classifier.predict([""]))
    pipeline = classifier.to_pipeline()
    assert_array_equal(pipeline.predict([None]), classifier.predict([""]))


def test_verbose_shows_a_progress_bar_and_silence_is_the_default(capfd):
    make(max_epochs=2).fit(X, y)
    assert capfd.readouterr() == ("", "")
    make(max_epochs=2, verbose=True).fit(X, y)
    assert "2/2" in capfd.readouterr().err


def test_clone_and_set_params_round_trip():
    classifier = make(hidden_layer_sizes=(4,), scoring="accuracy", threshold=0.3)
    copied = clone(classifier)
    assert copied.get_params() == classifier.get_params()
    assert copied.model is EMBEDDING
    assert copied.set_params(lr=0.5).lr == 0.5


@pytest.mark.parametrize(
    "make_copy", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_copies_predict_the_same(fitted, make_copy):
    assert_array_equal(
        make_copy(fitted).predict_proba(X_test), fitted.predict_proba(X_test)
    )


def test_a_pickle_is_opened_and_predicts_where_torch_cannot_be_imported(
    fitted, tmp_path
):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    code = WITHOUT_TORCH + (
        "import pickle\n"
        "model = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(*model.predict(['oven and butter', 'mast and rope']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.pickle"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["cook", "sail"], done.stderr


def test_the_frozen_pipeline_predicts_the_same(fitted):
    pipeline = fitted.to_pipeline()
    assert_array_equal(pipeline.predict(X_test), fitted.predict(X_test))
    assert_array_equal(pipeline.predict_proba(X_test), fitted.predict_proba(X_test))
    assert_array_equal(pipeline.classes_, fitted.classes_)


def test_a_later_fit_does_not_change_a_pipeline_made_before():
    classifier = make(max_epochs=2).fit(X, y)
    pipeline = classifier.to_pipeline()
    before = pipeline.predict_proba(X_test)
    classifier.set_params(random_state=3).fit(X, y)
    assert_array_equal(pipeline.predict_proba(X_test), before)


def test_a_model_folder_can_be_given_by_name(tmp_path, fitted):
    EMBEDDING.save_pretrained(tmp_path / "table")
    for model in (tmp_path / "table", str(tmp_path / "table")):
        named = make().set_params(model=model).fit(X, y)
        assert_array_equal(named.predict_proba(X_test), fitted.predict_proba(X_test))


def test_the_bundled_table_is_the_default():
    classifier = StaticClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert classifier.embedding_.n_tokens > 10_000


def test_warm_start_goes_on_from_what_was_learned():
    cold = make(max_epochs=1)
    cold.fit(X, y).fit(X, y)
    warm = make(max_epochs=1, warm_start=True)
    first = warm.fit(X, y).loss_curve_[0]
    assert warm.fit(X, y).loss_curve_[0] < first == cold.loss_curve_[0]


def test_warm_start_refuses_new_classes():
    classifier = make(max_epochs=1, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="not among the classes"):
        classifier.fit(X, ["code", *y[1:]])


def test_predict_before_fit_is_refused():
    for method in (
        "predict",
        "predict_proba",
        "decision_function",
        "predict_log_proba",
    ):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(X)
    with pytest.raises(NotFittedError):
        make().to_pipeline()


@pytest.mark.parametrize(
    ("texts", "labels", "error", "match"),
    [
        ("a text", ["a"], TypeError, r"single str.*\[text\]"),
        (["a", 3], ["a", "b"], TypeError, r"X\[1\] is 3"),
        (["a", None], ["a", "b"], ValueError, r"X\[1\] is missing.*handle_missing"),
        (np.full((2, 2), "a"), ["a", "b"], ValueError, r"\(2, 2\)"),
        (["a", "b", "c"], ["a", "b"], ValueError, "inconsistent numbers of samples"),
        (["a", "b"], ["a", "a"], ValueError, "one class only"),
        (["a", "b"], None, ValueError, "requires y to be passed"),
        (["a", "b"], [0.5, 1.5], ValueError, "Unknown label type"),
        (["a", "b"], [["a"], ["b", "c"]], ValueError, "MultiLabelBinarizer"),
        (["a", "b"], [["a", "b"], ["b", "c"]], ValueError, "MultiLabelBinarizer"),
        (["a", "b"], [1.0, float("nan")], ValueError, "NaN"),
    ],
)
def test_bad_data_is_refused_with_a_reason(texts, labels, error, match):
    with pytest.raises(error, match=match):
        make().fit(texts, labels)


def test_one_text_of_each_class_is_trained_on_without_validation():
    model = make(max_epochs=5).fit(X[:2], y[:2])
    assert len(set(y[:2])) == 2
    assert model.validation_scores_ is None
    assert (model.predict(X[:2]) == y[:2]).all()


@pytest.mark.parametrize(
    ("weight", "match"),
    [(-1.0, "[Nn]egative"), (np.nan, "NaN"), (0.0, "zero")],
)
def test_bad_sample_weights_are_refused(weight, match):
    with pytest.raises(ValueError, match=match):
        make().fit(X, y, sample_weight=np.full(len(X), weight))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"lr": 0}, "'lr' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"class_weight": {"code": 2.0}}, "class_weight names"),
        ({"handle_missing": "drop"}, "'handle_missing' parameter"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": ("wide",)}, "hidden_layer_sizes"),
        ({"model": 3}, "'model' parameter"),
        ({"scoring": "no_such_metric"}, "no_such_metric"),
        ({"threshold": 2}, "'threshold' parameter"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters, match):
    classifier = make().set_params(**parameters)
    with pytest.raises(ValueError, match=match):
        classifier.fit(X, y)


def test_half_a_validation_set_is_refused():
    with pytest.raises(ValueError, match="both X_val and y_val"):
        make().fit(X, y, X_val=X_test)
    with pytest.raises(ValueError, match="early_stopping=False"):
        make(early_stopping=False).fit(X, y, X_val=X_test, y_val=y_test)
    with pytest.raises(ValueError, match="y_val holds"):
        make().fit(X, y, X_val=["a"], y_val=["code"])


def test_a_missing_training_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn_static._training", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-static\[train\]"'):
        make().fit(X, y)


class RaiseAfter(Callback):
    """Raise `error` at the end of the first epoch."""

    def __init__(self, error):
        self.error = error

    def on_epoch_end(self, net, **kwargs):
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_interrupts_a_fit_reaches_the_user_and_loses_nothing(error):
    classifier = make(max_epochs=2).fit(X, y)
    before = dict(vars(classifier))
    classifier.set_params(callbacks=[RaiseAfter(error())])
    with pytest.raises(error):
        classifier.fit(X, y)
    with pytest.raises(error):
        classifier.partial_fit(X, y)
    changed = {k for k, v in vars(classifier).items() if before.get(k) is not v}
    assert changed == {"callbacks"}


def test_an_interrupted_first_fit_leaves_the_estimator_unfitted():
    classifier = make(callbacks=[RaiseAfter(KeyboardInterrupt())])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)


def test_a_diverging_fit_names_the_learning_rate():
    with pytest.raises(ValueError, match=r"diverged.*lr=1e\+30"):
        make(lr=1e30).fit(X, y)


def test_skorch_callbacks_take_part():
    class Count(Callback):
        n_batches = 0

        def on_batch_end(self, net, training, **kwargs):
            self.n_batches += training

    count = Count()
    rate = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    classifier = make(callbacks=[count, rate], max_epochs=3, batch_size=16).fit(X, y)
    assert count.n_batches == 3 * -(-120 // 16)
    assert [row["event_lr"] for row in classifier.history_] == [0.01, 0.005, 0.0025]


def test_skorchs_early_stopping_ends_in_good_order():
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    classifier = make(callbacks=[stop], max_epochs=50).fit(X, y)
    assert classifier.n_iter_ < 10
    assert len(classifier.validation_scores_) == classifier.n_iter_


def test_history_is_records_that_make_a_frame(fitted):
    pd = pytest.importorskip("pandas", reason="pandas is an optional dependency")
    frame = pd.DataFrame(fitted.history_)
    assert set(frame.columns) == {
        *("epoch", "train_loss", "train_loss_best"),
        *("valid_loss", "valid_loss_best", "dur"),
    }
    assert frame["epoch"].tolist() == list(range(1, fitted.n_iter_ + 1))
    assert frame["train_loss"].tolist() == fitted.loss_curve_


def test_a_table_with_weights_or_of_int8_is_trained_in_float(tmp_path):
    scale = np.abs(EMBEDDING.vectors).max(axis=1) / 127
    rows = np.rint(EMBEDDING.vectors / scale[:, None]).astype(np.int8)
    quantised = StaticEmbedding(
        rows, EMBEDDING.tokenizer, weights=scale, normalize=True
    )
    classifier = make().set_params(model=quantised).fit(X, y)
    assert classifier.embedding_.vectors.dtype == np.float32
    assert classifier.embedding_.weights is None
    assert classifier.score(X_test, y_test) > 0.9


def test_tokens_that_share_rows_are_trained_together():
    mapping = np.arange(EMBEDDING.n_tokens) // 2
    shared = StaticEmbedding(
        EMBEDDING.vectors[::2],
        EMBEDDING.tokenizer,
        mapping=mapping,
        weights=np.linspace(0.5, 1.5, EMBEDDING.n_tokens),
    )
    classifier = make().set_params(model=shared).fit(X, y)
    assert_array_equal(classifier.embedding_.mapping, mapping)
    assert classifier.score(X, y) > 0.9


def indicator(labels):
    return np.array([[label == "cook", label == "sail"] for label in labels], int)


class TestManyLabels:
    Y = indicator(y)
    Y[::5] = 1  # some texts have both

    def fit(self, **parameters):
        return make(**parameters).fit(X, self.Y)

    def test_probabilities_and_predictions_have_a_column_for_each_label(self):
        classifier = self.fit()
        probabilities = classifier.predict_proba(X)
        assert probabilities.shape == self.Y.shape
        assert_array_equal(classifier.predict(X), (probabilities >= 0.5).astype(int))
        assert_array_equal(classifier.classes_, [0, 1])
        assert classifier.decision_function(X).shape == self.Y.shape

    def test_it_learns(self):
        classifier = make().fit(X, indicator(y))
        assert (
            f1_score(indicator(y_test), classifier.predict(X_test), average="macro")
            > 0.9
        )

    def test_a_lower_threshold_predicts_more_labels(self):
        counts = [self.fit(threshold=t).predict(X).sum() for t in (0.1, 0.5, 0.9)]
        assert counts[0] > counts[1] > counts[2]

    def test_sparse_indicators_come_out_sparse(self):
        sparse = make().fit(X, csr_matrix(self.Y))
        assert issparse(sparse.predict(X))
        assert_array_equal(sparse.predict(X).toarray(), self.fit().predict(X))

    def test_class_weight_balanced_raises_rare_labels(self):
        rare = self.Y.copy()
        rare[10:, 1] = 0
        plain = make(max_epochs=5).fit(X, rare).predict_proba(X)[:, 1]
        balanced = make(max_epochs=5, class_weight="balanced").fit(X, rare)
        by_hand = make(max_epochs=5, class_weight={1: 3.0}).fit(X, rare)
        assert balanced.predict_proba(X)[:, 1].mean() > plain.mean()
        assert by_hand.predict_proba(X)[:, 1].mean() > plain.mean()

    def test_the_frozen_pipeline_predicts_the_same(self, tmp_path):
        classifier = self.fit(threshold=0.3)
        pipeline = classifier.to_pipeline()
        pipeline.save_pretrained(tmp_path / "labels")
        again = type(pipeline).from_pretrained(tmp_path / "labels")
        for frozen in (pipeline, again):
            assert_array_equal(frozen.predict(X_test), classifier.predict(X_test))

    def test_another_number_of_columns_is_refused(self):
        classifier = self.fit(max_epochs=1)
        with pytest.raises(ValueError, match="indicator matrix of 2 columns"):
            classifier.partial_fit(X, np.ones((len(X), 3), int))


class TestPartialFit:
    def test_a_stream_is_learned(self):
        classifier = make()
        for seed in range(12):
            texts, labels = toy_texts(50, seed=seed)
            classifier.partial_fit(texts, labels, classes=["cook", "sail"])
        assert classifier.n_iter_ == len(classifier.history_) == 12
        assert classifier.score(X_test, y_test) > 0.9

    def test_the_first_call_needs_classes(self):
        with pytest.raises(ValueError, match=r"partial_fit\(X, y, classes="):
            make().partial_fit(X, y)

    def test_other_classes_later_are_refused(self):
        classifier = make().partial_fit(X, y, classes=["cook", "sail"])
        with pytest.raises(ValueError, match="those of the first"):
            classifier.partial_fit(X, y, classes=["cook", "code"])
        with pytest.raises(ValueError, match="not among the classes"):
            classifier.partial_fit(["a"], ["code"])

    def test_classes_may_come_later_than_they_are_announced(self):
        classifier = make(lr=0.05).partial_fit(X, y, classes=["code", "cook", "sail"])
        texts, labels = toy_texts(60, topics=("code", "cook"))
        for _ in range(10):
            classifier.partial_fit(texts, labels)
        assert classifier.predict(["compiler stack loop"]) == ["code"]

    def test_tokens_never_met_learn_from_then_on(self):
        classifier = make().partial_fit(X, y, classes=["code", "cook", "sail"])
        [compiler] = EMBEDDING.tokenize(["compiler"]).ids
        first = classifier.embedding_.vectors[compiler].copy()
        assert_array_equal(first, EMBEDDING.for_training().vectors[compiler])
        classifier.partial_fit(["compiler loop", "salt"], ["code", "cook"])
        assert np.any(classifier.embedding_.vectors[compiler] != first)

    def test_the_optimizer_remembers_between_calls(self):
        in_two = make(batch_size=1000, init="random")
        in_two.partial_fit(X, y, classes=["cook", "sail"]).partial_fit(X, y)
        at_once = make(
            batch_size=1000, early_stopping=False, max_epochs=2, init="random"
        ).fit(X, y)
        assert_allclose(
            in_two.embedding_.vectors, at_once.embedding_.vectors, atol=1e-5
        )

    def test_it_goes_on_from_fit(self, fitted):
        classifier = copy.copy(fitted)
        before = classifier.n_iter_
        classifier.partial_fit(X, y)
        assert classifier.n_iter_ == before + 1
        assert classifier.score(X_test, y_test) > 0.9

    def test_indicators_need_no_classes(self):
        classifier = make().partial_fit(X, indicator(y))
        assert classifier.predict_proba(X).shape == (len(X), 2)

    def test_sample_weight_counts(self):
        weight = np.where(np.array(y) == "cook", 100.0, 0.01)
        classifier = make(lr=0.05)
        for _ in range(5):
            classifier.partial_fit(X, y, ["cook", "sail"], weight)
        assert np.mean(classifier.predict(X) == "cook") > 0.6


def test_sklearns_own_callbacks_see_the_epochs():
    callback = pytest.importorskip(
        "sklearn.callback", reason="scikit-learn has callbacks from 1.9 on"
    )
    assert callback
    tasks = []

    class Record:
        def setup(self, estimator, context):
            tasks.append("setup")

        def on_fit_task_begin(self, estimator, context):
            tasks.append(context.task_name)

        def on_fit_task_end(self, estimator, context):
            return False

        def teardown(self, estimator, context):
            tasks.append("teardown")

    make(max_epochs=2).set_callbacks(Record()).fit(X, y)
    assert tasks == ["setup", "fit", "epoch", "epoch", "teardown"]
