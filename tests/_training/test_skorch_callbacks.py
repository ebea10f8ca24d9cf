"""skorch's callbacks do what they do in skorch, each of them by its name."""

import json
import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    LoadInitState,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    TensorBoard,
    TrainEndCheckpoint,
    Unfreezer,
)
from skorch.history import History
from torch import nn
from toys import toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticRegressor

EMBEDDING = toy_embedding(16)
X, y = toy_texts(120, ("cook", "sail"), 0)
y = np.asarray(y)
thirds = np.arange(120) % 3
Y = np.stack([y == "cook", thirds == 0, thirds == 1], axis=1).astype(int)


def make(*callbacks, kind=StaticClassifier, **parameters):
    quick = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
    return kind(EMBEDDING, callbacks=list(callbacks), **{**quick, **parameters})


@pytest.fixture(params=["linear", "random"])
def init(request):
    return request.param


NOT_APPLICABLE = {
    "InputShapeSetter": "the size of a head's input is passed to construct_head",
    "MlflowLogger": "needs mlflow",
    "NeptuneLogger": "needs neptune",
    "SacredLogger": "needs sacred",
    "WandbLogger": "needs wandb",
    "WarmRestartLR": "no callback but a schedule, which LRScheduler takes",
}


def test_every_callback_of_skorch_has_a_test_or_a_reason():
    here = {name for name in globals() if hasattr(skorch.callbacks, name)}
    assert set(skorch.callbacks.__all__) <= here | set(NOT_APPLICABLE)
    assert not here & set(NOT_APPLICABLE)


def test_checkpoints_are_saved_at_each_best_epoch_and_loaded(init, tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path / "best", load_best=True)
    fitted = make(checkpoint, init=init, max_epochs=6, lr=0.05).fit(X, y)
    assert (tmp_path / "best" / "params.pt").is_file()
    saved = fitted.history_[:, "event_cp"]
    assert saved == fitted.history_[:, "valid_loss_best"]
    assert saved[0]


def test_what_a_checkpoint_holds_can_be_put_into_the_table_again(tmp_path):
    checkpoint = TrainEndCheckpoint(dirname=tmp_path)
    fitted = make(checkpoint, init="random").fit(X, y)
    state = torch.load(tmp_path / "train_end_params.pt")
    vectors = EMBEDDING.for_training().vectors.copy()
    vectors[state["rows"]] = state["table"]
    assert_array_equal(vectors, fitted.embedding_.vectors)


def test_training_goes_on_from_a_checkpoint(tmp_path):
    first = make(Checkpoint(dirname=tmp_path), init="random", max_epochs=2).fit(X, y)
    loaded = LoadInitState(Checkpoint(dirname=tmp_path))
    second = make(loaded, init="random", max_epochs=2).fit(X, y)
    assert second.history_[-1, "epoch"] > first.history_[-1, "epoch"]
    assert second.loss_curve_[-1] < first.loss_curve_[-1]


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss"])
@pytest.mark.parametrize("on_train", [False, True])
def test_scores_of_epochs_are_in_the_history(init, scoring, on_train):
    callback = EpochScoring(
        scoring, lower_is_better=False, on_train=on_train, name="mine"
    )
    fitted = make(callback, init=init).fit(X, y)
    scores = fitted.history_[:, "mine"]
    assert len(scores) == fitted.n_iter_
    if scoring != "neg_log_loss":
        assert all(0 <= score <= 1 for score in scores)


def test_the_accuracy_in_the_history_is_that_of_the_validation_texts():
    given = {"X_val": X[:40], "y_val": y[:40]}
    callback = EpochScoring("accuracy", lower_is_better=False)
    fitted = make(callback, init="random", max_epochs=1).fit(X[40:], y[40:], **given)
    assert fitted.history_[-1, "accuracy"] == fitted.score(X[:40], y[:40])


@pytest.mark.parametrize(
    ("kind", "target", "scoring"),
    [
        (StaticClassifier, Y, "f1_macro"),
        (StaticClassifier, Y, "average_precision"),
        (StaticRegressor, np.arange(120.0), "r2"),
    ],
)
def test_labels_and_values_are_scored_too(init, kind, target, scoring):
    fitted = make(EpochScoring(scoring), kind=kind, init=init).fit(X, target)
    assert np.isfinite(fitted.history_[:, scoring]).all()


