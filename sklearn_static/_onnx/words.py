"""Word scores in a graph of ONNX operators; needs onnx.

The arithmetic of :class:`WordFinder`, :class:`Vocabulary` and :class:`WordWeights`.
Hashes are int64 here with the bits of uint64 there: more operators support int64, and
sums and products modulo 2 to the 64 have the same bits.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .._lexical.vocabulary import Vocabulary, pair_codes
from .._lexical.weights import WordWeights
from .._lexical.words import _POWERS, WordFinder
from .graph import END, Bags, Graph, kept, places, some, summed, tally, trues, whole

__all__ = ["scores_of_words"]

# A key that no word and no pair has: hashes of several tokens are negative as int64,
# and ids and pair codes are much smaller.
_NO_KEY = 2**62
_NOTHING = -1
_SEVERAL = -(2**63)


def scores_of_words(
    graph: Graph, tokens: Bags, finder: WordFinder, word_weights: WordWeights
) -> str:
    """The word scores of texts, of shape (n_texts, n_outputs), float32."""
    index = _Index(word_weights.vocabulary)
    found = index.find(graph, _words(graph, tokens, finder))
    table = word_weights._table[index.order]
    sums = summed(
        graph, found, lambda body, ids: body("Gather", table, ids), table.shape[1]
    )
    squares = graph("Slice", sums, some(-1), some(END), some(1))
    is_none = graph("Equal", squares, np.float32(0))
    lengths = graph("Sqrt", graph("Where", is_none, np.float32(1), squares))
    return graph("Div", graph("Slice", sums, some(0), some(-1), some(1)), lengths)


def _words(graph: Graph, tokens: Bags, finder: WordFinder) -> Bags:
    """The hashes of the words of tokens."""
    ids, offsets = tokens
    # A token begins a word at the start of a text, by its spelling, or after a token
    # without letters: as WordFinder has it.
    begins = graph("Equal", places(graph, tokens), whole(0))
    begins = graph("Or", begins, graph("Gather", finder._begins, ids))
    before = _shifted(graph, ids)
    begins = graph("Or", begins, graph("Gather", ~finder._has_letters, before))
    later = graph("Slice", begins, some(1), some(END))
    goes_on = graph("Not", graph("Concat", later, np.array([True]), axis=0))
    is_word = graph("Or", goes_on, graph("Gather", finder._is_word, ids))
    is_word = graph("And", is_word, begins)
    hashes = _hashes(graph, ids, begins, finder)
    hashes = graph("Where", goes_on, hashes, ids)
    hashes = graph("Compress", hashes, is_word, axis=0)
    return Bags(hashes, graph("Gather", tally(graph, is_word), offsets))


def _hashes(graph: Graph, ids: str, begins: str, finder: WordFinder) -> str:
    """The hash of several tokens for each token that begins a word.

    Parameters
    ----------
    graph : Graph
    ids, begins : str
        Of shape (n_tokens,).
    finder : WordFinder
    """
    n_tokens = graph("Shape", ids)
    numbers = graph("Range", whole(0), graph("Squeeze", n_tokens), whole(1))
    word = graph("Slice", tally(graph, begins), some(1), some(END))
    bounds = graph("Concat", some(0), trues(graph, begins), n_tokens, axis=0)
    starts = graph("Gather", bounds, word)
    stops = graph("Gather", bounds, graph("Add", word, whole(1)))
    place = graph("Min", graph("Sub", numbers, starts), whole(len(_POWERS) - 1))
    powers = graph("Gather", _POWERS.view(np.int64), place)
    parts = graph("Mul", graph("Gather", finder._hashes.view(np.int64), ids), powers)
    # The sum over a word is a difference of two running sums. These overflow int64, but
    # modulo 2 to the 64 the difference is still exact.
    sums = graph("Concat", some(0), graph("CumSum", parts, whole(0)), axis=0)
    before = graph("Slice", sums, some(0), some(-1))
    totals = graph("Sub", graph("Gather", sums, stops), before)
    is_marked = graph("Less", totals, whole(0))
    return graph("Where", is_marked, totals, graph("Add", totals, whole(_SEVERAL)))


class _Index:
    """A vocabulary that a graph can search.

    Parameters
    ----------
    vocabulary : Vocabulary

    Attributes
    ----------
    order : ndarray of shape (n_features,), int64
        The numbers in the vocabulary, in the order in which the graph stores them.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._n_words = len(vocabulary.words)
        self._words = _Buckets(vocabulary.words.view(np.int64))
        # Codes of pairs are made of the positions that the graph finds for words, not
        # of their numbers in the vocabulary, which saves a look-up for each word.
        place = np.empty(self._n_words, np.int64)
        place[self._words.order] = np.arange(self._n_words)
        codes = pair_codes(place[vocabulary.pairs], self._n_words)
        self._pairs = _Buckets(codes.view(np.int64))
        pairs = self._n_words + self._pairs.order
        self.order = np.concatenate([self._words.order, pairs])

    def find(self, graph: Graph, words: Bags) -> Bags:
        """The indices of words and pairs, unknown ones dropped."""
        found = self._words.find(graph, words.ids)
        before = _shifted(graph, found)
        # Negative if the word before is unknown, which is the code of no pair.
        code = graph("Add", graph("Mul", before, whole(self._n_words)), found)
        is_later = graph("Greater", places(graph, words), whole(0))
        is_known = graph("GreaterOrEqual", found, whole(0))
        code = graph("Where", graph("And", is_later, is_known), code, whole(_NOTHING))
        pairs = self._pairs.find(graph, code, self._n_words)
        both = [graph("Unsqueeze", one, some(1)) for one in (found, pairs)]
        numbers = graph("Reshape", graph("Concat", *both, axis=1), some(-1))
        either = Bags(numbers, graph("Mul", words.offsets, whole(2)))
        is_known = graph("GreaterOrEqual", numbers, whole(0))
        return kept(graph, either, is_known)


