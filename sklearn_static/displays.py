"""Pictures: training curves, contributions of tokens, and a map of texts.

They need matplotlib, which ``pip install "sklearn-static[plot]"`` brings.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length

from ._utils.validation import check_texts

__all__ = ["ContributionDisplay", "TextMapDisplay", "TrainingCurveDisplay"]

# Of M. Okabe and K. Ito's palette, which the colour-blind can tell apart; black and
# yellow are left out.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_TOWARDS, _AGAINST = _COLOURS[:2]
# Eleven of them and six colours: the first sixty-six pairs differ.
_MARKERS = "osv^D*PXd<>"
# Beyond so many, labels are numbers of a scale, and a legend stands beside the map.
_MANY_VALUES, _LONG_LEGEND = 12, 10


class _Display:
    """A display on axes of matplotlib."""

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            For the drawing method of the axes, as in ``from_estimator``.

        Returns
        -------
        display : object
            This object, with its attributes.
        """
        try:
            from matplotlib import pyplot as plt
        except ImportError as error:
            raise ImportError(
                "Drawing needs matplotlib, which is not installed. Install it with: "
                'pip install "sklearn-static[plot]"'
            ) from error
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw(**kwargs)
        return self

    def _draw(self, **kwargs: Any) -> None:
        raise NotImplementedError