def test_scores_of_batches_are_averaged(init):
    callbacks = (
        BatchScoring("accuracy", name="of_batch"),
        PassthroughScoring("train_loss", on_train=True),
    )
    fitted = make(*callbacks, init=init).fit(X, y)
    assert all(0 <= score <= 1 for score in fitted.history_[:, "of_batch"])


class Gradients(Callback):
    """Notes the greatest norm of all gradients of a step."""

    norm = 0.0

    def on_grad_computed(self, net, named_parameters, **kwargs):
        norms = [p.grad.norm() for _, p in named_parameters if p.grad is not None]
        self.norm = max(self.norm, float(torch.stack(norms).norm()))


def test_gradients_are_clipped(init):
    free, clipped = Gradients(), Gradients()
    make(free, init=init).fit(X, y)
    make(GradientNormClipping(1e-3), clipped, init=init).fit(X, y)
    assert free.norm > 1e-2
    assert clipped.norm < 1.01e-3


class OtherOptimizer(Callback):
    def __init__(self, make):
        self.make = make

    def on_train_begin(self, net, **kwargs):
        net.optimizer_ = self.make(net.module_.parameters(), lr=net.lr)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RMSprop", "SGD"])
def test_a_callback_may_replace_the_optimizer(init, name):
    optimizer = getattr(torch.optim, name)
    fitted = make(OtherOptimizer(optimizer), init=init, lr=0.01).fit(X, y)
    before = EMBEDDING.for_training().vectors
    assert np.abs(fitted.embedding_.vectors - before).max() > 1e-5


class OnlyTheTable(Callback):
    def on_train_begin(self, net, **kwargs):
        net.optimizer_ = torch.optim.SparseAdam([net.module_.table], lr=net.lr)


def test_an_optimizer_of_sparse_gradients_gets_them():
    fitted = make(OnlyTheTable(), init="random").fit(X, y)
    before = EMBEDDING.for_training().vectors
    assert np.abs(fitted.embedding_.vectors - before).max() > 1e-5


@pytest.mark.parametrize("init", ["linear", "random"])
def test_optimizers_are_parameters_to_search_over(init):
    model = make(init=init, optimizer=torch.optim.AdamW)
    grid = {"optimizer__weight_decay": [0.0, 10.0]}
    search = GridSearchCV(model, grid, cv=2, refit=False).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    decayed = clone(model).set_params(optimizer__weight_decay=10.0, lr=0.01)
    assert decayed.get_params()["optimizer__weight_decay"] == 10.0
    assert "optimizer__weight_decay" not in decayed.get_params(deep=False)
    given = make(init=init, optimizer_params={"weight_decay": 10.0})
    assert clone(decayed).optimizer_params == given.optimizer_params
    plain = clone(model).set_params(lr=0.01).fit(X, y)
    norms = [np.linalg.norm(m.embedding_.vectors) for m in (decayed.fit(X, y), plain)]
    assert norms[0] < norms[1]


def test_the_loss_is_a_parameter_too(init):
    smoothed = make(init=init, criterion=nn.CrossEntropyLoss(label_smoothing=0.5))
    smooth, plain = smoothed.fit(X, y), make(init=init).fit(X, y)
    assert smooth.loss_curve_ != plain.loss_curve_
    huber = make(kind=StaticRegressor, init=init, criterion=nn.HuberLoss)
    assert np.isfinite(huber.fit(X, np.arange(120.0)).predict(X)).all()


def test_a_loss_of_all_texts_together_is_refused():
    class Mean(nn.Module):
        def forward(self, scores, targets):
            return nn.functional.cross_entropy(scores, targets)

    with pytest.raises(ValueError, match=r"shape \(\).*one loss for each of"):
        make(criterion=Mean).fit(X, y)
    with pytest.raises(TypeError, match=r"criterion is .*torch\.nn\.Module"):
        make(criterion=lambda scores, targets: scores).fit(X, y)


def test_weights_of_labels_need_the_loss_that_knows_them():
    model = make(class_weight="balanced", criterion=nn.BCEWithLogitsLoss())
    with pytest.raises(ValueError, match="class_weight with many labels"):
        model.fit(X, Y)


def test_early_stopping_of_skorch_ends_training(init):
    callback = EarlyStopping(patience=1, threshold=10.0, threshold_mode="abs")
    fitted = make(callback, init=init, max_epochs=20, n_iter_no_change=20).fit(X, y)
    assert fitted.n_iter_ == 2


