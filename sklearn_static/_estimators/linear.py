"""From texts and targets to a linear model of embeddings and TF-IDF-weighted words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

from .._layers.layers import Head, Linear
from .._lexical.vocabulary import Vocabulary, fit_vocabulary
from .._lexical.weights import WordWeights, idf_of, tfidf
from .._lexical.words import Words
from .._linear import (
    Classes,
    Features,
    Labels,
    Solution,
    Split,
    Values,
    fold_numbers,
    splits_of,
)
from .._utils.compat import fit_context
from .._utils.progress import counter
from ..embedding import StaticEmbedding, resolve_embedding
from ..top_tokens import word_weights_of
from .base import StaticModelBase, own_random_state
from .split import groups_of
from .targets import ClassTargets, Examples, LabelTargets, RealTargets, Targets

__all__ = [
    "DEFAULT_ALPHAS",
    "LinearBase",
    "LinearModel",
    "Prepared",
    "checked_alphas",
    "problem_of",
]

# The most word weights, of all outputs together: they take 8 MB, and the solver twenty
# times that.
_MAX_WEIGHTS = 1 << 21

# The most folds that are held out, if there are more.
_MOST_SPLITS = 5

DEFAULT_ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""The default penalties that ridge regression chooses from."""


class _Lexical(NamedTuple):
    """The words of texts, before they have weights.

    Attributes
    ----------
    vocabulary : Vocabulary
        Of n_features words and pairs.
    idf : ndarray of shape (n_features,), float32
    tfidf : csr_array of shape (n_texts, n_features), float32
    """

    vocabulary: Vocabulary
    idf: np.ndarray
    tfidf: csr_array

    @classmethod
    def of(cls, words: Words, n_train: int, max_features: int) -> _Lexical:
        """The vocabulary of the first `n_train` texts, with the features of all.

        Equal texts count once, for a text that is there again, or weighs more, says
        nothing new of which words are rare.
        """
        train = words.first(n_train).distinct()
        vocabulary, df = fit_vocabulary(train, max_features)
        idf = idf_of(df, len(train.offsets) - 1)
        return cls(vocabulary, idf, tfidf(vocabulary.find(words), idf))

    @classmethod
    def empty(cls, n_texts: int) -> _Lexical:
        """No words at all."""
        none = np.empty(0, np.float32)
        vocabulary = Vocabulary(none.astype(np.uint64), np.empty((0, 2), np.int32))
        return cls(vocabulary, none, csr_array((n_texts, 0), dtype=np.float32))


class Prepared(NamedTuple):
    """Examples as the solver needs them.

    Attributes
    ----------
    features : Features
        Of the texts to train on and, after them, those that are held out.
    problem : Classes, Labels or Values
        Their targets.
    train : ndarray of int
        The numbers of the texts to train on.
    splits : list of Split
        For choosing hyperparameters and calibrating.
    fold : ndarray of shape (n_train,), int64, or None
        The fold of each text to train on, if scores out of fold are wanted.
    lexical : _Lexical or None
        None without words.
    """

    features: Features
    problem: Any
    train: np.ndarray
    splits: list[Split]
    fold: np.ndarray | None
    lexical: _Lexical | None

    @classmethod
    def of(
        cls,
        embedding: StaticEmbedding,
        train: Examples,
        held_out: Examples | None,
        targets: Targets,
        *,
        lexical: bool,
        random_state: np.random.RandomState,
        n_folds: int = 5,
    ) -> Prepared:
        """The features of `train` and, after them, `held_out`.

        Parameters
        ----------
        embedding : StaticEmbedding
        train : Examples
        held_out : Examples or None
            Texts to choose and calibrate by. None takes folds of `train`.
        targets : Targets
        lexical : bool
            Whether words are features, too.
        random_state : RandomState
            Shuffles the folds.
        n_folds : int, default=5
        """
        n_train = len(train.texts)
        examples = train if held_out is None else train.and_then(held_out)
        rows = np.arange(len(examples.texts))
        problem = problem_of(examples, targets)
        strata = problem.strata()
        of_train = None if strata is None else strata[:n_train]
        groups = groups_of(train.texts, train.groups)
        fold = fold_numbers(of_train, groups, random_state, n_folds)
        splits = splits_of(fold, _MOST_SPLITS)
        if held_out is not None:
            splits = [(rows[:n_train], rows[n_train:])]
        bags = embedding.tokenize(examples.texts)
        known = _Lexical.empty(len(rows))
        if lexical:
            most = _MAX_WEIGHTS // targets.n_outputs
            known = _Lexical.of(embedding.words(bags), n_train, most)
        features = Features(embedding.pool(bags), known.tfidf)
        words = known if lexical else None
        return cls(features, problem, rows[:n_train], splits, fold, words)