class TrainingCurveDisplay(_Display):
    """The losses of each epoch of fine-tuning, and which epoch was kept.

    Parameters
    ----------
    epochs : array-like of shape (n_epochs,)
    curves : dict of str to array-like of shape (n_epochs,)
        Values by the name of a curve. NaN where an epoch has none.
    best_epoch : int, default=None
        Where to draw a line.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves by name.

    See Also
    --------
    StaticClassifier : Has a ``history_`` if it was fine-tuned.
    """

    def __init__(
        self, epochs: Any, curves: dict[str, Any], best_epoch: int | None = None
    ) -> None:
        self.epochs = epochs
        self.curves = curves
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, **line_kwargs: Any
    ) -> TrainingCurveDisplay:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : StaticClassifier or StaticRegressor
            Fine-tuned, that is, with a ``history_``.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.
        **line_kwargs : dict
            For ``Axes.plot``.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If the estimator has no history.
        ImportError
            If matplotlib is not installed.
        """
        history = getattr(estimator, "history_", None)
        if not history:
            raise ValueError(
                f"This {type(estimator).__name__} has no history_: it was not fitted, "
                "or is a linear estimator. Fit a StaticClassifier or StaticRegressor."
            )
        names = {"train_loss": "training loss", "valid_loss": "validation loss"}
        names["valid_score"] = "validation score"
        curves = {
            name: np.array([row.get(key, np.nan) for row in history])
            for key, name in names.items()
            if any(key in row for row in history)
        }
        epochs = np.arange(1, len(history) + 1)
        return cls(epochs, curves, estimator.best_epoch_).plot(ax, **line_kwargs)

    def _draw(self, **line_kwargs: Any) -> None:
        settings = {"marker": "."} | line_kwargs
        self.lines_ = {
            name: self.ax_.plot(self.epochs, values, label=name, **settings)[0]
            for name, values in self.curves.items()
        }
        if self.best_epoch is not None:
            self.ax_.axvline(self.best_epoch, color="gray", ls=":", label="kept")
        self.ax_.set(xlabel="epoch", ylabel=" and ".join(_kinds(self.curves)))
        self.ax_.legend()


class ContributionDisplay(_Display):
    """The contributions of a text's tokens to one score, as bars from top to bottom.

    Parameters
    ----------
    tokens : list of str
        In the order of the bars.
    contributions : array-like of shape (n_tokens,)
    output : object
        The class, label or target of the score.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    bars_ : matplotlib.container.BarContainer

    See Also
    --------
    Explanation : The contributions that are drawn.
    """

    def __init__(self, tokens: list[str], contributions: Any, output: Any) -> None:
        self.tokens = tokens
        self.contributions = contributions
        self.output = output

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        text: str,
        *,
        output: Any = None,
        n_tokens: int = 15,
        ax: Any = None,
        **bar_kwargs: Any,
    ) -> ContributionDisplay:
        """Draw the contributions to a score of a text.

        Parameters
        ----------
        estimator : StaticClassifier, StaticRegressor or StaticPipeline
            Anything with a method ``explain``.
        text : str
        output : object, default=None
            The class, label or target to explain; None takes that of the greatest
            score.
        n_tokens : int, default=15
            How many tokens at most, the greatest contributions first. One that comes
            several times has one bar, and those that contribute nothing have none.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.
        **bar_kwargs : dict
            For ``Axes.barh``.

        Returns
        -------
        display : ContributionDisplay

        Raises
        ------
        ValueError
            If there is no such output.
        ImportError
            If matplotlib is not installed.
        """
        (explanation,) = estimator.explain([text])
        return cls.from_explanation(
            explanation, output=output, n_tokens=n_tokens, ax=ax, **bar_kwargs
        )

    @classmethod
    def from_explanation(
        cls,
        explanation: Any,
        *,
        output: Any = None,
        n_tokens: int = 15,
        ax: Any = None,
        **bar_kwargs: Any,
    ) -> ContributionDisplay:
        """Draw an existing explanation.

        Parameters
        ----------
        explanation : Explanation
        output, n_tokens, ax, **bar_kwargs
            As of :meth:`from_estimator`.

        Returns
        -------
        display : ContributionDisplay
        """
        output = explanation.best if output is None else output
        totals: dict[str, float] = {}
        for token, value in explanation.top(len(explanation.tokens), output):
            totals[token] = totals.get(token, 0.0) + value
        by_size = sorted(totals.items(), key=lambda one: -abs(one[1]))[:n_tokens]
        top = [one for one in by_size if one[1]]
        tokens, contributions = [token for token, _ in top], [value for _, value in top]
        return cls(tokens, contributions, output).plot(ax, **bar_kwargs)

    def _draw(self, **bar_kwargs: Any) -> None:
        colours = [_TOWARDS if value > 0 else _AGAINST for value in self.contributions]
        places = np.arange(len(self.tokens))
        settings = {"color": colours} | bar_kwargs
        self.bars_ = self.ax_.barh(places, self.contributions, **settings)
        self.ax_.set_yticks(places, self.tokens)
        self.ax_.invert_yaxis()
        self.ax_.axvline(0, color="gray", linewidth=0.8)
        self.ax_.set(xlabel=f"contribution to the score of {self.output}")


class TextMapDisplay(_Display):
    """Texts as points of a plane.

    Parameters
    ----------
    positions : array-like of shape (n_texts, 2)
    labels : array-like of shape (n_texts,), default=None
        Give the points their colours and markers. More than twelve different numbers
        are values on a scale.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    points_ : list of matplotlib.collections.PathCollection
        Those of each label in ascending order; all in one on a scale.
    """

    def __init__(self, positions: Any, labels: Any = None) -> None:
        self.positions = positions
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        projection: Any = None,
        ax: Any = None,
        **scatter_kwargs: Any,
    ) -> TextMapDisplay:
        """Draw a map of texts.

        Parameters
        ----------
        estimator : object
            Anything with a method ``transform``, such as a fitted
            StaticEmbeddingTransformer, ``encode``, such as a StaticEmbedding, or
            ``decision_function``, such as a classifier of three or more classes. Of
            other classifiers, and regressors, of this package the embeddings are drawn.
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.
        y : array-like of shape (n_texts,), default=None
            Labels or values, which give the points their colours.
        projection : estimator, default=None
            Projects features to two dimensions by its ``fit_transform``; None is
            ``PCA(2)``.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.
        **scatter_kwargs : dict
            For ``Axes.scatter``.

        Returns
        -------
        display : TextMapDisplay

        Raises
        ------
        TypeError, ValueError
            If the estimator has none of these methods, the texts are not as described,
            y has another length, or features have fewer than two dimensions.
        ImportError
            If matplotlib is not installed.
        """
        texts = check_texts(X)
        if y is not None:
            check_consistent_length(texts, y)
        features = _features(estimator, texts)
        projection = PCA(2, random_state=0) if projection is None else projection
        if features.ndim != 2 or features.shape[1] < 2:
            raise ValueError(
                f"The features have shape {features.shape}, but two or more for each "
                "text were expected."
            )
        return cls(projection.fit_transform(features), y).plot(ax, **scatter_kwargs)

    def _draw(self, **scatter_kwargs: Any) -> None:
        settings = {"s": 12, "alpha": 0.7} | scatter_kwargs
        positions = np.asarray(self.positions)
        labels = None if self.labels is None else np.asarray(self.labels)
        if labels is None:
            self.points_ = [self.ax_.scatter(*positions.T, **settings)]
        elif labels.dtype.kind in "iuf" and len(np.unique(labels)) > _MANY_VALUES:
            points = self.ax_.scatter(*positions.T, c=labels, **settings)
            self.figure_.colorbar(points, ax=self.ax_)
            self.points_ = [points]
        else:
            self._plot_classes(positions, labels, settings)
        self.ax_.set(xticks=[], yticks=[])

    def _plot_classes(self, positions: Any, labels: Any, settings: Any) -> None:
        """A pair of a colour and a marker for each label."""
        classes = np.unique(labels)
        self.points_ = []
        for i, label in enumerate(classes):
            colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)]
            own = {"label": label, "color": colour, "marker": marker}
            points = self.ax_.scatter(*positions[labels == label].T, **own | settings)
            self.points_.append(points)
        beside: dict[str, Any] = {}
        if len(classes) > _LONG_LEGEND:
            beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
            beside["ncols"] = -(-len(classes) // 20)
        self.ax_.legend(**beside)


def _features(estimator: Any, texts: list[str]) -> np.ndarray:
    """What is drawn of texts, of shape (n_texts, n_features) unless it cannot be."""
    for method in ("transform", "encode", "decision_function"):
        if hasattr(estimator, method):
            features = np.asarray(getattr(estimator, method)(texts))
            if features.ndim == 2 or method != "decision_function":
                return features
    if isinstance(estimator, Pipeline):
        return np.asarray(estimator[:-1].transform(texts))
    if hasattr(estimator, "embedding_"):
        return np.asarray(estimator.embedding_.encode(texts))
    raise TypeError(
        f"{type(estimator).__name__} has none of the methods transform, encode and "
        "decision_function, one of which was expected."
    )


def _kinds(curves: dict[str, Any]) -> list[str]:
    """Whether the curves are losses, scores or both."""
    return [kind for kind in ("loss", "score") if any(kind in name for name in curves)]
