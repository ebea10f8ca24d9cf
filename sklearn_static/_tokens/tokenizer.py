"""The tokenizer policy: texts to bags of token ids, written once for training and use.

The policy is that of model2vec's inference, so that its vectors come out again:

1. a text is cut to ``max_length`` times the median token length in characters,
2. it is tokenized without special tokens and cut to ``max_length`` tokens,
3. unknown tokens are dropped.

Tables of sentence-transformers are used under its own: the second step, where there is
a ``max_length``, and neither of the others.

There are several ways to the same ids. Where a tokenizer never looks across a space
(:func:`splits_at_spaces`), the chunks between spaces are tokenized each for itself:
those of few texts are looked up in a memory of all chunks met so far, and joined; those
of many texts go through array arithmetic, where the tokenizer is BERT's. What the
memory lacks and arrays leave over is tokenized chunk by chunk. Other tokenizers get the
texts as they are. Once what is remembered takes 50 MB, it is forgotten.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from numbers import Integral
from string import printable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from tokenizers import Tokenizer

from .._utils.errors import reraise_as
from .._utils.lazy import lazy
from .bags import TokenBags
from .bert import Bert, ChunkPieces
from .cache import ChunkMemory
from .parsing import TokenizerSource
from .word_piece import AsciiWordPiece

__all__ = [
    "BagTokenizer",
    "Convention",
    "Pieces",
    "check_max_length",
    "copied",
    "splits_at_spaces",
]

Convention = Literal["model2vec", "sentence-transformers"]
"""Whose way of making tokens out of texts."""

_MEMORY_BUDGET = 50_000_000
_PLAIN_BATCH = 4096
# From where on array arithmetic is faster than looking up chunk by chunk in the memory,
# and than calling the library.
_MANY_CHARACTERS = 100_000
_MANY_CHUNKS = 50
# From where on it is worth giving the library the vocabulary.
_MANY_ODD_CHUNKS = 500
# From where on the library's threads are worth waking.
_MANY_TEXTS = 50
_TRIAL = f"The quick fox, naïve café; лиса 敏捷 🦊 ᚠᛯ qzxj \0 {' '.join(printable)}"
"""Words and characters of every kind, some of which no vocabulary holds."""


class Pieces(NamedTuple):
    """The tokens of one text, and where they stand.

    Attributes
    ----------
    tokens : list of str
        As the vocabulary has them.
    ids : ndarray of shape (n_tokens,), int32
    spans : ndarray of shape (n_tokens, 2), int64
        The text of token ``i`` is ``text[spans[i, 0]:spans[i, 1]]``.
    """

    tokens: list[str]
    ids: np.ndarray
    spans: np.ndarray


class BagTokenizer:
    """Texts to :class:`TokenBags` under the policy of this module.

    Safe to share between threads.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer or TokenizerSource
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
        tokenizer: Tokenizer | TokenizerSource,
        max_length: int | None,
        convention: Convention = "model2vec",
    ) -> None:
        check_max_length(max_length)
        _check_convention(convention)
        if isinstance(tokenizer, Tokenizer):
            tokenizer = TokenizerSource(tokenizer)
        rules, vocabulary = tokenizer.rules, tokenizer.vocabulary
        rules.no_padding()
        rules.no_truncation()
        _keep_all_merges(rules)
        _try(rules)
        self.source = tokenizer
        self.max_length = max_length
        self.convention = convention
        of_model2vec = convention == "model2vec"
        self.unknown_id = unknown_token_id(rules) if of_model2vec else None
        greatest_id = max(vocabulary.values(), default=-1)
        self.n_tokens = max(len(vocabulary), greatest_id + 1)
        self._max_chars = None
        if max_length is not None and of_model2vec:
            lengths = np.fromiter(map(len, vocabulary), np.int64, len(vocabulary))
            median = int(np.median(lengths)) if len(lengths) else 0
            self._max_chars = max_length * median
        self._splits_at_spaces = splits_at_spaces(rules)
        self._memory = ChunkMemory()

    @property
    def tokenizer(self) -> Tokenizer:
        """The library's, with all of the vocabulary."""
        return self.source.whole

    def __call__(self, texts: Sequence[str]) -> TokenBags:
        """Tokenize `texts`, a sequence of str, into as many bags."""
        if not texts:
            return TokenBags.from_lengths(np.empty(0, np.int32), np.empty(0, np.int64))
        if self._max_chars is not None:
            texts = _cut(texts, self._max_chars)
        bags = self._by_chunks(texts) if self._splits_at_spaces else self._plain(texts)
        if self.max_length is not None:
            bags = bags.truncate(self.max_length)
        if self.unknown_id is not None:
            known = bags.ids != self.unknown_id
            if not known.all():
                bags = bags.where(known)
        return bags

    def _plain(self, texts: Sequence[str]) -> TokenBags:
        starts = range(0, len(texts), _PLAIN_BATCH)
        parts = [self._tokenize(texts[at : at + _PLAIN_BATCH]) for at in starts]
        return TokenBags.concatenated(parts)

    def _by_chunks(self, texts: Sequence[str]) -> TokenBags:
        arrays = self._word_piece
        if arrays is not None and sum(map(len, texts)) >= _MANY_CHARACTERS:
            return arrays(texts, self._from_memory)
        return self._from_memory(texts)

    def _from_memory(self, texts: Sequence[str]) -> TokenBags:
        bags = self._memory.bags(texts, self._rows_of_chunks)
        if self._memory.n_bytes > _MEMORY_BUDGET:
            self._memory = ChunkMemory()
        return bags

    def _rows_of_chunks(self, chunks: Sequence[str]) -> list[bytes]:
        """The token ids of each chunk, as a memory keeps them."""
        arrays = self._word_piece
        if arrays is None:
            return self._tokenize(chunks).rows_of_bytes()
        if len(chunks) >= _MANY_CHUNKS:
            return arrays(chunks, self._tokenize_odd).rows_of_bytes()
        return [array("i", ids).tobytes() for ids in self._ids_of_few(chunks)]

    def _tokenize_odd(self, chunks: Sequence[str]) -> TokenBags:
        """The tokens of chunks that array arithmetic leaves to others."""
        if len(chunks) >= _MANY_ODD_CHUNKS:
            return self._tokenize(chunks)
        return TokenBags.from_rows(self._ids_of_few(chunks))

    def _ids_of_few(self, chunks: Sequence[str]) -> list[list[int]]:
        return self._chunk_pieces(chunks, self._ids_of_each)

    def _tokenize(self, texts: Sequence[str]) -> TokenBags:
        return tokenize(self.tokenizer, texts)

    def _ids_of_each(self, texts: Sequence[str]) -> list[list[int]]:
        return ids_of_each(self.tokenizer, texts)

    def pieces(self, text: str) -> Pieces:
        """The tokens of a text's bag, and where in the text they stand."""
        if self._max_chars is not None:
            text = text[: self._max_chars]
        (encoding,) = _checked_encodings(self.tokenizer, [text])
        part = slice(self.max_length)
        ids = np.array(encoding.ids[part], np.int32)
        known = ids != (-1 if self.unknown_id is None else self.unknown_id)
        spans = np.array(encoding.offsets[part], np.int64).reshape(-1, 2)
        tokens = [
            token
            for token, is_known in zip(encoding.tokens[part], known, strict=True)
            if is_known
        ]
        return Pieces(tokens, ids[known], spans[known])

    @lazy
    def _bert(self) -> Bert | None:
        return Bert.of(self.source.rules, self.source.vocabulary)

    @lazy
    def _word_piece(self) -> AsciiWordPiece | None:
        return None if self._bert is None else AsciiWordPiece(self._bert)

    @lazy
    def _chunk_pieces(self) -> ChunkPieces:
        return ChunkPieces(self._bert)


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


