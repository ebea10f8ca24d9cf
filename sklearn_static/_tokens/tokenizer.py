"""The tokenizer policy: texts to bags of token ids, written once for training and use.

The policy is that of model2vec's inference, so that its vectors come out again:

1. a text is cut to ``max_length`` times the median token length in characters,
2. it is tokenized without special tokens and cut to ``max_length`` tokens,
3. unknown tokens are dropped.

Tables of sentence-transformers are used under its own: the second step, where there is
a ``max_length``, and neither of the others.

There are several ways to the same ids. BERT's tokenizers never look across a space
(:func:`splits_at_spaces`), so the chunks between spaces are tokenized each for itself:
those of few texts are looked up in a memory of all chunks met so far, and joined; those
of many texts go through array arithmetic. What the memory lacks and arrays leave over
is tokenized chunk by chunk. Other tokenizers that split texts before spaces
(:class:`Seams`) get the words that are new, and those of many texts are looked up by
array arithmetic in a table of known ones. The others get the texts as they are. Once
what is remembered takes 50 MB, it is forgotten.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from numbers import Integral
from string import printable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from tokenizers import Tokenizer

from .._utils.errors import reraise_as
from .._utils.lazy import lazy
from .bags import TokenBags
from .bert import Bert, ChunkPieces
from .cache import ChunkMemory, RowsOf, Split, at_spaces
from .known_words import KnownWords
from .library import checked_encodings, ids_of_each, tokenize, unknown_token_id
from .parsing import TokenizerSource
from .splitting import Seams, splits_at_spaces
from .word_piece import AsciiWordPiece
from .words import WordTokens, words_of

__all__ = [
    "BagTokenizer",
    "Convention",
    "Pieces",
    "check_max_length",
    "copied",
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
        self._memory = ChunkMemory()
        self._known_words = KnownWords()

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
        if len(texts) == 1 and len(texts[0]) < _MANY_CHARACTERS:
            bag = self._bag_of_one(texts[0])
            if bag is not None:
                return bag
        bags = self._bags(texts)
        if self.max_length is not None:
            bags = bags.truncate(self.max_length)
        if self.unknown_id is not None:
            known = bags.ids != self.unknown_id
            if not known.all():
                bags = bags.where(known)
        return bags

    def _bag_of_one(self, text: str) -> TokenBags | None:
        """What calling this object gives for one text; None if that takes more."""
        split = self._split
        if split is None or (text.startswith(" ") and self._strips_start):
            return None
        row = self._memory.row(split(text))
        if row is None:
            row = self._memory.learned_row(split(text), self._rows_of_parts)
            self._keep_to_budget()
        if row is None:
            return None
        ids = np.frombuffer(row, np.int32)[: self.max_length]
        # Looking for the bytes takes a tenth of the time of comparing the ids.
        if self.unknown_id is not None and self._unknown_bytes in row:
            ids = ids[ids != self.unknown_id]
        return TokenBags(ids, np.array([0, len(ids)]))

    @lazy
    def _unknown_bytes(self) -> bytes:
        return np.array([self.unknown_id], np.int32).tobytes()

    @lazy
    def _split(self) -> Split | None:
        """From a text to what the memory knows."""
        if self._bert is not None:
            # Threads begin after one text, and should not make it each for itself.
            _ = self._word_piece
            return at_spaces
        return None if self._word_tokens is None else words_of

    @lazy
    def _strips_start(self) -> bool:
        return self._bert is None and self._word_tokens.strips_start

    @property
    def _rows_of_parts(self) -> RowsOf:
        return self._word_tokens if self._bert is None else self._rows_of_chunks

    def _bags(self, texts: Sequence[str]) -> TokenBags:
        if self._bert is None and self._word_tokens is None:
            return self._plain(texts)
        if sum(map(len, texts)) < _MANY_CHARACTERS:
            return self._from_memory(texts)
        if self._bert is None:
            return self._by_words(texts, self._from_table)
        return self._word_piece(texts, self._from_memory)

    def _plain(self, texts: Sequence[str]) -> TokenBags:
        starts = range(0, len(texts), _PLAIN_BATCH)
        parts = [self._tokenize(texts[at : at + _PLAIN_BATCH]) for at in starts]
        return TokenBags.concatenated(parts)

    def _from_memory(self, texts: Sequence[str]) -> TokenBags:
        if self._bert is None:
            bags = self._by_words(texts, self._words_from_memory)
        else:
            bags = self._memory.bags(texts, self._rows_of_chunks)
        self._keep_to_budget()
        return bags

    def _words_from_memory(self, texts: Sequence[str]) -> TokenBags:
        return self._memory.bags(texts, self._word_tokens, words_of, self._plain)

    def _from_table(self, texts: Sequence[str]) -> TokenBags:
        """What the memory gives, faster where there are many texts."""
        bags = self._known_words(texts, self._memory, self._word_tokens, self._plain)
        self._keep_to_budget()
        return bags

    def _by_words(
        self, texts: Sequence[str], tokenize: Callable[[Sequence[str]], TokenBags]
    ) -> TokenBags:
        """What `tokenize` gives; of texts whose first word is apart, as a whole."""
        if not self._strips_start:
            return tokenize(texts)
        odd = [i for i, text in enumerate(texts) if text.startswith(" ")]
        if not odd:
            return tokenize(texts)
        others = ["" if text.startswith(" ") else text for text in texts]
        whole = self._plain([texts[i] for i in odd])
        return tokenize(others).replaced(np.array(odd), whole)

    def _keep_to_budget(self) -> None:
        if self._memory.n_bytes + self._known_words.n_bytes > _MEMORY_BUDGET:
            self._memory, self._known_words = ChunkMemory(), KnownWords()

    def _rows_of_chunks(self, chunks: Sequence[str]) -> list[bytes]:
        """The token ids of each chunk, as a memory keeps them."""
        if len(chunks) >= _MANY_CHUNKS:
            return self._word_piece(chunks, self._tokenize_odd).rows_of_bytes()
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
        (encoding,) = checked_encodings(self.tokenizer, [text])
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
        """The parts of BERT's tokenizer, if it is one that splits at spaces."""
        rules = self.source.rules
        if not splits_at_spaces(rules):
            return None
        return Bert.of(rules, self.source.vocabulary)

    @lazy
    def _word_tokens(self) -> WordTokens | None:
        """Words to tokens, if it is another that splits before spaces."""
        seams = None if self._bert is not None else Seams.of(self.source.rules)
        tokens = None if seams is None else WordTokens(self.tokenizer, seams)
        return tokens if tokens is not None and tokens.usable else None

    @lazy
    def _word_piece(self) -> AsciiWordPiece:
        return AsciiWordPiece(self._bert)

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
