"""StaticClassifier: a table and a head that tell classes of text apart."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from ._estimators.base import OF_TRAINING, Data, StaticModelBase, own_random_state
from ._estimators.checks import check_labels
from ._estimators.linear import solve_examples
from ._estimators.solver_choice import Solver, choose_solver
from ._estimators.targets import ClassTargets, LabelTargets
from ._layers.layers import Head
from ._single_tokens import telling_tokens
from ._utils.compat import Interval, StrOptions, with_callbacks
from ._utils.ranking import Ranking
from ._utils.validation import HandleMissing
from .embedding import DEFAULT_MODEL, StaticEmbedding, resolve_embedding
from .head import StaticHeadClassifier

__all__ = ["StaticClassifier"]

_NO_GOING_ON = (
    "there is no going on from what 'newton-cg' solves for. Pass solver='adam' from "
    "the first fit on, or clone the classifier first."
)


class StaticClassifier(ClassifierMixin, StaticModelBase):
    """Classify texts by static embeddings, and by what their words say exactly.

    A text may have one class, or any number of labels. Its embedding is the mean of its
    tokens' vectors, as of a :class:`StaticEmbedding`. There are two ways from there to
    scores:

    - "newton-cg" solves for a linear head on embeddings as they are, beside a vote of
      each word and word pair for each class: the weights of TF-IDF features.
      Cross-validated scores decide how much the words count beside the embedding, and
      how sure of itself the model may be. It needs no torch.
    - "adam" fine-tunes token vectors together with a multi-layer perceptron, by Adam
      [1]_ on the cross-entropy, and keeps the epoch that does best on a validation
      split. Parts of it are methods that a subclass can replace: ``construct_head``,
      ``construct_module``, ``_encode``, ``prepare_dataset`` and ``train_test_split``.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before. In a search over
        parameters, open it once and pass the embedding.
    solver : {"auto", "newton-cg", "adam"}, default="auto"
        Which of the two ways. "auto" is "adam" where a parameter has been set that
        only "adam" uses, or a part of it replaced, and otherwise "newton-cg".
    C : float, default=10.0
        The inverse of the strength of regularisation, as of
        :class:`sklearn.linear_model.LogisticRegression`. This and `lexical` are for
        "newton-cg"; all that follow up to `callbacks` and `device`, but for
        `class_weight`, `threshold` and `handle_missing`, are for "adam".
    lexical : bool, default=True
        Whether words and word pairs vote. Without them the pipeline's folder is one
        that model2vec opens too.
    hidden_layer_sizes : int or array-like of shape (n_hidden_layers,), default=(512,)
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
    n_iter_no_change : int, default=3
        Epochs without improvement by more than `tol` before training stops.
    tol : float, default=1e-4
        The least improvement that counts.
    class_weight : dict or "balanced", default=None
        The weight of each class, by label. "balanced" makes them inversely proportional
        to the classes' frequencies. With many labels a text, by column: the weight of a
        label's presence, which "balanced" makes equal, in all, to that of its absence.
    threshold : float, default=0.5
        With many labels a text, the probability from which a label is predicted.
    warm_start : bool, default=False
        Whether ``fit`` goes on from what was learned before, with the same classes.
    handle_missing : {"error", "empty"}, default="error"
        What to do with None and NaN among texts: refuse them, or take each as empty.
    callbacks : list of skorch callbacks, default=None
        Told of every batch and epoch of the :class:`skorch.NeuralNet` within.
    device : str, default="cpu"
        The torch device to train on. Prediction is by numpy.
    random_state : int, RandomState instance or None, default=None
        Decides the folds or the split, the head's start, the order of texts, and
        dropout. On one machine the same int gives the same model, bit for bit. None
        takes fresh entropy and leaves numpy's global generator alone.
    verbose : bool or int, default=False
        Whether ``fit`` shows a progress bar: of the strengths of words that are tried
        and the fit of all texts, or of epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in ascending order.
    solver_ : {"newton-cg", "adam"}
        What was fitted by.
    embedding_ : StaticEmbedding
        The table; by "adam", the trained one.
    head_ : StaticHeadClassifier
        The trained head, on embeddings and, after them, votes.
    votes_ : WordVotes or None
        The words that vote; opaque.
    n_iter_ : int
        Iterations of the solver in the end, or epochs that were run.
    history_ : list of dict
        By "adam", as all that follow. For each epoch ``epoch``, ``train_loss``,
        ``dur`` in seconds and, with validation, ``valid_loss`` and with another
        `scoring` ``valid_score``.
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
    By "newton-cg", regularisation makes a model lean to frequent classes on texts
    whose words it knows little of. So calibration takes a share of the classes' prior
    log-probabilities away, beside dividing scores by a temperature [2]_; both are
    fitted to the scores of texts that were held out, one thousand or more of them where
    there are so many, of five folds; five thousand at most of very many texts. With
    `class_weight`, it is the temperature only.
    Meanwhile the process computes linear algebra in one thread, which for such small
    products is the fastest; of some thousand texts, the products of words' features in
    another, where ``OMP_NUM_THREADS`` is not 1.

    By "adam", only rows of the table whose tokens occur in the training texts are
    trained, which under Adam without weight decay is the same as training them all.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
       2015.
    .. [2] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

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
        "solver": [StrOptions({"auto", "newton-cg", "adam"})],
        "C": [Interval(Real, 0, None, closed="neither")],
        "lexical": ["boolean"],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "threshold": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        solver: Literal["auto", "newton-cg", "adam"] = "auto",
        C: float = 10.0,
        lexical: bool = True,
        hidden_layer_sizes: Any = (512,),
        dropout: float = 0.0,
        freeze_embedding: bool = False,
        lr: float = 1e-3,
        batch_size: int = 64,
        max_epochs: int = 200,
        early_stopping: bool = True,
        scoring: Any = "loss",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        tol: float = 1e-4,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        threshold: float = 0.5,
        warm_start: bool = False,
        handle_missing: HandleMissing = "error",
        callbacks: Any = None,
        device: str = "cpu",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.solver = solver
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
        self.warm_start = warm_start
        self.handle_missing = handle_missing
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
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
        """Solve for a head and votes, or fine-tune table and head.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,), or (n_texts, n_labels), sparse or not
            The label of each: str, int, bool or whole float. Or an indicator of many
            labels, as of :class:`sklearn.preprocessing.MultiLabelBinarizer`.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative. Texts of weight zero are as if they
            were not there.
        X_val, y_val, sample_weight_val : default=None
            Texts, labels and weights for calibration or early stopping, instead of
            folds or a split of X.

        Returns
        -------
        self : StaticClassifier
            Fitted. After an exception it is as it was before.

        Raises
        ------
        TypeError, ValueError
            If an argument or a constructor parameter is not as described.
        ImportError
            If the solver is "adam", and torch or skorch is not installed.
        """
        self._validate_params()
        data, validation = (X, y, sample_weight), (X_val, y_val, sample_weight_val)
        fitted: StaticClassifier
        if self._choose_solver() == "newton-cg":
            fitted = self._solve(data, validation)
        else:
            fitted = self._fit(data, validation)
        return fitted

    def _solve(self, data: Data, validation: Data) -> StaticClassifier:
        """Solve for what predicts; the estimator changes only when all is done."""
        random_state = own_random_state(self.random_state)
        examples, targets = self._examples(*data, "y", None, reset=True)
        assert isinstance(targets, (ClassTargets, LabelTargets))
        held_out = self._given_validation(validation, targets)
        task = self._begin_task(*data)
        embedding = resolve_embedding(self.model)
        solved = solve_examples(
            embedding,
            examples,
            held_out,
            targets,
            C=self.C,
            lexical=self.lexical,
            random_state=random_state,
            verbose=bool(self.verbose),
        )
        learned = {
            "head_": self._freeze(solved.head, targets),
            "embedding_": embedding,
            "votes_": solved.votes,
            "_module_in_use": None,
            "n_iter_": solved.n_iter,
            "solver_": "newton-cg",
        }
        self._end_task(task, lambda: learned)
        kept = {k: v for k, v in vars(self).items() if k not in OF_TRAINING}
        self.__dict__ = {**kept, **learned, "_targets": targets}
        return self

    def _learned(self, *args: Any) -> dict[str, Any]:
        return {**super()._learned(*args), "solver_": "adam"}

    def _choose_solver(self, only: Solver | None = None) -> Solver:
        parameters = signature(StaticClassifier.__init__).parameters
        defaults = {k: p.default for k, p in parameters.items()}
        solver = choose_solver(self, defaults, only)
        if self.warm_start and self._is_solved():
            raise ValueError(f"warm_start is True, but {_NO_GOING_ON}")
        return solver

    def _is_solved(self) -> bool:
        return vars(self).get("solver_") == "newton-cg"

    def _can_train_in_parts(self) -> bool:
        if self.solver == "newton-cg" or self._is_solved():
            raise AttributeError(f"There is no partial_fit: {_NO_GOING_ON}")
        return True

    @available_if(_can_train_in_parts)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> StaticClassifier:
        """Train for one epoch on a part of the data, for streams larger than memory.

        Only by "adam": there is no such method with ``solver="newton-cg"``, nor after
        a ``fit`` by it. Goes on from the call before, or from ``fit``, or from the
        start. There is no validation. Tokens that no call has met before learn from now
        on.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,), or (n_texts, n_labels), sparse or not
            The label of each, or an indicator of many labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Needed in the first call, unless y is an
            indicator; in later ones it has to be the same.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative.

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
        self._validate_params()
        self._choose_solver(only="adam")
        known = None
        if not self._is_fitted():
            known = self._announced_targets(y, classes)
        elif classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError(
                f"classes are {np.unique(classes).tolist()}, but those of the first "
                f"call were {self.classes_.tolist()}."
            )
        fitted: StaticClassifier = self._partial_fit(X, y, sample_weight, known)
        return fitted

    def _announced_targets(self, y: Any, classes: Any) -> ClassTargets | None:
        if classes is not None and np.ndim(y) < 2:
            return ClassTargets.of(np.asarray(classes), self.class_weight)
        if classes is None and check_labels(y).ndim == 1:
            raise ValueError(
                "classes is None, but the first call of partial_fit needs all labels "
                "that will ever come: partial_fit(X, y, classes=[...])."
            )
        return None

    def predict(self, X: Any) -> Any:
        """The most probable class of each text, or its labels.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        labels : ndarray of shape (n_texts,)
            With many labels a text an indicator of shape (n_texts, n_labels), int64, a
            CSR matrix if the y of ``fit`` was sparse.
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
        probabilities: np.ndarray = self._predict("predict_proba", X)
        return probabilities

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
        log_probabilities: np.ndarray = self._predict("predict_log_proba", X)
        return log_probabilities

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
        scores: np.ndarray = self._predict("decision_function", X)
        return scores

    def telling_tokens(
        self, X: Any = None, *, n_tokens: int = 10, min_df: int = 1
    ) -> dict[Any, Ranking]:
        """The tokens that speak most for each class, each by itself.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str, default=None
            Texts in which tokens are looked for, such as those of ``fit``. None takes
            the whole vocabulary, most of which no training text may have had.
        n_tokens : int, default=10
            How many at most for each class.
        min_df : int, default=1
            How many of the texts in `X` a token has to occur in.

        Returns
        -------
        telling : dict of object to list of (str, float)
            For each class, tokens with the log-odds of the class for a text of the
            token alone, the greatest first.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        TypeError
            If X is not as described, or the encoding has been replaced.
        """
        embedding, votes = self._sums()
        texts = None if X is None else self._check_texts(X, reset=False)
        return telling_tokens(embedding, votes, self.head_, texts, n_tokens, min_df)

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in ascending order, of shape (n_classes,)."""
        return self.head_.classes_

    def _check_y(self, y: Any) -> Any:
        return check_labels(y)

    def _find_targets(
        self, y: np.ndarray, sample_weight: np.ndarray
    ) -> ClassTargets | LabelTargets:
        if y.ndim == 2:
            return LabelTargets.of(y, self.class_weight, sample_weight)
        return ClassTargets.of(y, self.class_weight)

    def _freeze(self, head: Head, targets: Any) -> StaticHeadClassifier:
        return StaticHeadClassifier(
            head,
            targets.classes,
            multilabel=isinstance(targets, LabelTargets),
            threshold=self.threshold,
            sparse_output=getattr(targets, "sparse", False),
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
