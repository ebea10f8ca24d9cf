"""WordWeights: the weights of words and word pairs for each output.

A text is a TF-IDF vector of its words and pairs, whose product with the weights is
added to the scores. So a model can use the exact words of a text, which the mean of
token vectors blurs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from .._tokens.bags import TokenBags
from .._tokens.pooling import sum_of_rows, summed
from .._utils.lazy import lazy
from .._utils.pickling import with_version, without_version
from .vocabulary import Vocabulary, pair_codes
from .words import Words

__all__ = ["WordWeights", "idf_of", "tfidf"]

_LARGEST = 1e9
"""The greatest weight, so that the sum over a text cannot overflow."""


class WordWeights:
    """Weights of words and word pairs for each output. Immutable.

    Parameters
    ----------
    vocabulary : Vocabulary
        Of n_features words and pairs.
    idf : ndarray of shape (n_features,), float32
    weights : ndarray of shape (n_features, n_outputs), float32
        Multiplied by the TF-IDF and added to the scores.
    names : sequence of str, default=None
        The names of the outputs, such as classes; None takes their numbers.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        idf: np.ndarray,
        weights: np.ndarray,
        names: Sequence[str] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.idf = idf
        self.weights = weights
        self.names = tuple(map(str, range(self.n_outputs) if names is None else names))

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        return self.weights.shape[1]

    @property
    def bound(self) -> float:
        """A bound on the absolute scores of any text.

        The length of a TF-IDF vector is 1 or, where words repeat, at most the square
        root of the number of words and pairs. So by the inequality of Cauchy and
        Schwarz this holds for texts of up to 2 to the 31 words.
        """
        return float(np.abs(self.weights).max(initial=0)) * 2**16

    def __call__(self, words: Words) -> np.ndarray:
        """The scores of texts: the product of TF-IDF and `weights`.

        A row is divided by the root of the sum of squared IDF over all occurrences, so
        it has unit length unless a word repeats.

        Parameters
        ----------
        words : Words
            Of n_texts texts.

        Returns
        -------
        scores : ndarray of shape (n_texts, n_outputs), float32
            All zeros for a text without known words.
        """
        # The same kernel as for embeddings. The squared IDFs are a column of the table,
        # so the norm is summed in the same pass.
        sums = summed(self.vocabulary.find(words), self._table)
        lengths = np.sqrt(sums[:, -1:])
        lengths[lengths == 0] = 1
        out: np.ndarray = sums[:, :-1] / lengths
        return out

    def of_one(self, hashes: list[int]) -> np.ndarray:
        """What calling this object gives for the words of one text."""
        found = np.array(self.vocabulary.find_one(hashes), np.int32)
        sums = sum_of_rows(found, self._table)
        out: np.ndarray = sums[:, :-1] / (np.sqrt(sums[0, -1]) or 1)
        return out

    def parts(self, words: Words) -> np.ndarray:
        """The contribution of each word, with half of those of its pairs.

        Parameters
        ----------
        words : Words
            Of n_words words.

        Returns
        -------
        parts : ndarray of shape (n_words, n_outputs), float32
            Their sum over the words of a text is what :meth:`__call__` returns.
        """
        # Unknown words have the number -1, which is the last row: zeros.
        numbers = self.vocabulary.numbers(words)
        nothing = np.zeros((1, self.n_outputs + 1), np.float32)
        table = np.vstack([self._table, nothing])
        alone, paired = table[numbers[:, 0]], table[numbers[:, 1]] / 2
        parts = alone + paired
        parts[:-1] += paired[1:]
        squares = np.append(0, np.cumsum((alone + 2 * paired)[:, -1], dtype=np.float64))
        lengths = np.sqrt(np.diff(squares[words.offsets])).astype(np.float32)
        lengths[lengths == 0] = 1
        of_words = np.repeat(lengths, np.diff(words.offsets))
        return parts[:, :-1] / of_words[:, None]

    def times(self, factor: float) -> WordWeights:
        """These weights multiplied by `factor`."""
        weights = self.weights * np.float32(factor)
        return WordWeights(self.vocabulary, self.idf, weights, self.names)

    def named(self, names: Any) -> WordWeights:
        """These weights with names for the outputs; arrays are shared."""
        other = WordWeights.__new__(WordWeights)
        vars(other).update({**vars(self), "names": tuple(map(str, names))})
        return other

    def __copy__(self) -> WordWeights:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> WordWeights:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return with_version({**self.tensors(), "names": self.names})

    def __setstate__(self, state: dict[str, Any]) -> None:
        tensors = without_version(state, type(self).__name__)
        names = tensors.pop("names")
        vars(self).update(vars(WordWeights._of(tensors).named(names)))

    def __repr__(self) -> str:
        return (
            f"WordWeights(n_words={len(self.vocabulary.words)}, "
            f"n_pairs={len(self.vocabulary.pairs)}, n_outputs={self.n_outputs})"
        )

    @lazy
    def _table(self) -> np.ndarray:
        """The weights times IDF and, in the last column, the squared IDF."""
        idf = self.idf[:, None]
        return np.hstack([self.weights * idf, idf**2])

    def tensors(self) -> dict[str, np.ndarray]:
        """All arrays by name.

        The names are part of the folder format, which calls word weights "votes".
        """
        return {
            "votes.words": self.vocabulary.words,
            "votes.pairs": self.vocabulary.pairs,
            "votes.idf": self.idf,
            "votes.weight": self.weights,
        }

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, np.ndarray]) -> WordWeights:
        """The inverse of :meth:`tensors`.

        Raises
        ------
        ValueError
            If they do not fit each other.
        """
        words = _checked(tensors, "votes.words", "uint64", (None,))
        pairs = _checked(tensors, "votes.pairs", "int32", (None, 2))
        n_features = len(words) + len(pairs)
        _checked(tensors, "votes.idf", "float32", (n_features,))
        _checked(tensors, "votes.weight", "float32", (n_features, None))
        if len(pairs) and not (pairs.min() >= 0 and pairs.max() < len(words)):
            raise ValueError(
                f"votes.pairs refers to words beyond the {len(words)} in votes.words."
            )
        codes = pair_codes(pairs, len(words))
        for name, numbers in (("votes.words", words), ("votes.pairs", codes)):
            if not (numbers[:-1] < numbers[1:]).all():
                raise ValueError(
                    f"{name} is not in ascending order, or has a value twice."
                )
        return cls._of(tensors)

    @classmethod
    def _of(cls, tensors: Mapping[str, np.ndarray]) -> WordWeights:
        vocabulary = Vocabulary(tensors["votes.words"], tensors["votes.pairs"])
        return cls(vocabulary, tensors["votes.idf"], tensors["votes.weight"])


