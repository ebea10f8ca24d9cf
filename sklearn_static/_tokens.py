"""The tokenizer policy: texts to bags of token ids, written once for training and use.

The policy is that of model2vec's inference, so that its vectors come out again:

1. a text is cut to ``max_length`` times the median token length in characters,
2. it is tokenized without special tokens and cut to ``max_length`` tokens,
3. unknown tokens are dropped.

Texts are full of words seen before, so where a tokenizer never looks across a space
(:func:`splits_at_spaces`), each distinct space-delimited chunk is tokenized once and
remembered. The chunks of a text are then looked up and joined, which is exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, repeat
from numbers import Integral
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from ._word_piece import AsciiWordPiece

__all__ = [
    "BagTokenizer",
    "TokenBags",
    "check_max_length",
    "copied",
    "splits_at_spaces",
]

_MEMORY_BUDGET = 8_000_000
_PLAIN_BATCH = 4096


class TokenBags(NamedTuple):
    """Token ids of many texts, one after the other.

    Attributes
    ----------
    ids : ndarray of shape (n_tokens,), int32
        The token ids of all texts in order.
    offsets : ndarray of shape (n_texts + 1,), int64
        The tokens of text ``i`` are ``ids[offsets[i]:offsets[i + 1]]``.
    """

    ids: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_lengths(cls, ids: np.ndarray, lengths: np.ndarray) -> TokenBags:
        """Bags whose text ``i`` has ``lengths[i]`` tokens."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(ids, offsets)

    @classmethod
    def from_rows(cls, rows: Sequence[Any]) -> TokenBags:
        """Bags whose text ``i`` has the tokens `rows[i]`, a sequence of int."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter(chain.from_iterable(rows), np.int32, lengths.sum())
        return cls.from_lengths(ids, lengths)

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each text, of shape (n_texts,)."""
        return np.diff(self.offsets)

    def where(self, keep: np.ndarray) -> TokenBags:
        """Only the tokens for which the boolean mask `keep` is true."""
        kept_before = np.zeros(len(self.ids) + 1, dtype=np.int64)
        np.cumsum(keep, out=kept_before[1:])
        return TokenBags(self.ids[keep], kept_before[self.offsets])

    def truncate(self, max_length: int) -> TokenBags:
        """Only the first `max_length` tokens of each text."""
        lengths = self.lengths
        if not len(lengths) or lengths.max() <= max_length:
            return self
        position = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths)
        return self.where(position < max_length)


