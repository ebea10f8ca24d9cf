"""StaticRegressor: a table and a head, fine-tuned to predict numbers from text."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Literal

from ._estimators.fine_tuning import FineTuned
from ._estimators.linear import DEFAULT_ALPHAS
from ._estimators.regressing import Regressing
from ._utils.compat import Interval, fit_context
from ._utils.validation import HandleMissing
from .embedding import DEFAULT_MODEL, StaticEmbedding

__all__ = ["StaticRegressor"]


class StaticRegressor(Regressing, FineTuned):
    """Predict numbers from texts by static embeddings, fine-tuned with a small head.

    As :class:`StaticClassifier`, with the squared error for a loss. Targets are
    standardised for training; predictions are in their own units.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before.
    init : {"linear", "random"}, default="linear"
        The start of training: "linear" is half the solution of
        :class:`StaticLinearRegressor` and a random head, "random" a random head only.
        If a subclass replaces ``_encode``, the start is random.
    alphas : float or array-like of shape (n_alphas,), default=(0.1, 0.3, ..., 30.0)
        The penalties that the solution chooses from; see
        :class:`StaticLinearRegressor`. No effect with ``init="random"``.
    lexical : bool, default=True
        Whether TF-IDF-weighted words and word pairs are part of the linear solution,
        and their values are added to the network's. No effect with ``init="random"``.
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
        What early stopping watches: "loss", "r2" or any other scorer of
        scikit-learn. None takes the estimator's ``score``.
    validation_fraction : float or int, default=0.1
        The share of texts that are held out together, or their number. With
        ``init="linear"`` that is the size of a fold: up to five folds are held out,
        each from a network of its own, until there are 1,000 texts, and all texts are
        trained on in the end. With ``init="random"`` it is one split, whose texts are
        not trained on.
    n_iter_no_change : int, default=3
        Epochs without improvement by more than `tol` before training stops.
    tol : float, default=1e-3
        The least improvement that counts.
    warm_start : bool, default=False
        Whether ``fit`` goes on from what was learned before.
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
        ``torch.nn.HuberLoss()``, applied to each text.
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
    embedding_ : StaticEmbedding
        The trained table.
    head_ : StaticHeadRegressor
        The trained head, on embeddings and, after them, word scores.
    word_weights_ : WordWeights or None
        The words and pairs with their weights; None without.
    net_ : skorch.NeuralNet
        The net after training; its module's ``rows`` are those of the table that were
        trained. No part of a pickle.
    history_ : skorch.history.History
        For each epoch ``epoch``, ``train_loss``, ``dur`` in seconds and, with
        validation, ``valid_loss`` and with another `scoring` ``valid_score``. Losses
        are of standardised targets.
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
    StaticLinearRegressor : The linear solution alone: torch-free, solved for.
    StaticClassifier : For classes and labels.

    Examples
    --------
    >>> from sklearn_static import StaticRegressor
    >>> words, things = ["good", "great", "bad", "awful"], ["film", "play", "song"]
    >>> texts = [f"a {word} {thing}" for thing in things for word in words] * 4
    >>> stars = [4, 5, 2, 1] * 12
    >>> regressor = StaticRegressor(random_state=0).fit(texts, stars)
    >>> regressor.predict(["a great film", "an awful film"]).round()
    array([5., 1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FineTuned._parameter_constraints,
        **Regressing._parameter_constraints,
        "tol": [Interval(Real, 0, None, closed="left")],
        "alphas": ["array-like", Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        init: Literal["linear", "random"] = "linear",
        alphas: float | Sequence[float] = DEFAULT_ALPHAS,
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
        self.alphas = alphas
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
    ) -> StaticRegressor:
        """Fine-tune table and head.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,) or (n_texts, n_outputs)
            The values of each.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative. Texts of weight zero are as if they
            were not there.
        groups : array-like of shape (n_texts,), default=None
            The group of each text, such as its author. Texts of one group are held out
            together. Equal texts always are.
        X_val, y_val, sample_weight_val : default=None
            Texts, values and weights for early stopping, instead of a split of X.

        Returns
        -------
        self : StaticRegressor
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
        fitted: StaticRegressor = self._fit(data, validation, groups)
        return fitted

    @fit_context
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> StaticRegressor:
        """Train for one epoch on a batch of the data, for streams larger than memory.

        Continues from the previous call of ``fit`` or ``partial_fit``. The first call
        starts as ``fit`` does, with ``init="linear"`` at the solution of its texts.
        There is no validation. Targets are standardised as those of the first call.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,) or (n_texts, n_outputs)
            The values of each.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative.

        Returns
        -------
        self : StaticRegressor
            Fitted. After an exception it is as it was before.

        Raises
        ------
        TypeError, ValueError
            If an argument or a constructor parameter is not as described.
        ImportError
            If torch or skorch is not installed.
        """
        fitted: StaticRegressor = self._partial_fit(X, y, sample_weight, None)
        return fitted