def _cut(texts: Sequence[str], n_chars: int) -> Sequence[str]:
    """The first `n_chars` characters of each text."""
    if max(map(len, texts)) <= n_chars:
        return texts
    return [text[:n_chars] for text in texts]


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
    with reraise_as(ValueError, "The tokenizer fails on ordinary text"):
        tokenizer.encode(_TRIAL, add_special_tokens=False)


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenBags:
    """What :func:`ids_of_each` gives, as bags."""
    return TokenBags.from_rows(ids_of_each(tokenizer, texts))


def ids_of_each(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """All token ids of each text, unknown ones too, without special tokens.

    Lone surrogates, which are no characters, count as U+FFFD.

    Raises
    ------
    ValueError
        If the tokenizer fails on a text.
    """
    return [encoding.ids for encoding in _checked_encodings(tokenizer, texts)]


def _checked_encodings(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Any]:
    with reraise_as(ValueError, "The tokenizer fails on a text"):
        try:
            return _encodings(tokenizer, texts)
        except TypeError:
            texts = [_without_lone_surrogates(text) for text in texts]
            return _encodings(tokenizer, texts)


def _encodings(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Any]:
    if len(texts) < _MANY_TEXTS:
        return [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    return tokenizer.encode_batch_fast(texts, add_special_tokens=False)


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