class BagTokenizer:
    """Texts to :class:`TokenBags` under the policy of this module.

    Safe to share between threads.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Taken over: its padding and truncation are switched off.
    max_length : int or None
        The most tokens to take of a text, unknown ones counted.

    Attributes
    ----------
    n_tokens : int
        The length of a table that has a row for each token and each id: more than
        the number of tokens only where the ids have gaps.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int | None) -> None:
        check_max_length(max_length)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.unknown_id = unknown_token_id(tokenizer)
        vocabulary = tokenizer.get_vocab()
        greatest_id = max(vocabulary.values(), default=-1)
        self.n_tokens = max(len(vocabulary), greatest_id + 1)
        self._max_chars = None
        if max_length is not None:
            median = int(np.median([len(token) for token in vocabulary] or [0]))
            self._max_chars = max_length * median
        self._remembers = splits_at_spaces(tokenizer)
        self._memory = _ChunkMemory(tokenizer)

    def __call__(self, texts: Sequence[str]) -> TokenBags:
        """Tokenize `texts`, a sequence of str, into as many bags."""
        if not texts:
            return TokenBags.from_lengths(np.empty(0, np.int32), np.empty(0, np.int64))
        if self._max_chars is not None:
            limit = self._max_chars
            texts = [text if len(text) <= limit else text[:limit] for text in texts]
        bags = self._from_memory(texts) if self._remembers else self._plain(texts)
        if self.max_length is not None:
            bags = bags.truncate(self.max_length)
        if self.unknown_id is not None:
            known = bags.ids != self.unknown_id
            if not known.all():
                bags = bags.where(known)
        return bags

    def _plain(self, texts: Sequence[str]) -> TokenBags:
        parts = [
            tokenize(self.tokenizer, texts[start : start + _PLAIN_BATCH])
            for start in range(0, len(texts), _PLAIN_BATCH)
        ]
        ids = np.concatenate([part.ids for part in parts])
        return TokenBags.from_lengths(
            ids, np.concatenate([part.lengths for part in parts])
        )

    def _from_memory(self, texts: Sequence[str]) -> TokenBags:
        chunks = " ".join(texts).split(" ")
        memory = self._memory
        numbers = memory.number(chunks)
        if memory.cost > _MEMORY_BUDGET:
            self._memory = _ChunkMemory(self.tokenizer)
        chunks_of_text = np.fromiter(
            (text.count(" ") + 1 for text in texts), np.int64, len(texts)
        )
        return memory.join(numbers, chunks_of_text)


class _ChunkMemory:
    """The token ids of every distinct chunk met so far.

    It only grows; its owner replaces it by an empty one when `cost` passes a budget.
    A chunk's entry is complete before its number can be looked up, so readers need
    no lock.

    Attributes
    ----------
    cost : int
        Characters and tokens held, a measure of the bytes taken.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = Lock()
        self._numbers: dict[str, int] = {}
        self._ids = np.empty(1024, np.int32)
        self._starts = np.empty(1024, np.int64)
        self._lengths = np.empty(1024, np.int64)
        self._n_ids = 0
        self.cost = 0

    def number(self, chunks: list[str]) -> np.ndarray:
        """The number of each chunk, of shape (n_chunks,); new chunks are learned."""
        look_up = self._numbers.get
        numbers = np.fromiter(map(look_up, chunks, repeat(-1)), np.int64, len(chunks))
        missing = np.flatnonzero(numbers < 0)
        if len(missing):
            absent = [chunks[i] for i in missing]
            self._learn(absent)
            numbers[missing] = np.fromiter(map(look_up, absent), np.int64, len(absent))
        return numbers

    def join(self, numbers: np.ndarray, chunks_of_text: np.ndarray) -> TokenBags:
        """The tokens of the chunks, `chunks_of_text[i]` of which make up text ``i``."""
        lengths = self._lengths[numbers]
        n_before = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(lengths, out=n_before[1:])
        shift = self._starts[numbers] - n_before[:-1]
        ids = self._ids[np.repeat(shift, lengths) + np.arange(n_before[-1])]
        offsets = np.zeros(len(chunks_of_text) + 1, np.int64)
        np.cumsum(chunks_of_text, out=offsets[1:])
        return TokenBags(ids, n_before[offsets])

    def _learn(self, chunks: list[str]) -> None:
        with self._lock:
            new = [c for c in dict.fromkeys(chunks) if c not in self._numbers]
            if not new:
                return
            ids, offsets = self._tokenize(new)
            n_known, n_ids = len(self._numbers), self._n_ids
            self._ids = _extended(self._ids, n_ids, ids)
            self._starts = _extended(self._starts, n_known, offsets[:-1] + n_ids)
            self._lengths = _extended(self._lengths, n_known, np.diff(offsets))
            self._n_ids += len(ids)
            self.cost += sum(map(len, new)) + 24 * len(new) + len(ids)
            self._numbers.update({c: n_known + i for i, c in enumerate(new)})

    def _tokenize(self, chunks: list[str]) -> TokenBags:
        """The tokens of new chunks, by the library where there is no shorter way."""
        short_way = self._word_piece
        if short_way is None:
            return tokenize(self._tokenizer, chunks)
        rows = [short_way(chunk) for chunk in chunks]
        left = [i for i, row in enumerate(rows) if row is None]
        if left:
            ids, offsets = tokenize(self._tokenizer, [chunks[i] for i in left])
            for i, part in zip(left, np.split(ids, offsets[1:-1]), strict=True):
                rows[i] = part.tolist()
        return TokenBags.from_rows(rows)

    @cached_property
    def _word_piece(self) -> AsciiWordPiece | None:
        applies = AsciiWordPiece.applies_to(self._tokenizer)
        return AsciiWordPiece(self._tokenizer) if applies else None


