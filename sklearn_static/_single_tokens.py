"""What a head makes of each token by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

from ._lexical.weights import WordVotes
from ._tokens.bags import TokenBags
from ._utils.ranking import Ranking, ranked
from .embedding import StaticEmbedding
from .votes import features_of_bags

__all__ = ["telling_tokens"]

_ROWS = 4096
# What a probability is at most, so that its odds are finite.
_ALMOST_ONE = 1 - 1e-15


def telling_tokens(
    embedding: StaticEmbedding,
    votes: WordVotes | None,
    head: Any,
    texts: list[str] | None,
    n_tokens: int,
    min_df: int,
) -> dict[Any, Ranking]:
    """The tokens that speak most for each class, each by itself.

    Parameters
    ----------
    embedding : StaticEmbedding
    votes : WordVotes or None
    head : StaticHeadClassifier
    texts : list of str or None
        Where the tokens are looked for; None takes the whole vocabulary.
    n_tokens : int
        How many at most for each class.
    min_df : int
        How many of `texts` a token has to occur in.

    Returns
    -------
    telling : dict of object to list of (str, float)
        For each class, tokens with the log-odds of the class for a text of the token
        alone, the greatest first.
    """
    ids = np.arange(embedding.n_tokens, dtype=np.int32)
    if texts is not None:
        ids = _occurring(embedding.tokenize(texts), embedding.n_tokens, min_df)
    log_odds = _log_odds(embedding, votes, head, ids)
    tokens = embedding.tokens
    names = [tokens[i] for i in ids.tolist()]
    return {
        label: ranked(names, column, n_tokens)
        for label, column in zip(head.classes_.tolist(), log_odds.T, strict=True)
    }


def _log_odds(
    embedding: StaticEmbedding,
    votes: WordVotes | None,
    head: Any,
    ids: np.ndarray,
) -> np.ndarray:
    parts = [np.empty((0, len(head.classes_)))]
    for start in range(0, len(ids), _ROWS):
        bags = TokenBags.alone(ids[start : start + _ROWS])
        scores = head.head(features_of_bags(embedding, votes, bags)).astype(np.float64)
        if not head.multilabel:
            logs = log_softmax(scores, axis=1)
            scores = logs - np.log1p(-np.minimum(np.exp(logs), _ALMOST_ONE))
        parts.append(scores)
    return np.concatenate(parts)


def _occurring(bags: TokenBags, n_tokens: int, min_df: int) -> np.ndarray:
    """The tokens that at least `min_df` of the bags have."""
    text = np.repeat(np.arange(len(bags.offsets) - 1), bags.lengths)
    distinct = np.unique(np.stack([text, bags.ids.astype(np.int64)]), axis=1)
    df = np.bincount(distinct[1], minlength=n_tokens)
    return np.flatnonzero(df >= max(min_df, 1)).astype(np.int32)
