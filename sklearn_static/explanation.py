"""Explanations: which tokens a prediction comes from."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ._attribution import attributed
from ._layers.layers import Linear
from ._lexical.weights import WordVotes
from ._tokens.bags import TokenBags
from .embedding import StaticEmbedding
from .head import StaticHeadClassifier, StaticHeadRegressor
from .votes import parts_of

__all__ = ["Explanation", "Explanations", "explained"]

# The tests measure what so many leave over.
_STEPS = 64
_TOWARDS, _AGAINST = "46, 160, 67", "218, 54, 51"


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which tokens of one text its scores come from.

    Made by the method ``explain`` of estimators. The contributions of the tokens, the
    baseline and the residual add up to the scores, those of ``decision_function`` or,
    of a regressor, of ``predict``.

    Parameters
    ----------
    text : str
    tokens : list of str
        Those that count, n_tokens of them, as the vocabulary has them.
    spans : ndarray of shape (n_tokens, 2), int64
        Where they stand: token ``i`` is ``text[spans[i, 0]:spans[i, 1]]``.
    outputs : ndarray of shape (n_outputs,)
        The classes or labels, in the order of ``classes_``; of a regressor the numbers
        of its targets.
    contributions : ndarray of shape (n_tokens, n_outputs), float64
        What each token adds to each score.
    baseline : ndarray of shape (n_outputs,), float64
        The scores of a text without a token.
    residual : ndarray of shape (n_outputs,), float64
        What the method leaves over: nothing but rounding where the head is affine, as
        that of "newton-cg" is.

    Notes
    -----
    An embedding is the mean of token vectors, scaled to unit length by most tables. The
    contributions are those at this length: what the embedding's length would be without
    a token is not asked. With two classes, the scores of the second are those of
    ``decision_function``, and the first's are their negatives.
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
        """The class, label or target of the greatest score."""
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
        """The tokens that matter most for one score, whichever way.

        Parameters
        ----------
        n_tokens : int, default=10
            How many at most.
        output : object, default=None
            One of `outputs`; None takes that of the greatest score.

        Returns
        -------
        tokens : list of (str, float)
            Each token as it stands in the text, and its contribution, the greatest by
            absolute value first.
        """
        contributions = self.of(output)
        order = np.argsort(-np.abs(contributions), kind="stable")[:n_tokens]
        return [(self._surface(i), float(contributions[i])) for i in order.tolist()]

    def to_html(self, output: Any = None) -> str:
        """The text, its tokens on green or red as they speak for or against one score.

        Parameters
        ----------
        output : object, default=None
            One of `outputs`; None takes that of the greatest score.

        Returns
        -------
        html : str
            A ``<div>``, in which the text and all names are escaped.
        """
        wanted = self.best if output is None else output
        contributions = self.of(wanted)
        largest = np.abs(contributions).max(initial=0) or 1.0
        parts, end = [], 0
        for (start, stop), value in zip(self.spans, contributions, strict=True):
            # Tokens may stand in the same place, where one character becomes several.
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
    """A list of :class:`Explanation`, which notebooks show one below the other."""

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


def explained(
    embedding: StaticEmbedding,
    votes: WordVotes | None,
    head: StaticHeadClassifier | StaticHeadRegressor,
    texts: list[str],
) -> Explanations:
    """An explanation of each of `texts` by the tokens that features come from."""
    return Explanations([_explained(embedding, votes, head, text) for text in texts])


def _explained(
    embedding: StaticEmbedding,
    votes: WordVotes | None,
    head: StaticHeadClassifier | StaticHeadRegressor,
    text: str,
) -> Explanation:
    tokens, ids, spans = embedding.pieces(text)
    bags = TokenBags.from_lengths(ids, np.array([len(ids)]))
    parts = parts_of(embedding, votes, bags)
    layers = head.head.layers
    is_affine = all(isinstance(layer, Linear) for layer in layers)
    contributions = attributed(head.head, parts, 1 if is_affine else _STEPS)
    ends = np.stack([np.zeros_like(parts, shape=parts.shape[1]), parts.sum(axis=0)])
    baseline, scores = head.head(ends).astype(np.float64)
    outputs = np.arange(len(scores))
    if isinstance(head, StaticHeadClassifier):
        outputs = head.classes_
        if len(outputs) == 2 and not head.multilabel:
            contributions, baseline, scores = (
                array[..., ::-1] * -1 + array
                for array in (contributions, baseline, scores)
            )
    return Explanation(
        *(text, tokens, spans, outputs, contributions, baseline),
        residual=scores - baseline - contributions.sum(axis=0),
    )
