"""BERT's tokenizer, which nearly all tables have: its parts, and a few chunks' ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

__all__ = ["Bert", "ChunkPieces"]

_WORD_OR_MARK = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9 ]")


@dataclass(frozen=True)
class Bert:
    """The parts of a tokenizer that is BERT's.

    Attributes
    ----------
    vocabulary : mapping of str to int
        Tokens of the model, without those that are only added.
    prefix : str
        The prefix of pieces that continue a word.
    unknown_id : int
    max_length : int
        Words of more characters are unknown.
    lowercase : bool
        Whether text is lower-cased.
    normalize : callable
        The normalizer. Raises UnicodeError, or TypeError in some versions, if the text
        has lone surrogates.
    split : callable
        The pre-tokenizer: from a normalised text to words and punctuation marks, with
        their spans.
    added : frozenset of str
        Tokens that are found in the text before it is split.
    added_normalized : frozenset of str
        These tokens normalised, which are found in the normalised text.
    """

    vocabulary: Mapping[str, int]
    prefix: str
    unknown_id: int
    max_length: int
    lowercase: bool
    normalize: Callable[[str], str]
    split: Callable[[str], list[tuple[str, tuple[int, int]]]]
    added: frozenset[str]
    added_normalized: frozenset[str]

    @classmethod
    def of(cls, tokenizer: Tokenizer, vocabulary: Mapping[str, int]) -> Bert | None:
        """The parts of `tokenizer`; None if it is not BERT's.

        Parameters
        ----------
        tokenizer : tokenizers.Tokenizer
            May be without vocabulary, except for added tokens and the unknown one.
        vocabulary : mapping of str to int
            The whole vocabulary.
        """
        model: Any = tokenizer.model
        normalizer, splitter = tokenizer.normalizer, tokenizer.pre_tokenizer
        if not (
            isinstance(normalizer, normalizers.BertNormalizer)
            and isinstance(splitter, pre_tokenizers.BertPreTokenizer)
            and isinstance(model, models.WordPiece)
            and model.token_to_id(model.unk_token) is not None
        ):
            return None
        tokens = tokenizer.get_added_tokens_decoder().values()
        added = frozenset(token.content for token in tokens)
        only_added = {token for token in added if model.token_to_id(token) is None}
        return cls(
            vocabulary=_without(vocabulary, only_added),
            prefix=model.continuing_subword_prefix,
            unknown_id=vocabulary[model.unk_token],
            max_length=model.max_input_chars_per_word,
            lowercase=normalizer.lowercase,
            normalize=normalizer.normalize_str,
            split=splitter.pre_tokenize_str,
            added=added,
            added_normalized=frozenset(map(normalizer.normalize_str, added)),
        )

    def plain_characters(self) -> str:
        """Printable ASCII without the first characters of added tokens."""
        # A text of other characters only cannot have an added token, so it needs no
        # search for one.
        begins = {token[:1].lower() for token in self.added | self.added_normalized}
        return "".join(c for c in map(chr, range(33, 127)) if c.lower() not in begins)


def _without(vocabulary: Mapping[str, int], tokens: set[str]) -> Mapping[str, int]:
    if not tokens:
        return vocabulary
    return {token: i for token, i in vocabulary.items() if token not in tokens}


class ChunkPieces:
    """The token ids of chunks, that is, texts without spaces; one by one.

    For a few chunks, this is faster than array arithmetic and than the library, which
    would first be given the whole vocabulary. Plain chunks need the vocabulary only;
    others are normalised and split by the library.

    Parameters
    ----------
    bert : Bert
        A tokenizer that splits at spaces.
    """

    def __init__(self, bert: Bert) -> None:
        self._bert = bert
        self._longest = max(map(len, bert.vocabulary))
        self._is_plain = re.compile(f"[ {re.escape(bert.plain_characters())}]*")

    def __call__(
        self,
        chunks: Sequence[str],
        fallback: Callable[[Sequence[str]], list[list[int]]],
    ) -> list[list[int]]:
        """The token ids of each chunk.

        Parameters
        ----------
        chunks : sequence of str
        fallback : callable
            From chunks that may hold an added token, or lone surrogates, to the ids of
            each.
        """
        ids = [self._ids_of_chunk(chunk) for chunk in chunks]
        others = [chunk for chunk, i in zip(chunks, ids, strict=True) if i is None]
        parts = iter(fallback(others) if others else [])
        return [next(parts) if i is None else i for i in ids]

    def _ids_of_chunk(self, chunk: str) -> list[int] | None:
        """The token ids of a chunk; None if it needs the fallback."""
        units = self._units(chunk)
        if units is None:
            return None
        return [i for unit in units for i in self._ids_of_unit(unit)]

    def _units(self, chunk: str) -> list[str] | None:
        """The words and punctuation marks of a chunk; None if it needs the fallback."""
        bert = self._bert
        if self._is_plain.fullmatch(chunk):
            return _WORD_OR_MARK.findall(chunk.lower() if bert.lowercase else chunk)
        # The library's own normalizer and pre-tokenizer, so that every script is right;
        # only the search for pieces is done here.
        try:
            text = bert.normalize(chunk)
        except (UnicodeError, TypeError):
            return None
        if any(token in chunk for token in bert.added) or any(
            token in text for token in bert.added_normalized
        ):
            return None
        return [unit for unit, _ in bert.split(text)]

    def _ids_of_unit(self, unit: str) -> list[int]:
        """WordPiece: from the left, the longest pieces in the vocabulary."""
        bert = self._bert
        if len(unit) > bert.max_length:
            return [bert.unknown_id]
        ids, start, prefix = [], 0, ""
        while start < len(unit):
            for stop in range(min(len(unit), start + self._longest), start, -1):
                found = bert.vocabulary.get(prefix + unit[start:stop])
                if found is not None:
                    break
            else:
                return [bert.unknown_id]
            ids.append(found)
            start, prefix = stop, bert.prefix
        return ids
