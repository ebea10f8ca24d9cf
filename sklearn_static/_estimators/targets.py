"""Targets: how y is encoded for training and decoded, for each kind of problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler

from .checks import refuse_surrogates
from .weights import check_class_weight

__all__ = [
    "ClassTargets",
    "ClassWeight",
    "Examples",
    "LabelTargets",
    "RealTargets",
    "Targets",
]

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


@dataclass(frozen=True)
class Examples:
    """Texts with encoded targets.

    Attributes
    ----------
    texts : list of str
    y : ndarray of shape (n_texts,) or (n_texts, n_outputs)
        Class numbers (int64) or real values (float32).
    sample_weight : ndarray of shape (n_texts,), float64
    groups : ndarray of shape (n_texts,) or None
        Texts of one group are held out together.
    """

    texts: list[str]
    y: np.ndarray
    sample_weight: np.ndarray
    groups: np.ndarray | None = None

    def and_then(self, others: Examples) -> Examples:
        """These examples, followed by `others`."""
        return Examples(
            [*self.texts, *others.texts],
            np.concatenate([self.y, others.y]),
            np.concatenate([self.sample_weight, others.sample_weight]),
        )

    def take(self, rows: np.ndarray) -> Examples:
        """Only the examples whose numbers are `rows`."""
        texts = [self.texts[row] for row in rows]
        groups = None if self.groups is None else self.groups[rows]
        return Examples(texts, self.y[rows], self.sample_weight[rows], groups)


class Targets(Protocol):
    """The encoding of y for a kind of problem.

    Attributes
    ----------
    loss : str
        A name that ``sklearn_static._training.criterion`` knows.
    pos_weight : ndarray of shape (n_outputs,) or None
        The weight of a label's presence in the loss.
    names : ndarray of shape (n_outputs,) or None
        What the columns of y are called; None where it has one, or no names.
    """

    loss: ClassVar[str]
    pos_weight: np.ndarray | None
    names: np.ndarray | None

    @property
    def n_outputs(self) -> int:
        """The number of scores for a text."""
        ...

    def encode(self, y: np.ndarray, name: str) -> np.ndarray:
        """The training targets of y, which errors call `name`."""
        ...

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`encode`."""
        ...

    def weigh(self, encoded: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
        """The weight of each text in the loss, of shape (n_texts,)."""
        ...


@dataclass(frozen=True, eq=False)
class ClassTargets:
    """One class for each text.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        In ascending order.
    class_weight : ndarray of shape (n_classes,), "balanced" or None
    """

    loss = "cross_entropy"
    classes: np.ndarray
    class_weight: np.ndarray | Literal["balanced"] | None = None
    pos_weight: None = None
    names: None = None

    @classmethod
    def of(cls, labels: np.ndarray, class_weight: ClassWeight) -> ClassTargets:
        """The distinct `labels`.

        Raises
        ------
        TypeError, ValueError
            If there is only one, one is not valid Unicode, or `class_weight` is not as
            :func:`check_class_weight` expects.
        """
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class only, {classes.tolist()}, but a classifier needs "
                "two or more."
            )
        refuse_surrogates(classes)
        if isinstance(class_weight, Mapping):
            weights = check_class_weight(class_weight, classes, all_known=False)
            return cls(classes, weights)
        return cls(classes, class_weight)

    @property
    def n_outputs(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @property
    def is_weighted(self) -> bool:
        """Whether classes have weights."""
        return self.class_weight is not None

    def encode(self, y: np.ndarray, name: str) -> np.ndarray:
        """Class numbers, of shape (n_texts,), int64."""
        if y.ndim != 1:
            raise ValueError(
                f"{name} is an indicator matrix of shape {y.shape}, but labels of one "
                "class each were expected."
            )
        numbers = np.searchsorted(self.classes, y)
        numbers[numbers == len(self.classes)] = 0
        unknown = self.classes[numbers] != y
        if unknown.any():
            raise ValueError(
                f"{name} holds {np.unique(y[unknown]).tolist()[:5]}, which are not "
                f"among the classes {self.classes.tolist()[:20]}."
            )
        return numbers.astype(np.int64)

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Labels, of shape (n_texts,)."""
        labels: np.ndarray = self.classes[encoded]
        return labels

    def weigh(self, encoded: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
        """The texts' weights times their classes'."""
        if self.class_weight is None:
            return sample_weight
        if isinstance(self.class_weight, np.ndarray):
            factors = self.class_weight
        else:
            total = np.bincount(encoded, sample_weight, self.n_outputs)
            present = total > 0
            factors = np.ones(self.n_outputs)
            factors[present] = total.sum() / (present.sum() * total[present])
        weights: np.ndarray = sample_weight * factors[encoded]
        return weights


@dataclass(frozen=True, eq=False)
class LabelTargets:
    """Any number of labels for each text, as an indicator matrix.

    Attributes
    ----------
    n_outputs : int
        The number of labels.
    names : ndarray of shape (n_labels,) or None
        None where only their numbers are known.
    pos_weight : ndarray of shape (n_labels,) or None
        The weight of a label's presence in the loss; that of its absence is 1.
    sparse : bool
        Whether the y of ``fit`` was sparse.
    """

    loss = "binary_cross_entropy"
    n_outputs: int
    names: np.ndarray | None = None
    pos_weight: np.ndarray | None = None
    sparse: bool = False

    @classmethod
    def of(
        cls,
        indicator: Any,
        names: np.ndarray | None,
        class_weight: ClassWeight,
        sample_weight: np.ndarray,
    ) -> LabelTargets:
        """The columns of `indicator`.

        "balanced" gives the presence of a label the same total weight as its absence.

        Raises
        ------
        TypeError, ValueError
            If there are not as many names as columns, one is no valid Unicode, or
            `class_weight` is not as :func:`check_class_weight` expects.
        """
        n_labels = indicator.shape[1]
        targets = cls(n_labels, names, None, issparse(indicator))
        if len(targets.classes) != n_labels:
            raise ValueError(
                f"There are {len(targets.classes)} label_names, but y has {n_labels} "
                "columns."
            )
        refuse_surrogates(targets.classes)
        if class_weight is None:
            return targets
        if isinstance(class_weight, Mapping):
            weights = check_class_weight(class_weight, targets.classes, all_known=True)
        else:
            present = sample_weight @ indicator
            absent = sample_weight.sum() - present
            usable = (present > 0) & (absent > 0)
            weights = np.divide(absent, present, out=np.ones(n_labels), where=usable)
        return replace(targets, pos_weight=weights.astype(np.float32))

    @property
    def classes(self) -> np.ndarray:
        """The names of the columns, or their numbers."""
        return np.arange(self.n_outputs) if self.names is None else self.names

    @property
    def is_weighted(self) -> bool:
        """Whether labels have weights."""
        return self.pos_weight is not None

    def encode(self, y: Any, name: str) -> np.ndarray:
        """The indicator, of shape (n_texts, n_labels), float32."""
        if y.ndim != 2 or y.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has shape {y.shape}, but an indicator matrix of "
                f"{self.n_outputs} columns was expected."
            )
        dense: Any = y.toarray() if issparse(y) else y
        indicator: np.ndarray = dense.astype(np.float32)
        return indicator

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """The indicator, of shape (n_texts, n_labels), int64."""
        return encoded.astype(np.int64)

    def weigh(self, encoded: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
        """The texts' weights."""
        return sample_weight


@dataclass(frozen=True, eq=False)
class RealTargets:
    """Real values for each text, standardised for training.

    Attributes
    ----------
    scaler : StandardScaler
        Fitted to the training targets.
    names : ndarray of shape (n_outputs,) or None
        What the columns are called.
    """

    loss = "squared_error"
    scaler: StandardScaler
    names: np.ndarray | None = None
    pos_weight: None = None

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        sample_weight: np.ndarray,
        names: np.ndarray | None = None,
    ) -> RealTargets:
        """The weighted mean and deviation of each column."""
        columns = values.reshape(len(values), -1)
        return cls(StandardScaler().fit(columns, sample_weight=sample_weight), names)

    @property
    def n_outputs(self) -> int:
        """The number of columns."""
        return len(self.scaler.mean_)

    def encode(self, y: np.ndarray, name: str) -> np.ndarray:
        """Standardised values, of shape (n_texts, n_outputs), float32."""
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {columns.shape[1]} columns, but {self.n_outputs} were "
                "expected."
            )
        scaled: np.ndarray = self.scaler.transform(columns).astype(np.float32)
        return scaled

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Values, of shape (n_texts,) or (n_texts, n_outputs)."""
        values: np.ndarray = self.scaler.inverse_transform(encoded)
        return values[:, 0] if self.n_outputs == 1 else values

    def weigh(self, encoded: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
        """The texts' weights."""
        return sample_weight
