"""Explanations: the contributions of tokens to a score.

A text's features are a sum over its tokens. The head is evaluated along the straight
line from zero to the features, and the change of scores in each step is divided among
the tokens by central differences. This is the method of integrated gradients [1]_ with
tokens as directions instead of coordinates, and needs no gradient. For an affine head
one step is exact. For others the error falls with the number of steps, and is reported
as the residual.

References
----------
.. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep Networks",
       ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ._lexical.weights import WordWeights
from ._tokens.bags import TokenBags
from ._utils.parallel import slices
from .embedding import StaticEmbedding
from .head import FrozenHead, StaticHeadClassifier
from .transformer import parts_of

__all__ = [
    "ExplainMixin",
    "Explanation",
    "Explanations",
    "attributed",
]

Scores = Callable[[np.ndarray], np.ndarray]

# Rows of features for one call of the head, which bounds the memory.
_ROWS = 8192
# The tests bound the residual of this many steps.
_STEPS = 64
# A blue and an orange that the colour-blind can tell apart.
_TOWARDS, _AGAINST = "0, 114, 178", "213, 94, 0"


@dataclass(frozen=True, eq=False)
class Explanation:
    """The contributions of the tokens of a text to its scores.

    Returned by the method ``explain`` of estimators. The contributions, the baseline
    and the residual add up to the scores: those of ``decision_function`` or, for a
    regressor, of ``predict``.

    Parameters
    ----------
    text : str
    tokens : list of str
        Those that count, n_tokens of them, as spelled in the vocabulary.
    spans : ndarray of shape (n_tokens, 2), int64
        Their positions: token ``i`` is ``text[spans[i, 0]:spans[i, 1]]``.
    outputs : ndarray of shape (n_outputs,)
        The classes or labels, in the order of ``classes_``; for a regressor the names
        of its targets, or their indices.
    contributions : ndarray of shape (n_tokens, n_outputs), float64
        The contribution of each token to each score.
    baseline : ndarray of shape (n_outputs,), float64
        The scores of a text without tokens.
    residual : ndarray of shape (n_outputs,), float64
        The error of the method: only rounding where the head is affine, as for the
        linear estimators.

    Notes
    -----
    An embedding is the mean of token vectors, which most tables scale to unit length.
    That scale is taken as a constant: a contribution does not include how the length of
    the mean would change without the token. With two classes, the scores of the second
    are those of ``decision_function``, and those of the first their negatives.
    """

    text: str
    tokens: list[str]
    spans: np.ndarray
    outputs: np.ndarray
    contributions: np.ndarray
    baseline: np.ndarray
    residual: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The scores that are explained, of shape (n_outputs,), float64."""
        total: np.ndarray = self.contributions.sum(axis=0)
        return total + self.baseline + self.residual

    @property
    def best(self) -> Any:
        """The class, label or target with the greatest score."""
        return self.outputs.tolist()[self.scores.argmax()]

    def of(self, output: Any = None) -> np.ndarray:
        """The contributions to one score.

        Parameters
        ----------
        output : object, default=None
            One of `outputs`; None takes that of the greatest score.

        Returns
        -------
        contributions : ndarray of shape (n_tokens,), float64

        Raises
        ------
        ValueError
            If there is no such output.
        """
        wanted = self.best if output is None else output
        (found,) = np.nonzero(self.outputs == wanted)
        if not len(found):
            raise ValueError(
                f"output is {output!r}, but one of {self.outputs.tolist()} was "
                "expected."
            )
        return self.contributions[:, found[0]]

    def top(self, n_tokens: int = 10, output: Any = None) -> list[tuple[str, float]]:
        """The tokens with the greatest absolute contributions to one score.

        Parameters
        ----------
        n_tokens : int, default=10
            How many at most.
        output : object, default=None
            One of `outputs`; None takes that of the greatest score.

        Returns
        -------
        tokens : list of (str, float)
            Each token as spelled in the text, and its contribution, in descending order
            of the absolute value.
        """
        contributions = self.of(output)
        order = np.argsort(-np.abs(contributions), kind="stable")[:n_tokens]
        return [(self._surface(i), float(contributions[i])) for i in order.tolist()]

    def to_html(self, output: Any = None) -> str:
        """The text as HTML, its tokens on blue or orange by their contributions.

        Parameters
        ----------
        output : object, default=None
            One of `outputs`; None takes that of the greatest score.

        Returns
        -------
        html : str
            A ``<div>`` with the text and all names escaped.
        """
        wanted = self.best if output is None else output
        contributions = self.of(wanted)
        largest = np.abs(contributions).max(initial=0) or 1.0
        parts, end = [], 0
        for (start, stop), value in zip(self.spans, contributions, strict=True):
            # Spans may overlap, where normalisation makes several tokens of one
            # character.
            start = max(start, end)
            parts.append(escape(self.text[end:start]))
            parts.append(_mark(self.text[start:stop], value, abs(value) / largest))
            end = max(stop, end)
        parts.append(escape(self.text[end:]))
        score = self.scores[list(self.outputs).index(wanted)]
        title = f"<b>{escape(str(wanted))}</b> {score:+.2f}"
        return f'<div style="line-height: 1.7">{title}: {"".join(parts)}</div>'

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        top = ", ".join(f"{token} {value:+.2f}" for token, value in self.top(5))
        return f"<Explanation of {self.best} by {top or 'no token'}>"

    def _surface(self, token: int) -> str:
        start, stop = self.spans[token]
        return self.text[start:stop] or self.tokens[token]


