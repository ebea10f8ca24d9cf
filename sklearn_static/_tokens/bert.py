"""What tokenizers of BERT consist of, which nearly all tables of embeddings have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

__all__ = ["Bert"]


@dataclass(frozen=True)
class Bert:
    """The parts of a tokenizer that is BERT's.

    Attributes
    ----------
    vocabulary : mapping of str to int
        What words and marks are made of. Tokens that are only added are not in it.
    prefix : str
        What pieces begin with that are not a word's first.
    unknown_id : int
    max_length : int
        Words of more characters are unknown.
    lowercase : bool
        Whether capital letters are made small.
    normalize : callable
        From a text to what is left of it before it is split. Raises UnicodeError, or
        TypeError by some versions, if the text has lone surrogates.
    split : callable
        From what is left of a text to its words and marks, and where they stand.
    added : frozenset of str
        Tokens that are found in a text as it stands, before it is split.
    added_normalized : frozenset of str
        What is left of these, and found in what is left of a text.
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
        """The parts of `tokenizer`, None if it is not BERT's.

        Parameters
        ----------
        tokenizer : tokenizers.Tokenizer
            It may lack its vocabulary, but for added tokens and the unknown one.
        vocabulary : mapping of str to int
            All of it.
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
        """Printable ASCII but for what an added token may begin with."""
        begins = {token[:1].lower() for token in self.added | self.added_normalized}
        return "".join(c for c in map(chr, range(33, 127)) if c.lower() not in begins)


def _without(vocabulary: Mapping[str, int], tokens: set[str]) -> Mapping[str, int]:
    if not tokens:
        return vocabulary
    return {token: i for token, i in vocabulary.items() if token not in tokens}
