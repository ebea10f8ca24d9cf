"""Pipelines as tensors and JSON, and back: the head's part of a model folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._layers.bounds import Rows, check_head
from .._layers.format import (
    build_head,
    build_labels,
    build_mlp,
    describe_head,
    mlp_tensors,
)
from .._lexical.weights import WordVotes
from .._utils.arrays import reach
from ..embedding import StaticEmbedding
from ..head import StaticHeadClassifier, StaticHeadRegressor
from . import files as persistence
from .files import ModelFormatError
from .layouts import LEGACY_HEAD
from .legacy_head import read_legacy_head

__all__ = [
    "HEAD_FILE",
    "TRANSFORMER_SETTINGS",
    "FrozenHead",
    "read_head",
    "read_settings",
    "stored_head",
]

HEAD_FILE = "head.safetensors"
TRANSFORMER_SETTINGS = ("handle_missing",)
_MULTILABEL_SETTINGS = ("threshold", "sparse_output")
_SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "handle_missing": (lambda v: v in ("error", "empty"), "'error' or 'empty'"),
    "sparse_output": (lambda v: isinstance(v, bool), "true or false"),
    "threshold": (
        lambda v: type(v) in (int, float) and 0 <= v <= 1,
        "a number from 0 to 1",
    ),
}
_OWN_HEAD = "sklearn_static"

FrozenHead = StaticHeadClassifier | StaticHeadRegressor


def stored_head(
    head: FrozenHead, votes: WordVotes | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """A head as files have it.

    Parameters
    ----------
    head : StaticHeadClassifier or StaticHeadRegressor
    votes : WordVotes or None

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
    if isinstance(head, StaticHeadClassifier):
        classes = _plain_labels(head.classes_)
        activation = "sigmoid" if head.multilabel else "softmax"
        own["classes_dtype"] = head.classes_.dtype.str
        if head.multilabel:
            own |= {k: getattr(head, k) for k in _MULTILABEL_SETTINGS}
    linear = head.head.mlp_layers()
    if linear is not None and votes is None:
        n_layers, tensors = len(linear), mlp_tensors(linear)
    else:
        # model2vec knows no such head, nor votes, and refuses an activation that it
        # does not know.
        own |= {"activation": activation}
        own["layers"], tensors = describe_head(head.head)
        n_layers, activation = 0, _OWN_HEAD
    if votes is not None:
        own["votes"] = True
        tensors = {**tensors, **votes.tensors()}
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


def _rows_of(embedding: StaticEmbedding, votes: WordVotes | None) -> Rows:
    """What a head can rely on of embeddings, and of votes after them."""
    rows = Rows(embedding.n_dimensions, 1.0)
    if not embedding.normalize:
        rows = rows._replace(reach=reach(embedding.vectors, embedding.weights))
    if votes is None:
        return rows
    return Rows(rows.width + votes.n_outputs, max(rows.reach, votes.reach))


def read_head(
    folder: Path, config: dict[str, Any], embedding: StaticEmbedding
) -> tuple[WordVotes | None, FrozenHead]:
    """What :func:`stored_head` was given, or a head that model2vec wrote.

    Parameters
    ----------
    folder : Path
    config : dict
        The contents of its ``config.json``.
    embedding : StaticEmbedding
        What the head has to fit.

    Raises
    ------
    ModelFormatError
        If there is no head, or one that is damaged or does not fit.
    """
    path, source, head_config, tensors = _head_parts(folder, config)
    own = persistence.own_entries(config)
    activation = head_config.get("activation")
    try:
        votes, tensors = _read_votes(own, tensors)
        if activation == _OWN_HEAD:
            activation = own.get("activation")
            head = build_head(own.get("layers"), tensors)
        else:
            head = build_mlp(head_config.get("n_layers"), tensors)
        n_outputs = check_head(head, _rows_of(embedding, votes))
    except ValueError as error:
        raise ModelFormatError(
            f"{source} does not fit {folder / 'config.json'}: {error}"
        ) from error
    if activation == "identity":
        return votes, StaticHeadRegressor(head)
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
    settings = read_settings(path, own, _MULTILABEL_SETTINGS)
    multilabel = activation == "sigmoid"
    return votes, StaticHeadClassifier(head, classes, multilabel=multilabel, **settings)


def _read_votes(
    own: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[WordVotes | None, dict[str, np.ndarray]]:
    """The votes, where our entries say that there are any, and the other tensors."""
    if own.get("votes") is not True:
        return None, tensors
    others = {k: v for k, v in tensors.items() if not k.startswith("votes.")}
    return WordVotes.of_tensors(tensors), others


def _head_parts(
    folder: Path, config: dict[str, Any]
) -> tuple[Path, Path, dict[str, Any], dict[str, np.ndarray]]:
    """Where ``head_config`` stands and where the tensors, and both of these."""
    head_config = config.get("head_config")
    if isinstance(head_config, dict):
        tensors = persistence.read_tensors(folder, HEAD_FILE)
        return folder / "config.json", folder / HEAD_FILE, head_config, tensors
    legacy = folder / LEGACY_HEAD
    if not legacy.is_file():
        raise ModelFormatError(
            f"{folder / 'config.json'} has no 'head_config': {folder} holds a table "
            "without a head, which StaticEmbedding.from_pretrained opens."
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