def _checked(
    tensors: Mapping[str, np.ndarray],
    name: str,
    dtype: str,
    shape: tuple[int | None, ...],
) -> np.ndarray:
    if name not in tensors:
        raise ValueError(f"{name} is missing.")
    tensor = tensors[name]
    fits = tensor.ndim == len(shape) and all(
        wanted in (None, length)
        for wanted, length in zip(shape, tensor.shape, strict=True)
    )
    if tensor.dtype != np.dtype(dtype) or not fits:
        raise ValueError(
            f"{name} has dtype {tensor.dtype} and shape {tensor.shape}, but {dtype} "
            f"and {shape} were expected."
        )
    if dtype == "float32" and not (np.abs(tensor) <= _LARGEST).all():
        raise ValueError(f"{name} holds a value that is not finite, or too large.")
    return tensor


def idf_of(df: np.ndarray, n_texts: int) -> np.ndarray:
    """Inverse document frequencies as of scikit-learn's TfidfTransformer, float32."""
    return (np.log((1 + n_texts) / (1 + df)) + 1).astype(np.float32)


def tfidf(bags: TokenBags, idf: np.ndarray) -> csr_array:
    """The TF-IDF features of texts, of shape (n_texts, n_features), float32.

    Parameters
    ----------
    bags : TokenBags
        As of :meth:`Vocabulary.find`.
    idf : ndarray of shape (n_features,), float32
    """
    weights = idf[bags.ids]
    shape = (len(bags.offsets) - 1, len(idf))
    # Both index arrays of the same type, or scipy converts both to 64 bits.
    fits = len(bags.ids) < np.iinfo(np.int32).max
    offsets = bags.offsets.astype(np.int32 if fits else np.int64)
    squares = csr_array((weights**2, bags.ids, offsets), shape=shape)
    lengths = np.sqrt(squares.sum(axis=1)).astype(np.float32)
    weights /= np.repeat(lengths, bags.lengths)
    # A copy, since `sum_duplicates` works in place and the ids belong to the bags.
    rows = csr_array((weights, bags.ids, offsets), shape=shape, copy=True)
    rows.sum_duplicates()
    return rows