@dataclass(frozen=True)
class LinearModel:
    """A linear model of embeddings and words.

    Attributes
    ----------
    weight : ndarray of shape (n_outputs, n_dimensions), float32
    intercept : ndarray of shape (n_outputs,), float32
    word_weights : WordWeights or None
        None without words.
    """

    weight: np.ndarray
    intercept: np.ndarray
    word_weights: WordWeights | None

    @classmethod
    def of(cls, prepared: Prepared, solution: Solution) -> LinearModel:
        """The calibrated solution."""
        return cls._scaled(prepared, solution, 1.0, solution.intercept)

    @classmethod
    def uncalibrated(cls, prepared: Prepared, solution: Solution) -> LinearModel:
        """The solution before its scores were calibrated."""
        factor = 1 / solution.temperature
        intercept = (solution.intercept - solution.shift) * factor
        return cls._scaled(prepared, solution, factor, intercept)

    @classmethod
    def _scaled(
        cls, prepared: Prepared, solution: Solution, factor: float, intercept: Any
    ) -> LinearModel:
        words = None
        if prepared.lexical is not None:
            vocabulary, idf, _ = prepared.lexical
            words = WordWeights(vocabulary, idf, solution.sparse * np.float32(factor))
        weight = np.ascontiguousarray(solution.dense.T * np.float32(factor))
        return cls(weight, np.asarray(intercept, np.float32), words)

    def head(self) -> Head:
        """The head on embeddings and, after them, word scores."""
        weight = self.weight
        if self.word_weights is not None:
            weight = np.hstack([weight, np.eye(len(weight), dtype=np.float32)])
        return Head((Linear(np.ascontiguousarray(weight), self.intercept),))


def checked_alphas(alphas: Any) -> np.ndarray:
    """The penalties `alphas`, of shape (n_alphas,), float64.

    Raises
    ------
    ValueError
        If one is not positive and finite, or the array is empty.
    """
    values = np.atleast_1d(np.asarray(alphas, np.float64))
    if not len(values) or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"alphas is {alphas!r}, but positive finite numbers were expected."
        )
    return values


def problem_of(examples: Examples, targets: Targets) -> Any:
    """The problem to solve for `examples`."""
    y, weight = examples.y, examples.sample_weight
    if isinstance(targets, ClassTargets):
        return Classes(y, weight, targets.n_outputs)
    if isinstance(targets, RealTargets):
        return Values(y, weight)
    assert isinstance(targets, LabelTargets)
    pos_weight = targets.pos_weight
    ones = np.ones(targets.n_outputs)
    return Labels(y, weight, ones if pos_weight is None else pos_weight)


