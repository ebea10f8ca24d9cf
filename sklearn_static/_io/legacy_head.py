"""Heads of model2vec before 0.9: a scikit-learn pipeline, stored by skops.

The types in the file are audited, and only then is it opened. Of what it holds, the
weights and labels are taken, in the form that model2vec stores them in today; no object
of scikit-learn is kept.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from ..exceptions import ModelFormatError
from .files import LEGACY_HEAD

__all__ = ["read_legacy_head"]

_OPTIMIZERS = "sklearn.neural_network._stochastic_optimizers"
# What perceptrons hold beyond the types that skops itself takes for safe.
_TRUSTED = {f"{_OPTIMIZERS}.AdamOptimizer", f"{_OPTIMIZERS}.SGDOptimizer"}
_EXPECTED = "a pipeline of one MLPClassifier or MLPRegressor was expected"


def read_legacy_head(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The ``head_config`` and the tensors that the head would have today.

    Whether they fit each other is not checked.

    Raises
    ------
    ModelFormatError
        If the file is damaged, or holds anything but a pipeline of one perceptron.
    ImportError
        If skops is not installed.

    Warns
    -----
    UserWarning
        If another version of scikit-learn wrote the file.
    """
    perceptron = _perceptron(path, _audited_pipeline(path, _import_skops()))
    try:
        return _as_stored_today(perceptron)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ModelFormatError(
            f"{path} holds a {type(perceptron).__name__} that cannot be read: {error}"
        ) from error


def _import_skops() -> ModuleType:
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            f"A head in {LEGACY_HEAD}, from model2vec before 0.9, needs skops, "
            "which comes with the extra 'legacy': pip install "
            f'"sklearn-static[legacy]". ({error})'
        ) from error


def _audited_pipeline(path: Path, skops: ModuleType) -> Any:
    try:
        untrusted = set(skops.get_untrusted_types(file=path))
    except Exception as error:
        raise ModelFormatError(f"{path} is no file of skops: {error!r}.") from error
    if untrusted - _TRUSTED:
        raise ModelFormatError(
            f"{path} holds the types {sorted(untrusted - _TRUSTED)}, but {_EXPECTED}. "
            "Nothing of it was opened, since foreign types may run any code."
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        try:
            pipeline = skops.load(path, trusted=sorted(untrusted))
        except Exception as error:
            raise ModelFormatError(
                f"{path} cannot be opened with scikit-learn {sklearn.__version__} and "
                f"skops {import_module('skops').__version__}: {error!r}. The versions "
                "that wrote it may open it."
            ) from error
    _pass_on(caught, path)
    return pipeline


def _pass_on(caught: list[warnings.WarningMessage], path: Path) -> None:
    """Give the warnings again, those about scikit-learn's version as one of ours."""
    writers = set()
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            writers.add(warning.message.original_sklearn_version)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if writers:
        warnings.warn(
            f"{path} was written with scikit-learn {', '.join(sorted(writers))}, and "
            f"{sklearn.__version__} is installed. Only weights and labels were taken "
            "from it, which mean the same in both. To have no such warning, save the "
            "pipeline to a new folder: that depends on no version.",
            stacklevel=9,
        )


def _perceptron(path: Path, pipeline: Any) -> Any:
    # Not at the top: hardly any folder needs it, and importing it takes time.
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    steps = pipeline.steps if type(pipeline) is Pipeline else [("", pipeline)]
    steps = [step for _, step in steps if step not in (None, "passthrough")]
    kinds = [type(step).__name__ for step in steps]
    if len(steps) != 1 or type(steps[0]) not in (MLPClassifier, MLPRegressor):
        raise ModelFormatError(f"{path} holds {' and '.join(kinds)}, but {_EXPECTED}.")
    return steps[0]


def _as_stored_today(perceptron: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    activation, layers = _activation(perceptron), _layers(perceptron)
    classes = None
    if activation != "identity":
        classes = list(np.asarray(perceptron.classes_).tolist())
        if activation == "sigmoid" and (len(classes), len(layers[-1][1])) == (2, 1):
            activation = "softmax"
            layers[-1] = _with_score_of_first_class(*layers[-1])
    tensors: dict[str, np.ndarray] = {}
    for i, (weight, bias) in enumerate(layers):
        tensors |= {f"head.{i}.weight": weight, f"head.{i}.bias": bias}
    head_config = {
        "n_layers": len(layers),
        "activation": activation,
        "classes": classes,
    }
    return head_config, tensors


def _activation(perceptron: Any) -> str:
    """What stands between the scores and the predictions, by today's name."""
    hidden, of_output = perceptron.activation, perceptron.out_activation_
    if len(perceptron.coefs_) > 1 and hidden != "relu":
        raise ValueError(f"its activation is {hidden!r}, but 'relu' was expected.")
    if is_classifier(perceptron):
        names = {"softmax": "softmax", "logistic": "sigmoid"}
    else:
        names = {"identity": "identity"}
    if of_output not in names:
        raise ValueError(
            f"its output activation is {of_output!r}, but one of {[*names]} was "
            "expected."
        )
    return names[of_output]


def _layers(perceptron: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    # What overflows is infinite, and refused with what else is not finite.
    with np.errstate(over="ignore"):
        return [
            (np.asarray(weight.T, np.float32, order="C"), np.asarray(bias, np.float32))
            for weight, bias in zip(
                perceptron.coefs_, perceptron.intercepts_, strict=True
            )
        ]


def _with_score_of_first_class(
    weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A last layer for two classes, of one that gives the second's score only.

    The first class's score is zero: then softmax is the logistic function.
    """
    return np.vstack([np.zeros_like(weight), weight]), np.append(np.float32(0), bias)