def _extended(array: np.ndarray, n_used: int, values: np.ndarray) -> np.ndarray:
    """`array` with `values` after its first `n_used` entries, moved if it is full."""
    n_needed = n_used + len(values)
    if n_needed > len(array):
        grown = np.empty(max(n_needed, 2 * len(array)), array.dtype)
        grown[:n_used] = array[:n_used]
        array = grown
    array[n_used:n_needed] = values
    return array


def copied(tokenizer: Any) -> Tokenizer:
    """A copy of `tokenizer`; raises TypeError if it is none of the library's."""
    if not isinstance(tokenizer, Tokenizer):
        raise TypeError(
            f"tokenizer is of type {type(tokenizer).__name__}, but a "
            "tokenizers.Tokenizer was expected, which a fast tokenizer of transformers "
            "has as its `backend_tokenizer`."
        )
    return Tokenizer.from_str(tokenizer.to_str())


def check_max_length(max_length: Any) -> None:
    """Raise TypeError or ValueError unless `max_length` is None or an int from 1."""
    if max_length is None:
        return
    if not isinstance(max_length, Integral) or isinstance(max_length, bool):
        raise TypeError(
            f"max_length is {max_length!r}, but an int or None was expected."
        )
    if max_length < 1:
        raise ValueError(
            f"max_length is {max_length}, but 1 or more, or None, was expected."
        )


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenBags:
    """All token ids of `texts`, unknown ones too, without special tokens.

    Lone surrogates, which are no characters, count as U+FFFD.
    """
    try:
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    except TypeError:
        texts = [_without_lone_surrogates(text) for text in texts]
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return TokenBags.from_rows([encoding.ids for encoding in encodings])


def _without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unknown_token_id(tokenizer: Tokenizer) -> int | None:
    """The id that `tokenizer` gives to what it does not know, if it has one."""
    model = tokenizer.model
    if hasattr(model, "unk_token"):
        token = model.unk_token
        return None if token is None else tokenizer.token_to_id(token)
    unknown_id: int | None = _spec(model).get("unk_id")
    return unknown_id


_SPACE_BLIND_NORMALIZERS = {
    *("BertNormalizer", "Lowercase", "StripAccents"),
    *("NFC", "NFD", "NFKC", "NFKD"),
}
_SPACE_SPLITTERS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}


def splits_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether the tokens of a text are those of its space-delimited chunks, joined.

    True only where this is proven: the normalizer changes no character because of one
    beyond a space, the pre-tokenizer always splits at a space and drops it, the model
    is not random, and no added token contains white space.
    """
    normalizers = _flat(tokenizer.normalizer, "normalizers")
    pre_tokenizers = _flat(tokenizer.pre_tokenizer, "pretokenizers")
    return (
        all(part["type"] in _SPACE_BLIND_NORMALIZERS for part in normalizers)
        and bool(pre_tokenizers)
        and all(part["type"] in _SPACE_SPLITTERS for part in pre_tokenizers)
        and getattr(tokenizer.model, "dropout", None) is None
        and not any(map(str.isspace, _added_characters(tokenizer)))
    )


def _added_characters(tokenizer: Tokenizer) -> Iterator[str]:
    """Every character of the added tokens, as they stand and normalised.

    Normalisers make spaces out of other characters, a tab for instance, so that a token
    that was added with a tab is found where a text has a space.
    """
    for token in tokenizer.get_added_tokens_decoder().values():
        yield from token.content
        if tokenizer.normalizer is not None:
            yield from tokenizer.normalizer.normalize_str(token.content)


def _flat(component: Any, key: str) -> list[dict[str, Any]]:
    """The specifications of a tokenizer component, sequences opened."""
    if component is None:
        return []
    spec = _spec(component)
    return spec[key] if spec["type"] == "Sequence" else [spec]


def _spec(component: Any) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(component.__getstate__())
    return spec