def test_the_users_choice_of_the_best_epoch_wins():
    def fit(*callbacks):
        return make(*callbacks, init="random", max_epochs=6, lr=0.1).fit(X, y)

    class Zero(Callback):
        def on_train_end(self, net, **kwargs):
            with torch.no_grad():
                net.module_.table.zero_()

    rows = fit().net_.module_.rows.numpy()
    assert not fit(Zero()).embedding_.vectors[rows].any()
    worst = EarlyStopping(
        "valid_loss", patience=9, lower_is_better=False, load_best=True
    )
    best_loss = fit(worst)
    assert worst.best_epoch_ != best_loss.best_epoch_
    other = best_loss.embedding_.vectors
    assert not np.array_equal(other, fit().embedding_.vectors)


def test_early_stopping_is_a_callback_of_skorch():
    fitted = make().fit(X, y)
    assert any(isinstance(c, EarlyStopping) for _, c in fitted.net_.callbacks_)


def test_schedules_change_the_learning_rate_of_every_network(init):
    halving = LRScheduler("StepLR", step_size=1, gamma=1e-9)
    fitted = make(halving, init=init, max_epochs=4).fit(X, y)
    losses = fitted.history_[1:, "valid_loss"]
    assert_allclose(losses, losses[0], rtol=1e-4)


def test_parameters_are_frozen_and_initialised_by_name():
    frozen = make(Freezer("table")).fit(X, y)
    before = EMBEDDING.for_training().vectors
    assert_array_equal(frozen.embedding_.vectors, before)
    callbacks = (Freezer("table"), Unfreezer("table", at=2))
    thawed = make(*callbacks, n_iter_no_change=9).fit(X, y)
    assert np.abs(thawed.embedding_.vectors - before).max() > 0
    zeroed = make(Initializer("head.*", fn=nn.init.zeros_), init="random", lr=1e-9)
    assert_allclose(zeroed.fit(X, y).predict_proba(X), 0.5, atol=1e-3)
    mapped = make(ParamMapper("head.*", fn=nn.init.zeros_, at=1), init="random")
    assert mapped.fit(X, y).n_iter_ == 3


class Writer:
    def __init__(self):
        self.names = set()

    def add_scalar(self, tag, scalar_value, global_step):
        self.names.add(tag)

    def close(self):
        pass


def test_loggers_log(init, capsys):
    writer = Writer()
    make(PrintLog(), EpochTimer(), TensorBoard(writer), init=init).fit(X, y)
    printed = capsys.readouterr().out
    assert "valid_loss" in printed
    assert {"Loss/train_loss", "Loss/valid_loss"} <= writer.names
    make(ProgressBar(), init=init).fit(X, y)


def test_the_history_is_skorchs_and_json():
    history = make().fit(X, y).history_
    assert isinstance(history, History)
    assert len(history[:, ("epoch", "train_loss")]) == len(history)
    assert json.loads(json.dumps(history)) == list(history)


def test_the_net_is_no_part_of_a_pickle_nor_of_a_pipeline():
    fitted = make().fit(X, y)
    assert fitted.net_.module_.table.shape[1] == EMBEDDING.n_dimensions
    again = pickle.loads(pickle.dumps(fitted))
    assert not hasattr(again, "net_")
    assert again.history_ == fitted.history_
    assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


class Normalised(StaticClassifier):
    def construct_head(self, n_inputs, n_outputs):
        return nn.Sequential(
            nn.Linear(n_inputs, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Linear(8, n_outputs),
        )


def test_a_last_text_joins_the_batch_before(init):
    for n_texts in (17, 33):
        model = make(kind=Normalised, init=init, batch_size=16, early_stopping=False)
        fitted = model.fit(X[:n_texts], y[:n_texts])
        assert np.isfinite(fitted.predict_proba(X)).all()


@pytest.mark.parametrize("n_texts", [1, 5])
def test_batches_of_one_text_are_refused_by_batch_normalisation(n_texts):
    model = make(kind=Normalised, init="random", batch_size=1)
    with pytest.raises(ValueError, match=r"BatchNorm1d.*batch_size"):
        model.partial_fit(X[:n_texts], y[:n_texts], classes=["cook", "sail"])
