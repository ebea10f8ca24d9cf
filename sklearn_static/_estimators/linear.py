"""Examples to a head that is solved for: linear in embeddings and in words' votes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from .._layers.layers import Head, Linear
from .._lexical.vocabulary import Lexicon, learn
from .._lexical.weights import WordVotes, idf_of, tfidf
from .._lexical.words import Words
from .._linear import Classes, Features, Labels, Split, folds, solve
from .._utils.progress import counter
from ..embedding import StaticEmbedding
from .targets import ClassTargets, Examples, LabelTargets

__all__ = ["Solved", "solve_examples"]

# The most votes. So many take 8 MB, and the solver twenty times as much.
_MAX_VOTES = 1 << 21


class Solved(NamedTuple):
    """A head, and what it is a head of beside embeddings.

    Attributes
    ----------
    head : Head
    votes : WordVotes or None
    n_iter : int
    """

    head: Head
    votes: WordVotes | None
    n_iter: int


def solve_examples(
    embedding: StaticEmbedding,
    train: Examples,
    held_out: Examples | None,
    targets: ClassTargets | LabelTargets,
    *,
    C: float,
    lexical: bool,
    random_state: np.random.RandomState,
    verbose: bool = False,
) -> Solved:
    """Solve for the head, and with `lexical` for votes, that suit examples.

    Parameters
    ----------
    embedding : StaticEmbedding
    train : Examples
    held_out : Examples or None
        To calibrate by. None takes folds of `train`.
    targets : ClassTargets or LabelTargets
    C : float
        The inverse strength of regularisation.
    lexical : bool
    random_state : RandomState
        Shuffles the folds.
    verbose : bool, default=False
        Whether to show a progress bar.
    """
    n_train = len(train.texts)
    examples = train if held_out is None else train.and_then(held_out)
    problem = _problem(examples, targets)
    rows = np.arange(len(examples.texts))
    splits: list[Split] = [(rows[:n_train], rows[n_train:])]
    if held_out is None:
        splits = folds(problem, random_state)
    bags = embedding.tokenize(examples.texts)
    vocabulary = _Vocabulary.empty(len(rows))
    if lexical:
        words = embedding.words(bags)
        vocabulary = _Vocabulary.of(words, n_train, _MAX_VOTES // targets.n_outputs)
    with counter("fit", show=verbose) as told:
        solution = solve(
            Features(embedding.pool(bags), vocabulary.tfidf),
            problem,
            rows[:n_train],
            splits,
            C=C,
            shifts=not targets.is_weighted,
            random_state=random_state,
            told=told,
        )
    votes, weight = None, solution.dense.T
    if lexical:
        votes = WordVotes(vocabulary.lexicon, vocabulary.idf, solution.sparse)
        weight = np.hstack([weight, np.eye(len(weight), dtype=np.float32)])
    head = Head((Linear(np.ascontiguousarray(weight), solution.intercept),))
    return Solved(head, votes, solution.n_iter)


class _Vocabulary(NamedTuple):
    """What is known of words before they have votes.

    Attributes
    ----------
    lexicon : Lexicon
        Of n_features words and pairs.
    idf : ndarray of shape (n_features,), float32
    tfidf : csr_array of shape (n_texts, n_features), float32
    """

    lexicon: Lexicon
    idf: np.ndarray
    tfidf: csr_array

    @classmethod
    def of(cls, words: Words, n_train: int, max_features: int) -> _Vocabulary:
        """What the first `n_train` texts teach, with the features of all."""
        lexicon, df = learn(words.first(n_train), max_features)
        idf = idf_of(df, n_train)
        return cls(lexicon, idf, tfidf(lexicon.find(words), idf))

    @classmethod
    def empty(cls, n_texts: int) -> _Vocabulary:
        """No words at all."""
        none = np.empty(0, np.float32)
        lexicon = Lexicon(none.astype(np.uint64), np.empty((0, 2), np.int32))
        return cls(lexicon, none, csr_array((n_texts, 0), dtype=np.float32))


def _problem(
    examples: Examples, targets: ClassTargets | LabelTargets
) -> Classes | Labels:
    if isinstance(targets, ClassTargets):
        return Classes(examples.y, examples.sample_weight, targets.n_outputs)
    pos_weight = targets.pos_weight
    if pos_weight is None:
        pos_weight = np.ones(targets.n_outputs)
    return Labels(examples.y, examples.sample_weight, pos_weight)
