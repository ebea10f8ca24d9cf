"""StaticLinearClassifier and StaticLinearRegressor, which need no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal

from ._estimators.classifying import Classifying
from ._estimators.linear import (
    DEFAULT_ALPHAS,
    LinearBase,
    Prepared,
)
from ._estimators.regressing import Regressing
from ._estimators.reopening import linear_again
from ._estimators.targets import Examples
from ._linear import Solution
from ._utils.compat import Interval
from ._utils.validation import HandleMissing
from .embedding import DEFAULT_MODEL, StaticEmbedding

__all__ = ["StaticLinearClassifier", "StaticLinearRegressor"]


class StaticLinearClassifier(Classifying, LinearBase):
    """Logistic regression on embeddings beside TF-IDF-weighted words and word pairs.

    A text may have one class, or any number of labels. Its features are the mean of its
    tokens' vectors, as of a :class:`StaticEmbedding`, and the TF-IDF weights of its
    words and of pairs of neighbouring words. The factor of the words is chosen on
    held-out texts, on which probabilities are calibrated as well. Needs no torch.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before. In a search over
        parameters, open it once and pass the embedding.
    C : float, default=3.0
        The inverse of the strength of regularisation, as of
        :class:`sklearn.linear_model.LogisticRegression`.
    lexical : bool, default=True
        Whether words and word pairs are features besides the embedding. Without them,
        model2vec can open the pipeline's folder, too.
    tol : float, default=1e-6
        The share of itself that the penalised loss is still expected to fall by, where
        the solver stops.
    max_iter : int, default=1000
        The most iterations of the solver.
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
    handle_missing : {"error", "empty"}, default="error"
        What to do with None and NaN among texts: refuse them, or take each as empty.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds. On one machine the same int gives the same model, bit for
        bit. None takes fresh entropy and leaves numpy's global generator alone.
    verbose : bool or int, default=False
        Whether ``fit`` shows a progress bar of what is solved for, that is, the factors
        of words that are tried and the fit of all texts, and the prediction of more
        than 8,192 texts one of texts.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, in ascending order, or the names of many labels, in that of y's
        columns.
    coef_ : ndarray of shape (1 or n_classes, n_dimensions)
        The weights of embeddings; one row for two classes.
    intercept_ : ndarray of shape (1 or n_classes,)
        The scores of a text without tokens.
    embedding_ : StaticEmbedding
        The table.
    head_ : StaticHeadClassifier
        The linear head, on embeddings and, after them, word scores.
    word_weights_ : WordWeights or None
        The words and pairs with their weights; see :meth:`get_word_weights`.
    n_iter_ : int
        Iterations of the solver in the final fit.

    See Also
    --------
    StaticClassifier : Fine-tuning that starts from this solution.
    StaticEmbeddingTransformer : Embeddings as features for any other classifier.

    Notes
    -----
    The solver is L-BFGS [1]_, preconditioned by an estimate of the second derivatives.
    At the default `tol`, probabilities are within about .01 of those of a solution that
    is a hundred times as tight, for `C` up to 1e6.

    Regularisation biases a model towards frequent classes on texts with few known
    words. So calibration subtracts a share of the classes' prior log-probabilities,
    besides dividing scores by a temperature [2]_. Both are fitted to the scores of
    held-out texts. With `class_weight`, there is a temperature only. Texts that are
    equal but for case and white space are held out together.

    References
    ----------
    .. [1] D. C. Liu and J. Nocedal, "On the Limited Memory BFGS Method for Large Scale
       Optimization", Math. Program. 45, 1989.
    .. [2] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from sklearn_static import StaticLinearClassifier
    >>> texts = ["good film", "great fun", "fine acting", "what a joy"] * 5
    >>> texts += ["bad film", "awful bore", "poor acting", "what a waste"] * 5
    >>> labels = ["pos"] * 20 + ["neg"] * 20
    >>> classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
    >>> classifier.predict(["a great joy", "an awful waste"])
    array(['pos', 'neg'], dtype='<U3')
    >>> bool(classifier.get_word_weights(["joy"])[0, 0] > 0)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Classifying._parameter_constraints,
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        C: float = 3.0,
        lexical: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        threshold: Any = 0.5,
        label_names: Any = None,
        handle_missing: HandleMissing = "error",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.C = C
        self.lexical = lexical
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.threshold = threshold
        self.label_names = label_names
        self.handle_missing = handle_missing
        self.random_state = random_state
        self.verbose = verbose

    def _learned_before(self, *parts: Any) -> dict[str, Any]:
        return linear_again(*parts)

    def _linear_solution(
        self, prepared: Prepared, targets: Any, random_state: Any, **options: Any
    ) -> Solution:
        options |= {"tol": self.tol, "max_iter": self.max_iter}
        return super()._linear_solution(prepared, targets, random_state, **options)