class _Buckets:
    """Distinct keys in buckets by their remainder: a hash table for a graph.

    A look-up compares a key with as many others as the largest bucket has, since a
    graph has no loop that is worth its cost here.

    Parameters
    ----------
    keys : ndarray of shape (n_keys,), int64

    Attributes
    ----------
    order : ndarray of shape (n_keys,), int64
        The index of the key at each position.
    """

    def __init__(self, keys: np.ndarray) -> None:
        self._n_buckets = 2 * len(keys) + 1
        buckets = keys % self._n_buckets
        sizes = np.bincount(buckets, minlength=self._n_buckets)
        self._starts = (np.cumsum(sizes) - sizes).astype(np.int32)
        self._largest = max(int(sizes.max()), 1)
        self.order = np.argsort(buckets, kind="stable")
        # Sentinels, since the last buckets are read beyond their ends.
        end = np.full(self._largest, _NO_KEY, np.int64)
        self._keys = np.concatenate([keys[self.order], end])

    def find(self, graph: Graph, keys: str, first: int = 0) -> str:
        """The position of each key plus `first`; -1 for unknown keys."""
        buckets = graph("Mod", keys, whole(self._n_buckets))
        starts = graph("Gather", self._starts, buckets)
        starts = graph("Cast", starts, to=TensorProto.INT64)
        steps = np.arange(self._largest, dtype=np.int64)
        places = graph("Add", graph("Unsqueeze", starts, some(1)), steps)
        there = graph("Gather", self._keys, places)
        is_it = graph("Equal", there, graph("Unsqueeze", keys, some(1)))
        numbers = graph("Add", places, whole(first)) if first else places
        numbers = graph("Where", is_it, numbers, whole(_NOTHING))
        return graph("ReduceMax", numbers, axes=[1], keepdims=0)


def _shifted(graph: Graph, values: str) -> str:
    """The value before each of `values`; -1 before the first."""
    return graph(
        "Slice", graph("Concat", some(_NOTHING), values, axis=0), some(0), some(-1)
    )