class LinearBase(StaticModelBase):
    """Base of the linear estimators: solved for, without torch and epochs."""

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
    ) -> Self:
        """Solve for the weights of embeddings and words.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,) or (n_texts, n_outputs)
            For a regressor, the values of each text. For a classifier, the label of
            each: str, int, bool or whole float; or an indicator of many labels, sparse
            or not, as of :class:`sklearn.preprocessing.MultiLabelBinarizer`.
        sample_weight : array-like of shape (n_texts,), default=None
            The weight of each text, none negative. Texts of weight zero are as if they
            were not there.
        groups : array-like of shape (n_texts,), default=None
            The group of each text, such as its author. Texts of one group are held out
            together. Equal texts always are.
        X_val, y_val, sample_weight_val : default=None
            Texts, targets and weights to choose and calibrate by, instead of folds of
            X.

        Returns
        -------
        self : object
            Fitted. After an exception it is as it was before.

        Raises
        ------
        TypeError, ValueError
            If an argument or a constructor parameter is not as described.

        Warns
        -----
        ConvergenceWarning
            If the solver of a classifier stops at `max_iter`.
        """
        examples, targets = self._examples(
            X, y, sample_weight, "y", None, reset=True, groups=groups
        )
        held_out = self._given_validation((X_val, y_val, sample_weight_val), targets)
        task = self._begin_task(X, y, sample_weight)
        learned, solution = self._solve(examples, held_out, targets)
        self._end_task(task, lambda: learned)
        self._take_over(learned, X)
        if not solution.has_converged:
            warnings.warn(
                f"The solver stopped at max_iter={self.max_iter}, before the loss was "
                f"within tol={self.tol} of its minimum. Raise max_iter, or lower C.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _solve(
        self, examples: Examples, held_out: Examples | None, targets: Any
    ) -> tuple[dict[str, Any], Solution]:
        """The attributes that are learned, and the solution that they come from."""
        random_state = own_random_state(self.random_state)
        embedding = resolve_embedding(self.model)
        prepared = Prepared.of(
            embedding,
            examples,
            held_out,
            targets,
            lexical=self.lexical,
            random_state=random_state,
        )
        with counter("fit", "solves", show=bool(self.verbose)) as callback:
            solution = self._linear_solution(
                # Only fine-tuning needs scores out of fold, which take more fits.
                prepared._replace(fold=None),
                targets,
                random_state,
                callback=callback,
            )
        model = LinearModel.of(prepared, solution)
        learned = {
            "head_": self._freeze(model.head(), targets),
            "embedding_": embedding,
            "word_weights_": model.word_weights,
            "n_iter_": solution.n_iter,
        }
        return learned, solution

    @property
    def _affine(self) -> Linear:
        """The only layer of the head."""
        (layer,) = self.head_.head.layers
        return layer

    def _of_outputs(self, rows: np.ndarray) -> np.ndarray:
        """The rows of outputs as in scikit-learn: a single one for two classes.

        With a softmax only the difference of two scores matters.
        """
        two_classes = len(rows) == 2 and not getattr(self.head_, "multilabel", True)
        return rows[1:] - rows[:1] if two_classes else rows

    @property
    def coef_(self) -> np.ndarray:
        """The weights of embeddings, of shape (1 or n_outputs, n_dimensions)."""
        n_dimensions = self.embedding_.n_dimensions
        return self._of_outputs(self._affine.weight[:, :n_dimensions])

    @property
    def intercept_(self) -> np.ndarray:
        """The scores of a text without tokens, of shape (1 or n_outputs,)."""
        return self._of_outputs(self._affine.bias)

    def get_word_weights(self, words: Sequence[str]) -> np.ndarray:
        """The weights of words and word pairs, which multiply their TF-IDF features.

        Parameters
        ----------
        words : sequence of str
            Words such as ``"good"``, and pairs such as ``"not good"``; n_words of them.

        Returns
        -------
        weights : ndarray of shape (n_words, 1 or n_outputs), float32
            In the order of the rows of ``coef_``. Zeros for words that no training text
            had, and pairs that fewer than two had. A single ASCII letter is no word, as
            in :class:`sklearn.feature_extraction.text.CountVectorizer`, so neither it
            nor a pair with it has a weight: "not a joy" has the pair "not joy".

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        ValueError
            If it was fitted with ``lexical=False``.
        """
        embedding, word_weights = self._sums()
        if word_weights is None:
            raise ValueError(
                "There are no word weights, since lexical=False. Fit with lexical=True."
            )
        words = self._check_texts(words, reset=False)
        scale = self._affine.weight[:, embedding.n_dimensions :]
        weights = word_weights_of(embedding, word_weights, words) @ scale.T
        return np.ascontiguousarray(self._of_outputs(weights.T).T)
