"""StaticClassifier: a table and a head, fine-tuned to tell classes of text apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length

from ._base import StaticModelBase
from ._compat import StrOptions
from ._head import Head
from ._targets import (
    Examples,
    check_labels,
    check_weights,
    class_numbers,
    class_weights,
    find_classes,
    split_rows,
)
from ._validation import HandleMissing
from .embedding import DEFAULT_MODEL, StaticEmbedding
from .head import StaticHeadClassifier

__all__ = ["StaticClassifier"]


class StaticClassifier(ClassifierMixin, StaticModelBase):
    """Classify texts by static embeddings that are fine-tuned with a small head.

    A text's embedding is the mean of its tokens' vectors, as of a
    :class:`StaticEmbedding`; a multi-layer perceptron turns it into scores. ``fit``
    trains both, token vectors and perceptron, by Adam [1]_ on the cross-entropy, and
    keeps the epoch that does best on a validation split.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        Where training starts: the bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before. In a search over
        parameters, open it once and pass the embedding.
    hidden_layer_sizes : array-like of shape (n_hidden_layers,), default=(512,)
        The width of each hidden layer; ``()`` makes the head linear.
    dropout : float, default=0.0
        The share of each hidden layer's outputs that is zeroed in training.
    freeze_embedding : bool, default=False
        Whether to train the head only.
    lr : float, default=1e-3
        Adam's learning rate.
    batch_size : int, default=64
        Texts in a training step.
    max_epochs : int, default=200
        The most passes over the training texts.
    early_stopping : bool, default=True
        Whether to set `validation_fraction` of the texts aside, stop when they are
        predicted no better for `n_iter_no_change` epochs, and keep the best epoch.
        If False, training stops when the training loss no longer falls.
    scoring : str or callable, default="loss"
        What early stopping watches: "loss", "accuracy" or any other scorer of
        scikit-learn.
    validation_fraction : float, default=0.1
        The share of texts set aside, stratified where the classes allow it. Each class
        keeps a text to train on.
    n_iter_no_change : int, default=5
        Epochs without improvement by more than `tol` before training stops.
    tol : float, default=1e-4
        The least improvement that counts.
    class_weight : dict or "balanced", default=None
        The weight of each class, by label. "balanced" makes them inversely proportional
        to the classes' frequencies.
    handle_missing : {"error", "empty"}, default="error"
        What to do with None and NaN among texts: refuse them, or take each as empty.
    callbacks : list of skorch callbacks, default=None
        Told of every batch and epoch of the :class:`skorch.NeuralNet` within.
    device : str, default="cpu"
        The torch device to train on. Prediction is by numpy.
    random_state : int, RandomState instance or None, default=None
        Decides the split, the head's start, the order of texts, and dropout. On one
        machine the same int gives the same model, bit for bit. None takes fresh entropy
        and leaves numpy's global generator alone.
    verbose : bool or int, default=False
        Whether to show a progress bar in ``fit``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in ascending order.
    embedding_ : StaticEmbedding
        The trained table.
    head_ : StaticHeadClassifier
        The trained head, on embeddings.
    history_ : list of dict
        For each epoch ``epoch``, ``train_loss``, ``dur`` in seconds and, with
        validation, ``valid_loss`` and with another `scoring` ``valid_score``.
    n_iter_ : int
        Epochs that were run.
    best_epoch_ : int
        The epoch that was kept, counted from 1; the last one without validation.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float or None
        What early stopping watched, greater being better: the negative loss for
        ``scoring="loss"``. None without early stopping.
    best_validation_score_ : float or None
        The greatest of them.

    See Also
    --------
    StaticEmbeddingTransformer : Embeddings as features for any other classifier.
    StaticPipeline : What :meth:`to_pipeline` freezes the classifier into.

    Notes
    -----
    Only rows of the table whose tokens occur in the training texts are trained, which
    under Adam without weight decay is the same as training them all.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
       2015.

    Examples
    --------
    >>> from sklearn_static import StaticClassifier
    >>> texts = ["good film", "great fun", "fine acting", "what a joy"] * 5
    >>> texts += ["bad film", "awful bore", "poor acting", "what a waste"] * 5
    >>> labels = ["pos"] * 20 + ["neg"] * 20
    >>> classifier = StaticClassifier(random_state=0).fit(texts, labels)
    >>> classifier.predict(["a great joy", "an awful waste"])
    array(['pos', 'neg'], dtype='<U3')
    >>> classifier.to_pipeline().predict(["poor film"])
    array(['neg'], dtype='<U3')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StaticModelBase._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    _loss = "cross_entropy"

    def __init__(
        self,
        model: StaticEmbedding | str = DEFAULT_MODEL,
        *,
        hidden_layer_sizes: Any = (512,),
        dropout: float = 0.0,
        freeze_embedding: bool = False,
        lr: float = 1e-3,
        batch_size: int = 64,
        max_epochs: int = 200,
        early_stopping: bool = True,
        scoring: Any = "loss",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        handle_missing: HandleMissing = "error",
        callbacks: Any = None,
        device: str = "cpu",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.freeze_embedding = freeze_embedding
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.handle_missing = handle_missing
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> StaticClassifier:
        """Fine-tune table and head.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,)
            The label of each: str, int, bool or whole float.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative. Texts of weight zero are as if they
            were not there.
        X_val, y_val, sample_weight_val : default=None
            Texts, labels and weights for early stopping to watch, instead of a split of
            X.

        Returns
        -------
        self : StaticClassifier
            Fitted. After an exception it is as it was before.

        Raises
        ------
        TypeError, ValueError
            If an argument or a constructor parameter is not as described.
        ImportError
            If torch or skorch is not installed.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each text.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        labels : ndarray of shape (n_texts,)
        """
        return self._predict("predict", X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        probabilities : ndarray of shape (n_texts, n_classes), float64
            In the order of ``classes_``.
        """
        return self._predict("predict_proba", X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        log_probabilities : ndarray of shape (n_texts, n_classes), float64
        """
        return self._predict("predict_log_proba", X)

    def decision_function(self, X: Any) -> np.ndarray:
        """The scores before softmax.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        scores : ndarray of shape (n_texts,) or (n_texts, n_classes), float64
            With two classes one score, which is positive for ``classes_[1]``.
        """
        return self._predict("decision_function", X)

    def train_test_split(
        self, texts: list[str], y: np.ndarray, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on, and rows for early stopping to watch.

        Parameters
        ----------
        texts : list of str
            Of length n_texts.
        y : ndarray of shape (n_texts,), int64
            The number of each text's class.
        random_state : RandomState

        Returns
        -------
        train, valid : ndarray of int64
            Row numbers.
        """
        return split_rows(y, self.validation_fraction, random_state)

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in ascending order, of shape (n_classes,)."""
        return self.head_.classes_

    def _encode(
        self, X: Any, y: Any, sample_weight: Any, name: str, classes: Any
    ) -> tuple[Examples, np.ndarray]:
        texts = self._check_texts(X, reset=classes is None)
        if y is None:
            raise ValueError(
                "requires y to be passed, but the target y is None: a classifier needs "
                "the label of each text."
            )
        labels = check_labels(y)
        check_consistent_length(texts, labels)
        weights = check_weights(sample_weight, len(texts))
        if not weights.all():
            counts = np.flatnonzero(weights)
            texts, labels = [texts[row] for row in counts], labels[counts]
            weights = weights[counts]
        if classes is None:
            classes = find_classes(labels)
        numbers = class_numbers(labels, classes, name)
        weights = weights * class_weights(numbers, classes, self.class_weight, weights)
        return Examples(texts, numbers, weights), classes

    def _n_outputs(self, train: Examples, classes: np.ndarray) -> int:
        return len(classes)

    def _decode(self, y: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return classes[y]

    def _freeze(self, head: Head, classes: np.ndarray) -> StaticHeadClassifier:
        return StaticHeadClassifier(head, classes)
