"""Fits and saves that fail lose nothing, and keep nobody else from fitting."""

import os
import pickle
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback
from toys import frozen_pipeline, run_program, toy_embedding, toy_texts

from sklearn_static import StaticClassifier, StaticPipeline, StaticRegressor

EMBEDDING = toy_embedding()
X, y = toy_texts(60)
VALUES = [float(len(text)) for text in X]
X_test, _ = toy_texts(30, seed=1)


class Mishap(Exception):
    pass


def make(cls=StaticClassifier, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
    return cls(EMBEDDING, **{**defaults, **parameters})


@pytest.fixture(params=[StaticClassifier, StaticRegressor])
def cls(request):
    return request.param


def targets(cls):
    return y if cls is StaticClassifier else VALUES


def first_part(estimator):
    classes = {} if isinstance(estimator, StaticRegressor) else {"classes": [*set(y)]}
    return estimator.partial_fit(X, targets(type(estimator)), **classes)


@contextmanager
def nothing_changes(estimator):
    """Whatever fails inside, the estimator learns nothing, and others can fit."""
    before, predicted = dict(vars(estimator)), estimator.predict(X_test)
    pickled = pickle.dumps(estimator)
    generator = torch.get_rng_state()
    yield
    after = vars(estimator)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    assert pickle.dumps(estimator) == pickled
    assert_array_equal(estimator.predict(X_test), predicted)
    assert torch.equal(torch.get_rng_state(), generator)
    assert_others_can_fit()


def assert_others_can_fit():
    other = make(max_epochs=1)
    thread = Thread(target=other.fit, args=(X, y), daemon=True)
    thread.start()
    thread.join(60)
    assert hasattr(other, "classes_"), "a failed fit keeps other threads out"


# Ctrl-C


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent there")
def test_ctrl_c_at_any_place_of_a_fit_loses_nothing():
    outcomes = run_program("interrupts.py", 5)
    assert len(outcomes) == 10
    for call, counts in outcomes.items():
        assert counts["old"] > 50, call
        assert counts.keys() <= {"old", "new"}, call


# Exceptions

HOOKS = ["train_begin", "epoch_begin", "batch_begin", "batch_end", "epoch_end"]


class FailAt(Callback):
    def __init__(self, hook):
        setattr(self, f"on_{hook}", self.fail)

    def fail(self, *args, **kwargs):
        raise Mishap


@pytest.mark.parametrize("hook", [*HOOKS, "train_end"])
def test_a_callback_that_fails_loses_nothing(cls, hook):
    estimator = make(cls, callbacks=[]).fit(X, targets(cls))
    estimator.callbacks.append(FailAt(hook))
    for method in (estimator.fit, estimator.partial_fit):
        with nothing_changes(estimator), pytest.raises(Mishap):
            method(X, targets(cls))


class Fragile(torch.nn.Linear):
    """A head that fails in validation, so after an epoch of training."""

    def forward(self, X):
        if not self.training:
            raise Mishap
        return super().forward(X)


class WithFragileHead(StaticClassifier):
    fragile = False

    def construct_head(self, n_inputs, n_outputs):
        cls = Fragile if self.fragile else torch.nn.Linear
        return cls(n_inputs, n_outputs)


def test_a_head_that_fails_loses_nothing(monkeypatch):
    estimator = make(WithFragileHead).fit(X, y)
    monkeypatch.setattr(WithFragileHead, "fragile", True)
    with nothing_changes(estimator), pytest.raises(Mishap):
        estimator.fit(X, y)


def fail_to_score(estimator, X, y):
    raise Mishap


def test_a_scorer_that_fails_loses_nothing(cls):
    estimator = make(cls).fit(X, targets(cls)).set_params(scoring=fail_to_score)
    with nothing_changes(estimator), pytest.raises(Mishap):
        estimator.fit(X, targets(cls))


def test_a_stream_goes_on_as_if_a_failed_part_had_not_come(cls):
    straight, broken = (first_part(make(cls, dropout=0.3)) for _ in range(2))
    broken.set_params(callbacks=[FailAt("batch_end")])
    with pytest.raises(Mishap):
        broken.partial_fit(X, targets(cls))
    broken.set_params(callbacks=None)
    for estimator in (straight, broken):
        estimator.partial_fit(X, targets(cls))
    assert_array_equal(broken.embedding_.vectors, straight.embedding_.vectors)
    assert broken.loss_curve_ == straight.loss_curve_


# Divergence


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_diverging_fit_names_the_learning_rate_and_loses_nothing(cls, early_stopping):
    estimator = make(cls, early_stopping=early_stopping).fit(X, targets(cls))
    estimator.set_params(lr=1e30)
    with (
        nothing_changes(estimator),
        pytest.raises(ValueError, match=r"Training diverged: .*lr=1e\+30"),
    ):
        estimator.fit(X, targets(cls))


def test_a_stream_that_diverges_names_the_learning_rate_and_loses_nothing(cls):
    estimator = first_part(make(cls)).set_params(lr=1e20)
    before = []

    def stream():
        for _ in range(3):
            before.append(pickle.dumps(estimator))
            estimator.partial_fit(X, targets(cls))

    with pytest.raises(ValueError, match=r"Training diverged: .*lr=1e\+20"):
        stream()
    assert pickle.dumps(estimator) == before[-1]


@pytest.mark.parametrize("fit", [lambda e: e.fit(X, y), first_part])
def test_what_the_last_step_ruins_is_found(fit):
    """Its loss is that of before the step."""
    estimator = make(lr=1e39, max_epochs=1, early_stopping=False, batch_size=60)
    with pytest.raises(ValueError, match=r"out of bounds after epoch 1.*lr=1e\+39"):
        fit(estimator)


def test_a_validation_loss_that_is_not_finite_is_found():
    estimator = make(StaticRegressor, max_epochs=1)
    with pytest.raises(ValueError, match="validation loss of epoch 1 is inf"):
        estimator.fit(X, VALUES, X_val=X_test, y_val=np.full(len(X_test), 1e30))


# No room


@pytest.fixture
def old(tmp_path):
    """A pipeline, and the folder that it has been saved to."""
    pipeline = frozen_pipeline(EMBEDDING)
    pipeline.save_pretrained(tmp_path / "model")
    return pipeline, tmp_path / "model"


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@contextmanager
def files_of_at_most(n_bytes):
    """Let the system refuse to write more into any file."""
    resource = pytest.importorskip("resource", reason="files have no such limit there")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_files_that_cannot_be_written_whole_leave_the_old_model(old):
    pipeline, folder = old
    other = frozen_pipeline(toy_embedding(64, seed=1))
    before = contents(folder.parent)
    largest = max(map(len, other.to_files().values()))
    for n_bytes in (0, 1, 100, 1000, 5000, largest - 1):
        for target in (folder, folder.parent / "new"):
            with files_of_at_most(n_bytes), pytest.raises(OSError, match="too large"):
                other.save_pretrained(target)
        assert contents(folder.parent) == before
    again = StaticPipeline.from_pretrained(folder)
    assert_array_equal(again.predict_proba(X_test), pipeline.predict_proba(X_test))


def may_mount():
    try:
        return not subprocess.run(["unshare", "-rm", "true"], check=False).returncode
    except OSError:
        return False


def test_a_full_disk_leaves_the_old_model(tmp_path):
    if not may_mount():
        pytest.skip("this process may not mount a small file system")
    outcomes = run_program("full_disk.py", tmp_path, before=("unshare", "-rm"))
    assert outcomes == ["ENOSPC, all as it was"] * 4
    assert os.listdir(tmp_path) == []  # noqa: PTH208
