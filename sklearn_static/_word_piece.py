"""BERT's tokenizer for words of printable ASCII, without a call into the library.

Most of what a call costs for a single word is not the tokenization but what surrounds
it. Words of printable ASCII pass BERT's normalizer unchanged but for their case, and
its pre-tokenizer splits off each punctuation mark; what is left is the greedy matching
of WordPiece [1]_, a few dictionary look-ups. A property-based test holds this equal to
the library.

References
----------
.. [1] M. Schuster and K. Nakajima, "Japanese and Korean Voice Search", ICASSP 2012.
"""

from __future__ import annotations

import re
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

__all__ = ["AsciiWordPiece"]

_split = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]").findall


class AsciiWordPiece:
    """Token ids of chunks without white space, where these are printable ASCII.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        One for which :meth:`applies_to` is true.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        model: Any = tokenizer.model
        vocabulary = tokenizer.get_vocab(with_added_tokens=False)
        prefix = model.continuing_subword_prefix
        self._first = vocabulary
        self._later = {
            token[len(prefix) :]: token_id
            for token, token_id in vocabulary.items()
            if token.startswith(prefix)
        }
        self._unknown = [vocabulary[model.unk_token]]
        self._max_chars = model.max_input_chars_per_word
        self._lowercase = tokenizer.normalizer.lowercase
        self._triggers = _first_characters_of_added_tokens(tokenizer)

    @staticmethod
    def applies_to(tokenizer: Tokenizer) -> bool:
        """Whether `tokenizer` is BERT's: normalizer, pre-tokenizer and WordPiece."""
        model = tokenizer.model
        return (
            isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
            and isinstance(model, models.WordPiece)
            and model.token_to_id(model.unk_token) is not None
        )

    def __call__(self, chunk: str) -> list[int] | None:
        """The token ids of `chunk`; None if it is left to the library.

        That is where a character is not printable ASCII, or might begin a token that
        has been added to the vocabulary.
        """
        if not (chunk.isascii() and chunk.isprintable()):
            return None
        lowered = chunk.lower()
        if not self._triggers.isdisjoint(lowered):
            return None
        ids: list[int] = []
        for word in _split(lowered if self._lowercase else chunk):
            token_id = self._first.get(word)
            if token_id is not None and len(word) <= self._max_chars:
                ids.append(token_id)
            else:
                ids += self._pieces(word)
        return ids

    def _pieces(self, word: str) -> list[int]:
        if len(word) > self._max_chars:
            return self._unknown
        ids: list[int] = []
        vocabulary, start, n_chars = self._first, 0, len(word)
        while start < n_chars:
            for end in range(n_chars, start, -1):
                token_id = vocabulary.get(word[start:end])
                if token_id is not None:
                    break
            else:
                return self._unknown
            ids.append(token_id)
            vocabulary, start = self._later, end
        return ids


def _first_characters_of_added_tokens(tokenizer: Tokenizer) -> set[str]:
    characters = set()
    for token in tokenizer.get_added_tokens_decoder().values():
        normalized = tokenizer.normalizer.normalize_str(token.content)
        for content in (token.content, normalized):
            characters.add(content[:1].lower())
    return characters