class Explanations(list[Explanation]):
    """A list of :class:`Explanation`; notebooks show one below the other."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Explanations(found) if isinstance(index, slice) else found

    def _repr_html_(self) -> str:
        return "\n".join(explanation.to_html() for explanation in self)


def _mark(text: str, value: float, strength: float) -> str:
    if not text:
        return ""
    colour = _TOWARDS if value > 0 else _AGAINST
    style = f"background: rgba({colour}, {0.75 * strength:.2f}); border-radius: 3px"
    return f'<span style="{style}" title="{value:+.3f}">{escape(text)}</span>'


def _explained(
    embedding: StaticEmbedding,
    word_weights: WordWeights | None,
    head: FrozenHead,
    text: str,
) -> Explanation:
    tokens, ids, spans = embedding.pieces(text)
    bags = TokenBags.from_lengths(ids, np.array([len(ids)]))
    parts = parts_of(embedding, word_weights, bags)
    # Along an affine map, one step is exact.
    n_steps = 1 if head.head.is_affine else _STEPS
    contributions = attributed(head.head, parts, n_steps)
    ends = np.stack([np.zeros_like(parts, shape=parts.shape[1]), parts.sum(axis=0)])
    baseline, scores = head.head(ends).astype(np.float64)
    names = getattr(head, "target_names", None)
    outputs = np.arange(len(scores)) if names is None else np.asarray(names)
    if isinstance(head, StaticHeadClassifier):
        outputs = head.classes_
        if len(outputs) == 2 and not head.multilabel:
            contributions, baseline, scores = (
                array[..., ::-1] * -1 + array
                for array in (contributions, baseline, scores)
            )
    return Explanation(
        text,
        tokens,
        spans,
        outputs,
        contributions,
        baseline,
        residual=scores - baseline - contributions.sum(axis=0),
    )


def attributed(scores: Scores, parts: np.ndarray, n_steps: int) -> np.ndarray:
    """The contribution of each part of a text to its scores.

    Parameters
    ----------
    scores : callable
        The head: from (n, n_features), float32, to (n, n_outputs).
    parts : ndarray of shape (n_parts, n_features), float32
        Of one text, whose features are their sum.
    n_steps : int
        The number of steps of the integration.

    Returns
    -------
    contributions : ndarray of shape (n_parts, n_outputs), float64
    """
    features = parts.sum(axis=0)
    n_outputs = scores(features[None]).shape[1]
    contributions = np.zeros((len(parts), n_outputs))
    halves = parts / np.float32(2 * n_steps)
    for step in range(n_steps):
        middle = features * np.float32((step + 0.5) / n_steps)
        for part in slices(len(parts), _ROWS):
            difference = np.subtract(
                scores(middle + halves[part]),
                scores(middle - halves[part]),
                dtype=np.float64,
            )
            contributions[part] += difference
    return contributions


class ExplainMixin:
    """``explain`` for what has a head on embeddings of texts."""

    def _explained_parts(
        self,
    ) -> tuple[StaticEmbedding, WordWeights | None, FrozenHead]:
        """What scores come from."""
        raise NotImplementedError

    def _check_texts(self, X: Any, *, reset: bool) -> list[str]:
        raise NotImplementedError

    def explain(self, X: Any) -> Explanations:
        """Explain the scores of texts by the contributions of their tokens.

        Parameters
        ----------
        X : list, tuple, array, Series or one-column frame of str
            The texts, n_texts of them.

        Returns
        -------
        explanations : Explanations
            A list of n_texts :class:`~sklearn_static.explanation.Explanation`, which
            notebooks show as coloured text.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        TypeError
            If X is not as described, the steps of a pipeline have been altered, or
            embeddings are not the mean of token vectors, since the encoding has been
            replaced.

        Notes
        -----
        A text's features are sums over its tokens, so the contributions to the scores
        of an affine head, as that of a linear estimator, are exact. Other heads are
        followed from no features to all of them, with the method of integrated
        gradients, whose error is the residual.

        Examples
        --------
        >>> from sklearn_static import StaticLinearClassifier
        >>> texts, labels = ["good film", "bad film"] * 10, ["pos", "neg"] * 10
        >>> classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
        >>> (explanation,) = classifier.explain(["Good acting!"])
        >>> explanation.best
        'pos'
        >>> [token for token, contribution in explanation.top(1)]
        ['Good']
        """
        parts = self._explained_parts()
        texts = self._check_texts(X, reset=False)
        return Explanations([_explained(*parts, text) for text in texts])
