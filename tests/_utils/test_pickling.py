"""Pickles say which version wrote them; another version that opens one says so."""

import copy
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning
from toys import frozen_pipeline, toy_embedding, toy_texts

from sklearn_static import (
    ModelFormatError,
    StaticClassifier,
    StaticEmbeddingTransformer,
    StaticLinearClassifier,
    StaticLinearRegressor,
    StaticRegressor,
    VersionSkewWarning,
    __version__,
)
from sklearn_static._utils import pickling as pickling

GOLDEN = sorted(Path(__file__).parent.glob("golden/version-0.1/*.pickle"))
TEXTS, LABELS = toy_texts(20)
KINDS = {
    "StaticEmbedding": toy_embedding,
    "StaticEmbeddingTransformer": StaticEmbeddingTransformer,
    "StaticHeadClassifier": lambda: frozen_pipeline(toy_embedding()).steps[1][1],
    "StaticPipeline": lambda: frozen_pipeline(toy_embedding()),
    "StaticClassifier": StaticClassifier,
    "StaticLinearClassifier": StaticLinearClassifier,
    "StaticLinearRegressor": StaticLinearRegressor,
    "StaticRegressor": StaticRegressor,
}


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return request.param


def pickled_by(monkeypatch, obj, **versions):
    """The pickle that another version of the package makes of `obj`."""
    with monkeypatch.context() as patch:
        for name, value in versions.items():
            patch.setattr(pickling, name, value)
        return pickle.dumps(obj)


def test_pickles_of_this_version_are_opened_silently(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = pickle.loads(pickle.dumps(KINDS[kind]()))
        copy.copy(opened)
    assert not [name for name in vars(opened) if "sklearn_static" in name]


@pytest.mark.parametrize("version", ["0.0.9", "99.0"])
def test_pickles_of_other_versions_are_opened_with_a_warning(
    monkeypatch, kind, version
):
    old = pickled_by(monkeypatch, KINDS[kind](), __version__=version)
    with pytest.warns(VersionSkewWarning) as caught:
        opened = pickle.loads(old)
    assert type(opened).__name__ == kind
    expected = f"A {kind} was pickled by sklearn-static {version} and is opened by"
    messages = [str(warning.message) for warning in caught]
    assert any(message.startswith(f"{expected} {__version__}") for message in messages)


@pytest.mark.parametrize("versions", [{}, {"format": 1, "version": "0.1.0"}])
def test_states_of_old_formats_are_refused(kind, versions):
    obj = KINDS[kind]()
    state = {k: v for k, v in obj.__getstate__().items() if k != "_sklearn_static"}
    if versions:
        state["_sklearn_static"] = versions
    opened = type(obj).__new__(type(obj))
    with pytest.raises(ModelFormatError, match="Convert it to a folder"):
        opened.__setstate__(state)


NUMPY_2 = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0",
    reason="the pickles were made with numpy 2, whose modules numpy 1 does not have",
)


def named(path):
    return pytest.param(path, id=path.stem)


@NUMPY_2
@pytest.mark.parametrize("path", [*map(named, GOLDEN)])
def test_pickles_of_version_0_1_end_with_the_way_through_a_folder(path):
    with pytest.raises(ModelFormatError) as caught:
        pickle.loads(path.read_bytes())
    message = str(caught.value)
    assert "pickled by sklearn-static 0.1" in message
    assert "to_pipeline().save_pretrained(folder)" in message
    assert "StaticPipeline.from_pretrained(folder)" in message


def test_pickles_of_version_0_1_are_there():
    assert len(GOLDEN) == 6


@NUMPY_2
@pytest.mark.parametrize("path", [*map(named, GOLDEN)])
def test_a_process_that_only_opens_a_pickle_of_version_0_1_is_told(path):
    code = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ModelFormatError: This was pickled by sklearn-static 0.1" in done.stderr


def test_stand_ins_for_old_classes_do_not_disturb_pickles_of_functions():
    # A ufunc says not where it lives, and pickle looks into every module for it.
    assert pickle.loads(pickle.dumps(np.add)) is np.add


def test_pickles_of_a_newer_format_are_refused(monkeypatch, kind):
    newer = pickled_by(
        monkeypatch, KINDS[kind](), __version__="99.0", PICKLE_FORMAT=1000
    )
    expected = r"by sklearn-static 99\.0 in format 1000, but .* Upgrade with"
    with pytest.raises(ModelFormatError, match=expected):
        pickle.loads(newer)


def test_the_warning_names_the_class_and_both_versions():
    warning = VersionSkewWarning(
        estimator_name="StaticPipeline", current_version="2.0", original_version="1.0"
    )
    expected = r"A StaticPipeline was pickled by .* 1\.0 and is opened by 2\.0"
    assert re.match(expected, str(warning))


def test_what_filters_scikit_learns_warning_filters_ours(monkeypatch):
    old = pickled_by(monkeypatch, StaticClassifier(), __version__="0.0.9")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        pickle.loads(old)


def test_a_fitted_model_of_another_version_still_predicts(monkeypatch, tmp_path):
    fitted = StaticClassifier(toy_embedding(), max_epochs=2, random_state=0)
    fitted.fit(TEXTS, LABELS)
    with monkeypatch.context() as patch:
        patch.setattr(pickling, "__version__", "0.0.9")
        joblib.dump(fitted, tmp_path / "model.joblib")
    with pytest.warns(VersionSkewWarning) as caught:
        opened = joblib.load(tmp_path / "model.joblib")
    assert {w.message.estimator_name for w in caught} >= {
        "StaticClassifier",
        "StaticEmbedding",
        "StaticHeadClassifier",
    }
    assert_array_equal(opened.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