class StaticLinearRegressor(Regressing, LinearBase):
    """Ridge regression on embeddings beside TF-IDF-weighted words and word pairs.

    The penalty and the factor of the words are chosen on held-out texts. Needs no
    torch.

    Parameters
    ----------
    model : StaticEmbedding, str or Path, default="default"
        The bundled table, a model folder, a Hub id such as
        ``"minishlab/potion-base-8M"``, or an embedding opened before.
    alphas : float or array-like of shape (n_alphas,), default=(0.1, 0.3, ..., 30.0)
        The penalties to choose from, as of :class:`sklearn.linear_model.RidgeCV`, for
        targets that are standardised.
    lexical : bool, default=True
        Whether words and word pairs are features besides the embedding.
    handle_missing : {"error", "empty"}, default="error"
        What to do with None and NaN among texts: refuse them, or take each as empty.
    random_state : int, RandomState instance or None, default=None
        Shuffles the folds. None takes fresh entropy and leaves numpy's global generator
        alone.
    verbose : bool or int, default=False
        Whether ``fit`` shows a progress bar of what is solved for, and the prediction
        of more than 8,192 texts one of texts.

    Attributes
    ----------
    alpha_ : float
        The penalty that was chosen.
    coef_ : ndarray of shape (n_outputs, n_dimensions)
        The weights of embeddings.
    intercept_ : ndarray of shape (n_outputs,)
        The prediction for a text without tokens.
    embedding_ : StaticEmbedding
        The table.
    head_ : StaticHeadRegressor
        The linear head, on embeddings and, after them, word scores.
    word_weights_ : WordWeights or None
        The words and pairs with their weights; see :meth:`get_word_weights`.
    n_iter_ : int
        Always 1.

    See Also
    --------
    StaticRegressor : Fine-tuning that starts from this solution.

    Examples
    --------
    >>> from sklearn_static import StaticLinearRegressor
    >>> words, things = ["good", "great", "bad", "awful"], ["film", "play", "song"]
    >>> texts = [f"a {word} {thing}" for thing in things for word in words] * 4
    >>> stars = [4, 5, 2, 1] * 12
    >>> regressor = StaticLinearRegressor(random_state=0).fit(texts, stars)
    >>> regressor.predict(["a great film", "an awful film"]).round()
    array([5., 1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Regressing._parameter_constraints,
        "alphas": ["array-like", Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        model: StaticEmbedding | str | Path = DEFAULT_MODEL,
        *,
        alphas: float | Sequence[float] = DEFAULT_ALPHAS,
        lexical: bool = True,
        handle_missing: HandleMissing = "error",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.alphas = alphas
        self.lexical = lexical
        self.handle_missing = handle_missing
        self.random_state = random_state
        self.verbose = verbose

    def _solve(
        self, examples: Examples, held_out: Examples | None, targets: Any
    ) -> tuple[dict[str, Any], Solution]:
        learned, solution = super()._solve(examples, held_out, targets)
        return {**learned, "alpha_": solution.alpha}, solution
