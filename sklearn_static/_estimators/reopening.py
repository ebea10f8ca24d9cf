"""Frozen classifiers as estimators again: what is learned goes on from a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._layers.layers import Head, Linear, Slice, Sum
from .._lexical.weights import WordWeights
from .._utils.validation import column_seen
from ..embedding import StaticEmbedding
from ..head import StaticHeadClassifier
from .base import own_random_state
from .hooks import import_training
from .targets import ClassTargets, LabelTargets

if TYPE_CHECKING:
    from ..pipeline import StaticPipeline

__all__ = ["fine_tuned_again", "hidden_layer_sizes", "linear_again", "parts_of"]


def parts_of(
    pipeline: StaticPipeline,
) -> tuple[dict[str, Any], StaticEmbedding, WordWeights | None, StaticHeadClassifier]:
    """The parameters that a pipeline was trained with, as far as it tells, and it.

    Raises
    ------
    TypeError
        If it is a regressor, or adds up word scores in a way of its own.
    """
    transformer, head = pipeline["embedding"], pipeline["head"]
    if not isinstance(head, StaticHeadClassifier):
        raise TypeError(
            "The folder holds a regressor, but a classifier was expected. The units "
            "of its targets are not saved: train a regressor anew."
        )
    embedding, word_weights = transformer.embedding, transformer.word_weights
    if word_weights is not None:
        _check_word_scores(head.head, embedding.n_dimensions)
    settings = {
        "model": embedding,
        "handle_missing": transformer.handle_missing,
        "lexical": word_weights is not None,
    }
    if head.multilabel:
        settings["threshold"] = head.threshold
        settings["label_names"] = _names_of(head)
    return settings, embedding, word_weights, head


def linear_again(
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: StaticHeadClassifier,
) -> dict[str, Any]:
    """What a linear classifier has learned.

    Raises
    ------
    TypeError
        If the head is not linear.
    """
    layers = head.head.layers
    if len(layers) != 1 or not isinstance(layers[0], Linear):
        raise TypeError(
            f"The head has the layers {layers}, but a linear one was expected. "
            "StaticClassifier.from_pretrained opens it."
        )
    return {
        **column_seen(None),
        "head_": head,
        "embedding_": embedding,
        "word_weights_": word_weights,
        "n_iter_": 0,
    }


def fine_tuned_again(
    estimator: Any,
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: StaticHeadClassifier,
) -> dict[str, Any]:
    """What a fine-tuned classifier has learned, for a run of training to go on from.

    Raises
    ------
    ImportError
        If torch or skorch is not installed.
    TypeError, ValueError
        If `estimator` embeds texts in a way of its own, or makes another head.
    """
    if estimator._encodes_in_its_own_way():
        raise TypeError(
            f"{type(estimator).__name__} replaces how texts are embedded, of which "
            "folders hold nothing. Keep it with joblib."
        )
    targets: Any = LabelTargets(
        len(head.classes_), _names_of(head), sparse=head.sparse_output
    )
    if not head.multilabel:
        targets = ClassTargets.of(head.classes_, estimator.class_weight)
        if not np.array_equal(targets.classes, head.classes_):
            raise ValueError(
                f"The classes of the folder are {head.classes_.tolist()[:20]}, but "
                "distinct ones in ascending order were expected."
            )
    n_dimensions = embedding.n_dimensions
    state = import_training().thawed_state(
        lambda: estimator.construct_head(n_dimensions, targets.n_outputs),
        head.head,
        n_dimensions,
        own_random_state(estimator.random_state).randint(2**31 - 1),
    )
    rescale = not estimator.freeze_embedding
    return {
        **column_seen(None),
        "head_": head,
        "embedding_": embedding.for_training(rescale=rescale),
        "word_weights_": word_weights,
        "_history": [],
        "n_iter_": 0,
        "best_epoch_": 0,
        "loss_curve_": [],
        "validation_scores_": None,
        "best_validation_score_": None,
        "_module_in_use": None,
        "_targets": targets,
        "_state": state,
        "_moments": None,
        "_random_state": None,
    }


def hidden_layer_sizes(head: Head) -> tuple[int, ...] | None:
    """Those of the perceptron in a head; None if it has no such."""
    layers = head.layers
    if len(layers) == 1 and isinstance(layers[0], Sum):
        layers = layers[0].branches[-1]
        if isinstance(layers[0], Slice):
            layers = layers[1:]
    affine = Head(layers).mlp_layers()
    if affine is None or len(affine) < 2:
        return None
    return tuple(len(layer.bias) for layer in affine[:-1])


def _names_of(head: StaticHeadClassifier) -> np.ndarray | None:
    """The names of many labels; None where they are but numbers."""
    numbers = np.arange(len(head.classes_))
    return None if np.array_equal(head.classes_, numbers) else head.classes_


def _check_word_scores(head: Head, n_dimensions: int) -> None:
    """Refuse a head that does not just add word scores to those of embeddings."""
    first = head.layers[0] if head.layers else None
    if isinstance(first, Sum):
        first = first.branches[0][0]
    weight = getattr(first, "weight", np.empty((0, 0)))
    of_words = weight[:, n_dimensions:]
    if not np.array_equal(of_words, np.eye(len(weight), dtype=np.float32)):
        raise TypeError(
            f"The head has the layers {head.layers}, but one that adds word scores to "
            "those of embeddings was expected, as StaticLinearClassifier and "
            "StaticClassifier have it."
        )
