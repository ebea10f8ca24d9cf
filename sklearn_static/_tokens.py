"""The tokenizer policy: texts to bags of token ids, written once for training and use.

The policy is that of model2vec's inference, so that its vectors come out again:

1. a text is cut to ``max_length`` times the median token length in characters,
2. it is tokenized without special tokens and cut to ``max_length`` tokens,
3. unknown tokens are dropped.

Tables of sentence-transformers are used under its own: the second step, where there is
a ``max_length``, and neither of the others.

Texts are full of words seen before, so where a tokenizer never looks across a space
(:func:`splits_at_spaces`), each distinct space-delimited chunk is tokenized once and
remembered. The chunks of a text are then looked up and joined, which is exact. Once
what is remembered takes 50 MB, it is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from numbers import Integral
from string import printable
from sys import getsizeof
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from tokenizers import Tokenizer

from ._lazy import lazy
from ._rust import failures_as
from ._word_piece import AsciiWordPiece

__all__ = [
    "BagTokenizer",
    "Convention",
    "TokenBags",
    "check_max_length",
    "copied",
    "splits_at_spaces",
]

Convention = Literal["model2vec", "sentence-transformers"]
"""Whose way of making tokens out of texts."""

_MEMORY_BUDGET = 50_000_000
# Beyond the objects themselves: a place in the dict, and what allocating rounds up.
_ENTRY_BYTES = 80
_PLAIN_BATCH = 4096
_TRIAL = f"The quick fox, naïve café; лиса 敏捷 🦊 ᚠᛯ qzxj \0 {' '.join(printable)}"
"""Words and characters of every kind, some of which no vocabulary holds."""


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
        Taken over: its padding, its truncation and the random omission of merges are
        switched off.
    max_length : int or None
        The most tokens to take of a text, unknown ones counted.
    convention : {"model2vec", "sentence-transformers"}, default="model2vec"
        Whose policy to follow: sentence-transformers takes the second step alone.

    Raises
    ------
    ValueError
        If the convention is not known, or the tokenizer fails on a text, for instance
        because it has no token for what it does not know.

    Attributes
    ----------
    n_tokens : int
        The length of a table that has a row for each token and each id: more than
        the number of tokens only where the ids have gaps.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int | None,
        convention: Convention = "model2vec",
    ) -> None:
        check_max_length(max_length)
        _check_convention(convention)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        _keep_all_merges(tokenizer)
        _try(tokenizer)
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.convention = convention
        of_model2vec = convention == "model2vec"
        self.unknown_id = unknown_token_id(tokenizer) if of_model2vec else None
        vocabulary = tokenizer.get_vocab()
        greatest_id = max(vocabulary.values(), default=-1)
        self.n_tokens = max(len(vocabulary), greatest_id + 1)
        self._max_chars = None
        if max_length is not None and of_model2vec:
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
        bags = self._memory.bags(texts)
        if self._memory.n_bytes > _MEMORY_BUDGET:
            self._memory = _ChunkMemory(self.tokenizer)
        return bags


class _ChunkMemory:
    """The token ids of every distinct chunk met so far.

    It only grows; its owner replaces it by an empty one when `n_bytes` passes a budget.
    Threads share it without a lock, for which a process forked while it is held would
    wait forever: what two threads learn at once is the same.

    Attributes
    ----------
    n_bytes : int
        What the chunks and their ids take of the process's memory.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._rows: dict[str, bytes] = {}
        self.n_bytes = 0

    def bags(self, texts: Sequence[str]) -> TokenBags:
        """The tokens of `texts`, whose new chunks are learned."""
        rows: list[Any] = [self._row(text) for text in texts]
        new = [i for i, row in enumerate(rows) if row is None]
        if new:
            self._learn([texts[i] for i in new])
            for i in new:
                rows[i] = self._row(texts[i])
        ids = np.frombuffer(bytearray().join(rows), np.int32)
        n_bytes = np.fromiter(map(len, rows), np.int64, len(rows))
        return TokenBags.from_lengths(ids, n_bytes // ids.itemsize)

    def _row(self, text: str) -> bytes | None:
        """The ids of a text's tokens, one after the other; None if a chunk is new."""
        try:
            return b"".join(map(self._rows.__getitem__, text.split(" ")))
        except KeyError:
            return None

    def _learn(self, texts: Sequence[str]) -> None:
        chunks = dict.fromkeys(" ".join(texts).split(" "))
        new = [chunk for chunk in chunks if chunk not in self._rows]
        ids, offsets = self._tokenize(new)
        data, ends = ids.tobytes(), (offsets * ids.itemsize).tolist()
        rows = [data[start:end] for start, end in pairwise(ends)]
        n_bytes = sum(map(getsizeof, chain(new, rows))) + _ENTRY_BYTES * len(new)
        self.n_bytes += n_bytes
        self._rows.update(zip(new, rows, strict=True))

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

    @lazy
    def _word_piece(self) -> AsciiWordPiece | None:
        applies = AsciiWordPiece.applies_to(self._tokenizer)
        return AsciiWordPiece(self._tokenizer) if applies else None


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


def _check_convention(convention: Any) -> None:
    if convention not in get_args(Convention):
        raise ValueError(
            f"convention is {convention!r}, but one of {list(get_args(Convention))} "
            "was expected."
        )


def _keep_all_merges(tokenizer: Tokenizer) -> None:
    model: Any = tokenizer.model
    if getattr(model, "dropout", None) is not None:
        model.dropout = None


def _try(tokenizer: Tokenizer) -> None:
    # Alone, not as a batch, for which the library would start its threads.
    with failures_as(ValueError, "The tokenizer fails on ordinary text"):
        tokenizer.encode(_TRIAL, add_special_tokens=False)


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenBags:
    """All token ids of `texts`, unknown ones too, without special tokens.

    Lone surrogates, which are no characters, count as U+FFFD.

    Raises
    ------
    ValueError
        If the tokenizer fails on a text.
    """
    with failures_as(ValueError, "The tokenizer fails on a text"):
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
_PLAIN_PROCESSORS = {"BertProcessing", "RobertaProcessing", "ByteLevel"}


def splits_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether the tokens of a text are those of its space-delimited chunks, joined.

    True only where this is proven: the normalizer changes no character because of one
    beyond a space, the pre-tokenizer always splits at a space and drops it, the model
    is not random, the post-processor repeats and drops nothing, and no added token is
    empty or contains white space.
    """
    normalizers = _flat(tokenizer.normalizer, "normalizers")
    pre_tokenizers = _flat(tokenizer.pre_tokenizer, "pretokenizers")
    processors = _flat(tokenizer.post_processor, "processors")
    return (
        all(part["type"] in _SPACE_BLIND_NORMALIZERS for part in normalizers)
        and bool(pre_tokenizers)
        and all(part["type"] in _SPACE_SPLITTERS for part in pre_tokenizers)
        and all(map(_only_adds_special_tokens, processors))
        and getattr(tokenizer.model, "dropout", None) is None
        and all(map(_is_one_chunk, _added_contents(tokenizer)))
    )


def _added_contents(tokenizer: Tokenizer) -> Iterator[str]:
    """The contents of the added tokens, as they stand and normalised.

    Normalisers make spaces out of other characters, a tab for instance, so that a token
    that was added with a tab is found where a text has a space. One of which they leave
    nothing is found between any two characters.
    """
    for token in tokenizer.get_added_tokens_decoder().values():
        yield token.content
        if tokenizer.normalizer is not None:
            yield tokenizer.normalizer.normalize_str(token.content)


def _is_one_chunk(content: str) -> bool:
    return bool(content) and not any(map(str.isspace, content))


def _only_adds_special_tokens(processor: dict[str, Any]) -> bool:
    if processor["type"] != "TemplateProcessing":
        return processor["type"] in _PLAIN_PROCESSORS
    sequences = [part["Sequence"] for part in processor["single"] if "Sequence" in part]
    return [sequence["id"] for sequence in sequences] == ["A"]


def _flat(component: Any, key: str) -> list[dict[str, Any]]:
    """The specifications of a tokenizer component, sequences opened."""
    if component is None:
        return []
    spec = _spec(component)
    return spec[key] if spec["type"] == "Sequence" else [spec]


def _spec(component: Any) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(component.__getstate__())
    return spec
