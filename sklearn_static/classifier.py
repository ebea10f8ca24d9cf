"""StaticClassifier: a table and a head, fine-tuned together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ._estimators.checks import check_classes, check_labels
from ._estimators.classifying import Classifying
from ._estimators.fine_tuning import FineTuned
from ._estimators.reopening import fine_tuned_again, hidden_layer_sizes
from ._estimators.targets import ClassTargets
from ._utils.compat import fit_context
from ._utils.validation import HandleMissing
from .embedding import DEFAULT_MODEL, StaticEmbedding
from .head import StaticHeadClassifier

__all__ = ["StaticClassifier"]


class StaticClassifier(Classifying, FineTuned):
    """A classifier of texts by static embeddings, fine-tuned together with a head.

    A text may have one class, or any number of labels. Its embedding is the mean of its
    tokens' vectors, as of a :class:`StaticEmbedding`, from which a multi-layer
    perceptron computes scores. Table and head are trained by Adam [1]_ on the
    cross-entropy in a :class:`skorch.NeuralNet`, and the best epoch on a validation
    split is kept. By default training starts from the linear solution of
    :class:`StaticLinearClassifier`, whose word scores are added to the network's.

    A subclass can replace the methods ``construct_head``, ``construct_module``,
    ``_encode``, ``prepare_dataset`` and ``train_test_split``.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before. In a search over
        parameters, open it once and pass the embedding.
    init : {"linear", "random"}, default="linear"
        The start of training: "linear" is half the linear solution and a random head,
        "random" a random head only. If a subclass replaces ``_encode``, the start is
        random.
    C : float, default=3.0
        The inverse of the strength of regularisation of the linear solution, as of
        :class:`sklearn.linear_model.LogisticRegression`. No effect with
        ``init="random"``.
    lexical : bool, default=True
        Whether TF-IDF-weighted words and word pairs are part of the linear solution,
        and their scores are added to the network's. Without them, model2vec can open
        the pipeline's folder, too. No effect with ``init="random"``.
    hidden_layer_sizes : int or array-like of shape (n_hidden_layers,), default=(512,)
        The width of each hidden layer; ``()`` makes the head linear.
    dropout : float, default=0.0
        The share of each hidden layer's outputs that is zeroed in training.
    freeze_embedding : bool, default=False
        Whether to train the head only.
    lr : float, default=1.5e-3
        Adam's learning rate.
    batch_size : int, default=128
        Texts in a training step.
    max_epochs : int, default=200
        The most passes over the training texts.
    early_stopping : bool, default=True
        Whether to hold texts out, stop when they are predicted no better for
        `n_iter_no_change` epochs, and keep the best epoch. If False, training stops
        when the training loss no longer falls.
    scoring : str, callable or None, default="loss"
        What early stopping watches: "loss", "accuracy" or any other scorer of
        scikit-learn. None takes the estimator's ``score``.
    validation_fraction : float or int, default=0.1
        The share of texts that are held out together, or their number, stratified
        where the classes allow it. With ``init="linear"`` that is the size of a fold:
        up to five folds are held out, each from a network of its own, until there are
        1,000 texts, and all texts are trained on in the end. With ``init="random"`` it
        is one split, whose texts are not trained on.
    n_iter_no_change : int, default=3
        Epochs without improvement by more than `tol` before training stops.
    tol : float, default=1e-3
        The least improvement that counts.
    class_weight : dict or "balanced", default=None
        The weight of each class, by label. "balanced" makes them inversely proportional
        to the classes' frequencies. With many labels a text, by label: the weight of a
        label's presence, which "balanced" makes equal, in all, to that of its absence.
    threshold : float or array-like of shape (n_labels,), default=0.5
        With many labels a text, the probability from which a label is predicted, or
        that of each label.
    label_names : array-like of shape (n_labels,), default=None
        With many labels a text, the names of y's columns, such as ``classes_`` of
        :class:`sklearn.preprocessing.MultiLabelBinarizer`. None takes those of a frame
        or, of other containers, the columns' numbers.
    warm_start : bool, default=False
        Whether ``fit`` goes on from what was learned before, with the same classes.
    handle_missing : {"error", "empty"}, default="error"
        What to do with None and NaN among texts: refuse them, or take each as empty.
    optimizer : type of torch.optim.Optimizer, default=None
        None is an Adam that moves only the rows of the table that a batch has. Others
        get gradients of all rows that occur, which takes longer.
    optimizer_params : dict, default=None
        Arguments of the optimizer. ``set_params`` and searches know each as skorch
        does: ``optimizer__weight_decay``.
    criterion : torch.nn.Module, or a type of it, default=None
        The loss that training minimises, such as
        ``torch.nn.CrossEntropyLoss(label_smoothing=0.1)``, applied to each text.
    callbacks : list of skorch callbacks, default=None
        Called on every batch and epoch of the :class:`skorch.NeuralNet` within.
    device : str, default="cpu"
        The torch device to train on, such as "cuda"; "auto" takes a GPU where there is
        one. Prediction is by numpy.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, the split, the head's start, the order of texts, and dropout.
        On one machine the same int gives the same model, bit for bit. None takes fresh
        entropy and leaves numpy's global generator alone.
    verbose : bool or int, default=False
        Whether ``fit`` shows a progress bar of epochs, and the prediction of more than
        8,192 texts one of texts.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, in ascending order, or the names of many labels, in that of y's
        columns.
    embedding_ : StaticEmbedding
        The trained table.
    head_ : StaticHeadClassifier
        The trained head, on embeddings and, after them, word scores.
    word_weights_ : WordWeights or None
        The words and pairs with their weights; None without.
    net_ : skorch.NeuralNet
        The net after training; its module's ``rows`` are those of the table that were
        trained. No part of a pickle.
    history_ : skorch.history.History
        For each epoch ``epoch``, ``train_loss``, ``dur`` in seconds and, with
        validation, ``valid_loss`` and with another `scoring` ``valid_score``.
    n_iter_ : int
        Epochs that were run.
    best_epoch_ : int
        The epoch that was kept, counted from 1; the last one without validation.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float or None
        The values of `scoring` that early stopping watched, the negative loss for
        "loss". None without early stopping.
    best_validation_score_ : float or None
        The greatest of them.

    See Also
    --------
    StaticLinearClassifier : The linear solution alone, without torch.
    StaticEmbeddingTransformer : Embeddings as features for any other classifier.
    StaticPipeline : The frozen classifier, as of :meth:`to_pipeline`.

    Notes
    -----
    With ``init="linear"``, the word scores of a training text are those of a fold that
    held it out, since the network would trust overfitted scores too much. Networks that
    start from the solutions of these folds are trained in step with that of all texts:
    early stopping watches their loss on the texts that they hold out. Finally the
    scores of the network and of the solution, on the trained table, are averaged, and
    calibrated on the held-out texts by a temperature, and by subtracting a share of the
    classes' prior log-probabilities.

    Only the rows of tokens that occur in the training texts are trained, which gives
    the same as training all rows, since Adam has no weight decay.

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
        **FineTuned._parameter_constraints,
        **Classifying._parameter_constraints,
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        init: Literal["linear", "random"] = "linear",
        C: float = 3.0,
        lexical: bool = True,
        hidden_layer_sizes: Any = (512,),
        dropout: float = 0.0,
        freeze_embedding: bool = False,
        lr: float = 1.5e-3,
        batch_size: int = 128,
        max_epochs: int = 200,
        early_stopping: bool = True,
        scoring: Any = "loss",
        validation_fraction: float | int = 0.1,
        n_iter_no_change: int = 3,
        tol: float = 1e-3,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        threshold: Any = 0.5,
        label_names: Any = None,
        warm_start: bool = False,
        handle_missing: HandleMissing = "error",
        optimizer: Any = None,
        optimizer_params: dict[str, Any] | None = None,
        criterion: Any = None,
        callbacks: Any = None,
        device: str = "cpu",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.init = init
        self.C = C
        self.lexical = lexical
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
        self.threshold = threshold
        self.label_names = label_names
        self.warm_start = warm_start
        self.handle_missing = handle_missing
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.criterion = criterion
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> StaticClassifier:
        """Fine-tune table and head.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,), or (n_texts, n_labels), sparse or not
            The label of each: str, int, bool or whole float. Or an indicator of many
            labels, as of :class:`sklearn.preprocessing.MultiLabelBinarizer`, whose
            names are those of a frame's columns.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative. Texts of weight zero are as if they
            were not there.
        groups : array-like of shape (n_texts,), default=None
            The group of each text, such as its author. Texts of one group are held out
            together. Equal texts always are.
        X_val, y_val, sample_weight_val : default=None
            Texts, labels and weights for early stopping and calibration, instead of a
            split of X.

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

        Warns
        -----
        ConvergenceWarning
            If training stops at `max_epochs`.
        """
        data, validation = (X, y, sample_weight), (X_val, y_val, sample_weight_val)
        fitted: StaticClassifier = self._fit(data, validation, groups)
        return fitted

    @fit_context
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> StaticClassifier:
        """Train for one epoch on a batch of the data, for streams larger than memory.

        Continues from the previous call of ``fit`` or ``partial_fit``. The first call
        starts as ``fit`` does, with ``init="linear"`` at the solution of its texts.
        There is no validation. Tokens that are new in a call are trained from then on.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,), or (n_texts, n_labels), sparse or not
            The label of each, or an indicator of many labels.
        classes : array-like or set of n_classes labels, default=None
            All labels that y will have in any call. Required in the first call, unless
            y is an indicator; in later calls it must be the same.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative.

        Returns
        -------
        self : StaticClassifier
            Fitted. After an exception it is as it was before.

        Raises
        ------
        TypeError, ValueError
            If an argument or a constructor parameter is not as described, or
            `class_weight` is "balanced", since class frequencies are not known.
        ImportError
            If torch or skorch is not installed.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight is 'balanced', but partial_fit cannot know how frequent "
                "classes will be. Compute the weights of all classes with "
                "sklearn.utils.class_weight.compute_class_weight and pass them as a "
                "dict."
            )
        known = None
        announced = None if classes is None else check_classes(classes)
        if not self._is_fitted():
            known = self._announced_targets(y, announced)
        elif announced is not None and set(announced) != set(self.classes_):
            raise ValueError(
                f"classes are {announced.tolist()}, but those of the first call were "
                f"{self.classes_.tolist()}."
            )
        fitted: StaticClassifier = self._partial_fit(X, y, sample_weight, known)
        return fitted

    @classmethod
    def _settings_of(cls, head: StaticHeadClassifier) -> dict[str, Any]:
        sizes = hidden_layer_sizes(head.head)
        found = {} if sizes is None else {"hidden_layer_sizes": sizes}
        return {"warm_start": True, **found}

    def _learned_before(self, *parts: Any) -> dict[str, Any]:
        return fine_tuned_again(self, *parts)

    def _announced_targets(
        self, y: Any, classes: np.ndarray | None
    ) -> ClassTargets | None:
        if classes is not None and np.ndim(y) < 2:
            return ClassTargets.of(classes, self.class_weight)
        if classes is None and check_labels(y).ndim == 1:
            raise ValueError(
                "classes is None, but the first call of partial_fit needs all labels "
                "that y will have in any call: partial_fit(X, y, classes=[...])."
            )
        return None
