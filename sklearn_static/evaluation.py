"""Figures of a frozen model on texts whose labels or values are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

__all__ = ["Evaluation", "evaluate_classes", "evaluate_labels", "evaluate_values"]

_N_BINS = 15


class Evaluation(dict[str, float]):
    """Figures by name, which a model card takes as its metrics.

    A dict of str to float. ``str`` of it, or ``print``, gives a text.

    Parameters
    ----------
    figures : dict of str to float
    report : dict
        As of :func:`sklearn.metrics.classification_report` with ``output_dict=True``:
        precision, recall, F1 and number of texts of each class, and their means. Empty
        for a regressor.
    text : str
        The report as text.

    See Also
    --------
    StaticPipeline.evaluate : Makes one.
    """

    def __init__(
        self, figures: dict[str, float], report: dict[str, Any], text: str
    ) -> None:
        super().__init__(figures)
        self.report = report
        self.text = text

    def __str__(self) -> str:
        width = max(map(len, self))
        lines = [f"{name:{width}}  {value:.4g}" for name, value in self.items()]
        return "\n".join([*filter(None, [self.text]), *lines])

    def __reduce__(self) -> Any:
        return type(self), (dict(self), self.report, self.text)


def evaluate_classes(
    y: Any, predicted: np.ndarray, log_proba: np.ndarray, classes: np.ndarray
) -> Evaluation:
    """Figures of a classifier of one class a text.

    Parameters
    ----------
    y : array-like of shape (n_texts,)
    predicted : ndarray of shape (n_texts,)
    log_proba : ndarray of shape (n_texts, n_classes)
    classes : ndarray of shape (n_classes,)
    """
    # Which takes a second to import, and prediction does not need it.
    from sklearn import metrics

    y = _checked(y, predicted)
    number = {label: i for i, label in enumerate(classes.tolist())}
    unknown = [label for label in y.tolist() if label not in number]
    if unknown:
        names = ", ".join(map(repr, list(dict.fromkeys(unknown))[:5]))
        raise ValueError(
            f"{len(unknown)} of {len(y)} labels in y are none of the model's "
            f"{len(classes)} classes, such as {names}. Leave those texts out, or give "
            f"labels such as {classes[0].item()!r}."
        )
    true = np.array([number[label] for label in y.tolist()])
    y = classes[true]
    best = log_proba.argmax(axis=1)
    confidence = np.exp(log_proba[np.arange(len(true)), best])
    figures = {
        "accuracy": np.mean(predicted == y),
        "f1_macro": metrics.f1_score(y, predicted, average="macro"),
        "f1_weighted": metrics.f1_score(y, predicted, average="weighted"),
        "log_loss": -log_proba[np.arange(len(true)), true].mean(),
        "expected_calibration_error": calibration_error(confidence, best == true),
    }
    return _reported(figures, metrics, y, predicted)


def evaluate_labels(
    y: Any, predicted: Any, scores: np.ndarray, classes: np.ndarray
) -> Evaluation:
    """Figures of a classifier of many labels a text.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_texts, n_labels)
        1 where a text has a label.
    predicted : ndarray or sparse matrix of shape (n_texts, n_labels)
    scores : ndarray of shape (n_texts, n_labels)
        Log-odds.
    classes : ndarray of shape (n_labels,)
    """
    from scipy.special import expit
    from sklearn import metrics

    y, predicted = _checked(_dense(y), _dense(predicted)), _dense(predicted)
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            "y has other values than 0 and 1, but an indicator of labels was expected, "
            "as of sklearn.preprocessing.MultiLabelBinarizer."
        )
    y = y.astype(np.int64)
    f1 = {
        f"f1_{kind}": metrics.f1_score(y, predicted, average=kind, zero_division=0)
        for kind in ("micro", "macro")
    }
    figures = {
        "accuracy": (predicted == y).all(axis=1).mean(),
        **f1,
        "log_loss": (np.logaddexp(0, scores) - y * scores).mean(),
        "expected_calibration_error": calibration_error(
            expit(scores).ravel(), y.ravel()
        ),
    }
    return _reported(figures, metrics, y, predicted, [str(name) for name in classes])


def evaluate_values(y: Any, predicted: np.ndarray) -> Evaluation:
    """Figures of a regressor.

    Parameters
    ----------
    y, predicted : array-like of shape (n_texts,) or (n_texts, n_outputs)
    """
    from sklearn import metrics

    y = _checked(y, predicted)
    figures = {
        "r2": metrics.r2_score(y, predicted),
        "mean_absolute_error": metrics.mean_absolute_error(y, predicted),
        "root_mean_squared_error": metrics.root_mean_squared_error(y, predicted),
    }
    return Evaluation(_plain(figures), {}, "")


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The expected calibration error, in fifteen bins of one width [1]_.

    Parameters
    ----------
    confidence : ndarray of shape (n_predictions,)
        Probabilities.
    correct : ndarray of shape (n_predictions,), bool or int
        Whether what they are the probabilities of is so.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    bins = np.minimum((confidence * _N_BINS).astype(int), _N_BINS - 1)
    gaps = np.bincount(bins, correct - confidence, _N_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _reported(
    figures: dict[str, Any], metrics: Any, y: Any, predicted: Any, names: Any = None
) -> Evaluation:
    report, text = (
        metrics.classification_report(
            y, predicted, target_names=names, output_dict=as_dict, zero_division=0
        )
        for as_dict in (True, False)
    )
    return Evaluation(_plain(figures), report, text)


def _plain(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items()}


def _dense(y: Any) -> np.ndarray:
    return y.toarray() if issparse(y) else np.asarray(y)


def _checked(y: Any, predicted: np.ndarray) -> np.ndarray:
    """`y` as an array of the shape of what was predicted."""
    y = np.asarray(y)
    if y.shape != predicted.shape:
        raise ValueError(
            f"y has shape {y.shape}, but {predicted.shape} was expected: what is "
            "predicted of the texts."
        )
    if not len(y):
        raise ValueError("X is empty, but one text or more was expected.")
    return y
