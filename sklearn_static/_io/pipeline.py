"""Pipelines as tensors and JSON, and back: the head's part of a model folder."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._layers.bounds import Rows
from .._layers.format import (
    as_mlp,
    build_head,
    build_labels,
    build_mlp,
    describe_head,
    mlp_tensors,
    of_mlp,
)
from .._layers.layers import Head
from .._lexical.weights import WordWeights
from .._utils.errors import reraise_as
from .._utils.validation import check_threshold
from ..exceptions import ModelFormatError
from . import files as persistence
from .files import LEGACY_HEAD
from .folder import ModelFolder
from .legacy_head import read_legacy_head

__all__ = [
    "HEAD_FILE",
    "TRANSFORMER_SETTINGS",
    "HeadParts",
    "read_head",
    "read_settings",
    "stored_head",
]

HEAD_FILE = "head.safetensors"
TRANSFORMER_SETTINGS = ("handle_missing",)
_MULTILABEL_SETTINGS = ("threshold", "sparse_output")
_ONE_CLASS_SETTINGS = ("novelty_threshold",)
_VALUE_SETTINGS = ("target_names",)
_SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "handle_missing": (lambda v: v in ("error", "empty"), "'error' or 'empty'"),
    "novelty_threshold": (
        lambda v: type(v) in (int, float) and isfinite(v),
        "a finite number",
    ),
    "sparse_output": (lambda v: isinstance(v, bool), "true or false"),
    "target_names": (
        lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v),
        "a list of names",
    ),
    "threshold": (
        lambda v: (
            v != []
            and all(
                type(number) in (int, float) and 0 <= number <= 1
                for number in (v if isinstance(v, list) else [v])
            )
        ),
        "a number from 0 to 1, or one for each label,",
    ),
}
_OWN_HEAD = "sklearn_static"


class HeadParts(NamedTuple):
    """What a frozen head is made of.

    Attributes
    ----------
    layers : Head
    classes : ndarray of shape (n_classes,) or None
        The label of each output, of a classifier.
    settings : dict
        The estimator's other parameters.
    """

    layers: Head
    classes: np.ndarray | None
    settings: dict[str, Any]


def stored_head(
    head: HeadParts, word_weights: WordWeights | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """A head as files have it.

    Parameters
    ----------
    head : HeadParts
    word_weights : WordWeights or None

    Returns
    -------
    head_config : dict
        As model2vec has it.
    own : dict
        Entries of our own.
    tensors : dict of str to ndarray

    Raises
    ------
    TypeError
        If a label or a layer cannot be stored.
    """
    own: dict[str, Any] = {}
    classes, activation = None, "identity"
    if head.classes is not None:
        classes, activation = _plain_labels(head.classes), "softmax"
        own["classes_dtype"] = head.classes.dtype.str
        if head.settings["multilabel"]:
            activation = "sigmoid"
            threshold = check_threshold(head.settings["threshold"], len(head.classes))
            own["threshold"] = threshold.tolist()
            own["sparse_output"] = head.settings["sparse_output"]
        elif head.settings["novelty_threshold"] is not None:
            own["novelty_threshold"] = head.settings["novelty_threshold"]
    elif head.settings.get("target_names") is not None:
        own["target_names"] = np.asarray(head.settings["target_names"]).tolist()
    linear = head.layers.mlp_layers()
    if linear is None and word_weights is None:
        linear = as_mlp(head.layers)
        if linear is not None:
            own["linear_units"] = linear[0].n_inputs
    if linear is not None and word_weights is None:
        n_layers, tensors = len(linear), mlp_tensors(linear)
    else:
        # model2vec knows no such head, nor word weights, and refuses an activation that
        # it does not know.
        own |= {"activation": activation}
        own["layers"], tensors = describe_head(head.layers)
        n_layers, activation = 0, _OWN_HEAD
    if word_weights is not None:
        # The format of folders says "votes" for word weights, here and in the tensors.
        own["votes"] = True
        tensors = {**tensors, **word_weights.tensors()}
    head_config = {"n_layers": n_layers, "activation": activation, "classes": classes}
    return head_config, own, tensors


def _plain_labels(classes: np.ndarray) -> list[Any]:
    labels: list[Any] = classes.tolist()
    for label in labels:
        if not isinstance(label, (str, int, float, bool)):
            raise TypeError(
                f"The label {label!r} is of type {type(label).__name__}, but a model "
                "folder can hold str, int, float and bool only. Use joblib, or train "
                "with such labels."
            )
    return labels


def _beside(rows: Rows, word_weights: WordWeights | None) -> Rows:
    """The rows that a head gets: embeddings, and word scores after them."""
    if word_weights is None:
        return rows
    return Rows(
        rows.width + word_weights.n_outputs, max(rows.bound, word_weights.bound)
    )


def read_head(
    folder: ModelFolder, config: dict[str, Any], embeddings: Rows
) -> tuple[WordWeights | None, HeadParts]:
    """What :func:`stored_head` was given, or a head that model2vec wrote.

    Parameters
    ----------
    folder : ModelFolder
    config : dict
        The contents of its ``config.json``.
    embeddings : Rows
        The width and the bound of the embeddings that the head has to fit.

    Raises
    ------
    ModelFormatError
        If there is no head, or one that is damaged or does not fit.
    """
    path, source, head_config, tensors = _head_parts(folder, config)
    own = persistence.own_entries(config)
    activation = head_config.get("activation")
    try:
        word_weights, tensors = _read_word_weights(own, tensors)
        if activation == _OWN_HEAD:
            activation = own.get("activation")
            head = build_head(own.get("layers"), tensors)
        else:
            head = build_mlp(head_config.get("n_layers"), tensors)
            if "linear_units" in own:
                head = of_mlp(head.mlp_layers() or [], own["linear_units"])
        n_outputs = head.bounded(_beside(embeddings, word_weights)).width
    except ValueError as error:
        raise ModelFormatError(
            f"{source} does not fit {folder.path / 'config.json'}: {error}"
        ) from error
    if activation == "identity":
        settings = read_settings(path, own, _VALUE_SETTINGS)
        if len(settings.get("target_names", range(n_outputs))) != n_outputs:
            raise ModelFormatError(
                f"{path} names the targets {settings['target_names']}, but "
                f"{source.name} has {n_outputs} outputs."
            )
        return word_weights, HeadParts(head, None, settings)
    if activation not in ("softmax", "sigmoid"):
        raise ModelFormatError(
            f"{path} has the head activation {activation!r}, but 'softmax', 'sigmoid' "
            "or 'identity' was expected."
        )
    classes = _read_classes(path, head_config, own)
    if n_outputs != len(classes):
        raise ModelFormatError(
            f"{path} names {len(classes)} classes, but {source.name} has {n_outputs} "
            "outputs."
        )
    is_multilabel = activation == "sigmoid"
    names = _MULTILABEL_SETTINGS if is_multilabel else _ONE_CLASS_SETTINGS
    settings = {"multilabel": is_multilabel, **read_settings(path, own, names)}
    if isinstance(settings.get("threshold"), list):
        with reraise_as(ModelFormatError, f"{path} does not fit its labels"):
            check_threshold(settings["threshold"], len(classes))
    return word_weights, HeadParts(head, classes, settings)


def _read_word_weights(
    own: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[WordWeights | None, dict[str, np.ndarray]]:
    """The word weights, where our entries say there are any, and the other tensors."""
    if own.get("votes") is not True:
        return None, tensors
    others = {k: v for k, v in tensors.items() if not k.startswith("votes.")}
    return WordWeights.of_tensors(tensors), others


def _head_parts(
    folder: ModelFolder, config: dict[str, Any]
) -> tuple[Path, Path, dict[str, Any], dict[str, np.ndarray]]:
    """Where ``head_config`` stands and where the tensors, and both of these."""
    head_config = config.get("head_config")
    if isinstance(head_config, dict):
        tensors = persistence.read_tensors(folder, HEAD_FILE)
        path = folder.path / "config.json"
        return path, folder.path / HEAD_FILE, head_config, tensors
    legacy = folder.path / LEGACY_HEAD
    if not folder.has(LEGACY_HEAD):
        raise ModelFormatError(
            f"{folder.path / 'config.json'} has no 'head_config': {folder.path} holds "
            "a table without a head, which StaticEmbedding.from_pretrained opens."
        )
    return legacy, legacy, *read_legacy_head(legacy)


def _read_classes(
    path: Path, head_config: dict[str, Any], own: dict[str, Any]
) -> np.ndarray:
    try:
        return build_labels(head_config.get("classes"), own.get("classes_dtype"))
    except ValueError as error:
        raise ModelFormatError(f"{path} has {error}") from error


def read_settings(
    path: Path, own: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Those of our own entries in the file `path` that are parameters called `names`.

    Raises
    ------
    ModelFormatError
        If one has a value that it cannot have.
    """
    settings = {name: own[name] for name in names if name in own}
    for name, value in settings.items():
        is_valid, expected = _SETTINGS[name]
        if not is_valid(value):
            raise ModelFormatError(
                f"{path} has {name} {value!r}, but {expected} was expected."
            )
    return settings
